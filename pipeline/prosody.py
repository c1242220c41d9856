"""F0 of an emotion, relative to the speaker, and how to move a clip's F0 from one emotion to another."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd


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

    Returns:
        of every emotion; no shift and no deviation where nothing is voiced
    """
    clips = pd.DataFrame(
        {
            "emotion": emotions,
            "speaker": speakers,
            "mean": [np.mean(voiced) if len(voiced) > 1 else np.nan for voiced in log_f0],
            "deviation": [np.std(voiced) if len(voiced) > 1 else np.nan for voiced in log_f0],
        }
    )
    own = clips.groupby(["speaker", "emotion"])[["mean", "deviation"]].mean()
    of_speaker = own["mean"].groupby("speaker")
    compared = of_speaker.transform("count") > 1  # a speaker's only emotion has nothing to be compared with
    shift = (own["mean"] - of_speaker.transform("mean"))[compared].groupby("emotion").mean()
    deviation = own["deviation"].groupby("emotion").mean().fillna(0.0)
    return {
        emotion: F0Statistics(float(shift.get(emotion, 0.0)), float(deviation[emotion]))
        for emotion in sorted(set(emotions))
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
