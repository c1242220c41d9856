"""What all judges start from: a mel spectrogram, and which of its frames are speech."""

import librosa
import numpy as np

WINDOW_S = 0.025
HOP_S = 0.01
FLOOR = 1e-8  # of the loudest power, before a logarithm: 80 dB below
SPEECH = 1e-3  # frames of speech have this share of the loudest one's power, or more: 30 dB


def log_mel(samples: np.ndarray, sampling_rate: int, bands: int) -> np.ndarray:
    """Log power in bands of equal width on the mel scale, relative to the loudest, (frames, bands), every 10 ms.

    At least one frame; silence is all `log(FLOOR)`.

    Args:
        samples: prepared clip, (samples,)
        sampling_rate: [Hz]
        bands: how many, up to half the sampling rate
    """
    window = round(WINDOW_S * sampling_rate)
    size = 1 << (window - 1).bit_length()
    wave = np.pad(np.asarray(samples, np.float64), (0, max(0, size - len(samples))))
    power = librosa.feature.melspectrogram(
        y=wave, sr=sampling_rate, n_fft=size, win_length=window, hop_length=round(HOP_S * sampling_rate), n_mels=bands
    ).T
    relative: np.ndarray = np.log(np.maximum(power / max(power.max(), 1e-30), FLOOR))
    return relative


def is_speech(power: np.ndarray) -> np.ndarray:
    """Which frames are within 30 dB of the loudest, (frames,); one at least.

    Args:
        power: of the frames, (frames,)
    """
    loud: np.ndarray = power >= SPEECH * power.max()
    return loud
