"""The wavelet transform equals a slow one made independently, and a contour comes back from its tracks."""

import numpy as np
import pytest

from pipeline.prosody.f0 import SCALES, continuous, from_wavelets, placed, wavelets

BOUNDS = (71.0, 600.0)


def cents(ratio: np.ndarray) -> np.ndarray:
    return 1200 * np.log2(ratio)


@pytest.fixture
def f0_hz() -> np.ndarray:
    """A phrase of 2 s that declines, with accents and pauses, (400, 1)."""
    time = np.arange(400) * 0.005
    contour = 5 - 0.1 * time + 0.15 * np.sin(2 * np.pi * 1.3 * time) + 0.05 * np.sin(2 * np.pi * 4.1 * time + 1)
    f0_hz = np.exp(contour)
    for start, stop in ((0, 15), (120, 140), (260, 310), (390, 400)):
        f0_hz[start:stop] = 0
    return f0_hz[:, None]


def slow_wavelets(contour: np.ndarray) -> np.ndarray:
    """Convolution with Mexican hats, the contour mirrored at its ends again and again, (frames, SCALES)."""
    around = 6 * 2**SCALES
    mirrored = np.pad(contour, around, mode="symmetric")
    tracks = []
    for scale in 2.0 ** np.arange(SCALES):
        time = np.arange(-around, around + 1) / scale
        hat = (1 - time**2) * np.exp(-(time**2) / 2)
        tracks.append(np.convolve(mirrored, hat * np.log(2) / (np.sqrt(2 * np.pi) * scale), mode="valid"))
    return np.stack(tracks, axis=1)


def test_gaps_are_bridged_in_the_logarithm_and_ends_held() -> None:
    f0_hz = np.array([0, 0, 100, 0, 400, 0], np.float32)[:, None]
    np.testing.assert_allclose(np.exp(continuous(f0_hz)), [100, 100, 100, 200, 400, 400])


def test_wavelets_equal_a_slow_transform(f0_hz: np.ndarray) -> None:
    contour = continuous(f0_hz)
    voiced = f0_hz[:, 0] > 0
    normalised = (contour - contour[voiced].mean()) / contour[voiced].std()
    expected = slow_wavelets(normalised)
    tracks = wavelets(f0_hz)
    assert tracks.shape == (400, SCALES)
    assert tracks.dtype == np.float32
    # Of the first track, which has besides what is faster, only the slow is the same.
    np.testing.assert_allclose(tracks[:, 1:], expected[:, 1:], atol=0.01)
    assert np.corrcoef(tracks[:, 0], expected[:, 0])[0, 1] > 0.8
    assert np.corrcoef(tracks[:, 1], expected[:, 1])[0, 1] > 0.999


@pytest.mark.parametrize("scale", range(2, 8))
def test_a_wave_is_loudest_at_its_own_scale(scale: int) -> None:
    period = 2 * np.pi * 2**scale / np.sqrt(2)  # at which this wavelet is largest [frames]
    f0_hz = np.exp(5 + 0.1 * np.sin(2 * np.pi * np.arange(4000) / period))[:, None]
    assert wavelets(f0_hz).std(axis=0).argmax() == scale


def test_contour_comes_back_from_its_tracks(f0_hz: np.ndarray) -> None:
    voiced = f0_hz[:, 0] > 0
    log_f0 = np.log(f0_hz[voiced])
    again = from_wavelets(wavelets(f0_hz), log_f0.mean(), log_f0.std(), voiced, *BOUNDS)
    np.testing.assert_array_equal(again > 0, f0_hz > 0)
    assert np.abs(cents(again[voiced] / f0_hz[voiced])).max() < 0.01


@pytest.mark.parametrize("frames", [2, 3, 50, 1001, 20_000])
def test_tracks_add_up_to_any_contour(frames: int) -> None:
    contour = np.random.default_rng(0).normal(size=frames) + np.linspace(0, 9, frames)  # from jitter to a slope
    tracks = wavelets(np.exp(contour)[:, None])
    np.testing.assert_allclose(tracks.sum(axis=1), (contour - contour.mean()) / contour.std(), atol=1e-5)


@pytest.mark.parametrize("voiced", [[], [150.0], [150.0, 150.0]], ids=["unvoiced", "one frame", "flat"])
def test_what_does_not_move_has_empty_tracks(voiced: list[float]) -> None:
    f0_hz = np.array([0.0, *voiced, 0.0])[:, None]
    np.testing.assert_array_equal(wavelets(f0_hz), np.zeros((len(f0_hz), SCALES)))
    again = from_wavelets(wavelets(f0_hz), np.log(200), 0.3, f0_hz[:, 0] > 0, *BOUNDS)
    np.testing.assert_allclose(again, np.where(f0_hz > 0, 200, 0))


def test_placed_has_the_mean_and_deviation_asked_for() -> None:
    voiced = np.array([True, True, False, True])
    f0_hz = placed(np.array([1.0, 2.0, 99.0, 5.0]), voiced, 5.0, 0.2, *BOUNDS)
    log_f0 = np.log(f0_hz[voiced])
    assert f0_hz[2] == 0
    assert (log_f0.mean(), log_f0.std()) == (pytest.approx(5.0), pytest.approx(0.2))
    assert (log_f0[2] - log_f0[1]) / (log_f0[1] - log_f0[0]) == pytest.approx(3)


@pytest.mark.parametrize(("mean", "deviation"), [(500.0, 0.1), (-500.0, 0.1), (5.0, 900.0)])
def test_placed_stays_inside_the_bounds(mean: float, deviation: float) -> None:
    f0_hz = placed(np.arange(9.0), np.ones(9, bool), mean, deviation, *BOUNDS)
    assert ((f0_hz >= BOUNDS[0]) & (f0_hz <= BOUNDS[1])).all()
