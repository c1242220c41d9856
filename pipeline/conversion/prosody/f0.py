"""Log-Gaussian conversion of F0: another mean and deviation of its logarithm (Liu et al. 2007)."""

import math

import numpy as np

FLAT = 1e-6  # smallest deviation of log F0, against division by 0


def moved(f0_hz: np.ndarray, shift: float, ratio: float, floor_hz: float, ceil_hz: float) -> np.ndarray:
    """F0 with another mean and deviation of its logarithm over the voiced frames.

    Args:
        f0_hz: (frames, 1), 0 where unvoiced [Hz]
        shift: of the mean of log F0 [log Hz]
        ratio: factor of the deviation of log F0
        floor_hz: lower bound of the result [Hz]
        ceil_hz: upper bound [Hz]

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
        log_f0 = np.clip(log_f0, math.log(floor_hz), math.log(ceil_hz))  # exp() of an extreme value would overflow
        found[voiced] = np.clip(np.exp(log_f0), floor_hz, ceil_hz)
    return found
