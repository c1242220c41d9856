"""Alignment of the frames of two parallel utterances."""

from dataclasses import dataclass
from typing import Self

import librosa
import numpy as np
from scipy.special import logsumexp

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
    _, path = librosa.sequence.dtw(converted.timbre.T, target.timbre.T)
    return converted.frames[path[::-1, 0]], target.frames[path[::-1, 1]]


def energy_db(spectrum: np.ndarray) -> np.ndarray:
    """Power averaged over the mel axis, (frames,) [dB], of coded envelopes (frames, order)."""
    angles = np.pi * np.arange(spectrum.shape[1])[:, None] * (np.arange(MEL_POINTS) + 0.5) / MEL_POINTS
    decoder = np.where(angles == 0, 1, np.sqrt(2) * np.cos(angles))  # inverse of WORLD's coding
    energy: np.ndarray = DECIBELS * (logsumexp(spectrum @ decoder, axis=1) - np.log(MEL_POINTS))
    return energy


def is_speech(energy: np.ndarray) -> np.ndarray:
    """Boolean mask of frames within 30 dB of the loudest, (frames,), from energies (frames,) [dB]."""
    loud: np.ndarray = energy >= energy.max() - SPEECH_DB
    return loud


def timbre(spectrum: np.ndarray) -> np.ndarray:
    """Coefficients that are compared, (frames, ORDER), of coded envelopes (frames, order)."""
    return spectrum[:, 1 : ORDER + 1].astype(np.float64)
