"""Statistics of a speaker's speech, and the conversion of clips from one speaker to another by them.

Mean and deviation of each mel-cepstral coefficient except the 0th, and the mean of log F0. Emotion, words and timing of
a clip stay.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from pipeline.audio.speech import is_speech
from pipeline.core import bank
from pipeline.core.manifest import NEUTRAL
from pipeline.core.shards import Shards
from pipeline.vocoder.features import Features

RATIO = (0.7, 1.4)  # bounds of the ratio of two speakers' deviations; beyond, the estimates are in doubt


@dataclass(frozen=True)
class SpeakerStatistics:
    """Of a speaker's speech frames; each frame has the same weight."""

    mean: np.ndarray  # of the mel-cepstrum without its 0th coefficient, (order - 1,)
    deviation: np.ndarray  # likewise, (order - 1,)
    log_f0: float  # mean over voiced frames [log Hz]; NaN without any

    @classmethod
    def of(cls, clips: Iterable[Features]) -> Self:
        """Statistics of a speaker's clips."""
        speech, log_f0 = [], []
        for features in clips:
            speech.append(features.spectrum[is_speech(np.exp(features.spectrum[:, 0])), 1:].astype(np.float64))
            log_f0.append(np.log(features.f0_hz[features.f0_hz > 0].astype(np.float64)))
        frames, voiced = np.concatenate(speech), np.concatenate(log_f0)
        deviation = np.maximum(frames.std(axis=0), 1e-6)
        return cls(frames.mean(axis=0), deviation, float(voiced.mean()) if len(voiced) else np.nan)

    @classmethod
    def mixed(cls, speakers: Sequence[Self], shares: Sequence[float]) -> Self:
        """Weighted mean of the statistics; of deviations, of their logarithms."""
        weights = np.array(shares)[:, None]
        mean = (weights * [speaker.mean for speaker in speakers]).sum(axis=0)
        deviation = np.exp((weights * np.log([speaker.deviation for speaker in speakers])).sum(axis=0))
        return cls(mean, deviation, float(np.dot(shares, [speaker.log_f0 for speaker in speakers])))


def of_bank(folder: Path) -> dict[str, SpeakerStatistics]:
    """Statistics of each speaker of a voice bank.

    Args:
        folder: of the bank's tables

    Raises:
        ManifestError: the table is missing
    """
    return {
        speaker: SpeakerStatistics(np.array(mean), np.array(deviation), log_f0)
        for speaker, mean, deviation, log_f0 in bank.speakers(folder)[
            ["speaker", "mean", "deviation", "log_f0"]
        ].itertuples(index=False)
    }


def of_speakers(clips: pd.DataFrame, stored: Shards) -> dict[str, SpeakerStatistics]:
    """Statistics of each speaker's neutral clips, or of all clips if none is neutral.

    Of neutral ones, so that the difference of an emotion from neutral stays in a converted clip.

    Args:
        clips: real clips
        stored: their vocoder features
    """
    return {
        str(speaker): SpeakerStatistics.of(Features.load(stored, id_) for id_ in _neutral(own)["id"])
        for speaker, own in clips.groupby("speaker")
    }


def converted(
    features: Features, source: SpeakerStatistics, target: SpeakerStatistics, f0_bounds_hz: tuple[float, float]
) -> Features:
    """Features of a clip with the target's statistics in place of the source's.

    Args:
        features: of WORLD
        source: speaker of the clip
        target: speaker of the result
        f0_bounds_hz: lowest and highest F0 of the result [Hz]
    """
    ratio = np.clip(target.deviation / source.deviation, *RATIO)
    spectrum = features.spectrum.copy()
    spectrum[:, 1:] = (spectrum[:, 1:] - source.mean) * ratio + target.mean
    shift = np.nan_to_num(target.log_f0 - source.log_f0)
    f0_hz = np.where(features.f0_hz > 0, np.clip(features.f0_hz * np.exp(shift), *f0_bounds_hz), 0)
    return replace(features, spectrum=spectrum, f0_hz=f0_hz.astype(np.float32))


def _neutral(clips: pd.DataFrame) -> pd.DataFrame:
    neutral = clips[clips["emotion"] == NEUTRAL]
    return neutral if len(neutral) else clips
