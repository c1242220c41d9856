"""Spectrograms and mel bands, for the classifiers, the scorers and the mel vocoder."""

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import rfft

if TYPE_CHECKING:
    from torchaudio.transforms import MelSpectrogram

FLOOR = 1e-8  # of power, before a logarithm
HZ_PER_MEL = 200 / 3  # below 1 kHz; above, a mel is a factor of `MEL_RATIO` (Slaney 1998)
LINEAR_HZ = 1000.0
MEL_RATIO = 6.4 ** (1 / 27)


def power_spectrogram(samples: np.ndarray, window: int, hop: int, size: int) -> np.ndarray:
    """Power of frames centred on every `hop`-th sample, (1 + samples // hop, size // 2 + 1), float32.

    Args:
        samples: (samples,); there is silence before and after them
        window: of Hann, samples
        hop: from one frame to the next, samples
        size: of the Fourier transform, samples, at least `window`
    """
    return _power_spectrogram(np.asarray(samples, np.float32).tobytes(), window, hop, size)


@lru_cache(maxsize=1)  # the classifiers and each scorer need that of the same clip
def _power_spectrogram(samples: bytes, window: int, hop: int, size: int) -> np.ndarray:
    padded = np.pad(np.frombuffer(samples, np.float32), size // 2)
    start = (size - window) // 2
    frames = sliding_window_view(padded[start : len(padded) - size + window + start], window)[::hop]
    spectrum = rfft(frames * np.hanning(window + 1)[:-1].astype(np.float32), size)
    power: np.ndarray = spectrum.real**2 + spectrum.imag**2
    power.flags.writeable = False
    return power


@lru_cache(maxsize=8)
def mel_filters(sampling_rate: int, size: int, n_mels: int) -> np.ndarray:
    """Triangular filters of area 1 on Slaney's mel scale, from 0 to half the rate, (size // 2 + 1, n_mels), float32.

    Args:
        sampling_rate: [Hz]
        size: of the Fourier transform, samples
        n_mels: number of bands
    """
    highest = LINEAR_HZ / HZ_PER_MEL + np.log(sampling_rate / 2 / LINEAR_HZ) / np.log(MEL_RATIO)
    mels = np.linspace(0, highest, n_mels + 2)
    edges_hz = np.where(
        mels * HZ_PER_MEL < LINEAR_HZ, mels * HZ_PER_MEL, LINEAR_HZ * MEL_RATIO ** (mels - LINEAR_HZ / HZ_PER_MEL)
    )
    widths = np.diff(edges_hz)
    offsets = np.fft.rfftfreq(size, 1 / sampling_rate)[:, None] - edges_hz
    triangles = np.minimum(offsets[:, :-2] / widths[:-1], -offsets[:, 2:] / widths[1:])
    filters = np.maximum(triangles, 0) * 2 / (edges_hz[2:] - edges_hz[:-2])
    return filters.astype(np.float32)


def log_mel(samples: np.ndarray, sampling_rate: int, n_mels: int, frame_ms: float, window_ms: float) -> np.ndarray:
    """Natural log of `mel_power` of a clip (samples,), (frames, n_mels), float32; without the slow import of torch."""
    window, hop = (round(ms / 1000 * sampling_rate) for ms in (window_ms, frame_ms))
    size = 1 << (window - 1).bit_length()
    power = power_spectrogram(samples, window, hop, size) @ mel_filters(sampling_rate, size, n_mels)
    spectrogram: np.ndarray = np.log(power + np.float32(FLOOR))
    return spectrogram


@lru_cache(maxsize=2)  # one for the classifiers, one for the vocoder
def mel_power(sampling_rate: int, n_mels: int, frame_ms: float, window_ms: float) -> "MelSpectrogram":
    """Transform from samples to power (n_mels, frames); its filters have area 1, so the power is a density.

    Args:
        sampling_rate: [Hz]
        n_mels: number of bands
        frame_ms: from one frame to the next [ms]
        window_ms: of a frame [ms]
    """
    from torchaudio.transforms import MelSpectrogram

    window = round(window_ms / 1000 * sampling_rate)
    return MelSpectrogram(
        sample_rate=sampling_rate,
        n_fft=1 << (window - 1).bit_length(),
        win_length=window,
        hop_length=round(frame_ms / 1000 * sampling_rate),
        pad_mode="constant",  # reflection fails for a clip shorter than half a window
        n_mels=n_mels,
        norm="slaney",
        mel_scale="slaney",
    )
