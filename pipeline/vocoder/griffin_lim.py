"""Samples from a log-mel spectrogram by iterative phase reconstruction (Griffin and Lim 1984)."""

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor
    from torchaudio.transforms import MelSpectrogram

MOMENTUM = 0.99  # of the fast variant (Perraudin, Balazs and Søndergaard 2013)
SMALLEST = 1e-8  # lowest power of a spectrum
TINY = 1e-16


def griffin_lim(log_mel: np.ndarray, mel: "MelSpectrogram", iterations: int, seed: int) -> np.ndarray:
    """Samples whose spectrogram approximates a given one.

    Args:
        log_mel: natural log of power in mel bands, (frames, n_mels)
        mel: transform to such spectrograms, before the logarithm
        iterations: of the reconstruction; with 0, the phases stay random
        seed: of the initial phases

    Returns:
        (frames * hop - 1,), float32: the highest number of samples with so many frames
    """
    import torch

    magnitude = torch.exp(log_magnitude(torch.from_numpy(log_mel).float()[None], mel))
    rng = torch.Generator().manual_seed(seed)
    start = torch.polar(magnitude, 2 * np.pi * torch.rand(magnitude.shape, generator=rng))
    samples: np.ndarray = waveform(refined(start, mel, iterations), mel)[0].numpy()
    return samples


def log_magnitude(log_mel: "Tensor", mel: "MelSpectrogram") -> "Tensor":
    """Natural log of the magnitudes of least norm for given mel bands; negative power is set to `SMALLEST`.

    Args:
        log_mel: natural log of power, (batch, frames, n_mels)
        mel: the transform

    Returns:
        (batch, frequencies, frames)
    """
    import torch

    power = torch.exp(log_mel) @ _inverse(mel)
    return 0.5 * torch.log(power.clamp(min=SMALLEST)).transpose(1, 2)  # (B, T, C) -> (B, C, T)


def refined(start: "Tensor", mel: "MelSpectrogram", iterations: int) -> "Tensor":
    """Spectrum with the same magnitudes and more consistent phases.

    Args:
        start: complex, (batch, frequencies, frames)
        mel: transform with the windows of the spectrum
        iterations: with 0, the result is `start`

    Returns:
        same shape
    """
    import torch

    magnitude, found, before = start.abs(), start, torch.zeros_like(start)
    for _ in range(iterations):
        rebuilt = spectrum(waveform(found, mel), mel)
        moved = rebuilt - before * (MOMENTUM / (1 + MOMENTUM))
        found, before = magnitude * moved / (moved.abs() + TINY), rebuilt
    return found


def spectrum(samples: "Tensor", mel: "MelSpectrogram") -> "Tensor":
    """Complex spectrum of samples (batch, samples), with the windows of `mel`: (batch, frequencies, frames)."""
    import torch

    stft = mel.spectrogram
    return torch.stft(
        samples,
        stft.n_fft,
        stft.hop_length,
        stft.win_length,
        stft.window,
        pad_mode="constant",  # reflection fails for a clip shorter than half a window
        return_complex=True,
    )


def waveform(spectrum: "Tensor", mel: "MelSpectrogram") -> "Tensor":
    """Least-squares inverse of `spectrum`: (batch, samples), the highest number of samples with so many frames."""
    import torch

    stft = mel.spectrogram
    length = spectrum.shape[2] * stft.hop_length - 1
    return torch.istft(spectrum, stft.n_fft, stft.hop_length, stft.win_length, stft.window, length=length)


@lru_cache(maxsize=1)
def _inverse(mel: "MelSpectrogram") -> "Tensor":
    """Matrix from mel bands to the spectrum of least norm, (n_mels, frequencies)."""
    import torch

    return torch.linalg.pinv(mel.mel_scale.fb.double()).float()
