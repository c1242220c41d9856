"""Normalisation by each speaker's own clips.

It gains more than most augmentations, but needs other clips of each test speaker, of all emotions. Results with it
therefore have names of their own.
"""

from collections.abc import Sequence
from itertools import compress

import numpy as np
import pandas as pd

LEAST = 0.1  # a speaker's deviation is at least this share of that of all train clips


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


def _statistics(arrays: Sequence[np.ndarray], chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each place of a row over the rows of the chosen arrays."""
    rows = np.concatenate(list(compress(arrays, chosen))).astype(np.float64)
    return rows.mean(axis=0), rows.std(axis=0)
