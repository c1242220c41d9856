"""A classifier for one person who is in no corpus, and of whom a few neutral recordings are known."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from pydantic import TypeAdapter

from pipeline.classification.recordings import Preparation
from pipeline.classification.svm import Svm, SvmParams, train_svm
from pipeline.core import models
from pipeline.core.shards import Shards
from pipeline.core.workers import in_parallel
from pipeline.generation import speaker_statistics
from pipeline.generation.speaker_statistics import SpeakerStatistics
from pipeline.vocoder import Features

TRAINS = "emocycle enrol NAME FOLDER"  # the command, for errors


@dataclass(frozen=True)
class PersonalClassifier:
    """An `svm` that has learned from clips in the person's voice, too."""

    svm: Svm
    labels: Sequence[str]  # emotions, in the order of the probabilities
    preparation: Preparation

    def save(self, folder: Path, about: Mapping[str, Any]) -> None:
        """Write weights and configuration in place of a folder.

        Args:
            folder: of the classifier
            about: further entries of the configuration, such as the person's name
        """
        config = {
            **about,
            "labels": list(self.labels),
            "chosen": dict(self.svm.chosen),
            "preparation": asdict(self.preparation),
        }
        models.save(folder, self.svm.tensors(), config)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Inverse of `save`.

        Raises:
            ModelError: there is no classifier; its files are broken, of another version, or not those that were written
        """
        tensors, config = models.load(folder, TRAINS)
        with models.fitting(folder, TRAINS):
            prepared = TypeAdapter(Preparation).validate_python(config["preparation"])
            return cls(Svm.from_tensors(tensors, len(config["labels"]), config["chosen"]), config["labels"], prepared)


def conversions(
    clips: pd.DataFrame, stored: Shards, person: SpeakerStatistics, prepared: Preparation, label: str
) -> Iterator[np.ndarray]:
    """Functionals (1, functionals) of each clip in a person's voice; nothing is written.

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


def train(
    real: np.ndarray,
    converted: np.ndarray,
    labels: np.ndarray,
    weight: float,
    valid: tuple[np.ndarray, np.ndarray],
    params: SvmParams,
) -> Svm:
    """Train on clips and on their conversions; valid chooses.

    Args:
        real: functionals of the real train clips, (clips, functionals)
        converted: of their conversions, same shape
        labels: classes, (clips,)
        weight: of all conversions, relative to the real clips
        valid: functionals and labels of the valid clips
        params: the grid
    """
    is_real = np.repeat([True, False], len(labels))
    weights = np.where(is_real, 1.0, weight)
    return train_svm(np.concatenate([real, converted]), np.tile(labels, 2), weights, is_real, valid, params)
