"""Normalisation of features by the clips of each speaker or corpus.

It needs other clips of each test speaker: of all emotions for `speaker`, a few neutral ones for `neutral`; or, for
`corpus`, neutral train clips of the test corpus. Results with it therefore have names of their own.
"""

import json
from collections.abc import Sequence
from itertools import compress

import numpy as np
import pandas as pd

from pipeline.core.manifest import ENROL, NEUTRAL

LEAST = 0.1  # a speaker's deviation is at least this share of that of all train clips


def normalised(arrays: Sequence[np.ndarray], clips: pd.DataFrame, normalisation: str) -> Sequence[np.ndarray]:
    """Arrays normalised by the clips of their speaker, or as they are for `train`, where the classifier does it."""
    match normalisation:
        case "speaker":
            return by_speaker(arrays, clips)
        case "neutral":
            return by_neutral(arrays, clips)
        case "corpus":
            return by_corpus(arrays, clips)
        case _:
            return arrays


def by_speaker(arrays: Sequence[np.ndarray], clips: pd.DataFrame) -> list[np.ndarray]:
    """Each clip standardised by the real clips of its speaker in its partition.

    A clip in another voice (`targets` in its parameters) is standardised by the clips of its speaker in that voice.
    Where the speaker has no real clip, as of clips generated from noise, statistics are of all real train clips.

    Args:
        arrays: of each clip, (rows, …); each place of a row is standardised over all rows of a speaker
        clips: columns speaker, partition, is_synthetic and parameters; in the same order

    Returns:
        arrays of the same shapes, float32
    """
    real = ~clips["is_synthetic"].to_numpy()
    overall = _statistics(arrays, real & (clips["partition"] == "train").to_numpy())
    normalised = list(arrays)
    voice = clips["parameters"].where(clips["parameters"].str.contains('"targets"', na=False), "")
    for numbers in clips.groupby(["partition", "speaker", voice], observed=True).indices.values():
        known = np.isin(np.arange(len(clips)), numbers) & (real | bool(voice.iloc[numbers[0]]))
        mean, deviation = _statistics(arrays, known) if known.any() else overall
        scale = np.maximum(deviation, np.maximum(LEAST * overall[1], 1e-6))
        for number in numbers:
            normalised[number] = ((arrays[number] - mean) / scale).astype(np.float32)
    return normalised


def by_neutral(arrays: Sequence[np.ndarray], clips: pd.DataFrame) -> list[np.ndarray]:
    """Each clip minus the mean of its speaker's known neutral clips: real train clips, or enrolled ones.

    Of a clip in another voice (`targets` in its parameters), the mean is that of the speakers of the voice. Where no
    neutral clip of the speaker is known, as of clips generated from noise, it is that of all real train clips.

    Args:
        arrays: of each clip, (rows, …)
        clips: columns speaker, partition, emotion, is_synthetic and parameters; in the same order

    Returns:
        arrays of the same shapes, float32
    """
    return _minus_neutral_means(arrays, clips, clips["speaker"], ["train", ENROL])


def by_corpus(arrays: Sequence[np.ndarray], clips: pd.DataFrame) -> list[np.ndarray]:
    """Each clip minus the mean of the neutral real train clips of its corpus; the rest as `by_neutral`."""
    return _minus_neutral_means(arrays, clips, clips["corpus"], ["train"])


def _minus_neutral_means(
    arrays: Sequence[np.ndarray], clips: pd.DataFrame, groups: "pd.Series[str]", partitions: Sequence[str]
) -> list[np.ndarray]:
    """Each clip minus the mean of the neutral real clips of its group, or of the groups of its voice's speakers.

    Args:
        arrays: of each clip, (rows, …)
        clips: as of `by_neutral`
        groups: name of the group of each clip
        partitions: of the neutral clips
    """
    known = ~clips["is_synthetic"] & (clips["emotion"] == NEUTRAL) & clips["partition"].isin(partitions)
    overall = _statistics(arrays, (known & (clips["partition"] == "train")).to_numpy())[0]
    means = {group: _statistics(arrays, (known & (groups == group)).to_numpy())[0] for group in groups[known].unique()}
    group_of = dict(zip(clips["speaker"], groups, strict=True))
    voices = [json.loads(text).get("targets") if isinstance(text, str) else None for text in clips["parameters"]]
    shares = [
        [(group_of.get(name), share) for name, share in voice.items()] if voice else [(group, 1.0)]
        for voice, group in zip(voices, groups, strict=True)
    ]
    return [
        (array - sum(share * means.get(group, overall) for group, share in own)).astype(np.float32)
        for array, own in zip(arrays, shares, strict=True)
    ]


def _statistics(arrays: Sequence[np.ndarray], chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each place of a row over the rows of the chosen arrays."""
    rows = np.concatenate(list(compress(arrays, chosen))).astype(np.float64)
    return rows.mean(axis=0), rows.std(axis=0)
