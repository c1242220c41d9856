"""Partition the clips into train, valid and test for one scenario and fold."""

from pathlib import Path

import click

from pipeline.core import manifest, params
from pipeline.core.files import atomic_write
from pipeline.corpora import AGREED_FOLDS
from pipeline.data import splits
from pipeline.data.splits import PARTITIONS, SplitParams

PATH = click.Path(path_type=Path)


@click.command()
@click.option("--params", "params_path", type=PATH, default="params.yaml")
@click.option(
    "--manifest", "clips_path", type=PATH, default="data/manifest.parquet", help="Parquet table of all real clips."
)
@click.option("--scenario", "name", required=True, help="Key of split.scenarios in params.yaml.")
@click.option("--fold", type=int, required=True, help="Number of the test fold, from 1.")
@click.option("--out", type=PATH, required=True, help="Parquet table to write.")
@click.option("--empty-folder", "empty", type=PATH, multiple=True, help="Empty folder to write; may be repeated.")
def main(params_path: Path, clips_path: Path, name: str, fold: int, out: Path, empty: tuple[Path, ...]) -> None:
    """Partition the clips into train, valid and test for one scenario and fold."""
    chosen = params.load(params_path, "split", SplitParams)
    if name not in chosen.scenarios:
        known = params.nearest(name, chosen.scenarios)
        raise click.ClickException(f"{params_path}: 'split.scenarios' has no '{name}'{known}")
    scenario = chosen.scenarios[name]
    clips = manifest.read(clips_path, manifest.CLIPS)
    rows = splits.partitions(clips, fold, scenario, chosen, AGREED_FOLDS)
    params_hash = params.params_hash(chosen.n_folds, chosen.sentence_groups, chosen.train_only, scenario)
    sentences = "apart" if chosen.sentence_groups > 1 else "shared"
    manifest.write(rows, out, manifest.PARTITIONED, params_hash, sentences=sentences)
    counts = rows["partition"].value_counts()
    click.echo(f"{name}-{fold}: " + ", ".join(f"{part} {counts[part]:,}" for part in PARTITIONS) + " clips")
    for path in empty:  # later stages depend on their parent folders, which must exist also without pairs
        with atomic_write(path) as folder:
            folder.mkdir()
