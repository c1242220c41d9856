"""A converted clip moves by the difference of the emotions, whatever the method, and stays sane whatever the clip."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipeline.conversion.prosody import ClipProsody, Prosody, ProsodyParams, Statistics, nearest

Make = Callable[..., ClipProsody]

BOUNDS = (71.0, 600.0)
ANGRY = Statistics(0.15, 0.2, 1.5, -0.2)
SAD = Statistics(-0.15, 0.05, 1.0, 0.2)
LOUDER = Statistics(0.5, 0.1, 1.2, -0.4)


def prosody(f0: Any = "log_gaussian", energy: Any = "log_gaussian", duration: Any = "rate", **more: Any) -> Prosody:
    params = ProsodyParams(f0=f0, energy=energy, duration=duration)
    return Prosody(params, {"angry": ANGRY, "sad": SAD, **more}, {"angry": {"high": LOUDER}})


def converted(known: Prosody, f0_hz: np.ndarray, *way: Any, **more: Any) -> np.ndarray:
    source, target, *intensity = way
    return known.f0(f0_hz, source, target, *(intensity or [None]), *BOUNDS, **more)


@pytest.fixture
def f0_hz() -> np.ndarray:
    """A clip with unvoiced frames at both ends and inside, (300, 1)."""
    time = np.arange(300) / 200
    f0_hz = np.exp(5.2 + 0.08 * np.sin(2 * np.pi * 1.1 * time) + 0.04 * np.sin(2 * np.pi * 5 * time))[:, None]
    f0_hz[[0, 1, 140, 141, 142, 299]] = 0
    return f0_hz


@pytest.mark.parametrize(("source", "target"), [("angry", "sad"), ("sad", "angry")])
def test_mean_and_deviation_of_f0_move(f0_hz: np.ndarray, source: str, target: str) -> None:
    known = prosody()
    before = np.log(f0_hz[f0_hz > 0])
    moved = converted(known, f0_hz, source, target)
    np.testing.assert_array_equal(moved == 0, f0_hz == 0)
    after = np.log(moved[moved > 0])
    own, wanted = known.emotions[source], known.emotions[target]
    assert after.mean() - before.mean() == pytest.approx(wanted.f0_shift - own.f0_shift)
    assert after.std() / before.std() == pytest.approx(wanted.f0_deviation / own.f0_deviation)


@pytest.mark.parametrize("method", ["none", "log_gaussian"])
def test_own_emotion_changes_no_f0(f0_hz: np.ndarray, method: str) -> None:
    np.testing.assert_allclose(converted(prosody(method), f0_hz, "sad", "sad"), f0_hz, rtol=1e-6)
    still = prosody(method, flat=Statistics(0.3, 1e-5, 0.0, 0.0))
    np.testing.assert_allclose(converted(still, f0_hz, "flat", "flat"), f0_hz, rtol=1e-6)


ODD = {
    "unvoiced": [],
    "one frame": [100.0],
    "low": [1e-30],
    "high": [1e30],
    "all 50": [50.0] * 40,
    "all 2000": [2000.0] * 40,
    "alternating": [80.0, 2000.0] * 20,
    "alternately voiced": [0.0, 120.0] * 20,
    "wide": [1e-30, 1e30],
    "stray": [3.0, 20_000.0, 150.0],
}


@pytest.mark.parametrize("voiced", ODD.values(), ids=ODD)
def test_odd_clips_stay_inside_the_bounds(voiced: list[float]) -> None:
    f0_hz = np.array([0.0, *voiced], dtype=np.float32)[:, None]
    given = f0_hz.copy()
    absurd = {
        "still": Statistics(0.0, 1e-9, 0.0, 0.0),
        "low": Statistics(-50.0, 0.0, 0.0, -50.0),
        "high": Statistics(50.0, 300.0, 50.0, 50.0),
    }
    known = prosody(**absurd)
    for target, intensity in (("angry", None), ("angry", "high"), ("low", "low"), ("high", "high")):
        moved = converted(known, f0_hz, "still", target, intensity)
        assert moved.shape == f0_hz.shape
        assert moved.dtype == np.float32
        np.testing.assert_array_equal(moved == 0, f0_hz == 0)
        voiced_hz = moved[moved > 0]
        assert ((voiced_hz >= BOUNDS[0]) & (voiced_hz <= BOUNDS[1])).all()
        assert 0.5 <= known.rate("still", target, intensity) <= 2
    np.testing.assert_array_equal(f0_hz, given)


def test_energy_moves_by_the_ratio_of_deviations() -> None:
    c0 = np.sin(np.linspace(0, 30, 200))
    moved = prosody().energy(c0, "sad", "angry", None)
    assert moved.mean() == pytest.approx(c0.mean())
    assert moved.std() == pytest.approx(1.5 * c0.std())
    most = prosody(shouted=Statistics(0.0, 0.1, 100.0, 0.0)).energy(c0, "sad", "shouted", None)
    assert most.std() == pytest.approx(2 * c0.std())
    np.testing.assert_array_equal(prosody(energy="none").energy(c0, "sad", "angry", None), c0)
    with pytest.raises(ValueError, match="the generators convert"):
        prosody(energy="cyclegan").energy(c0, "sad", "angry", None)


def test_rate_is_the_ratio_of_durations_within_limits() -> None:
    known = prosody(drawled=Statistics(0.0, 0.1, 1.0, 3.0))
    assert known.rate("sad", "angry", None) == pytest.approx(np.exp(-0.4))
    assert known.rate("angry", "sad", None) == pytest.approx(np.exp(0.4))
    assert known.rate("sad", "drawled", None) == 2
    assert known.rate("drawled", "sad", None) == 0.5
    assert prosody(duration="none").rate("sad", "angry", None) == 1


def test_deviation_that_is_not_known_changes_nothing(f0_hz: np.ndarray) -> None:
    known = prosody(unknown=Statistics(0.0, 0.0, 0.0, 0.0))
    moved = converted(known, f0_hz, "sad", "unknown")
    np.testing.assert_allclose(moved, f0_hz * np.exp(0.15), rtol=1e-6)
    np.testing.assert_array_equal(known.energy(np.arange(9.0), "sad", "unknown", None), np.arange(9.0))


def test_unknown_intensities_are_shares_of_the_way(f0_hz: np.ndarray) -> None:
    known = prosody()
    levels = ("low", "medium", "high")
    means = [np.log(converted(known, f0_hz, "angry", "sad", level)[f0_hz > 0]).mean() for level in levels]
    own = np.log(f0_hz[f0_hz > 0]).mean()
    np.testing.assert_allclose(np.array(means) - own, [-0.15, -0.3, -0.45])
    assert known.rate("angry", "sad", "low") < known.rate("angry", "sad", None) < known.rate("angry", "sad", "high")
    spread = [known.energy(np.sin(np.arange(200.0)), "angry", "sad", level).std() for level in levels]
    assert spread == sorted(spread, reverse=True)


@pytest.mark.parametrize(
    ("intensity", "known", "best", "share"),
    [
        ("low", ["medium", "high"], "medium", 0.5),
        ("high", ["low", "medium"], "medium", 1.5),
        ("high", ["low"], "low", 3.0),
        ("medium", ["low", "high"], "high", 2 / 3),  # both are as near; the rest of a way is surer than more of it
        ("medium", ["medium", "high"], "medium", 1.0),
        ("low", [], "medium", 0.5),
    ],
)
def test_nearest_intensity(intensity: str, known: list[str], best: str, share: float) -> None:
    assert nearest(intensity, known) == (best, pytest.approx(share))


def test_an_unknown_intensity_is_less_than_a_known_one(f0_hz: np.ndarray) -> None:
    """Though of the emotion as a whole, most is intense."""
    known = prosody()
    known = replace(known, intensities={"angry": {"medium": replace(known.emotions["angry"], f0_shift=0.0)}})
    shifts = [
        np.log(converted(known, f0_hz, "sad", "angry", level)[f0_hz > 0]).mean() - np.log(f0_hz[f0_hz > 0]).mean()
        for level in ("low", "medium", "high", None)
    ]
    np.testing.assert_allclose(shifts, [0.075, 0.15, 0.225, 0.3], atol=1e-6)


def test_known_intensity_counts_for_the_target_and_on_demand_for_the_source(f0_hz: np.ndarray) -> None:
    known = prosody()
    before = np.log(f0_hz[f0_hz > 0]).mean()

    def moved(*way: Any, **more: Any) -> float:
        return float(np.log(converted(known, f0_hz, *way, **more)[f0_hz > 0]).mean() - before)

    assert moved("sad", "angry", "high") == pytest.approx(0.65)
    assert moved("angry", "sad", None) == pytest.approx(-0.3)
    assert moved("angry", "sad", None, source_intensity="high") == pytest.approx(-0.65)
    assert moved("angry", "sad", None, source_intensity="low") == pytest.approx(-0.3)  # too few clips have it
    assert known.rate("angry", "sad", None, "high") == pytest.approx(np.exp(0.6))
    with pytest.raises(KeyError, match="enormous"):
        known.rate("sad", "angry", "enormous")
    with pytest.raises(KeyError, match="bored"):
        known.rate("sad", "bored", None)


@pytest.fixture
def clips(spoken: Make) -> list[ClipProsody]:
    """Angry and sad clips, the angry ones in two intensities; some odd ones among them."""
    clips = []
    for number, speaker in enumerate(("demo_a", "demo_b", "demo_c")):
        for sentence in ("one", "two"):
            clips.append(spoken("sad", speaker, sentence, f0=(5 + 0.1 * number, 0.05), frames=120))
            for intensity, shift, frames in (("medium", 0.2, 110), ("high", 0.4, 90)):
                pitch = (5 + 0.1 * number + shift, 0.1)
                clips.append(spoken("angry", speaker, sentence, intensity, pitch, (0.0, 1.3), frames))
    return [*clips, spoken(voiced=False), spoken("angry", frames=1), spoken("angry", voiced=False, frames=1)]


def test_config_holds_plain_numbers_and_comes_back_equal(clips: list[ClipProsody]) -> None:
    known = Prosody.fit(clips, ProsodyParams(f0="log_gaussian", energy="log_gaussian", duration="rate"))
    assert {emotion: list(levels) for emotion, levels in known.intensities.items()} == {"angry": ["high", "medium"]}
    text = json.dumps(known.to_config(), allow_nan=False)
    assert Prosody.from_config(json.loads(text)) == known


@pytest.mark.filterwarnings("error")
def test_fit_of_odd_clips_alone(spoken: Make) -> None:
    odd = [spoken("angry", frames=1), spoken("sad", "demo_b", voiced=False), spoken("sad", frames=2)]
    silent = spoken("sad", "demo_b", voiced=False)
    silent.features.spectrum[:] = 0
    known = Prosody.fit([*odd, silent], ProsodyParams(f0="log_gaussian", energy="log_gaussian", duration="rate"))
    json.dumps(known.to_config(), allow_nan=False)
    for clip in odd:
        f0_hz = clip.features.f0_hz
        assert np.isfinite(converted(known, f0_hz, "sad", "angry", "high")).all()
        assert np.isfinite(known.energy(clip.features.spectrum[:, 0], "angry", "sad", "low")).all()
        assert 0.5 <= known.rate("angry", "sad", "high") <= 2
