"""Power in mel bands, for the spectrograms of the classifiers and of the mel vocoder."""

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torchaudio.transforms import MelSpectrogram


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
