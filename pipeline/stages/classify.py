"""Train the downstream classifiers on one arm's clips, and predict the valid and test clips."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import click
import numpy as np
import pandas as pd
import torch

from pipeline.audio.preparation import AudioParams
from pipeline.classification import budget, personal, saved
from pipeline.classification.classifiers import CLASSIFIERS, ClassifyParams, CommonParams
from pipeline.classification.interface import HELD_OUT, ArmFeatures, Resources, Run, check_front_end, preparation
from pipeline.classification.normalisation import normalised
from pipeline.classification.training import uar
from pipeline.core import console, manifest, params, predictions
from pipeline.core.console import Bar
from pipeline.core.files import write_csv
from pipeline.networks import hardware, provenance
from pipeline.networks.hardware import HardwareParams
from pipeline.networks.provenance import derived_seed


@click.command()
@click.option("--params", "params_path", type=click.Path(path_type=Path), default="params.yaml")
@click.option("--clips", "clips_path", type=click.Path(path_type=Path), required=True, help="Parquet table of the arm.")
@click.option("--features", type=click.Path(path_type=Path), required=True, help="Folder of the corpora's shards.")
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--curve", type=click.Path(path_type=Path), required=True, help="CSV of the networks' training.")
@click.option("--model", type=click.Path(path_type=Path), required=True, help="Folder of the trained classifiers.")
@click.option("--cache", type=click.Path(path_type=Path), default=".cache/embeddings", help="Folder of embeddings.")
def main(params_path: Path, clips_path: Path, features: Path, out: Path, curve: Path, model: Path, cache: Path) -> None:
    """Train the downstream classifiers on one arm's clips, and predict the valid and test clips."""
    chosen = params.load(params_path, "classify", ClassifyParams)
    audio = params.load(params_path, "audio", AudioParams)
    hardware_params = params.load(params_path, "hardware", HardwareParams)
    clips = manifest.read(clips_path, manifest.AUGMENTED)
    labels = sorted(clips["emotion"].unique())
    clips = clips.assign(label=clips["emotion"].map(labels.index))
    split = clips["split"].iloc[0]
    # Arms share their seeds. Splits do not: folds with the same train speakers would count one training twice.
    seeds = {seed: derived_seed(seed, split) for seed in chosen.seeds}
    resources = Resources(features, cache, audio, hardware_params, hardware.device(hardware_params), len(labels), seeds)
    check_front_end(clips, features, chosen.front_end)
    with Bar(f"{split} {out.stem}", len(chosen.classifiers) * len(chosen.normalisations)) as bar:
        runs = list(_runs(chosen, clips, resources, bar))

    metadata = _used(clips, chosen.normalisations) | {
        "runs": json.dumps([(name, run.seed) for name, run in runs]),
        predictions.HARDWARE: json.dumps(hardware.resolved(hardware_params)),
        budget.KEY: json.dumps(
            {
                "runs": [{"classifier": name, "seed": run.seed, **run.spent} for name, run in runs],
                budget.FRONT_END: chosen.front_end,
                **extra(clips),
            }
        ),
    }
    generators = manifest.metadata(clips_path).get(predictions.GENERATORS_HARDWARE)
    if generators is not None:
        metadata[predictions.GENERATORS_HARDWARE] = generators
    params_hash = params.params_hash(chosen, audio, hardware_params)
    predictions.write(_predicted(clips, labels, runs), out, labels, params_hash, **metadata)
    trained_on = int(((clips["partition"] == "train") & (clips["weight"] > 0)).sum())
    about = {
        "kind": "classifiers",
        "split": split,
        "arm": out.stem,
        "labels": labels,
        "front_end": chosen.front_end,
        "preparation": preparation(clips, features),
        "params": {word: asdict(getattr(chosen, word)) for word in chosen.classifiers},
        "machine": hardware.resolved(hardware_params),
        "versions": saved.versions(),
        "train_clips": trained_on,
        **_used(clips, ["train"]),
    }
    saved.save(model, runs, about)
    rows = [{"classifier": name, "seed": run.seed, **row} for name, run in runs for row in run.curve]
    table = pd.DataFrame(rows, columns=["classifier", "seed", "step", "loss", "valid_uar", "valid_nll"])
    write_csv(table, curve, "%.5g")
    console.tell(f"{split} {out.stem}", f"{trained_on:,} clips, UAR on valid: {_scores_on_valid(clips, runs)}")


def _runs(chosen: CommonParams, clips: pd.DataFrame, resources: Resources, bar: Bar) -> Iterator[tuple[str, Run]]:
    """All runs of all classifiers, with the name of the classifier in predictions."""
    for word in chosen.classifiers:
        classifier, own = CLASSIFIERS[word], getattr(chosen, word)
        arrays = classifier.features(clips, own, resources)
        for normalisation in chosen.normalisations:
            features = ArmFeatures(clips, normalised(arrays, clips, normalisation)).where(clips["weight"] > 0)
            for run in personal.runs(classifier, features, own, resources):
                yield chosen.name(word, normalisation), run
            bar.add(1)


def _scores_on_valid(clips: pd.DataFrame, runs: Sequence[tuple[str, Run]]) -> str:
    """UAR of each classifier on valid, and of each of its seeds; the test clips are for `evaluate`."""
    held_out = clips[clips["partition"].isin(HELD_OUT)]
    is_valid = (held_out["partition"] == "valid").to_numpy()
    labels = torch.tensor(held_out["label"].to_numpy()[is_valid])
    scores: dict[str, list[float]] = {}
    for name, run in runs:
        scores.setdefault(name, []).append(uar(torch.from_numpy(run.probabilities[is_valid]), labels))
    each = {name: f" ({' '.join(f'{one:.3f}' for one in some)})" * (len(some) > 1) for name, some in scores.items()}
    return ", ".join(f"{name} {np.mean(some):.3f}{each[name]}" for name, some in scores.items())


def _predicted(clips: pd.DataFrame, labels: Sequence[str], runs: Sequence[tuple[str, Run]]) -> pd.DataFrame:
    """One row a run and held-out clip."""
    held_out = clips[clips["partition"].isin(HELD_OUT)]
    fold = int(clips["split"].iloc[0].rpartition("-")[2])
    about = held_out[["id", "speaker", "partition"]].assign(fold=fold, label=held_out["emotion"])
    columns = [predictions.PREFIX + label for label in labels]
    return pd.concat(
        about.assign(classifier=name, seed=run.seed, **dict(zip(columns, run.probabilities.T, strict=True)))
        for name, run in runs
    )


def _used(clips: pd.DataFrame, normalisations: Iterable[str]) -> dict[str, str]:
    """Hash of the clips of each use, for the leakage guard."""
    used = {"trained_on": clips["partition"] == "train", "selected_on": clips["partition"] == "valid"}
    for suffix in map(predictions.NORMALISED.__getitem__, normalisations):
        partitions = predictions.SCALED_BY[suffix]
        used[f"scaled_by{suffix}"] = ~clips["is_synthetic"] & clips["partition"].isin(partitions)
    return {use: provenance.clips_sha256(clips[chosen]) for use, chosen in used.items()}


def extra(clips: pd.DataFrame) -> dict[str, float]:
    """Number of the real train clips, each of weight 1, and number and total weight of the others.

    Of personal classifiers, the mean over the persons.
    """
    train = clips[clips["partition"] == "train"]
    share = np.where(train["person"].notna(), 1 / max(train["person"].nunique(), 1), 1.0)
    weights = train["weight"].astype(np.float64)
    real = int((~train["is_synthetic"] & (weights > 0)).sum())
    number, weight = float(share[weights > 0].sum()) - real, float((share * weights).sum()) - real
    return {"real_clips": real, "extra_clips": round(number, 3), "extra_weight": round(weight, 3)}
