"""Energy of frames: detection of speech, and contrast between loud and soft speech."""

import numpy as np

from pipeline.conversion.alignment import SPEECH_DB

NEPERS = np.log(10) / 10  # of power, in a decibel
SPEECH = SPEECH_DB * NEPERS  # frames more than this below the loud frames are no speech
FADE = 20 * NEPERS  # further below, silence stays as it is
LOUD = 95  # percentile of the energy of loud frames; the loudest one may be a click


def threshold(c0: np.ndarray) -> float:
    """Energy above which a frame of a clip is speech, from the frames' energies (frames,) [nepers of power]."""
    return float(np.percentile(c0, LOUD) - SPEECH)


def deviation(c0: np.ndarray) -> float:
    """Standard deviation of the energy over a clip's speech, from energies (frames,) [nepers of power]."""
    return float(np.std(c0[c0 > threshold(c0)], dtype=np.float64))


def contrasted(c0: np.ndarray, ratio: float) -> np.ndarray:
    """Energies with the deviation of speech from its mean multiplied.

    Below the speech, the change fades to 0, so that a smaller contrast does not amplify noise.

    Args:
        c0: (frames,) [nepers of power]
        ratio: of the deviations

    Returns:
        same shape; the mean of the speech is unchanged
    """
    floor, top = threshold(c0), float(c0.max())
    mean = float(np.mean(c0[c0 > floor], dtype=np.float64))
    change = np.interp(c0, [floor - FADE, floor, top], [0.0, (ratio - 1) * (floor - mean), (ratio - 1) * (top - mean)])
    return (c0 + change).astype(c0.dtype)
