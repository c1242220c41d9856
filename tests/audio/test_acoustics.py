"""The classifiers' features against librosa's and SciPy's, on sounds whose features are known, and on no sound."""

import librosa
import numpy as np
import pytest
from scipy import stats

from pipeline.audio import measures
from pipeline.audio.acoustics import CEPSTRA, AcousticsParams, classifier_features, pitch
from pipeline.vocoder.world import World, WorldParams

RATE = 16_000
PARAMS = AcousticsParams(n_mels=64, frame_ms=10, window_ms=25)
WORLD = World(WorldParams(frame_ms=5, order=36, f0="dio", f0_floor_hz=71, f0_ceil_hz=600, d4c_threshold=0), RATE)
DESCRIPTORS = CEPSTRA + 5
# Where things are in the row of functionals, from its end.
F0_MEAN, F0_DEVIATION, F0_SLOPE = -14, -13, -7
LOG_SECONDS, VOICED, STRETCHES, PEAKS = -4, -3, -2, -1


def noise(samples: int, level: float = 0.05) -> np.ndarray:
    return (level * np.random.default_rng(samples).standard_normal(samples)).astype(np.float32)


def voice(f0_hz: float | np.ndarray, seconds: float = 1.0) -> np.ndarray:
    """Ten falling harmonics of an F0 that may differ from sample to sample."""
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(f0_hz, round(seconds * RATE))) / RATE
    return (0.1 * sum(np.sin(number * phase) / number for number in range(1, 11))).astype(np.float32)


def features(samples: np.ndarray) -> dict[str, np.ndarray]:
    return classifier_features(samples, RATE, PARAMS, WORLD.f0(samples), WORLD.frame_ms)


def functionals(samples: np.ndarray) -> np.ndarray:
    return features(samples)["functionals"][0]


@pytest.mark.parametrize("samples", [1, 100, 159, 160, 480, 16_000])
def test_a_frame_every_hop_however_short(samples: int) -> None:
    found = features(noise(samples))
    assert found["log_mel"].shape == (1 + samples // 160, 64)
    assert found["functionals"].shape == functionals(noise(RATE))[None].shape
    assert np.isfinite(found["functionals"]).all()


@pytest.mark.parametrize(
    "sound",
    [np.zeros(RATE, np.float32), np.full(RATE, 0.1, np.float32), np.eye(1, RATE, 500, dtype=np.float32)[0]],
    ids=["silence", "constant", "click"],
)
def test_no_speech_gives_finite_functionals(sound: np.ndarray) -> None:
    found = functionals(sound)
    assert np.isfinite(found).all()
    assert found[VOICED] == 0 and (sound.any() or found[PEAKS] == 0)
    assert all(np.isnan(value) for value in pitch(found[None]).values())
    assert not found[F0_MEAN : F0_MEAN + 10].any()


@pytest.mark.parametrize("f0_hz", [80, 120, 220, 400])
def test_f0_of_a_steady_voice(f0_hz: float) -> None:
    found = functionals(voice(f0_hz))
    assert np.exp(found[F0_MEAN]) == pytest.approx(f0_hz, rel=0.01)
    assert found[F0_DEVIATION] < 0.02
    assert found[VOICED] > 0.95
    assert found[STRETCHES] == pytest.approx(1, rel=0.02)


def test_f0_that_moves() -> None:
    time = np.arange(RATE) / RATE
    vibrato = functionals(voice(200 * np.exp(0.1 * np.sin(2 * np.pi * 4 * time))))
    assert vibrato[F0_DEVIATION] == pytest.approx(0.1 / np.sqrt(2), rel=0.1)
    rising = functionals(voice(150 * np.exp(0.4 * time)))
    assert rising[F0_SLOPE] == pytest.approx(0.2, rel=0.1)  # from −1 at the start to 1 at the end
    assert functionals(voice(150 * np.exp(-0.4 * time)))[F0_SLOPE] == pytest.approx(-0.2, rel=0.1)


def test_shape_of_the_melody() -> None:
    """A parabola over two seconds: its thirds, rise and fall, skewness and curvature by hand."""
    place = np.linspace(-1, 1, 2 * RATE)
    melody = functionals(voice(150 * np.exp(0.3 * place**2), 2.0))[-21:-14]
    ends, middle = 0.3 * (1 - 1 / 27) / 2, 0.3 / 27  # integrals of place² over an outer and the inner third
    np.testing.assert_allclose(melody[:3], [ends - 0.1, middle - 0.1, ends - 0.1], atol=0.01)
    np.testing.assert_allclose(melody[3:5], [0.003, -0.003], rtol=0.15)  # a frame
    assert melody[5] == pytest.approx(0.64, abs=0.1)
    assert melody[6] == pytest.approx(0.3, rel=0.1)
    paused = [voice(120, 0.5), np.zeros(RATE // 2, np.float32), voice(240, 0.5)]  # a pause is no rise
    rise, fall = functionals(np.concatenate(paused))[-18:-16]
    assert rise < 0.01 and fall > -0.01


def test_pitch_is_that_of_the_voiced_frames() -> None:
    """The same track by another way to its median and range."""
    import pyworld

    melody = 180 * np.exp(0.3 * np.sin(2 * np.pi * 2 * np.arange(RATE) / RATE))
    sound = np.concatenate([voice(melody), np.zeros(RATE // 2, np.float32)])
    wave = sound.astype(np.float64)
    f0_hz = pyworld.stonemask(wave, *pyworld.dio(wave, RATE, 71, 600, frame_period=10), RATE)
    expected = measures.f0_summary(f0_hz[:, None])
    found = pitch(features(sound)["functionals"])
    assert found == pytest.approx({name: expected[name] for name in found}, rel=1e-3)
    assert found["f0_median_hz"] == pytest.approx(180, rel=0.03) and 9 < found["f0_range_st"] < 11


def test_rhythm() -> None:
    found = functionals(np.concatenate([voice(200, 0.5), np.zeros(RATE // 2, np.float32), voice(200, 1.0)]))
    assert np.exp(found[LOG_SECONDS]) == pytest.approx(2.0, rel=0.01)
    assert found[VOICED] == pytest.approx(0.75, abs=0.03)
    assert found[STRETCHES] == pytest.approx(1.0, rel=0.02)
    time = np.arange(2 * RATE) / RATE
    syllables = functionals((1.05 + np.sin(2 * np.pi * 4 * time)).astype(np.float32) * noise(2 * RATE))
    assert syllables[PEAKS] == pytest.approx(4.0, rel=0.02)


def test_functionals_equal_librosas_and_scipys() -> None:
    sound = noise(RATE) * np.linspace(0.2, 1, RATE, dtype=np.float32)
    found = features(sound)
    row = found["functionals"][0]
    track = librosa.feature.mfcc(S=found["log_mel"].T, n_mfcc=CEPSTRA).T
    expected = {
        0: track.mean(axis=0),
        1: track.std(axis=0),
        2: stats.skew(track, axis=0),
        3: np.quantile(track, 0.05, axis=0),
        7: np.quantile(track, 0.95, axis=0),
        8: np.abs(track - track.mean(axis=0)).mean(axis=0),
        9: (track[-1] - track[0]) / len(track),  # mean of the differences
    }
    for statistic, values in expected.items():
        start = statistic * DESCRIPTORS
        np.testing.assert_allclose(row[start : start + CEPSTRA], values, rtol=1e-3, atol=1e-3)
    slopes = librosa.feature.delta(track, width=5, axis=0, mode="nearest")
    again = librosa.feature.delta(slopes, width=5, axis=0, mode="nearest")
    of_bands = librosa.feature.delta(found["log_mel"], width=5, axis=0, mode="nearest")
    start = 2 * 9 * DESCRIPTORS
    for moving, width in ((slopes, DESCRIPTORS), (again, DESCRIPTORS), (of_bands, PARAMS.n_mels)):
        deviation = moving.std(axis=0)
        np.testing.assert_allclose(row[start : start + len(deviation)], deviation, rtol=1e-3, atol=1e-3)
        start += width
    assert len(row) == start + 7 + 10 + 4


def test_loudness_moves_the_level_and_nothing_else() -> None:
    sound = voice(150) + noise(RATE)
    moved = functionals(2 * sound) - functionals(sound)
    level = [0, *(statistic * DESCRIPTORS for statistic in range(3, 8))]  # mean and percentiles of the 0th cepstral
    np.testing.assert_allclose(moved[level], np.log(4) * np.sqrt(PARAMS.n_mels), rtol=1e-3)
    np.testing.assert_allclose(np.delete(moved, level), 0, atol=0.01)


def test_a_brighter_sound_has_a_higher_centroid() -> None:
    low, high = (np.sin(2 * np.pi * f_hz * np.arange(RATE) / RATE).astype(np.float32) for f_hz in (500, 4000))
    bins = np.linspace(-1, 1, PARAMS.n_mels)
    for sound, f_hz in ((low, 500), (high, 4000)):
        centres_hz = librosa.mel_frequencies(PARAMS.n_mels + 2, fmin=0, fmax=RATE / 2)[1:-1]
        expected = bins[np.abs(centres_hz - f_hz).argmin()]
        assert functionals(sound)[CEPSTRA] == pytest.approx(expected, abs=0.05)
