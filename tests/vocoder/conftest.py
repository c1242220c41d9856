"""Numbers and a sound for the tests of the mel vocoder and its inversions."""

from typing import Any

import numpy as np
import pytest

from pipeline.audio.mel_bands import log_mel
from pipeline.vocoder.mel import IstftParams, MelParams, transform

RATE = 16_000


@pytest.fixture(autouse=True)
def all_on_one_thread(one_thread: None) -> None:
    """Each test."""


@pytest.fixture
def params() -> MelParams:
    """The mel vocoder with a tiny network."""
    network = IstftParams(
        channels=16, blocks=2, kernel=3, steps=20, batch=4, frames=32, learning_rate=1e-2, iterations=0
    )
    return MelParams(n_mels=80, frame_ms=5, window_ms=20, inversion="griffin_lim", iterations=8, istft=network)


@pytest.fixture
def mel(params: MelParams) -> Any:
    """Its transform, at 16 kHz."""
    return transform(params, RATE)


@pytest.fixture
def sound() -> np.ndarray:
    """A voice that glides from 120 to 180 Hz between two hisses, with two formants, 0.5 s, (samples,)."""
    time = np.arange(RATE // 2) / RATE
    f0_hz = 120 + 120 * time
    phase = 2 * np.pi * np.cumsum(f0_hz) / RATE
    partials = np.arange(1, 40)[:, None]
    formants = sum(1 / (1 + ((partials * 150 - centre) / 200) ** 2) for centre in (600, 1800))
    voice = (formants * np.sin(partials * phase)).sum(axis=0) * ((time > 0.1) & (time < 0.4))
    hiss = 0.1 * np.random.default_rng(0).standard_normal(len(time))
    return (0.05 * (voice + hiss)).astype(np.float32)


def spectrogram(samples: np.ndarray) -> np.ndarray:
    """Log-mel spectrogram, (frames, 80), of the transform `mel`."""
    return log_mel(samples, 16_000, 80, 5, 20)
