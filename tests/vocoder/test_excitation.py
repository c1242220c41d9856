"""The excitation has the given F0 in equal harmonics, and noise in unvoiced frames."""

import numpy as np
import pyworld
import torch

from pipeline.vocoder.excitation import NOISE, excitation

RATE, HOP = 16_000, 80


def generated(f0_hz: np.ndarray, seed: int = 0) -> np.ndarray:
    contour = torch.from_numpy(f0_hz.astype(np.float32))[None]
    return excitation(contour, HOP, RATE, torch.Generator().manual_seed(seed))[0].numpy().astype(np.float64)


def test_f0_of_the_excitation() -> None:
    wanted = 100 * 2 ** np.linspace(0, 1, 200)
    found, times = pyworld.dio(generated(wanted), RATE, frame_period=5)
    found = pyworld.stonemask(generated(wanted), found, times, RATE)
    inside = slice(10, 190)
    assert (found[inside] > 0).all()
    assert np.abs(np.log(found[inside] / wanted[inside])).max() < 0.01


def test_harmonics_are_equally_strong_and_in_phase() -> None:
    wave = generated(np.full(201, 200.0))[:8000] / np.sqrt(1 + NOISE**2)
    harmonics = np.fft.rfft(wave)[100::100][:39] / 4000  # of 200 Hz in half a second, as cosines
    expected = np.sqrt(2 / 40)
    np.testing.assert_allclose(np.abs(harmonics), expected, atol=0.01)
    turned = np.angle(harmonics) / np.arange(1, 40)  # a common delay
    assert np.ptp(turned) < 0.1


def test_power_is_one_and_unvoiced_is_noise() -> None:
    contour = np.repeat([0.0, 150.0, 0.0], 200)
    wave = generated(contour)
    for start in (1000, 17_000, 33_000):
        assert 0.9 < np.mean(wave[start : start + 14_000] ** 2) < 1.1
    assert np.abs(wave[:15_900]).max() < 5  # noise; of pulses 13
    assert np.abs(wave[17_000:31_000]).max() > 10
    assert abs(np.corrcoef(wave[:15_000], generated(contour, seed=1)[:15_000])[0, 1]) < 0.05


def test_shape_and_seed() -> None:
    assert generated(np.array([120.0])).shape == (79,)
    assert np.isfinite(generated(np.array([0.0, 8001.0, 71.0]))).all()
    assert generated(np.full(9, 100.0)).tobytes() == generated(np.full(9, 100.0)).tobytes()
