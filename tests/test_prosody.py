"""F0 statistics are found again in made-up F0, and a converted clip moves by exactly their difference."""

from collections.abc import Mapping

import numpy as np
import pytest

from pipeline.prosody import F0Statistics, converted_f0, f0_statistics

BOUNDS = (71.0, 600.0)
SPEAKERS = {"demo_f1": np.log(220), "demo_m1": np.log(110), "demo_m2": np.log(125)}  # mean log-F0
SHIFTS = {"angry": 0.15, "sad": -0.15}
DEVIATIONS = {"angry": 0.2, "sad": 0.05}
ANGRY, SAD = (F0Statistics(SHIFTS[emotion], DEVIATIONS[emotion]) for emotion in ("angry", "sad"))


def contour(mean: float, deviation: float, frames: int) -> np.ndarray:
    """Log-F0 of exactly this mean and deviation, (frames,)."""
    wave = np.sin(np.linspace(0, 9, frames))
    return mean + deviation * (wave - wave.mean()) / wave.std()


def statistics(counts: Mapping[tuple[str, str], int]) -> dict[str, F0Statistics]:
    """Of made-up clips, so many for each speaker and emotion; each next clip of a speaker has other offsets."""
    log_f0, emotions, speakers = [], [], []
    for (speaker, emotion), count in counts.items():
        for offset in np.linspace(-0.1, 0.1, count) if count > 1 else [0.0]:
            log_f0.append(contour(SPEAKERS[speaker] + SHIFTS[emotion] + offset, DEVIATIONS[emotion], 50 + count))
            emotions.append(emotion)
            speakers.append(speaker)
    return f0_statistics(log_f0, emotions, speakers)


EVEN = dict.fromkeys([(speaker, emotion) for speaker in SPEAKERS for emotion in SHIFTS], 2)


@pytest.mark.parametrize(
    "counts",
    [
        EVEN,
        # Many angry clips of the high voice, many sad ones of a low voice: pooled means would be far off.
        {**EVEN, ("demo_f1", "angry"): 40, ("demo_m1", "sad"): 40},
        {**EVEN, ("demo_m1", "sad"): 1},
    ],
    ids=["even", "unbalanced", "one clip"],
)
def test_shift_and_deviation_are_found(counts: dict[tuple[str, str], int]) -> None:
    found = statistics(counts)
    assert list(found) == ["angry", "sad"]
    for emotion, one in found.items():
        assert one.shift == pytest.approx(SHIFTS[emotion], abs=1e-9)
        assert one.deviation == pytest.approx(DEVIATIONS[emotion], abs=1e-9)


def test_speaker_of_one_emotion_moves_no_shift() -> None:
    counts = {place: count for place, count in EVEN.items() if place != ("demo_f1", "sad")}
    assert statistics(counts)["angry"].shift == pytest.approx(SHIFTS["angry"], abs=1e-9)
    apart = {("demo_f1", "angry"): 2, ("demo_m1", "sad"): 2}  # nobody speaks both: nothing is known of the shift
    assert [one.shift for one in statistics(apart).values()] == [0, 0]


def test_every_speaker_counts_the_same_in_the_deviation() -> None:
    log_f0 = [contour(5, 0.1, 60)] * 9 + [contour(5, 0.3, 60)]
    found = f0_statistics(log_f0, ["sad"] * 10, ["demo_a"] * 9 + ["demo_b"])
    assert found["sad"].deviation == pytest.approx(0.2)


def test_clip_of_no_or_one_voiced_frame_does_not_count() -> None:
    tracks = [contour(5, 0.1, 60), contour(4.8, 0.2, 60)]
    emotions, speakers = ["angry", "sad"], ["demo_a", "demo_a"]
    odd = [np.empty(0), np.array([9.0])]
    found = f0_statistics(tracks + odd, emotions * 2, speakers * 2)
    assert found == f0_statistics(tracks, emotions, speakers)
    assert found["angry"].shift == pytest.approx(0.1)


@pytest.fixture
def f0_hz() -> np.ndarray:
    """A clip with unvoiced frames at both ends and inside, (frames, 1)."""
    f0_hz = np.exp(contour(np.log(180), 0.1, 90))[:, None]
    f0_hz[[0, 1, 40, 41, 42, 89]] = 0
    return f0_hz


@pytest.mark.parametrize(("source", "target"), [(ANGRY, SAD), (SAD, ANGRY)])
def test_mean_and_deviation_move(f0_hz: np.ndarray, source: F0Statistics, target: F0Statistics) -> None:
    before = np.log(f0_hz[f0_hz > 0])
    converted = converted_f0(f0_hz, source, target, *BOUNDS)
    np.testing.assert_array_equal(converted == 0, f0_hz == 0)
    after = np.log(converted[converted > 0])
    assert after.mean() - before.mean() == pytest.approx(target.shift - source.shift)
    assert after.std() / before.std() == pytest.approx(target.deviation / source.deviation)


@pytest.mark.parametrize("own", [ANGRY, SAD, F0Statistics(0.3, 1e-5)])
def test_own_emotion_changes_nothing(f0_hz: np.ndarray, own: F0Statistics) -> None:
    np.testing.assert_allclose(converted_f0(f0_hz, own, own, *BOUNDS), f0_hz, rtol=1e-12)


@pytest.mark.parametrize(
    "voiced",
    [[], [100.0], [1e-30], [1e30], [72.0, 599.0], [1e-30, 1e30], [3.0, 20_000.0, 150.0]],
    ids=["unvoiced", "one frame", "low", "high", "wide", "absurd", "stray"],
)
@pytest.mark.parametrize("target", [ANGRY, F0Statistics(-50.0, 0.0), F0Statistics(50.0, 300.0)])
def test_odd_clips_stay_inside_the_bounds(voiced: list[float], target: F0Statistics) -> None:
    f0_hz = np.array([0.0, *voiced, 0.0], dtype=np.float32)[:, None]
    given = f0_hz.copy()
    converted = converted_f0(f0_hz, F0Statistics(0.0, 1e-9), target, *BOUNDS)
    np.testing.assert_array_equal(f0_hz, given)
    assert converted.shape == f0_hz.shape
    assert converted.dtype == np.float32
    np.testing.assert_array_equal(converted == 0, f0_hz == 0)
    moved = converted[converted > 0]
    assert ((moved >= BOUNDS[0]) & (moved <= BOUNDS[1])).all()


def test_one_voiced_frame_moves_by_the_shift() -> None:
    converted = converted_f0(np.array([[0.0], [200.0]]), SAD, ANGRY, *BOUNDS)
    assert converted[1, 0] == pytest.approx(200 * np.exp(0.3))
