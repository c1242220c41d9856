"""The audit of a workspace: reads the tables and metadata that `pipeline.leakage.rules` checks, from its files."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.augmentation.arms import FITTED
from pipeline.core import bank, manifest, models, predictions
from pipeline.core.manifest import LEARNS_NOTHING, REPEATS
from pipeline.leakage import rules
from pipeline.leakage.leak import Leak
from pipeline.networks import provenance


@dataclass(frozen=True)
class Places:
    """Paths of the tables of a workspace."""

    manifest: Path
    splits: Path
    augmented: Path
    predictions: Path
    classifiers: Path  # folder of the kept ones


def of_arm(places: Places, split: str, arm: str) -> list[Leak]:
    """Leaks of an arm's training set in one split, of its predictions, and of its kept classifiers.

    Raises:
        click.ClickException: a table or a model is missing
    """
    training_set, split_path = places.augmented / split / f"{arm}.parquet", places.splits / f"{split}.parquet"
    rows = manifest.read(training_set, manifest.AUGMENTED)
    table = places.predictions / split / f"{arm}.parquet"
    found, metadata = predictions.read(table), manifest.metadata(table)
    runs = pd.DataFrame(json.loads(metadata.get("runs", "[]")), columns=["classifier", "seed"]).astype(
        {"seed": "int32"}
    )
    return [
        *of_augmented(rows, manifest.metadata(training_set), partitioned(places.manifest, split_path), split_path),
        *rules.in_predictions(found, rows, runs, metadata, uses(rows, runs["classifier"])),
        *rules.in_kept(rows, models.config(places.classifiers / split / arm), uses(rows, ["kept"])),
    ]


def partitioned(clips_path: Path, split_path: Path) -> pd.DataFrame:
    """Real clips of a split: rows of `manifest.CLIPS` with their `partition`."""
    partitions = manifest.read(split_path, manifest.PARTITIONED)
    return manifest.read(clips_path, manifest.CLIPS).merge(partitions, on="id", how="right")


def of_augmented(rows: pd.DataFrame, metadata: Mapping[str, str], real: pd.DataFrame, split_path: Path) -> list[Leak]:
    """Leaks of an arm's training set.

    The model of a generator records its train clips; clips carry the model's hash. `LEARNS_NOTHING` have no model.

    Args:
        rows: of `manifest.AUGMENTED`
        metadata: of their table
        real: clips of the split, as `partitioned` returns them
        split_path: the split's own table
    """
    train = real[real["partition"] == "train"]
    fitted_on = {rules.GATE: metadata.get(rules.GATE, "")}
    allowed = dict.fromkeys((rules.GATE, rules.VOCODER, rules.EMOTION_CLASSIFIER), provenance.clips_sha256(train))
    allowed[rules.MEANS] = provenance.clips_sha256(train[train["emotion"] == manifest.NEUTRAL])
    synthetic = rows[rows["is_synthetic"]]
    learns = ~synthetic["generator"].isin(LEARNS_NOTHING)
    harmless = set(synthetic.loc[~learns, "generator_sha256"]) - set(synthetic.loc[learns, "generator_sha256"])
    for each in (fitted_on, allowed):
        each |= dict.fromkeys(harmless, "nothing")
    unlabelled = [pd.DataFrame(columns=rules.BANK).astype({"is_changed": bool})]
    own_files = synthetic[~synthetic["generator"].isin(REPEATS)]
    for folder, clips in own_files.groupby(own_files["filepath"].map(lambda path: Path(path).parent)):
        table = folder / manifest.SYNTHETIC_TABLE
        table_metadata = manifest.metadata(table)
        generator, sha256 = (str(clips[name].iloc[0]) for name in ("generator", "generator_sha256"))
        config: dict[str, Any] = {}
        if generator not in LEARNS_NOTHING:
            if generator in FITTED:  # the table itself records the clips
                own = real[real["partition"].isin(FITTED[generator])]
                config = {"train_clips_sha256": table_metadata.get("train_clips_sha256")}
            else:
                model = _model_of(table)
                config, sha256 = models.config(model), provenance.fingerprint(model)
                own = train[train["emotion"].isin(config["emotions"])]
            fitted_on[sha256], allowed[sha256] = config["train_clips_sha256"], provenance.clips_sha256(own)
        if config.get("classifier_trained_on"):
            fitted_on[rules.EMOTION_CLASSIFIER + sha256] = config["classifier_trained_on"]
        if config.get("params", {}).get("normalisation") == "speaker":
            fitted_on[rules.MEANS + sha256] = config["means_of"] or ""
        for path, recorded in json.loads(table_metadata.get("banks", "{}")).items():
            is_changed = bank.fingerprint(Path(path)) != recorded
            used = bank.clips(Path(path)).assign(generator_sha256=sha256, is_changed=is_changed)
            unlabelled.append(used[[*rules.BANK]])
        if "vocoder" in table_metadata:
            learned = models.config(Path(table_metadata["vocoder"]))["train_clips_sha256"]
            is_same = provenance.fingerprint(Path(table_metadata["vocoder"])) == table_metadata["vocoder_sha256"]
            fitted_on[rules.VOCODER + sha256] = learned if is_same else ""
    apart = manifest.metadata(split_path).get("sentences") == "apart"
    return rules.in_augmented(rows, real, split_path.stem, apart, fitted_on, allowed, pd.concat(unlabelled))


def hardware(rows: pd.DataFrame) -> list[dict[str, str | int]]:
    """Hardware that trained the generators of an arm (`hardware.resolved`), each kind once.

    Args:
        rows: of `manifest.AUGMENTED`
    """
    synthetic = rows[rows["is_synthetic"] & ~rows["generator"].isin({*LEARNS_NOTHING, *FITTED})]
    tables = [
        folder / manifest.SYNTHETIC_TABLE for folder in sorted({Path(path).parent for path in synthetic["filepath"]})
    ]
    found = [models.config(_model_of(table)).get("machine") for table in tables]
    once = {json.dumps(each, sort_keys=True): each for each in found if each}
    return [once[key] for key in sorted(once)]


def other_split(split_path: Path, expected: pd.DataFrame, sentences_apart: bool) -> list[Leak]:
    """Differences between a split and the present parameters.

    Args:
        split_path: its table
        expected: rows of `manifest.PARTITIONED`
        sentences_apart: whether test sentences must be in no other partition
    """
    found = manifest.read(split_path, manifest.PARTITIONED)
    rule = "split differs from the parameters"
    if (manifest.metadata(split_path).get("sentences") == "apart") != sentences_apart:
        return [Leak(rule, found)]
    return Leak.of_difference(rule, found, expected)


def uses(rows: pd.DataFrame, classifiers: Iterable[str]) -> dict[str, str]:
    """Hash of the clips that an arm's classifiers may use, by use (`rules.USES`).

    Statistics are of real clips of the partitions that the names of the classifiers allow.
    """
    allowed = {"trained_on": rows["partition"] == "train", "selected_on": rows["partition"] == "valid"}
    for suffix in dict.fromkeys(map(predictions.normalisation, classifiers)):
        partitions = predictions.SCALED_BY[suffix]
        allowed[f"scaled_by{suffix}"] = ~rows["is_synthetic"] & rows["partition"].isin(partitions)
    return {use: provenance.clips_sha256(rows[clips]) for use, clips in allowed.items()}


def _model_of(table: Path) -> Path:
    model = manifest.metadata(table).get("model")
    if model is None:
        raise manifest.ManifestError(f"{table}: names no model that generated its clips")
    return Path(model)
