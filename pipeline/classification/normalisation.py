"""Normalisation by what is known of a speaker, which says more than most augmentations and asks for more.

A test speaker's other clips must be there, all emotions among them, so what is reached with it bears another name.
"""

from collections.abc import Sequence
from itertools import compress

import numpy as np
import pandas as pd

LEAST = 0.1  # a speaker's deviation is at least this share of that of all train clips


def by_speaker(arrays: Sequence[np.ndarray], clips: pd.DataFrame) -> list[np.ndarray]:
    """Each clip standardised by the real clips of its speaker in its partition.

    Where there is no real clip of the speaker, as of what is made from noise, all real train clips count.

    Args:
        arrays: of each clip, (rows, …); what stands in the same place of a row is standardised over a speaker's rows
        clips: columns speaker, partition and is_synthetic; in the same order

    Returns:
        arrays of the same shapes, float32
    """
    real = ~clips["is_synthetic"].to_numpy()
    everybody = _statistics(arrays, real & (clips["partition"] == "train").to_numpy())
    normalised = list(arrays)
    for numbers in clips.groupby(["partition", "speaker"], observed=True).indices.values():
        known = np.isin(np.arange(len(clips)), numbers) & real
        mean, deviation = _statistics(arrays, known) if known.any() else everybody
        scale = np.maximum(deviation, np.maximum(LEAST * everybody[1], 1e-6))
        for number in numbers:
            normalised[number] = ((arrays[number] - mean) / scale).astype(np.float32)
    return normalised


def _statistics(arrays: Sequence[np.ndarray], chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each place of a row over the rows of the chosen arrays."""
    rows = np.concatenate(list(compress(arrays, chosen))).astype(np.float64)
    return rows.mean(axis=0), rows.std(axis=0)
