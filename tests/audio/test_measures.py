"""Measures of signals whose level, noise and band are known."""

import numpy as np
import pytest
import soxr
from scipy.signal import butter, sosfilt, welch

from pipeline.audio import decoding, measures

RATE = 16_000
RATES = (8_000, 16_000, 22_050, 48_000)
QUIETEST = {"level_db": pytest.approx(-101.1, abs=0.1), "snr_db": 0.0, "bandwidth_hz": 0.0}


def noise(duration_s: float, rate: int = RATE, seed: int = 0) -> np.ndarray:
    """White, of power 1."""
    return np.random.default_rng(seed).standard_normal(round(duration_s * rate))


def tone(rms_db: float, rate: int = RATE, duration_s: float = 1.0, hz: float = 220.0) -> np.ndarray:
    time = np.arange(round(duration_s * rate)) / rate
    return np.sqrt(2) * 10 ** (rms_db / 20) * np.sin(2 * np.pi * hz * time)


def bursts(rate: int = RATE) -> np.ndarray:
    """Like words: bursts of low-passed noise of power 1, half a second each, with pauses as long; 5 seconds."""
    low = sosfilt(butter(4, 3_000, fs=rate, output="sos"), noise(5.0, rate, seed=1))
    spoken = np.arange(len(low)) // (rate // 2) % 2 == 1
    return np.where(spoken, low / low.std(), 0.0)


def test_pauses_and_offsets_do_not_change_the_level() -> None:
    for rate in RATES:
        assert measures.level_db(tone(-20, rate), rate) == pytest.approx(-20, abs=0.05)
    sound = np.concatenate([np.zeros(RATE), tone(-20), np.zeros(2 * RATE)])
    assert measures.level_db(sound, RATE) == pytest.approx(-20, abs=0.05)
    assert measures.level_db(sound + 0.2, RATE) == pytest.approx(-20, abs=0.05)
    assert measures.level_db(sound + 1e-4 * noise(4.0), RATE) == pytest.approx(-20, abs=0.05)
    sound = 0.01 * bursts() + 1e-4 * noise(5.0)
    assert measures.level_db(10 * sound, RATE) - measures.level_db(sound, RATE) == pytest.approx(20)


@pytest.mark.parametrize("rate", RATES)
def test_snr_is_that_of_the_mixture(rate: int) -> None:
    for snr_db in (5, 10, 20, 30, 45):
        sound = 0.1 * (bursts(rate) + 10 ** (-snr_db / 20) * noise(5.0, rate))
        assert measures.snr_db(sound, rate) == pytest.approx(snr_db, abs=1.5)


def test_snr_of_digital_silence_and_of_steady_sounds() -> None:
    assert measures.snr_db(0.3 * bursts(), RATE) == measures.HIGHEST_SNR_DB
    quiet = 10 ** (-50 / 20) * bursts()  # what 16 bits leave room for
    assert measures.snr_db(quiet, RATE) == pytest.approx(51, abs=1)
    for steady in (noise(2.0), tone(-20)):  # where nothing stands out
        assert measures.snr_db(steady, RATE) < 3


@pytest.mark.parametrize(("rate", "edge_hz"), [(16_000, 4_000), (48_000, 4_000), (48_000, 8_000), (44_100, 16_000)])
def test_bandwidth_of_low_passed_noise(rate: int, edge_hz: int) -> None:
    low = soxr.resample(soxr.resample(noise(2.0, rate), rate, 2 * edge_hz, "VHQ"), 2 * edge_hz, rate, "VHQ")
    assert measures.bandwidth_hz(0.1 * low, rate) == pytest.approx(edge_hz, rel=0.05)


def test_bandwidth_is_at_most_half_the_rate_at_any_level() -> None:
    for rate in RATES:
        assert measures.bandwidth_hz(0.1 * noise(1.0, rate), rate) == pytest.approx(rate / 2, rel=0.01)
    low = sosfilt(butter(8, 2_000, fs=RATE, output="sos"), noise(2.0))
    assert measures.bandwidth_hz(0.1 * low, RATE) == measures.bandwidth_hz(0.001 * low + 0.1, RATE)


def test_silence_has_the_lowest_values() -> None:
    for length in (1, 2, 100, 319, 320, 321, RATE):
        for offset in (0.0, 0.3, -1.0):
            assert measures.recording(np.full(length, offset, np.float32), RATE) == QUIETEST


ODD = {
    "less than a frame": noise(0.005),
    "one frame": noise(0.02),
    "three values": np.clip(noise(1.0), -1, 1).round(),
    "clipped": np.clip(100 * tone(0), -1, 1),
    "a click": np.eye(1, RATE, 5)[0],
    "two samples": np.array([0.5, -0.5]),
}


@pytest.mark.parametrize("samples", ODD.values(), ids=ODD)
def test_odd_recordings_have_finite_measures(samples: np.ndarray) -> None:
    found = measures.recording(samples.astype(np.float32), RATE)
    assert np.isfinite(list(found.values())).all()
    assert found["level_db"] < 10 and 0 <= found["snr_db"] <= 80 and 0 <= found["bandwidth_hz"] <= RATE / 2


def test_voice() -> None:
    track = np.array([0, 0, 100, 100, 200, 0, 0, 0], np.float32)[:, None]
    found = measures.f0_summary(track)
    assert found["f0_median_hz"] == 100
    assert found["voiced_share"] == 3 / 8
    assert 11 < found["f0_range_st"] < 12  # an octave, but for the outer 5 %

    steady = np.full((100, 1), 150.0)
    steady[50:53] = 300  # octave errors
    assert measures.f0_summary(steady)["f0_range_st"] == 0
    found = measures.f0_summary(np.zeros((10, 1), np.float32))
    assert np.isnan(found["f0_median_hz"]) and np.isnan(found["f0_range_st"]) and found["voiced_share"] == 0


def test_ravdess_is_measured_alike_at_both_of_its_rates(shared) -> None:
    name = "Actor_01/03-01-05-01-01-01-01"
    original = decoding.read(shared / f"corpora/ravdess_original/{name}.wav")
    resampled = decoding.read(shared / f"corpora/ravdess/{name}.flac")
    assert (original.sampling_rate, resampled.sampling_rate) == (48_000, 16_000)
    wide, narrow = (measures.recording(clip.samples, clip.sampling_rate) for clip in (original, resampled))
    assert wide["level_db"] == pytest.approx(narrow["level_db"], abs=0.5)
    assert wide["snr_db"] == pytest.approx(narrow["snr_db"], abs=1)
    assert 15_000 < wide["bandwidth_hz"] < 24_000 and 7_500 < narrow["bandwidth_hz"] <= 8_000
    telephone = soxr.resample(resampled.samples, 16_000, 8_000)
    assert measures.bandwidth_hz(soxr.resample(telephone, 8_000, 16_000), 16_000) == pytest.approx(3_900, abs=150)


@pytest.mark.parametrize(("rate", "samples"), [(16_000, 16_000), (22_050, 9_999), (48_000, 48_000), (16_000, 300)])
def test_bandwidth_is_that_of_scipys_spectrum(rate: int, samples: int) -> None:
    sound = sosfilt(butter(6, 2_000, fs=rate, output="sos"), noise(samples / rate, rate))
    frequencies, power = welch(sound, rate, nperseg=min(rate // 50, samples))
    expected = frequencies[power >= power.max() / 1e5].max()
    assert measures.bandwidth_hz(sound, rate) == pytest.approx(expected)
