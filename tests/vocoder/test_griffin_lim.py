"""Phases are found that fit; each step equals another implementation."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy.signal import get_window
from torchaudio.functional import griffinlim

from pipeline.vocoder.griffin_lim import MOMENTUM, griffin_lim, log_magnitude, refined, spectrum, waveform
from tests.vocoder.conftest import spectrogram


def misfit(samples: np.ndarray, wanted: np.ndarray) -> float:
    """How far the spectrogram of samples is from the one wanted, mean absolute difference [nepers of power]."""
    return float(np.abs(spectrogram(samples) - wanted).mean())


def test_the_longer_the_search_the_better_the_fit(sound: np.ndarray, mel: Any) -> None:
    wanted = spectrogram(sound)
    misfits = [misfit(griffin_lim(wanted, mel, iterations, 0), wanted) for iterations in (0, 4, 32)]
    assert misfits[0] > 1.5 * misfits[1] > 2 * misfits[2]


def test_search_is_that_of_torchaudio(sound: np.ndarray, mel: Any) -> None:
    start = spectrum(torch.from_numpy(sound)[None], mel).abs()
    about = mel.spectrogram
    windows = about.window, about.n_fft, about.hop_length, about.win_length
    ours = waveform(refined(start.to(torch.complex64), mel, 6), mel)
    theirs = griffinlim(start, *windows, 1.0, 6, MOMENTUM, ours.shape[1], rand_init=False)
    inside = slice(800, -800)  # torchaudio reflects the samples at the ends
    np.testing.assert_allclose(ours[0, inside].numpy(), theirs[0, inside].numpy(), atol=1e-5)


def test_spectrum_is_numpys_of_each_frame(sound: np.ndarray, mel: Any) -> None:
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(sound, 256), 512)[::80]
    expected = np.fft.rfft(frames * np.pad(get_window("hann", 320), 96)).T
    ours = spectrum(torch.from_numpy(sound)[None], mel)
    np.testing.assert_allclose(ours[0].numpy(), expected, atol=1e-4)
    again = waveform(ours, mel)[0, : len(sound)]
    np.testing.assert_allclose(again.numpy(), sound, atol=1e-5)


def test_magnitudes_have_the_mel_bands(sound: np.ndarray, mel: Any) -> None:
    wanted = spectrogram(sound)
    power = torch.exp(2 * log_magnitude(torch.from_numpy(wanted)[None], mel))
    found = mel.mel_scale(power)[0].T.numpy()
    audible = wanted > wanted.max() - 7  # 30 dB
    assert np.abs(np.log(found) - wanted)[audible].mean() < 0.1


@pytest.mark.parametrize("frames", [1, 2, 3, 50])
def test_as_many_samples_as_have_so_many_frames(frames: int, mel: Any) -> None:
    samples = griffin_lim(np.zeros((frames, 80), np.float32), mel, 2, 0)
    assert samples.shape == (frames * 80 - 1,)
    assert samples.dtype == np.float32
    assert np.isfinite(samples).all()
    assert len(spectrogram(samples)) == frames


def test_seed(sound: np.ndarray, mel: Any) -> None:
    wanted = spectrogram(sound)
    one, again, other = (griffin_lim(wanted, mel, 2, seed) for seed in (1, 1, 2))
    assert one.tobytes() == again.tobytes()
    assert np.abs(one - other).max() > 0.01
