"""Which frames of two takes of a sentence belong together."""

import librosa
import numpy as np
from scipy.special import logsumexp

ORDER = 24  # coefficients that count, after the 0th, which is the level
SPEECH_DB = 30  # frames of speech are at most so far below the loudest one
DECIBELS = 10 / np.log(10)  # of a natural logarithm of power
MEL_POINTS = 64  # at which an envelope's power is averaged

Alignment = tuple[np.ndarray, np.ndarray]  # frames of either clip that belong together, (pairs,) each


def aligned(converted: np.ndarray, target: np.ndarray) -> Alignment:
    """Frames of speech that belong together, in order: dynamic time warping, all steps of one frame weighing the same.

    The distance is Euclidean, of the coefficients 1 … 24. Frames more than 30 dB below a clip's loudest do not count,
    wherever in the clip they are.

    Args:
        converted: coded envelopes, (frames, order)
        target: (other frames, order)
    """
    kept = [np.flatnonzero(is_speech(energy_db(spectrum))) for spectrum in (converted, target)]
    _, path = librosa.sequence.dtw(*(timbre(s[k]).T for s, k in zip((converted, target), kept, strict=True)))
    return kept[0][path[::-1, 0]], kept[1][path[::-1, 1]]


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
