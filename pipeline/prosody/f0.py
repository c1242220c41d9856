"""F0 contours, and their parts at ten scales of time (continuous wavelet transform).

The transform is that of Suni et al. 2013, Ming et al. 2016 and Zhou, Sisman and Li 2020 ("Transforming spectrum and
prosody for emotional voice conversion with non-parallel training data"): log F0, interpolated where unvoiced and
normalised, in Mexican-hat wavelets of ten scales an octave apart. Two things differ:

- The papers add the scales up with weights (i + 2.5)^(-5/2), i = 1 … 10. These come near the exact ones, but weigh the
  first and the last scale up to 1.7 times as much as those in between, and what is faster or slower than all of them is
  lost: of RAVDESS, 60 cents (root mean square) of contours that deviate by 345. Here, what the scales hear of each
  frequency is divided by what they hear of it together. In between that changes them by 1%, for over octaves
  (2^i ω)² exp(-(2^i ω)²/2) adds up to 1/ln 2 nearly everywhere (compare Torrence and Compo 1998, section 3i); the first
  track has besides what is faster, the last what is slower. So the tracks simply add up to the contour.
- The scales are 1 to 512 frames of 5 ms, where Suni et al. have 4 to 2048, of which the longest three are empty in
  clips of a few seconds.

Beyond its ends a contour is continued by its mirror image, so the transform is one of cosines and has no edges.
"""

import math

import numpy as np
from scipy.fft import dct, idct

SCALES = 10
FLAT = 1e-6  # a deviation of log F0 below this is none


def continuous(f0_hz: np.ndarray) -> np.ndarray:
    """Log F0 without gaps, linear through unvoiced stretches, held at the ends.

    Args:
        f0_hz: (frames, 1), 0 where unvoiced, voiced somewhere [Hz]

    Returns:
        (frames,) [log Hz]
    """
    voiced = np.flatnonzero(f0_hz[:, 0] > 0)
    return np.interp(np.arange(len(f0_hz)), voiced, np.log(f0_hz[voiced, 0].astype(np.float64)))


def wavelets(f0_hz: np.ndarray) -> np.ndarray:
    """Parts of a clip's normalised F0 contour at each scale of time, from fast to slow.

    The contour is log F0 over the voiced frames' mean, in units of their deviation.

    Args:
        f0_hz: (frames, 1), 0 where unvoiced [Hz]

    Returns:
        (frames, SCALES), float32; zeros where nothing is voiced, or all of it at the same F0
    """
    voiced = f0_hz[:, 0] > 0
    contour = continuous(f0_hz) if voiced.any() else np.zeros(len(f0_hz))
    deviation = contour[voiced].std() if voiced.any() else 0.0
    if deviation < FLAT:
        return np.zeros((len(f0_hz), SCALES), np.float32)
    tracks = idct(dct((contour - contour[voiced].mean()) / deviation)[:, None] * _gains(len(contour)), axis=0)
    return np.asarray(tracks, np.float32)


def from_wavelets(
    tracks: np.ndarray, mean: float, deviation: float, voiced: np.ndarray, floor_hz: float, ceil_hz: float
) -> np.ndarray:
    """F0 whose parts at each scale are these: inverse of `wavelets`.

    Args:
        tracks: as `wavelets` gives them, (frames, SCALES)
        mean: of log F0 over the voiced frames [log Hz]
        deviation: likewise [log Hz]
        voiced: which frames are, (frames,)
        floor_hz: what comes out is not lower [Hz]
        ceil_hz: nor higher [Hz]

    Returns:
        (frames, 1), 0 where unvoiced [Hz]
    """
    return placed(tracks.sum(axis=1, dtype=np.float64), voiced, mean, deviation, floor_hz, ceil_hz)


def placed(
    contour: np.ndarray, voiced: np.ndarray, mean: float, deviation: float, floor_hz: float, ceil_hz: float
) -> np.ndarray:
    """F0 that moves like a contour, of this mean and deviation.

    Args:
        contour: in any unit of log F0, (frames,)
        voiced: which frames are, (frames,)
        mean: of log F0 over the voiced frames [log Hz]
        deviation: likewise [log Hz]; of a contour without any, F0 has none
        floor_hz: what comes out is not lower [Hz]
        ceil_hz: nor higher [Hz]

    Returns:
        (frames, 1), 0 where unvoiced [Hz]
    """
    f0_hz = np.zeros((len(contour), 1))
    if voiced.any():
        around = contour[voiced] - contour[voiced].mean()
        log_f0 = mean + around * deviation / max(around.std(), FLAT)
        log_f0 = np.clip(log_f0, math.log(floor_hz), math.log(ceil_hz))  # exp() of an absurd one would overflow
        f0_hz[voiced, 0] = np.clip(np.exp(log_f0), floor_hz, ceil_hz)
    return f0_hz


def _gains(frames: int) -> np.ndarray:
    """What each scale keeps of each cosine, (frames, SCALES)."""
    frequency = np.pi * np.arange(frames) / frames  # [radians a frame]
    squared = (frequency[:, None] * 2.0 ** np.arange(SCALES)) ** 2
    gains = squared * np.exp(-squared / 2)
    return np.asarray(gains / np.maximum(gains.sum(axis=1, keepdims=True), np.finfo(float).tiny))  # of the mean: none
