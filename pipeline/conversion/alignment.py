"""Which frames of two takes of a sentence belong together."""

from dataclasses import dataclass
from typing import Self

import librosa
import numpy as np
from scipy.special import logsumexp

ORDER = 24  # coefficients that count, after the 0th, which is the level
SPEECH_DB = 30  # frames of speech are at most so far below the loudest one
DECIBELS = 10 / np.log(10)  # of a natural logarithm of power
MEL_POINTS = 64  # at which an envelope's power is averaged

Alignment = tuple[np.ndarray, np.ndarray]  # frames of either clip that belong together, (pairs,) each


@dataclass(frozen=True)
class Speech:
    """What counts of a clip in an alignment: frames at most 30 dB below its loudest one, wherever they are."""

    frames: np.ndarray  # their numbers in the clip, (spoken,)
    timbre: np.ndarray  # coefficients 1 … 24, (spoken, ORDER)

    @classmethod
    def of(cls, spectrum: np.ndarray) -> Self:
        """Of coded envelopes, (frames, order)."""
        frames = np.flatnonzero(is_speech(energy_db(spectrum)))
        return cls(frames, timbre(spectrum)[frames])


def aligned(converted: Speech, target: Speech) -> Alignment:
    """Frames that belong together, in order: dynamic time warping, all steps of one frame weighing the same.

    The distance is Euclidean.
    """
    _, path = librosa.sequence.dtw(converted.timbre.T, target.timbre.T)
    return converted.frames[path[::-1, 0]], target.frames[path[::-1, 1]]


def energy_db(spectrum: np.ndarray) -> np.ndarray:
    """Power of coded envelopes (frames, order), averaged over the mel axis, (frames,) [dB]."""
    angles = np.pi * np.arange(spectrum.shape[1])[:, None] * (np.arange(MEL_POINTS) + 0.5) / MEL_POINTS
    decoder = np.where(angles == 0, 1, np.sqrt(2) * np.cos(angles))  # inverse of WORLD's code
    energy: np.ndarray = DECIBELS * (logsumexp(spectrum @ decoder, axis=1) - np.log(MEL_POINTS))
    return energy


def is_speech(energy: np.ndarray) -> np.ndarray:
    """Which frames are within 30 dB of the loudest, (frames,), of their energy (frames,) [dB]."""
    loud: np.ndarray = energy >= energy.max() - SPEECH_DB
    return loud


def timbre(spectrum: np.ndarray) -> np.ndarray:
    """The coefficients that count, (frames, ORDER), of coded envelopes (frames, order)."""
    return spectrum[:, 1 : ORDER + 1].astype(np.float64)
