"""A classifier for one person who is in no corpus, and of whom a few neutral recordings are known."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from pydantic import TypeAdapter

from pipeline.classification import pretrained, saved
from pipeline.classification.classifiers import CLASSIFIERS
from pipeline.classification.interface import ArmFeatures, Resources
from pipeline.classification.recordings import Preparation
from pipeline.classification.saved import Utterances
from pipeline.classification.svm import Svm, SvmParams
from pipeline.core import models
from pipeline.core.manifest import NEUTRAL
from pipeline.core.predictions import NORMALISED
from pipeline.core.shards import Shards
from pipeline.core.workers import in_parallel
from pipeline.generation import speaker_statistics
from pipeline.generation.speaker_statistics import SpeakerStatistics
from pipeline.networks import hardware
from pipeline.networks.hardware import HardwareParams
from pipeline.vocoder import Features

TRAINS = "emocycle enrol NAME FOLDER"  # the command, for errors
RELATIVE = NORMALISED["neutral"]
NAMES = ("svm", f"svm{RELATIVE}", "pretrained", f"pretrained{RELATIVE}")  # of classifiers whose model is an `Svm`
MEAN = "neutral_mean"  # of the tensors


@dataclass(frozen=True)
class PersonalClassifier:
    """A classifier that has learned from clips in the person's voice, too."""

    name: str  # one of `NAMES`
    params: SvmParams  # its own
    svm: Svm
    mean: np.ndarray  # is subtracted from the features: that of the person's recordings or zero, (features,)
    labels: Sequence[str]  # emotions, in the order of the probabilities
    preparation: Preparation
    hardware: HardwareParams

    def save(self, folder: Path, about: Mapping[str, Any]) -> None:
        """Write weights and configuration in place of a folder.

        Args:
            folder: of the classifier
            about: further entries of the configuration, such as the person's name
        """
        config = {
            **about,
            "classifier": self.name,
            "params": asdict(self.params),
            "labels": list(self.labels),
            "preparation": asdict(self.preparation),
            "hardware": asdict(self.hardware),
        }
        models.save(folder, self.svm.tensors() | {MEAN: torch.from_numpy(self.mean)}, config)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Inverse of `save`.

        Raises:
            ModelError: there is no classifier; its files are broken, of another version, or not those that were written
        """
        tensors, config = models.load(folder, TRAINS)
        with models.fitting(folder, TRAINS):
            name = config["classifier"]
            return cls(
                name,
                TypeAdapter(CLASSIFIERS[word_of(name)].params).validate_python(config["params"]),
                Svm.from_tensors(tensors, len(config["labels"]), {}),
                tensors[MEAN].numpy(),
                config["labels"],
                TypeAdapter(Preparation).validate_python(config["preparation"]),
                TypeAdapter(HardwareParams).validate_python(config["hardware"]),
            )

    def probabilities(self, utterances: Utterances) -> np.ndarray:
        """Probability of each emotion for each utterance, (utterances, emotions)."""
        device = hardware.device(self.hardware)
        resources = Resources(Path(), Path(), self.preparation.audio, self.hardware, device, len(self.labels), {})
        found = saved.features_of(utterances, word_of(self.name), self.params, resources)
        return self.svm.probabilities(np.concatenate(found) - self.mean)


def word_of(name: str) -> str:
    """The key of `CLASSIFIERS` in one of `NAMES`."""
    return name.removesuffix(RELATIVE)


def conversions(
    clips: pd.DataFrame, stored: Shards, person: SpeakerStatistics, prepared: Preparation, label: str
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Functionals (1, functionals) and samples of each clip in a person's voice; nothing is written.

    Args:
        clips: real train clips
        stored: their features by the vocoder, which must be WORLD
        person: statistics of the person's recordings
        prepared: how clips are prepared
        label: of the progress bar
    """
    speakers = speaker_statistics.of_speakers(clips, stored)
    bounds = prepared.vocoder.world.f0_floor_hz, prepared.vocoder.world.f0_ceil_hz
    contents = (
        speaker_statistics.converted(Features.load(stored, id_), speakers[speaker], person, bounds)
        for id_, speaker in zip(clips["id"], clips["speaker"], strict=True)
    )
    return in_parallel(prepared.vocoded, contents, label, len(clips))


def read_by(params: SvmParams, clips: Iterable[tuple[np.ndarray, np.ndarray]], resources: Resources) -> np.ndarray:
    """What the classifier of `params` reads of clips that are in no file, (clips, features).

    Args:
        params: of a classifier
        clips: as of `conversions`
        resources: of all classifiers
    """
    if isinstance(params, pretrained.PretrainedParams):
        return np.concatenate([*pretrained.embedded(clips, params, resources)])
    return np.concatenate([functionals for functionals, _ in clips])


def relative(features: np.ndarray, clips: pd.DataFrame) -> np.ndarray:
    """Features minus the mean of each speaker's neutral clips, of all neutral clips for speakers who have none.

    Args:
        features: of the clips, (clips, features)
        clips: with columns speaker and emotion
    """
    is_neutral = (clips["emotion"] == NEUTRAL).to_numpy()
    speakers = clips["speaker"].to_numpy()
    found = features - features[is_neutral].mean(axis=0)
    for speaker in np.unique(speakers[is_neutral]):
        own = speakers == speaker
        found[own] = features[own] - features[own & is_neutral].mean(axis=0)
    return found


def train(
    word: str,
    clips: pd.DataFrame,
    real: np.ndarray,
    converted: np.ndarray,
    weight: float,
    params: SvmParams,
    resources: Resources,
) -> Svm:
    """Train on clips and on their conversions, as an arm of the pipeline.

    Args:
        word: of one of `NAMES`
        clips: real ones with columns partition (train or valid), speaker and label
        real: their features, (clips, features)
        converted: of the conversions of the train clips, in their order
        weight: of all conversions, relative to the real train clips
        params: the classifier's own
        resources: of all classifiers
    """
    is_train = clips["partition"] == "train"
    known = clips.assign(weight=1.0, is_synthetic=False)
    rows = pd.concat([known, known[is_train].assign(weight=weight, is_synthetic=True)], ignore_index=True)
    arrays = [*np.concatenate([real, converted])[:, None]]
    [run] = CLASSIFIERS[word].runs(ArmFeatures(rows, arrays), params, resources)
    weights = {name: torch.from_numpy(array) for name, array in run.weights.items()}
    return Svm.from_tensors(weights, resources.classes, {})
