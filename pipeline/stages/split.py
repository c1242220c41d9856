"""Partition the clips into train, valid and test, for each scenario and fold."""

from pathlib import Path

import click

from pipeline.core import console, manifest, params
from pipeline.core.files import atomic_write, empty_folder
from pipeline.core.manifest import ENROL
from pipeline.corpora import AGREED_FOLDS
from pipeline.data import splits
from pipeline.data.splits import PARTITIONS, SplitParams

PATH = click.Path(path_type=Path)


@click.command()
@click.option("--params", "params_path", type=PATH, default="params.yaml")
@click.option(
    "--manifest", "clips_path", type=PATH, default="data/manifest.parquet", help="Parquet table of all real clips."
)
@click.option("--out", type=PATH, required=True, help="Folder of the Parquet tables to write, one a split.")
@click.option("--empty-folder", "empty", type=PATH, multiple=True, help="Empty folder to write; may be repeated.")
def main(params_path: Path, clips_path: Path, out: Path, empty: tuple[Path, ...]) -> None:
    """Partition the clips into train, valid and test, for each scenario and fold."""
    chosen = params.load(params_path, "split", SplitParams)
    names = params.load(params_path, "scenarios", tuple[str, ...])
    folds = params.load(params_path, "folds", tuple[int, ...])
    for name in names:
        if name not in chosen.scenarios:
            known = params.nearest(name, chosen.scenarios)
            raise click.ClickException(f"{params_path}: 'split.scenarios' has no '{name}'{known}")
    clips = manifest.read(clips_path, manifest.CLIPS)
    sentences = "apart" if chosen.sentence_groups > 1 else "shared"
    with atomic_write(out) as folder:
        folder.mkdir()
        for name in names:
            scenario = chosen.scenarios[name]
            params_hash = params.params_hash(chosen.n_folds, chosen.sentence_groups, chosen.train_only, scenario)
            for fold in folds:
                rows = splits.partitions(clips, fold, scenario, chosen, AGREED_FOLDS)
                table = folder / f"{name}-{fold}.parquet"
                manifest.write(rows, table, manifest.PARTITIONED, params_hash, sentences=sentences)
                counts = rows["partition"].value_counts()
                parts = ", ".join(f"{part} {counts[part]:,}" for part in (*PARTITIONS, ENROL) if part in counts)
                console.tell(f"{name}-{fold}", f"{parts} clips")
    for path in empty:
        empty_folder(path)
