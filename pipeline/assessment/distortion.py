"""Distances of a converted clip to a reference: timbre, F0, energy and duration.

Vocoder features are compared. Two utterances of a sentence are first aligned in time. No distance is ever NaN: one that
is undefined, such as of the F0 of a whisper, is None.
"""

import numpy as np

from pipeline.conversion.alignment import DECIBELS, Alignment, Speech, aligned, energy_db, is_speech, timbre
from pipeline.vocoder.features import Features

FEWEST = 10  # voiced frames; with fewer, statistics of F0 are None


def mel_cepstral_distortion(converted: np.ndarray, target: np.ndarray) -> float:
    """Mel-cepstral distortion (Kubichek 1993) of the frames of speech, aligned in time [dB].

    10 / ln 10 · √ Σ Δc² over the coefficients 1 … 24, averaged over the alignment. WORLD's code is orthonormal in the
    mean: Σ Δc² is the mean square difference of log power over the mel axis, so that this is the RMS difference of the
    smoothed log spectra in dB. The usual 10 / ln 10 · √(2 Σ Δc²) is the same for SPTK's cepstra, where the
    mean of (Δ ln |H|²)² is 2 Σ Δc²; for WORLD's code that factor would give a value too large by √2. The frequency axes
    still differ a little: mel from 40 Hz here, all-pass warping there.

    Args:
        converted: coded envelopes, the 0th coefficient first, (frames, order)
        target: another clip's, (other frames, order)
    """
    return _distortion(converted, target, aligned(Speech.of(converted), Speech.of(target)))


def distances(converted: Features, target: Features) -> dict[str, float | None]:
    """Distances of a clip to its target.

    Returns:
        mcd_db: mel-cepstral distortion [dB]
        f0_rmse_st: RMS difference of log-F0 over the aligned frames that are voiced in both clips [semitones]
        f0_correlation: Pearson's over the same frames; None where one F0 is constant
        f0_mean_st, f0_deviation_st: mean and deviation of log-F0, converted − target [semitones]
        energy_deviation_db: deviation of the energy of the frames of speech, converted − target [dB]
        log_duration: natural log of converted / target
    """
    alignment = aligned(Speech.of(converted.spectrum), Speech.of(target.spectrum))
    target_prosody = prosody(target)
    return {
        "mcd_db": _distortion(converted.spectrum, target.spectrum, alignment),
        **_f0_distances(converted.f0_hz[alignment[0], 0], target.f0_hz[alignment[1], 0]),
        **{name: _difference(value, target_prosody[name]) for name, value in prosody(converted).items()},
    }


def prosody(features: Features) -> dict[str, float | None]:
    """`f0_mean_st`, `f0_deviation_st` [semitones re 1 Hz], `energy_deviation_db` and `log_duration` [ln of frames]."""
    voiced = features.f0_hz[features.f0_hz > 0]
    semitones = _semitones(voiced) if len(voiced) >= FEWEST else None
    energy = energy_db(features.spectrum)
    return {
        "f0_mean_st": None if semitones is None else float(semitones.mean()),
        "f0_deviation_st": None if semitones is None else float(semitones.std()),
        "energy_deviation_db": float(energy[is_speech(energy)].std()),
        "log_duration": float(np.log(len(features.f0_hz))),
    }


def _distortion(converted: np.ndarray, target: np.ndarray, alignment: Alignment) -> float:
    difference = timbre(converted[alignment[0]]) - timbre(target[alignment[1]])
    return float(DECIBELS * np.sqrt(np.square(difference).sum(axis=1)).mean())


def _f0_distances(converted_hz: np.ndarray, target_hz: np.ndarray) -> dict[str, float | None]:
    """Distances of aligned F0 tracks, (pairs,) each."""
    both = (converted_hz > 0) & (target_hz > 0)
    if both.sum() < FEWEST:
        return {"f0_rmse_st": None, "f0_correlation": None}
    one, other = _semitones(converted_hz[both]), _semitones(target_hz[both])
    varying = min(one.std(), other.std()) > 1e-6
    return {
        "f0_rmse_st": float(np.sqrt(np.mean((one - other) ** 2))),
        "f0_correlation": float(np.corrcoef(one, other)[0, 1]) if varying else None,
    }


def _semitones(f0_hz: np.ndarray) -> np.ndarray:
    semitones: np.ndarray = 12 * np.log2(f0_hz.astype(np.float64))
    return semitones


def _difference(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other
