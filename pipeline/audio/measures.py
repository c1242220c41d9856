"""Measures of a clip: of the unprocessed recording, and of its F0 track.

Silence has the lowest value of each measure of a recording. No such measure is ever NaN or infinite.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import rfft

from pipeline.audio.speech import is_speech

FRAME_S = 0.02  # as in NIST's STNR
NOISE_SHARE = 0.1  # share of the frames, the quietest, that count as noise
QUANTISATION = 2.0**-30 / 12  # power of the rounding to 16 bits, -101 dB; anything quieter counts as silence
HIGHEST_SNR_DB = 80.0  # a higher estimate reflects edited pauses, not the room
SPECTRUM_DB = 50  # the band of a recording ends this far below the peak of its spectrum
RESOLUTION_HZ = 50
OF_RECORDING = ("level_db", "snr_db", "bandwidth_hz")
RANGE = (5, 95)  # percentiles that bound the range of F0; octave errors are outside


def recording(samples: np.ndarray, sampling_rate: int) -> dict[str, float]:
    """`level_db`, `snr_db` and `bandwidth_hz` of a recording before levelling, trimming and resampling.

    Args:
        samples: mono, (samples,), full scale is ±1
        sampling_rate: [Hz]
    """
    return {
        "level_db": level_db(samples, sampling_rate),
        "snr_db": snr_db(samples, sampling_rate),
        "bandwidth_hz": bandwidth_hz(samples, sampling_rate),
    }


def level_db(samples: np.ndarray, sampling_rate: int) -> float:
    """Root mean square of the speech, relative to full scale [dB]; a sine that just does not clip has -3 dB.

    Speech is the frames of 20 ms within 30 dB of the loudest. Silence has -101 dB, also with a constant offset.

    Args:
        samples: mono, (samples,), full scale is ±1
        sampling_rate: [Hz]
    """
    power = _frame_power(samples, sampling_rate)
    return _db(max(power[is_speech(power)].mean(), QUANTISATION))


def snr_db(samples: np.ndarray, sampling_rate: int) -> float:
    """Signal-to-noise ratio (S - N) / N, estimated without a reference, from 0 to 80 [dB].

    Like NIST's STNR (`stnr` of its SPeech Quality Assurance package) it compares variances of windows of 20 ms. N is
    their mean over the quietest tenth of the windows, S over those that are within 30 dB of the loudest and at least
    twice N. STNR uses the peak as S. With the mean, noise mixed in at some ratio is measured at that ratio.

    N is never below the rounding noise of 16 bits. Where pauses are digital silence, as in much of RAVDESS, the
    estimate is therefore the range of 16 bits and rises with the level. The estimate is too low for a recording that is
    cut tightly around the speech, because its quietest tenth is speech. It is 0 if no window reaches twice N.

    Args:
        samples: mono, (samples,)
        sampling_rate: [Hz]
    """
    power = _frame_power(samples, sampling_rate)
    quietest = np.sort(power)[: max(1, round(NOISE_SHARE * len(power)))]
    noise = max(quietest.mean(), QUANTISATION)
    speech = power[is_speech(power)]
    speech = speech[speech >= 2 * noise]
    return min(_db((speech.mean() - noise) / noise), HIGHEST_SNR_DB) if len(speech) else 0.0


def bandwidth_hz(samples: np.ndarray, sampling_rate: int) -> float:
    """Highest frequency whose long-term average power (Welch 1967) is within 50 dB of the spectrum's peak [Hz].

    At most half the sampling rate; 0 for silence. With 50 dB, RAVDESS reaches 17 to 22 kHz at its own 48 kHz, 7.7 kHz
    resampled to 16 kHz, and 3.9 kHz resampled to 8 kHz. Noise above that threshold counts as part of the band.

    Args:
        samples: mono, (samples,)
        sampling_rate: [Hz]
    """
    if _frame_power(samples, sampling_rate).max() < QUANTISATION:
        return 0.0
    window = min(round(sampling_rate / RESOLUTION_HZ), len(samples))
    frames = sliding_window_view(np.asarray(samples, np.float32), window)[:: window - window // 2]
    frames = (frames - frames.mean(axis=1, keepdims=True)) * np.hanning(window + 1)[:-1].astype(np.float32)
    power = np.square(np.abs(rfft(frames))).mean(axis=0)
    power[1 : (window + 1) // 2] *= 2  # frequencies that stand for a negative one, too
    highest = np.flatnonzero(power >= power.max() / 10 ** (SPECTRUM_DB / 10)).max()
    return float(highest * sampling_rate / window)


def f0_summary(f0_hz: np.ndarray) -> dict[str, float]:
    """`f0_median_hz`, `f0_range_st` and `voiced_share` of an F0 track.

    Args:
        f0_hz: 0 where unvoiced, (frames, 1) [Hz]

    Returns:
        median F0 of the voiced frames [Hz]; semitones between their 5th and 95th percentile; share of voiced frames.
        Without a voiced frame, the first two are NaN
    """
    voiced = f0_hz[f0_hz > 0]
    if not len(voiced):
        return {"f0_median_hz": np.nan, "f0_range_st": np.nan, "voiced_share": 0.0}
    low, high = np.percentile(voiced, RANGE)
    return {
        "f0_median_hz": float(np.median(voiced)),
        "f0_range_st": float(12 * np.log2(high / low)),
        "voiced_share": len(voiced) / f0_hz.size,
    }


def _frame_power(samples: np.ndarray, sampling_rate: int) -> np.ndarray:
    """Variance of each frame, (frames,), one or more; samples after the last full frame are left out."""
    length = min(round(FRAME_S * sampling_rate), len(samples))
    frames = np.asarray(samples[: len(samples) // length * length], np.float64).reshape(-1, length)
    power: np.ndarray = frames.var(axis=1)
    return power


def _db(power: float) -> float:
    return float(10 * np.log10(power))
