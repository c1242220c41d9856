"""F0 of a clip with another mean and deviation of its logarithm (as in Liu et al. 2007, "log Gaussian")."""

import math

import numpy as np

FLAT = 1e-6  # a deviation of log F0 below this is none


def moved(f0_hz: np.ndarray, shift: float, ratio: float, floor_hz: float, ceil_hz: float) -> np.ndarray:
    """F0 whose logarithm has another mean and deviation over the voiced frames.

    Args:
        f0_hz: (frames, 1), 0 where unvoiced [Hz]
        shift: what is added to the mean of log F0 [log Hz]
        ratio: what the deviation of log F0 is multiplied by
        floor_hz: what comes out is not lower [Hz]
        ceil_hz: nor higher [Hz]

    Returns:
        same shape, unvoiced frames still 0
    """
    voiced = f0_hz > 0
    found = np.zeros_like(f0_hz)
    if voiced.any():
        log_f0 = np.log(f0_hz[voiced].astype(np.float64))
        mean, deviation = log_f0.mean() + shift, log_f0.std() * ratio
        around = log_f0 - log_f0.mean()
        log_f0 = mean + around * deviation / max(around.std(), FLAT)
        log_f0 = np.clip(log_f0, math.log(floor_hz), math.log(ceil_hz))  # exp() of an absurd one would overflow
        found[voiced] = np.clip(np.exp(log_f0), floor_hz, ceil_hz)
    return found
