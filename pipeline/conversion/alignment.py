"""Alignment of the frames of two parallel utterances."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
from scipy.spatial.distance import cdist

ORDER = 24  # coefficients that are compared, after the 0th, which is the level
SPEECH_DB = 30  # frames more than this below the loudest one are no speech
DECIBELS = 10 / np.log(10)  # in a neper of power
MEL_POINTS = 64  # on the mel axis, over which the power of an envelope is averaged

Alignment = tuple[np.ndarray, np.ndarray]  # numbers of aligned frames of the first and the second clip, (pairs,) each


@dataclass(frozen=True)
class Speech:
    """The speech of a clip: its frames within 30 dB of the loudest one, without pauses."""

    frames: np.ndarray  # numbers of the speech frames in the clip, (speech,)
    timbre: np.ndarray  # coefficients 1 … 24, (speech, ORDER)

    @classmethod
    def of(cls, spectrum: np.ndarray) -> Self:
        """Speech of a clip, from its coded envelopes (frames, order)."""
        frames = np.flatnonzero(is_speech(energy_db(spectrum)))
        return cls(frames, timbre(spectrum)[frames])


def aligned(converted: Speech, target: Speech) -> Alignment:
    """Aligned frames, in order, by dynamic time warping: Euclidean distance, equal weights for all steps."""
    path = _cheapest_path(cdist(converted.timbre, target.timbre))
    return converted.frames[path[:, 0]], target.frames[path[:, 1]]


def energy_db(spectrum: np.ndarray) -> np.ndarray:
    """Power averaged over the mel axis, (frames,) [dB], of coded envelopes (frames, order)."""
    energy: np.ndarray = DECIBELS * np.log(np.exp(spectrum @ _decoder(spectrum.shape[1])).mean(axis=1))
    return energy


@lru_cache(maxsize=1)
def _decoder(order: int) -> np.ndarray:
    """Inverse of WORLD's coding, (order, MEL_POINTS)."""
    angles = np.pi * np.arange(order)[:, None] * (np.arange(MEL_POINTS) + 0.5) / MEL_POINTS
    return np.where(angles == 0, 1, np.sqrt(2) * np.cos(angles))


def is_speech(energy: np.ndarray) -> np.ndarray:
    """Boolean mask of frames within 30 dB of the loudest, (frames,), from energies (frames,) [dB]."""
    loud: np.ndarray = energy >= energy.max() - SPEECH_DB
    return loud


def timbre(spectrum: np.ndarray) -> np.ndarray:
    """Coefficients that are compared, (frames, ORDER), of coded envelopes (frames, order)."""
    return spectrum[:, 1 : ORDER + 1].astype(np.float64)


def _cheapest_path(cost: np.ndarray) -> np.ndarray:
    """Rows and columns of the cheapest path through costs (rows, columns) from the first to the last cell, (cells, 2).

    It is that of librosa, without Numba, which compiles for a second in each process.
    """
    row, column = np.ogrid[: cost.shape[0], : cost.shape[1]]
    total = np.full((sum(cost.shape) - 1, len(cost) + 1), np.inf)  # by row + column, and by row + 1
    total[row + column, row + 1] = cost
    for number in range(1, len(total)):
        best = np.minimum(total[number - 1, 1:], total[number - 1, :-1])
        if number > 1:
            np.minimum(best, total[number - 2, :-1], out=best)
        total[number, 1:] += best
    at = cost.shape[0] - 1, cost.shape[1] - 1
    path = [at]
    while any(at):
        i, j = at
        behind = ((i - 1, j - 1), (i, j - 1), (i - 1, j))  # the first of equal ones counts
        at = min(behind, key=lambda cell: total[sum(cell), cell[0] + 1] if min(cell) >= 0 else np.inf)
        path.append(at)
    return np.array(path[::-1])
