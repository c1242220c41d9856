"""Input features of the classifiers: a log-mel spectrogram for the `cnn`, functionals for the `svm`."""

from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from pipeline.audio.mel_bands import log_mel, mel_power
from pipeline.core.params import section

if TYPE_CHECKING:
    from torchaudio.transforms import MelSpectrogram

CEPSTRA = 20
F0_PERCENTILES = slice(-12, -7)  # among the functionals: 5, 25, 50, 75, 95 of log-F0


class FrontEnd(StrEnum):
    """What the features of classifiers and scorers are of: real clips as recorded, or clips that passed the vocoder."""

    NATURAL = "natural"
    VOCODED = "vocoded"


@section
class AcousticsParams:
    """Spectrograms of the classifiers."""

    n_mels: int
    frame_ms: float  # from one frame to the next [ms]
    window_ms: float  # [ms]


def classifier_features(
    samples: np.ndarray, sampling_rate: int, params: AcousticsParams, f0_hz: np.ndarray, f0_frame_ms: float
) -> dict[str, np.ndarray]:
    """Features of a prepared clip, as stored in a shard: `log_mel`, `functionals`.

    Args:
        samples: (samples,)
        sampling_rate: [Hz]
        params: of the spectrogram
        f0_hz: of the vocoder's frames, (frames,), 0 where unvoiced [Hz]
        f0_frame_ms: from one of these to the next [ms]
    """
    mel = log_mel(samples, sampling_rate, params.n_mels, params.frame_ms, params.window_ms)
    nearest = np.rint(np.arange(len(mel)) * (params.frame_ms / f0_frame_ms)).astype(int)
    return {
        "log_mel": mel,
        "functionals": functionals(mel, f0_hz[np.minimum(nearest, len(f0_hz) - 1)], params.frame_ms),
    }


def functionals(mel: np.ndarray, f0_hz: np.ndarray, frame_ms: float) -> np.ndarray:
    """Statistics over time of low-level descriptors, in the manner of the openSMILE sets (Schuller et al. 2013).

    Descriptors: mel-cepstrum, energy, spectral shape and flux, with their differences, and log-F0 of the voiced frames.
    The variation of a descriptor or band depends less on the speaker than its mean.

    Args:
        mel: log-mel spectrogram of a prepared clip, (frames, n_mels)
        f0_hz: of the same frames, (frames,), 0 where unvoiced [Hz]
        frame_ms: from one frame to the next [ms]

    Returns:
        (1, number of functionals), finite
    """
    descriptors = np.hstack([_cepstrum(mel), _shape(mel)])
    differences = np.diff(descriptors, axis=0, append=descriptors[-1:])
    velocity = slopes(descriptors, 5)
    voiced = f0_hz > 0
    log_f0 = np.log(f0_hz[voiced].astype(np.float64))
    moments = _statistics(np.hstack([descriptors, differences]))
    row = [
        *(part.ravel() for part in np.hsplit(moments, 2)),
        *(track.std(axis=0) for track in (velocity, slopes(velocity, 5), slopes(mel, 5))),
        _melody(log_f0, voiced),
        _f0_statistics(log_f0),
        _rhythm(mel, voiced, frame_ms),
    ]
    return np.concatenate(row)[None].astype(np.float32)


def pitch(row: np.ndarray) -> dict[str, float]:
    """Summary of F0 from a clip's functionals (1, number of functionals).

    Returns:
        f0_median_hz: of the voiced frames [Hz]
        f0_range_st: between their 5th and 95th percentile [semitones]; both NaN if fewer than 3 frames are voiced
    """
    low, _, middle, _, high = row[0, F0_PERCENTILES].astype(np.float64)
    if middle == 0:
        return {"f0_median_hz": np.nan, "f0_range_st": np.nan}
    return {"f0_median_hz": float(np.exp(middle)), "f0_range_st": float(12 / np.log(2) * (high - low))}


def _cepstrum(mel: np.ndarray) -> np.ndarray:
    """Mel-frequency cepstral coefficients, (frames, CEPSTRA); the 0th is the log energy."""
    from scipy.fft import dct

    cepstrum: np.ndarray = dct(mel, axis=1, norm="ortho")[:, :CEPSTRA]
    return cepstrum


def _shape(mel: np.ndarray) -> np.ndarray:
    """Centroid, spread, slope and flux of the mel spectrum and peak over mean, (frames, 5)."""
    bins = np.linspace(-1.0, 1.0, mel.shape[1])
    power = np.exp(mel - mel.max(axis=1, keepdims=True))
    share = power / power.sum(axis=1, keepdims=True)
    centroid = share @ bins
    spread = np.sqrt(np.maximum(share @ bins**2 - centroid**2, 0.0))
    slope = (mel - mel.mean(axis=1, keepdims=True)) @ bins / (bins @ bins)
    flux = np.sqrt(np.mean(np.diff(mel, axis=0, prepend=mel[:1]) ** 2, axis=1))
    contrast = mel.max(axis=1) - mel.mean(axis=1)
    return np.stack([centroid, spread, slope, flux, contrast], axis=1)


def _statistics(track: np.ndarray) -> np.ndarray:
    """Mean, standard deviation, skewness, 5 percentiles and mean absolute deviation of each column, (9, columns)."""
    mean = track.mean(axis=0)
    centred = track - mean
    deviation = np.sqrt(np.square(centred).mean(axis=0))
    skewness = (centred * centred * centred).mean(axis=0) / np.maximum(deviation, 1e-6) ** 3
    percentiles = np.percentile(track, [5, 25, 50, 75, 95], axis=0)
    return np.vstack([mean, deviation, skewness, percentiles, np.abs(centred).mean(axis=0)])


def slopes(track: np.ndarray, frames: int) -> np.ndarray:
    """Slope of each column by linear regression over an odd number of frames (delta features); (frames, columns)."""
    reach = frames // 2
    padded = np.pad(track, ((reach, reach), (0, 0)), mode="edge")
    steps = range(1, reach + 1)
    moments = [step * (padded[reach + step :][: len(track)] - padded[reach - step :][: len(track)]) for step in steps]
    slope: np.ndarray = sum(moments) / (2 * sum(step**2 for step in steps))
    return slope


def _melody(log_f0: np.ndarray, voiced: np.ndarray) -> np.ndarray:
    """Means of the thirds of log-F0 relative to its mean, mean rise and fall a frame, skewness and curvature; (7,).

    Zeros if fewer than 9 frames are voiced.
    """
    if len(log_f0) < 9:
        return np.zeros(7)
    mean, deviation = log_f0.mean(), max(log_f0.std(), 1e-3)
    steps = np.diff(log_f0)[np.diff(np.flatnonzero(voiced)) == 1]  # not across a pause
    return np.array(
        [
            *(third.mean() - mean for third in np.array_split(log_f0, 3)),
            steps.clip(min=0).sum() / max(np.count_nonzero(steps > 0), 1),
            steps.clip(max=0).sum() / max(np.count_nonzero(steps < 0), 1),
            (((log_f0 - mean) / deviation) ** 3).mean(),
            _coefficients(log_f0)[1],
        ]
    )


def _coefficients(track: np.ndarray) -> tuple[float, float]:
    """Slope of the least-squares line, and leading coefficient of the parabola, over places from −1 to 1."""
    place = np.linspace(-1.0, 1.0, len(track))
    square = place**2 - np.mean(place**2)  # orthogonal to 1 and `place`
    return float(place @ track / (place @ place)), float(square @ track / (square @ square))


def _f0_statistics(log_f0: np.ndarray) -> np.ndarray:
    """Mean, deviation, percentiles, slope and movement of log-F0, (10,); zeros if fewer than 3 frames are voiced."""
    if len(log_f0) < 3:
        return np.zeros(10)
    steps = np.diff(log_f0)
    return np.array(
        [
            log_f0.mean(),
            log_f0.std(),
            *np.percentile(log_f0, [5, 25, 50, 75, 95]),
            _coefficients(log_f0)[0],
            np.abs(steps).mean(),
            np.median(np.abs(steps)),
        ]
    )


def _rhythm(mel: np.ndarray, voiced: np.ndarray, frame_ms: float) -> np.ndarray:
    """Log of the duration [s], share of voiced frames, voiced stretches a second, energy peaks a second."""
    seconds = len(mel) * frame_ms / 1000
    stretches = np.count_nonzero(np.diff(voiced.astype(int), prepend=0) == 1)
    energy = np.convolve(np.pad(mel.mean(axis=1), 2, mode="edge"), np.ones(5) / 5, mode="valid")
    around = sliding_window_view(np.pad(energy, 5, mode="edge"), 11)
    peaks = np.count_nonzero((around.argmax(axis=1) == 5) & (energy > energy.mean()))
    return np.array([np.log(seconds), voiced.mean(), stretches / seconds, peaks / seconds])


def mel_transform(sampling_rate: int, params: AcousticsParams) -> "MelSpectrogram":
    """Transform from samples at a rate [Hz] to mel power spectrograms (n_mels, frames)."""
    return mel_power(sampling_rate, params.n_mels, params.frame_ms, params.window_ms)
