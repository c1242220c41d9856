"""Make one arm's training set for one split: the export, and the only list that `classify` reads."""

from pathlib import Path

import click
import pandas as pd

from pipeline import audit, augmentation, leakage, manifest, params
from pipeline.augmentation import ARMS, MixParams


@click.command()
@click.option("--params", "params_path", type=click.Path(path_type=Path), default="params.yaml")
@click.option("--manifest", "clips_path", type=click.Path(path_type=Path), default="data/manifest.parquet")
@click.option("--split", "split_path", type=click.Path(path_type=Path), required=True, help="Its table.")
@click.option("--arm", required=True, help="A key of pipeline.augmentation.ARMS.")
@click.option("--synthetic", type=click.Path(path_type=Path), help="Folder of the split's generators.")
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(params_path: Path, clips_path: Path, split_path: Path, arm: str, synthetic: Path | None, out: Path) -> None:
    """Make one arm's training set for one split: the export, and the only list that `classify` reads."""
    if arm not in ARMS:
        raise click.ClickException(f"arm '{arm}' is not known{params.nearest(arm, ARMS)}")
    split = split_path.stem
    real = manifest.read(clips_path, manifest.CLIPS).merge(
        manifest.read(split_path, manifest.PARTITIONED), on="id", validate="one_to_one"
    )
    rows = real.assign(weight=1.0, split=split).reindex(columns=manifest.AUGMENTED.names)
    declared: list[object] = []  # an arm without generators does not depend on how clips are mixed
    if ARMS[arm].generators:
        if synthetic is None:
            raise click.ClickException(f"arm '{arm}' needs --synthetic")
        mix = params.load(params_path, "augment.mix", MixParams)
        seed = params.load(params_path, "seed", int)
        declared = [mix, seed]
        made = []
        for generator in ARMS[arm].generators:
            for pair in params.load(params_path, "pairs", tuple[str, ...]):
                table = synthetic / generator / pair / manifest.SYNTHETIC_TABLE
                found = manifest.read(table, manifest.SYNTHETIC)
                said = manifest.metadata(table)
                if said.get("emotions") != pair:
                    raise click.ClickException(f"{table}: has clips of {said.get('emotions')}, expected {pair}")
                made.append(found.assign(split=said.get("split")))
        extra = augmentation.extra_clips(pd.concat(made), real[real["partition"] == "train"], mix, seed)
        rows = pd.concat([rows, extra.assign(partition="train")])
    leakage.refuse(split, audit.of_augmented(rows, clips_path, split_path))
    manifest.write(rows, out, manifest.AUGMENTED, params.digest(*declared), split=split, arm=arm)
    click.echo(f"{split} {arm}: {len(real):,} real clips, {len(rows) - len(real):,} synthetic")
