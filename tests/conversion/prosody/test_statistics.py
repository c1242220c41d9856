"""Statistics of synthetic clips are those they were generated with."""

from collections.abc import Callable, Mapping
from itertools import product

import numpy as np
import pytest

from pipeline.conversion.prosody import ClipProsody, Statistics
from pipeline.conversion.prosody.statistics import measured, of_emotions, of_intensities, toward

Make = Callable[..., ClipProsody]

SPEAKERS = {"demo_f1": np.log(220), "demo_m1": np.log(110), "demo_m2": np.log(125)}  # mean log-F0
SHIFTS = {"angry": 0.15, "sad": -0.15}
DEVIATIONS = {"angry": 0.2, "sad": 0.05}
EVEN = dict.fromkeys([(speaker, emotion) for speaker in SPEAKERS for emotion in SHIFTS], 2)


def clips_of(spoken: Make, counts: Mapping[tuple[str, str], int]) -> list[ClipProsody]:
    """So many clips of each speaker and emotion; each next one of a speaker has another offset."""
    return [
        spoken(emotion, speaker, f0=(SPEAKERS[speaker] + SHIFTS[emotion] + offset, DEVIATIONS[emotion]))
        for (speaker, emotion), count in counts.items()
        for offset in (np.linspace(-0.1, 0.1, count) if count > 1 else [0.0])
    ]


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
def test_f0_shift_and_deviation_are_found(spoken: Make, counts: dict[tuple[str, str], int]) -> None:
    found = of_emotions(measured(clips_of(spoken, counts)))
    assert list(found) == ["angry", "sad"]
    for emotion, one in found.items():
        assert one.f0_shift == pytest.approx(SHIFTS[emotion], abs=1e-9)
        assert one.f0_deviation == pytest.approx(DEVIATIONS[emotion], abs=1e-9)


def test_speaker_of_one_emotion_moves_no_shift(spoken: Make) -> None:
    counts = {place: count for place, count in EVEN.items() if place != ("demo_f1", "sad")}
    assert of_emotions(measured(clips_of(spoken, counts)))["angry"].f0_shift == pytest.approx(0.15, abs=1e-9)
    apart = {("demo_f1", "angry"): 2, ("demo_m1", "sad"): 2}  # nobody speaks both: nothing is known of the shift
    found = of_emotions(measured(clips_of(spoken, apart)))
    assert [one.f0_shift for one in found.values()] == [0, 0]
    assert [one.duration_shift for one in found.values()] == [0, 0]


def test_every_speaker_counts_the_same_in_deviations(spoken: Make) -> None:
    clips = [spoken(f0=(5, 0.1), energy=(0, 1))] * 9 + [spoken(speaker="demo_b", f0=(5, 0.3), energy=(2, 0.4))]
    found = of_emotions(measured(clips))["sad"]
    assert found.f0_deviation == pytest.approx(0.2)
    assert found.energy_deviation == pytest.approx(0.7)


def test_clip_of_no_or_one_voiced_frame_does_not_count_for_f0(spoken: Make) -> None:
    clips = [spoken("angry", f0=(5, 0.1)), spoken("sad", f0=(4.8, 0.2))]
    alone = of_emotions(measured(clips))
    assert alone["angry"].f0_shift == pytest.approx(0.1)
    odd = [spoken("angry", voiced=False), spoken("sad", voiced=False)]
    odd[1].features.f0_hz[50] = 9000
    assert of_emotions(measured(clips + odd)) == alone
    nothing = of_emotions(measured(odd))["sad"]
    assert (nothing.f0_shift, nothing.f0_deviation) == (0, 0)


def test_durations_are_compared_within_speaker_and_sentence(spoken: Make) -> None:
    clips = [
        spoken("angry", "demo_a", "short", frames=50),
        spoken("sad", "demo_a", "short", frames=100),
        spoken("sad", "demo_a", "long", frames=900),  # never spoken angrily
        spoken("angry", "demo_b", "long", frames=400),
        spoken("angry", "demo_b", "long", frames=400),
        spoken("sad", "demo_b", "long", frames=400),
    ]
    found = of_emotions(measured(clips))
    # Speaker a is twice as fast when angry, b as fast: relative to the middle, -ln(2)/2 and 0.
    assert found["angry"].duration_shift == pytest.approx(-np.log(2) / 4)
    assert found["sad"].duration_shift == pytest.approx(np.log(2) / 4)


def test_every_speaker_counts_the_same_whatever_they_speak(spoken: Make) -> None:
    clips = [spoken("sad", "demo_b", "one", frames=100), spoken("angry", "demo_b", "one", frames=100)]
    for sentence in ("one", "two", "three"):
        clips += [
            spoken("sad", "demo_a", sentence, frames=200),
            spoken("angry", "demo_a", sentence, frames=100),
        ]
    assert of_emotions(measured(clips))["sad"].duration_shift == pytest.approx(np.log(2) / 4)


def test_clips_of_unknown_sentence_are_compared_by_speaker(spoken: Make) -> None:
    clips = [spoken("angry", frames=100), spoken("angry", frames=100), spoken("sad", frames=400)]
    assert of_emotions(measured(clips))["sad"].duration_shift == pytest.approx(np.log(4) / 2)


def graded(spoken: Make, counts: Mapping[tuple[str, str], int], f0: Mapping[str, float]) -> list[ClipProsody]:
    """Sad clips without intensity at log F0 5, and angry ones: so many by speaker and intensity."""
    clips = [spoken("sad", speaker, f0=(5, 0.1)) for speaker in ("demo_a", "demo_b")]
    for (speaker, intensity), count in counts.items():
        clips += [spoken("angry", speaker, None, intensity, f0=(f0[intensity], 0.1))] * count
    return clips


def test_intensities_have_statistics_where_clips_suffice(spoken: Make) -> None:
    counts = {
        ("demo_a", "high"): 3,
        ("demo_b", "high"): 2,
        ("demo_a", "medium"): 4,  # too few clips
        ("demo_a", "low"): 9,  # too few speakers
    }
    found = of_intensities(measured(graded(spoken, counts, {"low": 5.1, "medium": 5.2, "high": 5.6})))
    assert {emotion: list(levels) for emotion, levels in found.items()} == {"angry": ["high"]}


def test_shifts_of_intensities_add_up_to_those_of_the_emotion(spoken: Make) -> None:
    counts = {(speaker, intensity): 3 for speaker in ("demo_a", "demo_b") for intensity in ("low", "high")}
    table = measured(graded(spoken, counts, {"low": 5.2, "high": 5.6}))
    levels, overall = of_intensities(table)["angry"], of_emotions(table)
    assert overall["sad"].f0_shift == pytest.approx(-0.2)
    assert overall["angry"].f0_shift == pytest.approx(0.2)
    assert levels["low"].f0_shift == pytest.approx(0.0)  # 5.2, where the speakers' middle is 5.2
    assert levels["high"].f0_shift == pytest.approx(0.4)


def test_what_is_not_known_of_an_intensity_is_that_of_the_emotion(spoken: Make) -> None:
    counts = {(speaker, "medium"): 3 for speaker in ("demo_a", "demo_b")}
    whispered = [spoken("angry", f"demo_{letter}", None, "low", energy=(0, 0.5), voiced=False) for letter in "abcde"]
    table = measured(graded(spoken, counts, {"medium": 5.2}) + whispered)
    low, overall = of_intensities(table)["angry"]["low"], of_emotions(table)["angry"]
    assert (low.f0_shift, low.f0_deviation) == (overall.f0_shift, overall.f0_deviation)
    assert low.energy_deviation == pytest.approx(0.5)
    assert overall.energy_deviation > 0.5


def test_order_of_the_clips_does_not_matter(spoken: Make) -> None:
    random = np.random.default_rng(0)
    clips = [
        spoken(
            *facts,
            f0=(random.normal(5, 0.1), random.uniform(0.1, 0.3)),
            energy=(random.normal(), random.uniform(0.5, 1.5)),
            frames=random.integers(50, 200),
        )
        for facts in product(SHIFTS, SPEAKERS, ("one", None), ("low", "high", None))
    ]
    table = measured(clips)
    expected = of_emotions(table), of_intensities(table)
    assert expected[1]["angry"].keys() == {"low", "high"}
    for _ in range(2):
        shuffled = measured([clips[place] for place in random.permutation(len(clips))])
        assert (of_emotions(shuffled), of_intensities(shuffled)) == expected  # to the last digit


def test_toward_goes_along_the_line_and_beyond() -> None:
    start = Statistics(0.0, 0.1, 2.0, -0.1)
    end = Statistics(0.4, 0.4, 1.0, 0.1)
    assert toward(start, end, 1) == end
    assert toward(start, start, 1.5) == start
    half, beyond = toward(start, end, 0.5), toward(start, end, 1.5)
    assert (half.f0_shift, beyond.f0_shift) == (pytest.approx(0.2), pytest.approx(0.6))
    assert (half.f0_deviation, beyond.f0_deviation) == (pytest.approx(0.2), pytest.approx(0.8))
    assert beyond.energy_deviation == pytest.approx(0.5**1.5 * 2)
    assert beyond.duration_shift == pytest.approx(0.2)
