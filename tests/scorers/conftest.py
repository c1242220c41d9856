"""Synthetic speech for the tests of the scorers."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

RATE = 16_000

Speak = Callable[..., np.ndarray]


@pytest.fixture(scope="session")
def speak() -> Speak:
    """Function that synthesises a clip, (samples,) at 16 kHz."""

    @cache
    def synthesise(
        f0_hz: float = 150.0,
        tilt_db: float = -9.0,
        syllables_hz: float = 4.0,
        formants_hz: tuple[float, ...] = (600.0, 1500.0, 2600.0),
        seed: int = 0,
        duration_s: float = 1.0,
    ) -> np.ndarray:
        """Falling harmonics (dB an octave) with formants, vibrato and syllables; each seed gives another clip."""
        draw = np.random.default_rng(seed)
        f0_hz *= 2 ** (draw.normal(0, 0.5) / 12)
        time = np.arange(round(duration_s * RATE)) / RATE
        phase = 2 * np.pi * f0_hz * time + 0.5 * np.sin(2 * np.pi * 5 * time + draw.uniform(0, 6))
        sound = 1e-3 * draw.standard_normal(len(time))
        for number in range(1, int(7500 / f0_hz)):
            peaks = [1 / (1 + ((number * f0_hz - formant) / 120) ** 2) for formant in formants_hz]
            sound += number ** (tilt_db / 6.02) * (0.05 + sum(peaks)) * np.sin(number * phase)
        rate_hz = syllables_hz * draw.uniform(0.9, 1.1)
        sound *= 0.05 + np.sin(np.pi * rate_hz * time + draw.uniform(0, 3)) ** 2
        return (0.05 * sound / np.sqrt(np.mean(sound**2))).astype(np.float32)

    return synthesise


@pytest.fixture(
    params=[np.zeros(RATE), np.zeros(1), np.array([0.5]), np.full(100, 0.1), np.eye(1, RATE, 5)[0], np.zeros(500)],
    ids=["silence", "one sample of silence", "one sample", "one frame", "a click", "a little silence"],
)
def odd(request: pytest.FixtureRequest) -> np.ndarray:
    """A clip without speech."""
    found: np.ndarray = request.param.astype(np.float32)
    return found
