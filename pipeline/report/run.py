"""The files of a run that the report shows."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.augmentation.arms import ARMS
from pipeline.core import manifest
from pipeline.core.files import read_json
from pipeline.core.manifest import REPEATS, ManifestError
from pipeline.core.predictions import HARDWARE
from pipeline.evaluation import score_table
from pipeline.evaluation.results import BASELINE, EvaluateParams

REMEDY = "`dvc repro` writes it again"


@dataclass(frozen=True)
class Run:
    """Metrics and tables of a run, read when they are needed."""

    metrics: Path  # folder
    augmented: Path  # folder
    predictions: Path  # folder
    corpora: Path  # folder
    clips: Path  # the manifest
    arms: Sequence[str]
    scenarios: Sequence[str]
    folds: Sequence[int]
    evaluate: EvaluateParams

    @cached_property
    def summary(self) -> dict[str, Any]:
        """metrics/summary.json."""
        return read_json(_there(self.metrics / "summary.json"), REMEDY)

    @cached_property
    def scores(self) -> dict[str, Any]:
        """metrics/ser.json."""
        return score_table.read(self.metrics / "ser.json")

    @property
    def of_headline(self) -> dict[str, Any]:
        """Scores of the arms, in the scenario and with the classifier of the summary."""
        found: dict[str, Any] = self.scores[self.summary["scenario"]][self.summary["classifier"]]
        return found

    @property
    def members(self) -> Sequence[str]:
        """Scenarios behind that of the summary, which may be several that are pooled."""
        return self.evaluate.pooled.get(self.summary["scenario"], (self.summary["scenario"],))

    @property
    def split(self) -> str:
        """The split whose clips are played."""
        return f"{self.members[0]}-{self.folds[0]}"

    @cached_property
    def real(self) -> pd.DataFrame:
        """Real clips: rows of `manifest.CLIPS`."""
        return manifest.read(self.clips, manifest.CLIPS)

    @cached_property
    def synthetic(self) -> pd.DataFrame:
        """Clips that joined a training set of `split`, each once, without repeated real ones; with scores."""
        tables = [
            manifest.scored(self.augmented / self.split / f"{arm}.parquet")
            for arm in self.arms
            if not ARMS[arm].shuffled  # their emotions are not those of the clips
        ]
        rows = pd.concat(tables)
        rows = rows[rows["is_synthetic"] & ~rows["generator"].isin(REPEATS)]
        return rows.drop_duplicates("id")

    @cached_property
    def conversions(self) -> pd.DataFrame:
        """metrics/conversion.csv."""
        return pd.read_csv(_there(self.metrics / "conversion.csv"))

    @cached_property
    def corpus(self) -> dict[str, Any]:
        """metrics/corpus.json."""
        return read_json(_there(self.metrics / "corpus.json"), REMEDY)

    @property
    def trains_dcgan(self) -> bool:
        """Whether an arm has clips of the DC-GAN; then each split has one."""
        return any("dcgan" in ARMS[arm].generators for arm in self.arms)

    @property
    def first_generators(self) -> Sequence[str]:
        """Generators of the headline arm."""
        return ARMS[self.summary["arm"]].generators

    def plot(self, name: str) -> pd.DataFrame:
        """A table of metrics/plots, such as `evaluate/recall`."""
        return pd.read_csv(_there(self.metrics / "plots" / f"{name}.csv"))

    def quarantine(self) -> pd.DataFrame:
        """Clips of all corpora that were left out: rows of `manifest.QUARANTINE`, with their corpus."""
        tables = {name: self.corpora / f"{name}.quarantine.parquet" for name in self.corpus["corpora"]}
        found = [manifest.read(path, manifest.QUARANTINE).assign(corpus=name) for name, path in tables.items()]
        return pd.concat(found, ignore_index=True)

    def refused(self) -> list[str]:
        """What the gate refused in `split`, a line an arm; nothing where it kept all."""
        found = {arm: manifest.metadata(self.augmented / self.split / f"{arm}.parquet") for arm in self.arms}
        counts = {arm: json.loads(about.get("refused", "{}")) for arm, about in found.items()}
        return [
            f"Refused for arm {arm}: " + ", ".join(f"{reason} {number:,}" for reason, number in each.items()) + "."
            for arm, each in counts.items()
            if each
        ] or ["No clip was refused; with `augment.gate.keep: all` the gate is off."]

    def sweeps(self) -> dict[str, pd.DataFrame]:
        """Tables of `emocycle sweep` by key; a run need not have any, so dvc.yaml cannot name them."""
        return {path.stem: pd.read_csv(path) for path in sorted((self.metrics / "sweeps").glob("*.csv"))}

    def hardware(self) -> dict[str, str]:
        """Device, precision, CPU and torch of the classifiers of `split`."""
        about = manifest.metadata(self.predictions / self.split / f"{BASELINE}.parquet")
        return {key: str(value) for key, value in json.loads(about.get(HARDWARE, "{}")).items()}


def _there(path: Path) -> Path:
    """The path.

    Raises:
        ManifestError: there is no such file
    """
    if not path.is_file():
        raise ManifestError(f"{path}: not found; `dvc repro` makes it")
    return path
