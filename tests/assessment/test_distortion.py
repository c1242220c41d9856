"""Distances of envelopes and F0 tracks that are known."""

from dataclasses import replace

import numpy as np
import pytest
import pyworld

from pipeline.assessment.distortion import distances, mel_cepstral_distortion
from pipeline.conversion.alignment import SPEECH_DB, Speech, aligned, energy_db
from pipeline.vocoder import Features

RATE = 16_000
DECIBELS = 10 / np.log(10)


def envelopes(frames: int, seed: int = 0, order: int = 36, size: float = 0.1) -> np.ndarray:
    return (size * np.random.default_rng(seed).standard_normal((frames, order))).astype(np.float32)


def steady(frames: int = 20) -> np.ndarray:
    """One envelope all the time."""
    return np.repeat(envelopes(1), frames, axis=0)


def clip(frames: int = 60, seed: int = 0, f0_hz: float | np.ndarray = 150.0) -> Features:
    draw = np.random.default_rng(seed)
    track = np.full((frames, 1), f0_hz, np.float32) if np.isscalar(f0_hz) else np.asarray(f0_hz, np.float32)[:, None]
    return Features(envelopes(frames, seed, size=0.5), track, draw.standard_normal((frames, 1)).astype(np.float32))


@pytest.mark.parametrize(("frames", "others"), [(1, 1), (1, 4), (5, 2), (5, 5), (4, 6)])
def test_it_is_the_mean_distance_along_the_alignment(frames: int, others: int) -> None:
    one, other = envelopes(frames), envelopes(others, 10)
    places, of_other = aligned(Speech.of(one), Speech.of(other))
    apart = np.linalg.norm(one[places, 1:25] - other[of_other, 1:25], axis=1)
    assert mel_cepstral_distortion(one, other) == pytest.approx(DECIBELS * apart.mean(), rel=1e-5)


def test_identical_clips() -> None:
    assert mel_cepstral_distortion(envelopes(50), envelopes(50)) == 0
    found = distances(clip(f0_hz=np.linspace(100, 200, 60)), clip(f0_hz=np.linspace(100, 200, 60)))
    assert found.pop("f0_correlation") == pytest.approx(1)
    assert found == dict.fromkeys(found, 0)


@pytest.mark.parametrize(
    ("places", "shift", "expected"),
    [([1, 24], [0.3, -0.4], 0.5), ([0], 0.5, 0), ([25], 0.5, 0), ([35], 0.5, 0)],
    ids=["both count", "level", "fine", "finest"],
)
def test_a_constant_shift(places: list[int], shift: float | list[float], expected: float) -> None:
    shifted = steady()
    shifted[:, places] += np.array(shift, np.float32)
    assert mel_cepstral_distortion(shifted, steady()) == pytest.approx(DECIBELS * expected, rel=1e-6)


@pytest.mark.parametrize("ripples", [1, 3, 10])
def test_it_is_the_rms_difference_of_the_spectra_in_decibels(ripples: int) -> None:
    """WORLD codes spectra that differ by a ripple of 6 dB along the mel axis."""
    size = pyworld.get_cheaptrick_fft_size(RATE)
    mel = 1127.01048 * np.log1p(np.maximum(np.arange(size // 2 + 1) * RATE / size, 40) / 700)
    ripple_db = 6 * np.cos(np.pi * ripples * (mel - mel[0]) / (mel[-1] - mel[0]))
    flat = np.full((5, len(mel)), 1e-4)
    coded = [pyworld.code_spectral_envelope(spectra, RATE, 36) for spectra in (flat * 10 ** (ripple_db / 10), flat)]
    assert mel_cepstral_distortion(*coded) == pytest.approx(6 / np.sqrt(2), rel=0.02)
    np.testing.assert_allclose(energy_db(coded[1]), -40, atol=0.01)


def test_shorter_codes_than_24_are_compared_whole() -> None:
    shorter = steady()[:, :10]
    assert mel_cepstral_distortion(shorter + np.eye(1, 10, 9), shorter) == pytest.approx(DECIBELS, rel=1e-6)


def test_stretched_in_time() -> None:
    one = envelopes(40)
    assert mel_cepstral_distortion(np.repeat(one, 3, axis=0), one) == 0
    half = np.concatenate([one[:20], np.repeat(one[20:], 2, axis=0)])
    assert mel_cepstral_distortion(half, one) == 0
    other = envelopes(55, seed=1)
    assert mel_cepstral_distortion(one, other) == pytest.approx(mel_cepstral_distortion(other, one))
    whole = clip(f0_hz=np.linspace(100, 200, 60))
    slow = Features(*(np.repeat(array, 2, axis=0) for array in whole.arrays().values()))
    found = distances(slow, whole)  # F0 is compared along the alignment
    assert found["mcd_db"] == found["f0_rmse_st"] == 0
    assert found["log_duration"] == pytest.approx(np.log(2))


def test_pauses_do_not_count() -> None:
    one, other = envelopes(40), envelopes(40, seed=1)
    pause = envelopes(15, seed=2)
    pause[:, 0] -= (SPEECH_DB + 5) / DECIBELS
    paused = np.concatenate([pause, one[:20], pause, one[20:], pause])
    assert mel_cepstral_distortion(paused, other) == mel_cepstral_distortion(one, other)
    assert not set(aligned(Speech.of(paused), Speech.of(other))[0]) & {*range(15), *range(35, 50), *range(70, 85)}


@pytest.mark.parametrize("level", [0.0, -200.0])
def test_energy_is_that_of_the_envelope(level: float) -> None:
    coded = envelopes(3).astype(float)
    coded[:, 0] += level
    size = pyworld.get_cheaptrick_fft_size(RATE)
    power = pyworld.decode_spectral_envelope(coded, RATE, size)
    frequencies = np.arange(size // 2 + 1) * RATE / size
    mel = 1127.01048 * np.log1p(frequencies / 700)
    axis = np.linspace(1127.01048 * np.log1p(40 / 700), mel[-1], 2000)
    expected = [10 * np.log10(np.interp(axis, mel, frame).mean()) for frame in power]
    np.testing.assert_allclose(energy_db(coded), expected, atol=0.1)


def test_transposed_and_mirrored() -> None:
    track = np.linspace(100, 200, 60)
    found = distances(clip(f0_hz=track * 2 ** (3 / 12)), clip(f0_hz=track))
    assert found["f0_rmse_st"] == pytest.approx(3, abs=1e-4)
    assert found["f0_mean_st"] == pytest.approx(3, abs=1e-4)
    assert found["f0_deviation_st"] == pytest.approx(0, abs=1e-4)
    assert found["f0_correlation"] == pytest.approx(1)
    track = np.linspace(-3, 3, 60)
    found = distances(clip(f0_hz=150 * 2 ** (track / 12)), clip(f0_hz=150 * 2 ** (-2 * track / 12)))
    assert found["f0_correlation"] == pytest.approx(-1)
    assert found["f0_deviation_st"] == pytest.approx(-track.std(), rel=1e-4)


def test_only_frames_that_are_voiced_in_both() -> None:
    one, other = np.full(60, 100.0), np.full(60, 200.0)
    one[:30] = 0
    other[40:] = 0
    assert distances(clip(f0_hz=one), clip(f0_hz=other))["f0_rmse_st"] == pytest.approx(12)
    other[38:] = 0  # leaves 8 frames
    found = distances(clip(f0_hz=one), clip(f0_hz=other))
    assert found["f0_rmse_st"] is None and found["f0_correlation"] is None
    assert found["f0_mean_st"] == pytest.approx(-12)


def test_a_whisper_has_no_pitch_and_a_drone_no_melody() -> None:
    for one, other in ((0.0, 150.0), (150.0, 0.0), (0.0, 0.0)):
        found = distances(clip(f0_hz=one), clip(f0_hz=other))
        expected = {"f0_rmse_st", "f0_correlation", "f0_mean_st", "f0_deviation_st"}
        assert {name for name, value in found.items() if value is None} == expected
    assert distances(clip(f0_hz=100.0), clip(f0_hz=np.linspace(100, 200, 60)))["f0_correlation"] is None


def test_deviation_of_the_energy() -> None:
    flat = replace(clip(), spectrum=steady(60))
    uneven = flat.spectrum.copy()
    uneven[::2, 0] += 6 / DECIBELS
    found = distances(replace(flat, spectrum=uneven), flat)
    assert found["energy_deviation_db"] == pytest.approx(3, abs=1e-4)


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_short_and_silent_clips_have_finite_distances(frames: int) -> None:
    silent = Features(np.full((frames, 36), -18.0, np.float32), np.zeros((frames, 1)), np.zeros((frames, 1)))
    for one, other in ((silent, clip()), (clip(), silent), (silent, silent)):
        assert np.isfinite([value for value in distances(one, other).values() if value is not None]).all()
