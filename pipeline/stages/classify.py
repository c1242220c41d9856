"""Train the downstream classifiers on one arm's clips, and predict the valid and test clips."""

import json
from pathlib import Path
from typing import Any, Literal

import click
import numpy as np
import pandas as pd
import torch

from pipeline import hardware, manifest, models, params, predictions
from pipeline.classifier import training
from pipeline.classifier.svm import SvmParams, train_svm
from pipeline.classifier.training import Clips, CnnParams, Scaler
from pipeline.files import whole
from pipeline.hardware import HardwareParams
from pipeline.params import section
from pipeline.shards import Shards


@section
class ClassifyParams:
    """Which classifiers, how often, and each one's parameters."""

    classifiers: tuple[Literal["svm", "cnn"], ...]
    seeds: tuple[int, ...]  # of the cnn; the svm has no chance in it and runs once, as seed 0
    svm: SvmParams
    cnn: CnnParams


@click.command()
@click.option("--params", "params_path", type=click.Path(path_type=Path), default="params.yaml")
@click.option("--clips", "clips_path", type=click.Path(path_type=Path), required=True, help="An arm's table.")
@click.option("--features", type=click.Path(path_type=Path), required=True, help="Folder of the corpora's shards.")
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--curve", type=click.Path(path_type=Path), required=True, help="CSV of the cnn's training.")
def main(params_path: Path, clips_path: Path, features: Path, out: Path, curve: Path) -> None:
    """Train the downstream classifiers on one arm's clips, and predict the valid and test clips."""
    chosen = params.load(params_path, "classify", ClassifyParams)
    machine = params.load(params_path, "hardware", HardwareParams)
    clips = manifest.read(clips_path, manifest.AUGMENTED)
    labels = sorted(clips["emotion"].unique())
    clips = clips.assign(label=clips["emotion"].map(labels.index))
    train, valid, heard = (
        clips[clips["partition"].isin(names)] for names in (("train",), ("valid",), ("valid", "test"))
    )
    real = train[~train["is_synthetic"]]
    stored = Shards(sorted({_shard(row, features) for row in clips.itertuples()}))
    runs: list[tuple[str, int, np.ndarray]] = []  # classifier, seed, probabilities of `heard`
    curves = []
    if "svm" in chosen.classifiers:
        runs.append(("svm", 0, _svm(train, valid, heard, stored, chosen.svm)))
    if "cnn" in chosen.classifiers:
        device = hardware.device(machine)
        learnt, chosen_on, audible = (clips_of(rows, stored) for rows in (train, valid, heard))
        scaler = Scaler.fit(clips_of(real, stored).mels)
        for seed in chosen.seeds:
            network, curve_of_seed = training.train_cnn(
                learnt, chosen_on, scaler, len(labels), chosen.cnn, seed, device
            )
            curves += [{"seed": seed, **row} for row in curve_of_seed]
            runs.append(("cnn", seed, training.probabilities(network, audible.mels, scaler, device).numpy()))

    split, fold = clips["split"].iloc[0], int(clips["split"].iloc[0].rpartition("-")[2])
    columns = [predictions.PREFIX + label for label in labels]
    about = heard[["id", "speaker", "partition"]].assign(fold=fold, label=heard["emotion"])
    tables = [
        about.assign(classifier=classifier, seed=seed, **dict(zip(columns, probabilities.T, strict=True)))
        for classifier, seed, probabilities in runs
    ]
    used = {"trained_on": train, "scaled_by": real, "selected_on": valid}  # for the leakage guard
    said = {use: models.clips_sha256(rows) for use, rows in used.items()}
    said["runs"] = json.dumps([(classifier, seed) for classifier, seed, _ in runs])
    predictions.write(pd.concat(tables), out, labels, params.digest(chosen, machine), **said)
    with whole(curve) as temporary:
        pd.DataFrame(curves, columns=["seed", "step", "loss", "valid_uar"]).to_csv(
            temporary, index=False, float_format="%.5g"
        )
    click.echo(
        f"{split} {out.stem}: trained on {len(train):,} clips, {len(runs)} runs of {', '.join(chosen.classifiers)}"
    )


def _svm(
    train: pd.DataFrame, valid: pd.DataFrame, heard: pd.DataFrame, stored: Shards, chosen: SvmParams
) -> np.ndarray:
    """Probabilities of `heard`, (clips, classes)."""
    machine = train_svm(
        functionals_of(train, stored),
        train["label"].to_numpy(),
        train["weight"].to_numpy(),
        ~train["is_synthetic"].to_numpy(),
        (functionals_of(valid, stored), valid["label"].to_numpy()),
        chosen,
    )
    click.echo(f"svm: {machine.chosen}")
    return machine.probabilities(functionals_of(heard, stored))


def functionals_of(rows: pd.DataFrame, stored: Shards) -> np.ndarray:
    """Functionals of the rows' clips, (clips, functionals)."""
    return np.concatenate([stored.array(id_, "functionals") for id_ in manifest.heard_as(rows)])


def clips_of(rows: pd.DataFrame, stored: Shards) -> Clips:
    """Spectrograms, labels and weights of the rows' clips."""
    mels = [torch.from_numpy(np.array(stored.array(id_, "log_mel"))) for id_ in manifest.heard_as(rows)]
    return Clips(mels, torch.tensor(rows["label"].to_numpy()), torch.tensor(rows["weight"].to_numpy()))


def _shard(row: Any, features: Path) -> Path:
    """Where the features of a clip are: beside a synthetic one, in its corpus's folder for a real one."""
    is_new = row.is_synthetic and row.generator != manifest.REPEATED
    return Path(row.filepath).parent / manifest.SYNTHETIC_FEATURES if is_new else features / row.corpus
