"""How much luck is in one training of the `cnn`, and what a cheaper one costs: ways of training, over many seeds.

    python experiments/averaging.py full-1 full-2 low_data_25-1 low_data_25-2 --seeds 8 --way "averaged weights"

Run it in a workspace where `dvc repro` has finished for developing folds. Arm `none`. Rows: ways of training. Columns:
mean UAR of a training over speakers, standard deviation over the seeds of a split (root of the mean variance), UAR of
the mean probabilities of all seeds, and CPU seconds of a training (median).
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd

from pipeline.audio.preparation import AudioParams
from pipeline.classification import cnn
from pipeline.classification.interface import ArmFeatures, Resources
from pipeline.core import manifest, params, predictions
from pipeline.core.workers import in_parallel
from pipeline.evaluation import metrics
from pipeline.networks import hardware
from pipeline.networks.hardware import HardwareParams
from pipeline.networks.provenance import derived_seed

WAYS: Mapping[str, Mapping[str, Any]] = {
    "likeliest checkpoint": {"averaged_share": 0},
    "last step": {"averaged_share": 0, "checkpoints": 1},
    "averaged weights": {"averaged_share": 0.5},
    "300 steps": {"steps": 300},
    "batches of 16": {"batch": 16},
    "crops of 1 s": {"frames": 100},
    "64 channels": {"channels": 64},
    "kernel 3": {"kernel": 3},
    "96 channels, kernel 3": {"channels": 96, "kernel": 3},
    "64 channels, 800 steps": {"channels": 64, "steps": 800},
}


def predicted(job: tuple[str, int, str], workspace: Path) -> pd.DataFrame:
    """Predictions of the test clips by one training.

    Args:
        job: split, seed, and a key of `WAYS`
        workspace: with params.yaml and the features
    """
    split, seed, way = job
    begun_s = time.process_time()
    path = workspace / "params.yaml"
    hardware_params = params.load(path, "hardware", HardwareParams)
    clips = manifest.read(workspace / f"data/augmented/{split}/none.parquet", manifest.AUGMENTED)
    labels = sorted(clips["emotion"].unique())
    clips = clips.assign(label=clips["emotion"].map(labels.index))
    resources = Resources(
        workspace / "data/features/classifier",
        workspace / ".cache",
        params.load(path, "audio", AudioParams),
        replace(hardware_params, threads=2),  # not another process a seed
        hardware.device(hardware_params),
        len(labels),
        {seed: derived_seed(seed, split)},
    )
    own: cnn.CnnParams = replace(params.load(path, "classify.cnn", cnn.CnnParams), **WAYS[way])
    [run] = cnn.runs(ArmFeatures(clips, cnn.features(clips, own, resources)), own, resources)
    held_out = clips[clips["partition"].isin(["valid", "test"])]
    columns = [predictions.PREFIX + label for label in labels]
    about = held_out[["id", "speaker", "partition"]].assign(label=held_out["emotion"], split=split, seed=seed, way=way)
    about["cpu_s"] = time.process_time() - begun_s
    rows = about.assign(**dict(zip(columns, run.probabilities.T, strict=True)))
    return rows[rows["partition"] == "test"]


def uar(rows: pd.DataFrame) -> float:
    """UAR in percent, mean over the speakers."""
    rows = rows.assign(predicted=predictions.predicted(rows), seed=0)
    return 100 * float(metrics.speaker_scores(rows)["uar"].mean())


@click.command()
@click.argument("splits", nargs=-1, required=True)
@click.option("--seeds", type=int, default=8, show_default=True)
@click.option("--way", "ways", type=click.Choice(list(WAYS)), multiple=True, help="Of training; can be repeated.")
@click.option("--workspace", type=click.Path(path_type=Path), default=Path())
def main(splits: tuple[str, ...], seeds: int, ways: tuple[str, ...], workspace: Path) -> None:
    """Print the table."""
    jobs = list(product(splits, range(seeds), ways or WAYS))
    rows = pd.concat(in_parallel(partial(predicted, workspace=workspace), jobs, "trainings", chunk=1))
    single = rows.groupby(["way", "split", "seed"]).apply(uar).groupby(["way", "split"])
    columns = [name for name in rows.columns if name.startswith(predictions.PREFIX)]
    mean = rows.groupby(["way", "split", "id", "speaker", "label"], as_index=False)[columns].mean()
    table = pd.DataFrame(
        {
            "uar": single.mean().groupby("way").mean(),
            "deviation": np.sqrt(single.var().groupby("way").mean()),
            "uar of all seeds": mean.groupby(["way", "split"]).apply(uar).groupby("way").mean(),
            "cpu s": rows.groupby("way")["cpu_s"].median(),
        }
    )
    click.echo(table.loc[list(ways or WAYS)].round(1).to_string())


if __name__ == "__main__":
    main()
