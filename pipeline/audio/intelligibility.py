"""Intelligibility of a clip relative to its source: ESTOI (Jensen and Taal 2016), also after a change of tempo.

There are two differences from pystoi. Silent frames are removed from the spectra and not from the samples, so no frame
spans a cut. The band envelopes of the source are interpolated to the number of frames of the other clip, so a uniformly
slower or faster copy is compared frame by frame.
"""

from functools import lru_cache

import numpy as np
import soxr
from numpy.lib.stride_tricks import sliding_window_view
from pystoi.utils import thirdoct
from scipy.fft import rfft

RATE = 10_000  # [Hz]
WINDOW = 256  # samples
FFT_SIZE = 512
BANDS = 15  # of a third of an octave
LOWEST_HZ = 150  # centre of the lowest band
SEGMENT = 30  # frames, 0.4 s
DYNAMIC_RANGE_DB = 40  # frames of the source further below its loudest are silent
TINY = np.finfo(float).eps


def intelligibility(samples: np.ndarray, source: np.ndarray, sampling_rate: int) -> float | None:
    """Extended short-time objective intelligibility, −1 … 1: correlation of the band envelopes.

    Args:
        samples: converted or copied from the source, (samples,), at any uniform tempo
        source: (samples,)
        sampling_rate: of both [Hz]

    Returns:
        0 for silence from a source with sound; None if the source has less than 0.4 s of speech
    """
    return similarity(*(band_envelopes(wave, sampling_rate) for wave in (samples, source)))


def band_envelopes(samples: np.ndarray, sampling_rate: int) -> np.ndarray:
    """Magnitudes in each band, (frames, BANDS), every 12.8 ms."""
    wave = soxr.resample(np.asarray(samples, np.float64), sampling_rate, RATE)
    if len(wave) < WINDOW:
        return np.zeros((0, BANDS))
    frames = sliding_window_view(wave, WINDOW)[:: WINDOW // 2] * np.hanning(WINDOW + 2)[1:-1]
    spectrum = rfft(frames, FFT_SIZE)
    magnitudes: np.ndarray = np.sqrt((spectrum.real**2 + spectrum.imag**2) @ _bands())
    return magnitudes


def similarity(envelopes: np.ndarray, reference: np.ndarray) -> float | None:
    """`intelligibility` from the `band_envelopes` of a clip and of its source."""
    if not len(envelopes) or not reference.any():
        return None
    reference = _stretched(reference, len(envelopes))
    power = np.square(reference).sum(axis=1)
    speech = power > power.max() / 10 ** (DYNAMIC_RANGE_DB / 10)
    if speech.sum() < SEGMENT:
        return None
    pair = [_normalised(sliding_window_view(each[speech], SEGMENT, axis=0)) for each in (envelopes, reference)]
    return float((pair[0] * pair[1]).sum(axis=(1, 2)).mean() / SEGMENT)


@lru_cache
def _bands() -> np.ndarray:
    """Which bins are in each band, (bins, BANDS)."""
    bands: np.ndarray = thirdoct(RATE, FFT_SIZE, BANDS, LOWEST_HZ)[0].T
    return bands


def _stretched(envelopes: np.ndarray, frames: int) -> np.ndarray:
    """Envelopes interpolated linearly to another number of frames."""
    places = np.linspace(0, len(envelopes) - 1, frames)
    before = places.astype(int)
    after = np.minimum(before + 1, len(envelopes) - 1)
    share = (places - before)[:, None]
    between: np.ndarray = (1 - share) * envelopes[before] + share * envelopes[after]
    return between


def _normalised(segments: np.ndarray) -> np.ndarray:
    """Segments (segments, BANDS, frames) normalised to mean 0 and length 1, first each band, then each frame."""
    for axis in (2, 1):
        segments = segments - segments.mean(axis=axis, keepdims=True)
        segments = segments / np.maximum(np.linalg.norm(segments, axis=axis, keepdims=True), TINY)
    return segments
