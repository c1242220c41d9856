"""Samples from a log-mel spectrogram without learning, by searching phases that fit (Griffin and Lim 1984)."""

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor
    from torchaudio.transforms import MelSpectrogram

MOMENTUM = 0.99  # of the fast variant (Perraudin, Balazs and Søndergaard 2013)
SMALLEST = 1e-8  # power, below which a spectrum is not taken to be
TINY = 1e-16


def griffin_lim(log_mel: np.ndarray, mel: "MelSpectrogram", iterations: int, seed: int) -> np.ndarray:
    """Samples whose spectrogram is like a given one.

    Args:
        log_mel: natural log of power in mel bands, (frames, n_mels)
        mel: the transform that makes such spectrograms of samples, before the logarithm
        iterations: of the search; 0 leaves the phases random
        seed: of the phases to start from; the same one gives the same samples

    Returns:
        (frames * hop - 1,), float32: the most samples that have so many frames
    """
    import torch

    magnitude = torch.exp(log_magnitude(torch.from_numpy(log_mel).float()[None], mel))
    chance = torch.Generator().manual_seed(seed)
    start = torch.polar(magnitude, 2 * np.pi * torch.rand(magnitude.shape, generator=chance))
    samples: np.ndarray = waveform(refined(start, mel, iterations), mel)[0].numpy()
    return samples


def log_magnitude(log_mel: "Tensor", mel: "MelSpectrogram") -> "Tensor":
    """Natural log of the magnitudes of least norm that have these mel bands; what would be below zero is tiny.

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
    """A spectrum with the magnitudes of another, and with phases that are more like those of a signal.

    Args:
        start: complex, (batch, frequencies, frames)
        mel: the transform whose windows these are
        iterations: with 0, it is the start

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

    about = mel.spectrogram
    return torch.stft(
        samples,
        about.n_fft,
        about.hop_length,
        about.win_length,
        about.window,
        pad_mode="constant",  # reflection would refuse a clip shorter than half a window
        return_complex=True,
    )


def waveform(spectrum: "Tensor", mel: "MelSpectrogram") -> "Tensor":
    """Inverse of `spectrum` in the sense of least squares: (batch, samples), as many as have so many frames at most."""
    import torch

    about = mel.spectrogram
    length = spectrum.shape[2] * about.hop_length - 1
    return torch.istft(spectrum, about.n_fft, about.hop_length, about.win_length, about.window, length=length)


@lru_cache(maxsize=1)
def _inverse(mel: "MelSpectrogram") -> "Tensor":
    """From mel bands to the spectrum of least norm, (n_mels, frequencies)."""
    import torch

    return torch.linalg.pinv(mel.mel_scale.fb.double()).float()
