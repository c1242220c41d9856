"""Divide the clips into train, valid and test for one scenario and fold."""

from pathlib import Path

import click

from pipeline.core import manifest, params
from pipeline.core.files import atomic_write
from pipeline.corpora import AGREED_FOLDS
from pipeline.data import splits
from pipeline.data.splits import PARTITIONS, SplitParams


@click.command()
@click.option("--params", "params_path", type=click.Path(path_type=Path), default="params.yaml")
@click.option("--manifest", "clips_path", type=click.Path(path_type=Path), default="data/manifest.parquet")
@click.option("--scenario", "name", required=True, help="A key of split.scenarios in params.yaml.")
@click.option("--fold", type=int, required=True, help="Whose speakers test, from 1.")
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--none", type=click.Path(path_type=Path), multiple=True, help="Folder to leave empty; may be repeated.")
def main(params_path: Path, clips_path: Path, name: str, fold: int, out: Path, none: tuple[Path, ...]) -> None:
    """Divide the clips into train, valid and test for one scenario and fold."""
    chosen = params.load(params_path, "split", SplitParams)
    if name not in chosen.scenarios:
        known = params.nearest(name, chosen.scenarios)
        raise click.ClickException(f"{params_path}: 'split.scenarios' has no '{name}'{known}")
    scenario = chosen.scenarios[name]
    clips = manifest.read(clips_path, manifest.CLIPS)
    rows = splits.partitions(clips, fold, scenario, chosen, AGREED_FOLDS)
    digest = params.params_hash(chosen.n_folds, chosen.sentence_groups, chosen.train_only, scenario)
    sentences = "apart" if chosen.sentence_groups > 1 else "shared"
    manifest.write(rows, out, manifest.PARTITIONED, digest, sentences=sentences)
    counts = rows["partition"].value_counts()
    click.echo(f"{name}-{fold}: " + ", ".join(f"{part} {counts[part]:,}" for part in PARTITIONS) + " clips")
    for empty in none:  # later stages depend on the folders around them, which must be there also without pairs
        with atomic_write(empty) as folder:
            folder.mkdir()
