"""The evaluation classifier, which predicts the emotion of converted clips.

Linear discriminant analysis with a shrunken covariance, on prosody, spectral tilt and modulation. It shares neither
model nor features with the gate, so a clip that passed the gate has no advantage here. A fit is deterministic and takes
less than a second, the statistics 3 ms a clip. So it is refitted where it is needed. Use its predicted emotions, not
its probabilities, which are overconfident.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import irfft, rfft

from pipeline.audio.speech import is_speech
from pipeline.scorers import spectra
from pipeline.scorers.scorer import Scorer, discriminants

NAME = "evaluation_classifier"  # of the array in a shard
WINDOW_S = 0.04  # three periods of the lowest F0
F0_RANGE_HZ = (75, 600)
HARMONIC = 0.6  # autocorrelation above which a frame is voiced
LARGEST_STEP = 2  # semitones a frame; larger ones are octave errors
OCTAVE_COST = 0.02  # of autocorrelation, for each octave down, because two periods correlate as well as one
# Bands of power [Hz]; their ratio in a voiced frame rises with vocal effort
TILTS_HZ = (
    ((50, 1000), (1000, 5000)),  # alpha ratio of eGeMAPS (Eyben et al. 2016)
    ((50, 500), (500, 1500)),
    ((500, 1500), (1500, 3000)),
    ((1500, 3000), (3000, 5000)),
    ((3000, 5000), (5000, 8000)),
)
HARMONICS = (2, 3)  # compared with the first
MODULATED_BANDS = 20
MODULATION_HZ = (0.5, 1, 2, 4, 8, 16, 32)  # edges of the bands of modulation
MODULATION_RANGE = 9.0  # log power below the highest at which the envelope is clipped, 39 dB
MODULATION_SIZE = 1024  # frames; shorter clips are padded
SHRINKAGE = 0.5


def statistics(samples: np.ndarray, sampling_rate: int) -> np.ndarray:
    """Prosody, spectral tilt of the voiced frames, and modulation spectrum of a clip.

    Args:
        samples: prepared clip, (samples,)
        sampling_rate: [Hz]

    Returns:
        (number of features,), finite, the same number for every clip
    """
    power, frequencies = _power_spectra(samples, sampling_rate)
    f0_hz, harmonicity = _pitch(power, sampling_rate)
    energy = power.mean(axis=1)
    speech = is_speech(energy)
    voiced = speech & (harmonicity > HARMONIC)
    level = _decibels(energy)
    level -= level.max()
    return np.concatenate(
        [
            _prosody(12 * np.log2(f0_hz), level, _decibels(harmonicity / (1 - harmonicity)), speech, voiced),
            _statistics(_tilt(power[voiced], frequencies, f0_hz[voiced])),
            _modulation(spectra.log_mel(samples, sampling_rate, MODULATED_BANDS)),
        ]
    )


class EvaluationClassifier(Scorer):
    """The fitted evaluation classifier."""

    @classmethod
    def fit(cls, features: np.ndarray, emotions: Sequence[str]) -> "EvaluationClassifier":
        """Fit on real clips with equal prior probabilities of the emotions.

        Args:
            features: `statistics` of each clip, (clips, features)
            emotions: of each clip, at least two different ones
        """
        return cls(discriminants(features, emotions, "lsqr", SHRINKAGE))


def _power_spectra(samples: np.ndarray, sampling_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Power of frames of 40 ms, every 10 ms, (frames, bins), and the frequencies of the bins [Hz]."""
    length = round(WINDOW_S * sampling_rate)
    size = 1 << (length + _lags(sampling_rate)[-1].item()).bit_length()  # the autocorrelation does not wrap at any lag
    wave = np.pad(np.asarray(samples, np.float32), length // 2)
    frames = sliding_window_view(wave, length)[:: round(spectra.HOP_S * sampling_rate)]
    spectrum = rfft(frames * np.hanning(length).astype(np.float32), size)
    return spectrum.real**2 + spectrum.imag**2, np.fft.rfftfreq(size, 1 / sampling_rate)


def _pitch(power: np.ndarray, sampling_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """F0 [Hz] and harmonicity, 0.01 … 0.99, of each frame: autocorrelation over the window's own (Boersma 1993)."""
    lags = _lags(sampling_rate)
    correlation = irfft(power)
    similarity = correlation[:, lags] / np.maximum(correlation[:, :1], 1e-30) / _own_correlation(sampling_rate)
    best = (similarity - OCTAVE_COST * np.log2(lags)).argmax(axis=1)
    return sampling_rate / lags[best], np.clip(np.take_along_axis(similarity, best[:, None], 1)[:, 0], 0.01, 0.99)


def _lags(sampling_rate: int) -> np.ndarray:
    """Periods of F0, (lags,) [samples]."""
    return np.arange(sampling_rate // F0_RANGE_HZ[1], sampling_rate // F0_RANGE_HZ[0])


@lru_cache(maxsize=1)
def _own_correlation(sampling_rate: int) -> np.ndarray:
    """Normalised autocorrelation of the window at each lag, (lags,), float32."""
    window = np.hanning(round(WINDOW_S * sampling_rate))
    own = [window[lag:] @ window[: len(window) - lag] for lag in _lags(sampling_rate)]
    return (np.array(own) / (window @ window)).astype(np.float32)


def _prosody(
    semitones: np.ndarray, level: np.ndarray, harmonicity: np.ndarray, speech: np.ndarray, voiced: np.ndarray
) -> np.ndarray:
    """F0, level, harmonicity and timing in one row; all arguments (frames,)."""
    steps = np.diff(semitones)[voiced[1:] & voiced[:-1]]
    steps = steps[np.abs(steps) < LARGEST_STEP]
    changes = np.abs(np.diff(level))[speech[1:]]
    tracks = (semitones[voiced], level[speech], harmonicity[speech], steps, np.abs(steps), changes)
    timing = [voiced.mean(), speech.mean(), np.log(len(level))]
    return np.concatenate([*(_statistics(track[:, None]) for track in tracks), timing])


def _tilt(power: np.ndarray, frequencies: np.ndarray, f0_hz: np.ndarray) -> np.ndarray:
    """Ratios of bands and of harmonics in voiced frames, (frames, ratios) [dB]."""

    def band(low: float, high: float) -> np.ndarray:
        return _decibels(power[:, (frequencies >= low) & (frequencies < high)].sum(axis=1))

    def harmonic(number: int) -> np.ndarray:
        bins = np.round(number * f0_hz / frequencies[1]).astype(int)
        return _decibels(np.take_along_axis(power, bins[:, None], axis=1)[:, 0])

    ratios = [band(*below) - band(*above) for below, above in TILTS_HZ]
    ratios += [harmonic(1) - harmonic(number) for number in HARMONICS]
    return np.stack(ratios, axis=1)


def _modulation(log_mel: np.ndarray) -> np.ndarray:
    """Modulation of the log power of mel bands (frames, bands) at each rate, (bands · rates,) [log power]."""
    envelope = np.maximum(log_mel, log_mel.max() - MODULATION_RANGE)
    size = max(MODULATION_SIZE, len(envelope))
    power = np.abs(rfft(envelope - envelope.mean(axis=0), size, axis=0)) ** 2 / len(envelope)
    rates_hz = np.fft.rfftfreq(size, spectra.HOP_S)
    edges = zip(MODULATION_HZ, MODULATION_HZ[1:], strict=False)
    modulation = [power[(rates_hz >= low) & (rates_hz < high)].mean(axis=0) for low, high in edges]
    return np.log(np.concatenate(modulation) + 1e-6)


def _statistics(tracks: np.ndarray) -> np.ndarray:
    """Mean and standard deviation of each column of (frames, tracks), in one row; zeros without a frame."""
    if not len(tracks):
        return np.zeros(2 * tracks.shape[1])
    return np.concatenate([tracks.mean(axis=0), tracks.std(axis=0)])


def _decibels(power: np.ndarray) -> np.ndarray:
    found: np.ndarray = 10 * np.log10(power + 1e-10)
    return found
