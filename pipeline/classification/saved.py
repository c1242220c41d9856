"""The classifiers that `classify` keeps, and what they predict of other recordings.

Kept are those that learned scaling from train clips, of all seeds. Others need more clips of each speaker whom they
predict, or are one classifier a person, which `emocycle enrol` trains.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
import torch
from pydantic import TypeAdapter
from torch import Tensor

from pipeline.audio.preparation import AudioParams
from pipeline.classification.classifiers import CLASSIFIERS
from pipeline.classification.interface import Resources, Run, Weights
from pipeline.core import models, predictions
from pipeline.core.manifest import Segment
from pipeline.core.models import ModelError
from pipeline.core.params import nearest
from pipeline.core.shards import Writer
from pipeline.networks import hardware
from pipeline.networks.hardware import HardwareParams

LIBRARIES = ("numpy", "scikit-learn", "pyworld-prebuilt", "soxr", "torchaudio")  # on which the digits depend
RECORDINGS = "recordings"  # in the place of a corpus
Utterances = Mapping[Segment, tuple[str, Mapping[str, np.ndarray]]]  # hash of the file, arrays as of `Prepared`


def versions() -> dict[str, str]:
    """Version of each of `LIBRARIES`; `hardware.resolved` has that of torch."""
    return {library: version(library) for library in LIBRARIES}


def save(folder: Path, runs: Iterable[tuple[str, Run]], about: Mapping[str, Any]) -> None:
    """Write the classifiers of an arm in place of a folder, which may get none.

    Args:
        folder: of the arm
        runs: of all classifiers, each with the name of the classifier in predictions
        about: further entries of the configuration
    """
    kept = [(name, run) for name, run in runs if run.weights and not predictions.normalisation(name)]
    tensors = {  # copies, as runs may share arrays
        f"{name}/{run.seed}/{key}": torch.tensor(array) for name, run in kept for key, array in run.weights.items()
    }
    models.save(folder, tensors, {**about, "runs": [[name, run.seed] for name, run in kept]})


@dataclass(frozen=True)
class SavedClassifier:
    """A classifier with the weights of its runs, whose mean predicts."""

    word: str  # key of `CLASSIFIERS`
    params: Any  # its own
    runs: Mapping[int, Weights]  # by seed
    labels: Sequence[str]  # emotions, in the order of the probabilities
    audio: AudioParams
    hardware: HardwareParams

    @classmethod
    def load(cls, folder: Path, name: str | None = None, seed: int | None = None) -> tuple[Self, str, dict[str, Any]]:
        """A classifier of `save`.

        Args:
            folder: of the arm
            name: of the classifier in predictions, or its first word, such as `svm`; None: the first that was kept
            seed: of one run; None: all

        Returns:
            the classifier, its name in predictions, and the configuration of the arm

        Raises:
            ModelError: there is no such classifier, or its files are broken or of another version
        """
        tensors, config = models.load(folder)
        with models.fitting(folder):
            chosen, seeds = _chosen(folder, config["runs"], name, seed)
            word, machine = chosen.partition("+")[0], config["machine"]
            device: Literal["cpu", "auto"] = "cpu" if machine["device"] == "cpu" else "auto"
            found = cls(
                word,
                TypeAdapter(CLASSIFIERS[word].params).validate_python(config["params"][word]),
                {each: _below(f"{chosen}/{each}/", tensors) for each in seeds},
                config["labels"],
                TypeAdapter(AudioParams).validate_python(config["preparation"]["audio"]),
                HardwareParams(device, machine["threads"], machine["precision"]),
            )
        return found, chosen, config

    def probabilities(self, utterances: Utterances) -> np.ndarray:
        """Probability of each emotion for each utterance, (utterances, emotions), the mean of the runs."""
        device = hardware.device(self.hardware)
        resources = Resources(Path(), Path(), self.audio, self.hardware, device, len(self.labels), {})
        features = features_of(utterances, self.word, self.params, resources)
        predict = CLASSIFIERS[self.word].predict
        each = [predict(weights, features, self.params, resources) for weights in self.runs.values()]
        found: np.ndarray = np.mean(each, axis=0)
        return found


def features_of(utterances: Utterances, word: str, params: Any, resources: Resources) -> Sequence[np.ndarray]:
    """What a classifier reads of recordings that are in no corpus.

    Args:
        utterances: of the recordings
        word: key of `CLASSIFIERS`
        params: the classifier's own
        resources: of all classifiers, but for the folders
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        with Writer(folder / RECORDINGS) as writer:
            for segment, (_, arrays) in utterances.items():
                writer.add(str(segment), arrays)
        rows = [_row(segment, sha256) for segment, (sha256, _) in utterances.items()]
        own = replace(resources, features=folder, cache=folder / "cache")
        return CLASSIFIERS[word].features(pd.DataFrame(rows), params, own)


def _chosen(folder: Path, kept: Sequence[tuple[str, int]], name: str | None, seed: int | None) -> tuple[str, list[int]]:
    """Name in predictions, and seeds, of the runs that are asked for; arguments and errors as of `load`."""
    seeds: dict[str, list[int]] = {}
    for each, number in kept:
        seeds.setdefault(each, []).append(number)
    if not seeds:
        raise ModelError(
            f"{folder}: has no classifier: 'classify.normalisations' lacks train, or the arm trains one for each "
            "person, as `emocycle enrol` does"
        )
    of_words = {each.partition("+")[0]: each for each in seeds} | {each: each for each in seeds}
    chosen = of_words.get(name or next(iter(seeds)))
    if chosen is None:
        raise ModelError(f"{folder}: has no classifier '{name}'{nearest(str(name), seeds)}")
    if seed is not None and seed not in seeds[chosen]:
        raise ModelError(f"{folder}: '{chosen}' has no seed {seed}; expected one of {str(seeds[chosen])[1:-1]}")
    return chosen, seeds[chosen] if seed is None else [seed]


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> Weights:
    """Weights whose names begin with a prefix, without it."""
    return {key.removeprefix(prefix): each.numpy() for key, each in tensors.items() if key.startswith(prefix)}


def _row(segment: Segment, sha256: str) -> dict[str, Any]:
    """Columns of `manifest.AUGMENTED` that features need, of an utterance of a file with this hash."""
    place = {"filepath": segment.path.as_posix(), "start": segment.start, "end": segment.end}
    origin = {"corpus": RECORDINGS, "is_synthetic": False, "generator": None, "source_id": None}
    return {"id": str(segment), "sha256": f"{sha256} {segment.times}", **place, **origin}
