"""The mel spectrogram from which the scorers compute their statistics."""

import numpy as np

from pipeline.audio.mel_bands import mel_filters, power_spectrogram

WINDOW_S = 0.025
HOP_S = 0.01
FLOOR = 1e-8  # relative to the highest power, before a logarithm: 80 dB below


def log_mel(samples: np.ndarray, sampling_rate: int, bands: int) -> np.ndarray:
    """Log power in mel bands relative to the highest, (frames, bands), every 10 ms.

    There is at least one frame. Silence is `log(FLOOR)` everywhere.

    Args:
        samples: prepared clip, (samples,)
        sampling_rate: [Hz]
        bands: number of bands up to half the sampling rate
    """
    window = round(WINDOW_S * sampling_rate)
    size = 1 << (window - 1).bit_length()
    wave = np.pad(samples, (0, max(0, size - len(samples))))
    spectra = power_spectrogram(wave, window, round(HOP_S * sampling_rate), size)
    power = (spectra @ mel_filters(sampling_rate, size, bands)).astype(np.float64)
    relative: np.ndarray = np.log(np.maximum(power / max(power.max(), 1e-30), FLOOR))
    return relative
