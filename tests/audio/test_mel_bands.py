"""Spectrograms and mel bands against librosa's and torchaudio's."""

import librosa
import numpy as np
import pytest
import torch

from pipeline.audio.mel_bands import log_mel, mel_filters, mel_power

CASES = [(16_000, 64, 10, 25, 512), (16_000, 80, 5, 20, 512), (16_000, 40, 8, 32, 512), (22_050, 80, 10, 25, 1024)]


@pytest.mark.parametrize(("rate", "n_mels", "frame_ms", "window_ms", "n_fft"), CASES)
@pytest.mark.parametrize("samples", [8000, 4001])
def test_log_mel_is_librosas_and_torchaudios(
    samples: int, rate: int, n_mels: int, frame_ms: float, window_ms: float, n_fft: int
) -> None:
    sound = (0.05 * np.random.default_rng(samples).standard_normal(samples)).astype(np.float32)
    found = log_mel(sound, rate, n_mels, frame_ms, window_ms)
    expected = librosa.feature.melspectrogram(
        y=sound,
        sr=rate,
        n_fft=n_fft,
        win_length=round(window_ms / 1000 * rate),
        hop_length=round(frame_ms / 1000 * rate),
        n_mels=n_mels,
        pad_mode="constant",
    )
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.log(expected.T + 1e-8), atol=1e-3)
    torchaudios = mel_power(rate, n_mels, frame_ms, window_ms)(torch.from_numpy(sound))
    np.testing.assert_allclose(found, np.log(torchaudios.numpy().T + 1e-8), atol=1e-3)


@pytest.mark.parametrize(("rate", "size", "n_mels"), [(16_000, 512, 20), (16_000, 512, 80), (48_000, 2048, 128)])
def test_filters_are_librosas(rate: int, size: int, n_mels: int) -> None:
    expected = librosa.filters.mel(sr=rate, n_fft=size, n_mels=n_mels)
    np.testing.assert_allclose(mel_filters(rate, size, n_mels), expected.T, atol=1e-8)
