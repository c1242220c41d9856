"""F0 of an emotion, relative to the speaker, and how to move a clip's F0 from one emotion to another."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class F0Statistics:
    """Log-Gaussian statistics of an emotion's voiced frames over the speakers of a train partition."""

    shift: float  # mean log-F0 over that of the same speakers' other emotions of the pair [log Hz]
    deviation: float  # standard deviation inside a clip [log Hz]


def f0_statistics(
    log_f0: Sequence[np.ndarray], emotions: Sequence[str], speakers: Sequence[str]
) -> dict[str, F0Statistics]:
    """Statistics of each emotion, in which every speaker counts the same.

    The mean is relative to the speaker's own mean over the emotions, so that it does not matter how many clips of
    which emotion a speaker has.

    Args:
        log_f0: of the voiced frames of each clip, each (frames,) [log Hz]; a clip without any does not count
        emotions: of each clip
        speakers: of each clip
    """
    means: dict[str, dict[str, list[float]]] = {}
    deviations: dict[str, dict[str, list[float]]] = {}
    for voiced, emotion, speaker in zip(log_f0, emotions, speakers, strict=True):
        if len(voiced) > 1:
            means.setdefault(speaker, {}).setdefault(emotion, []).append(float(np.mean(voiced)))
            deviations.setdefault(emotion, {}).setdefault(speaker, []).append(float(np.std(voiced)))
    shifts: dict[str, list[float]] = {}
    for by_emotion in means.values():
        if len(by_emotion) < 2:
            continue  # nothing to compare this speaker's one emotion with
        own = {emotion: float(np.mean(values)) for emotion, values in by_emotion.items()}
        centre = float(np.mean(list(own.values())))
        for emotion, mean in own.items():
            shifts.setdefault(emotion, []).append(mean - centre)
    return {
        emotion: F0Statistics(
            shift=float(np.mean(shifts.get(emotion, [0.0]))),
            deviation=float(np.mean([np.mean(values) for values in by_speaker.values()])),
        )
        for emotion, by_speaker in sorted(deviations.items())
    }


def converted_f0(
    f0_hz: np.ndarray, source: F0Statistics, target: F0Statistics, floor_hz: float, ceil_hz: float
) -> np.ndarray:
    """F0 moved by the emotions' difference in mean and the ratio of their deviations (log-Gaussian transform).

    The clip's own mean stands for the speaker, so that no statistics of the speaker are needed.

    Args:
        f0_hz: (frames, 1), 0 where unvoiced [Hz]
        source: of the clip's emotion
        target: of the emotion to move to
        floor_hz: what comes out is not lower [Hz]
        ceil_hz: nor higher [Hz]

    Returns:
        same shape, unvoiced frames still 0
    """
    voiced = f0_hz > 0
    if not voiced.any():
        return f0_hz.copy()
    log_f0 = np.log(f0_hz[voiced])
    mean = log_f0.mean()
    ratio = max(target.deviation, 1e-3) / max(source.deviation, 1e-3)
    moved = (log_f0 - mean) * ratio + mean + target.shift - source.shift
    moved = np.clip(moved, math.log(floor_hz), math.log(ceil_hz))  # exp() of an absurd one would overflow
    converted = np.zeros_like(f0_hz)
    converted[voiced] = np.clip(np.exp(moved), floor_hz, ceil_hz)
    return converted
