"""Train the downstream classifiers on one arm's clips, and predict the valid and test clips."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, get_args

import click
import numpy as np
import pandas as pd
from pydantic import Field

from pipeline.audio import preparation
from pipeline.audio.preparation import AudioParams
from pipeline.classification import budget, runs
from pipeline.classification.normalisation import by_speaker
from pipeline.classification.runs import ArmFeatures, Run
from pipeline.classification.ssl import Encoder, SslParams
from pipeline.classification.svm import SvmParams
from pipeline.classification.training import CnnParams
from pipeline.core import hardware, manifest, params, predictions, provenance
from pipeline.core.files import atomic_write
from pipeline.core.hardware import HardwareParams
from pipeline.core.params import section
from pipeline.core.provenance import derived_seed
from pipeline.core.shards import Shards

Classifier = Literal["svm", "cnn", "ssl"]


@section
class ClassifyParams:
    """Which classifiers, how often, and each one's parameters."""

    classifiers: tuple[Classifier, ...]
    # Of the networks; the svm has no chance in it and runs once, as seed 0.
    seeds: Annotated[tuple[int, ...], Field(min_length=1)]
    normalisation: Literal["train", "speaker"]
    svm: SvmParams
    cnn: CnnParams
    ssl: SslParams

    @property
    def names(self) -> tuple[str, ...]:
        """What the classifiers are called in predictions."""
        return tuple(word + predictions.BY_SPEAKER * (self.normalisation == "speaker") for word in self.classifiers)

    @property
    def known(self) -> tuple[str, ...]:
        """All that classifiers may be called there."""
        return tuple(word + suffix for suffix in ("", predictions.BY_SPEAKER) for word in get_args(Classifier))


@click.command()
@click.option("--params", "params_path", type=click.Path(path_type=Path), default="params.yaml")
@click.option("--clips", "clips_path", type=click.Path(path_type=Path), required=True, help="An arm's table.")
@click.option("--features", type=click.Path(path_type=Path), required=True, help="Folder of the corpora's shards.")
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--curve", type=click.Path(path_type=Path), required=True, help="CSV of the networks' training.")
@click.option("--cache", type=click.Path(path_type=Path), default=".cache/ssl", help="Of what the ssl hears.")
def main(params_path: Path, clips_path: Path, features: Path, out: Path, curve: Path, cache: Path) -> None:
    """Train the downstream classifiers on one arm's clips, and predict the valid and test clips."""
    chosen = params.load(params_path, "classify", ClassifyParams)
    prepared = params.load(params_path, "audio", AudioParams)
    machine = params.load(params_path, "hardware", HardwareParams)
    clips = manifest.read(clips_path, manifest.AUGMENTED)
    labels = sorted(clips["emotion"].unique())
    clips = clips.assign(label=clips["emotion"].map(labels.index))
    device = hardware.device(machine)
    split, fold = clips["split"].iloc[0], int(clips["split"].iloc[0].rpartition("-")[2])
    # Arms share their chance; partner folds, whose train speakers are the same, would count one training's luck twice.
    seeds = {seed: derived_seed(seed, split) for seed in chosen.seeds}
    found: dict[str, list[Run]] = {}
    for classifier, name in zip(chosen.classifiers, chosen.names, strict=True):
        if classifier == "ssl":
            arrays = [own[None] for own in _layers(clips, Encoder(chosen.ssl, device, cache), prepared)]
        else:
            arrays = stored(clips, features, {"svm": "functionals", "cnn": "log_mel"}[classifier])
        if chosen.normalisation == "speaker":
            arrays = by_speaker(arrays, clips)
        heard = ArmFeatures(clips, [own[0] for own in arrays] if classifier == "ssl" else arrays)
        settings = (seeds, device)
        if classifier == "svm":
            found[name] = [runs.of_svm(heard, chosen.svm)]
        elif classifier == "cnn":
            autocast = hardware.autocast(machine, device)
            found[name] = list(runs.of_cnn(heard, len(labels), chosen.cnn, *settings, autocast))
        else:
            found[name] = list(runs.of_ssl(heard, len(labels), chosen.ssl, *settings))

    held_out = clips[clips["partition"].isin(runs.HELD_OUT)]
    about = held_out[["id", "speaker", "partition"]].assign(fold=fold, label=held_out["emotion"])
    columns = [predictions.PREFIX + label for label in labels]
    every = [(name, run) for name, some in found.items() for run in some]
    tables = [
        about.assign(classifier=name, seed=run.seed, **dict(zip(columns, run.probabilities.T, strict=True)))
        for name, run in every
    ]
    said = _about(clips, chosen.normalisation) | {
        "runs": json.dumps([(name, run.seed) for name, run in every]),
        predictions.MACHINE: json.dumps(hardware.resolved(machine)),
        **{key: said for key, said in manifest.metadata(clips_path).items() if key == predictions.GENERATORS},
        budget.KEY: json.dumps(
            {
                "runs": [{"classifier": name, "seed": run.seed, **run.spent} for name, run in every],
                **extra(clips),
            }
        ),
    }
    predictions.write(pd.concat(tables), out, labels, params.params_hash(chosen, prepared, machine), **said)
    with atomic_write(curve) as temporary:
        rows = [{"classifier": name, "seed": run.seed, **row} for name, run in every for row in run.curve]
        table = pd.DataFrame(rows, columns=["classifier", "seed", "step", "loss", "valid_uar", "valid_nll"])
        table.to_csv(temporary, index=False, float_format="%.5g")
    trained_on = (clips["partition"] == "train").sum()
    click.echo(f"{split} {out.stem}: trained on {trained_on:,} clips, {len(every)} runs of {', '.join(found)}")


def stored(clips: pd.DataFrame, features: Path, name: str) -> list[np.ndarray]:
    """An array of each clip, kept beside a synthetic one, in its corpus's folder of `features` for a real one."""
    is_new = clips["is_synthetic"] & (clips["generator"] != manifest.REPEATED)
    beside = {Path(path).parent / manifest.SYNTHETIC_FEATURES for path in clips.loc[is_new, "filepath"]}
    shards = Shards(sorted(beside | {features / corpus for corpus in clips.loc[~is_new, "corpus"]}))
    return [np.array(shards.array(id_, name)) for id_ in manifest.feature_ids(clips)]


def _layers(clips: pd.DataFrame, listener: Encoder, prepared: AudioParams) -> Iterator[np.ndarray]:
    """What a self-supervised network makes of each clip, (layers, width)."""
    at_its_rate = replace(prepared, sampling_rate=listener.sampling_rate)
    for (path, start, end), sha256 in zip(manifest.segments(clips), clips["sha256"], strict=True):
        key = hashlib.sha256(f"{sha256} {params.params_hash(at_its_rate)}".encode()).hexdigest()
        yield listener.features(key, partial(preparation.prepared, path, at_its_rate, start, end))


def _about(clips: pd.DataFrame, normalisation: str) -> dict[str, str]:
    """Hashes of the clips that were used, by what for, for the leakage guard."""
    train, real = clips["partition"] == "train", ~clips["is_synthetic"]
    scaling = real if normalisation == "speaker" else train & real
    used = {"trained_on": train, "scaled_by": scaling, "selected_on": clips["partition"] == "valid"}
    return {use: provenance.clips_sha256(clips[chosen]) for use, chosen in used.items()}


def extra(clips: pd.DataFrame) -> dict[str, float]:
    """What there is to learn from beyond the real clips, each of which, or its copy in its place, weighs 1."""
    train = clips[clips["partition"] == "train"]
    real, weights = int((~train["is_synthetic"]).sum()), train["weight"].astype(np.float64)
    return {"extra_clips": int((weights > 0).sum()) - real, "extra_weight": round(float(weights.sum()) - real, 3)}
