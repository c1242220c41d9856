"""Synthetic train clips."""

from collections.abc import Callable

import numpy as np
import pytest

from pipeline.conversion.prosody import ClipProsody
from pipeline.vocoder.features import Features

SILENCE = -20.0  # energy far below speech [nepers of power]


def wave(frames: int, mean: float, deviation: float) -> np.ndarray:
    """Numbers of exactly this mean and deviation, (frames,); a single one has no deviation."""
    sine = np.sin(np.linspace(0, 9, frames))
    return mean + deviation * (sine - sine.mean()) / max(sine.std(), 1e-9)


@pytest.fixture(scope="session")
def spoken() -> Callable[..., ClipProsody]:
    """Function that makes a clip of which everything is known: 10 silent frames, the speech, 10 silent frames."""

    def make(
        emotion: str = "sad",
        speaker: str = "demo_a",
        sentence: str | None = None,
        intensity: str | None = None,
        f0: tuple[float, float] = (5.0, 0.1),  # mean and deviation of log F0
        energy: tuple[float, float] = (0.0, 1.0),
        frames: int = 100,
        voiced: bool = True,
    ) -> ClipProsody:
        spectrum = np.random.default_rng(0).normal(size=(frames + 20, 4))
        spectrum[:, 0] = SILENCE
        f0_hz = np.zeros((frames + 20, 1))
        spectrum[10:-10, 0] = wave(frames, *energy)
        if voiced:
            f0_hz[10:-10, 0] = np.exp(wave(frames, *f0))
        bands = np.linspace(-20, 0, frames + 20)[:, None]
        return ClipProsody(Features(spectrum, f0_hz, bands), emotion, speaker, sentence, intensity)

    return make
