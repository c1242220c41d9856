"""Is a workspace free of leaks: gathers what `pipeline.leakage.rules` has rules for, from the files themselves."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipeline.augmentation.arms import LEARNS_NOTHING
from pipeline.core import manifest, models, predictions, provenance
from pipeline.core.manifest import REPEATED
from pipeline.leakage import rules
from pipeline.leakage.rules import Leak


@dataclass(frozen=True)
class Places:
    """Where the tables of a workspace are."""

    manifest: Path
    splits: Path
    augmented: Path
    predictions: Path


def of_arm(places: Places, split: str, arm: str) -> list[Leak]:
    """Leaks of an arm's training set in one split, and of what was predicted by it.

    Raises:
        click.ClickException: a table or a model is missing
    """
    training_set = places.augmented / split / f"{arm}.parquet"
    rows = manifest.read(training_set, manifest.AUGMENTED)
    table = places.predictions / split / f"{arm}.parquet"
    found, said = predictions.read(table), manifest.metadata(table)
    runs = pd.DataFrame(json.loads(said.get("runs", "[]")), columns=["classifier", "seed"]).astype({"seed": "int32"})
    return [
        *of_augmented(rows, manifest.metadata(training_set), places.manifest, places.splits / f"{split}.parquet"),
        *rules.in_predictions(found, rows, runs, said, uses(rows, runs["classifier"])),
    ]


def of_augmented(rows: pd.DataFrame, said: Mapping[str, str], clips_path: Path, split_path: Path) -> list[Leak]:
    """Leaks of an arm's training set.

    What a generator saw is asked of its model, whose hash its clips carry; those of `LEARNS_NOTHING` have none.

    Args:
        rows: of `manifest.AUGMENTED`
        said: words that are kept with them
        clips_path: manifest of real clips
        split_path: the split's own table
    """
    partitioned = manifest.read(clips_path, manifest.CLIPS).merge(
        manifest.read(split_path, manifest.PARTITIONED), on="id", how="right"
    )
    train = partitioned[partitioned["partition"] == "train"]
    fitted_on = {rules.GATE: said.get(rules.GATE, "")}
    allowed = dict.fromkeys((rules.GATE, rules.VOCODER, rules.EMOTION_CLASSIFIER), provenance.clips_sha256(train))
    made = rows[rows["is_synthetic"]]
    learns = ~made["generator"].isin(LEARNS_NOTHING)
    harmless = set(made.loc[~learns, "generator_sha256"]) - set(made.loc[learns, "generator_sha256"])
    for each in (fitted_on, allowed):
        each |= dict.fromkeys(harmless, "nothing")
    own_files = made[made["generator"] != REPEATED]
    for folder, clips in own_files.groupby(own_files["filepath"].map(lambda path: Path(path).parent)):
        table = folder / manifest.SYNTHETIC_TABLE
        voice = manifest.metadata(table)
        sha256, config = clips["generator_sha256"].iloc[0], {}
        if clips["generator"].iloc[0] not in LEARNS_NOTHING:
            model = _model_of(table)
            config, sha256 = models.config(model), provenance.fingerprint(model)
            fitted_on[sha256] = config["train_clips_sha256"]
            allowed[sha256] = provenance.clips_sha256(train[train["emotion"].isin(config["emotions"])])
        if config.get("classifier_trained_on"):
            fitted_on[rules.EMOTION_CLASSIFIER + sha256] = config["classifier_trained_on"]
        if "vocoder" in voice:
            learned = models.config(Path(voice["vocoder"]))["train_clips_sha256"]
            is_same = provenance.fingerprint(Path(voice["vocoder"])) == voice["vocoder_sha256"]
            fitted_on[rules.VOCODER + sha256] = learned if is_same else ""
    apart = manifest.metadata(split_path).get("sentences") == "apart"
    return rules.in_augmented(rows, partitioned, split_path.stem, apart, fitted_on, allowed)


def machines(rows: pd.DataFrame) -> list[dict[str, str | int]]:
    """What the models that made an arm's clips were trained on (`hardware.resolved`), each kind of machine once.

    Args:
        rows: of `manifest.AUGMENTED`
    """
    made = rows[rows["is_synthetic"] & ~rows["generator"].isin(LEARNS_NOTHING)]
    tables = [folder / manifest.SYNTHETIC_TABLE for folder in sorted({Path(path).parent for path in made["filepath"]})]
    found = [models.config(_model_of(table)).get("machine") for table in tables]
    once = {json.dumps(machine, sort_keys=True): machine for machine in found if machine}
    return [once[key] for key in sorted(once)]


def other_split(split_path: Path, expected: pd.DataFrame, sentences_apart: bool) -> list[Leak]:
    """What a split has otherwise than the parameters ask for now.

    Args:
        split_path: its table
        expected: rows of `manifest.PARTITIONED`
        sentences_apart: whether test sentences must be heard in no other partition
    """
    found = manifest.read(split_path, manifest.PARTITIONED)
    rule = "split other than the parameters ask for"
    if (manifest.metadata(split_path).get("sentences") == "apart") != sentences_apart:
        return [Leak(rule, found)]
    return Leak.of_difference(rule, found, expected)


def uses(rows: pd.DataFrame, classifiers: Iterable[str]) -> dict[str, str]:
    """Hashes of the clips that an arm's classifiers may use, by what for (`leakage.USES`).

    Statistics are of real train clips, but of all real ones where the names of all classifiers say so.
    """
    is_train, is_real = rows["partition"] == "train", ~rows["is_synthetic"]
    names = list(classifiers)
    by_speaker = bool(names) and all(name.endswith(predictions.BY_SPEAKER) for name in names)
    scaling = is_real if by_speaker else is_train & is_real
    allowed = {"trained_on": is_train, "scaled_by": scaling, "selected_on": rows["partition"] == "valid"}
    return {use: provenance.clips_sha256(rows[clips]) for use, clips in allowed.items()}


def _model_of(table: Path) -> Path:
    said = manifest.metadata(table).get("model")
    if said is None:
        raise manifest.ManifestError(f"{table}: does not say which model made its clips")
    return Path(said)
