import pandas as pd
import pytest

from pipeline.report import clips

REAL = pd.DataFrame(
    [
        ("a1", "ann", "s1", "angry", "high"),
        ("a2", "ann", "s1", "angry", "low"),
        ("a3", "ann", "s2", "angry", "high"),
        ("b1", "bea", "s1", "angry", "high"),
        ("n1", "ann", "s1", "neutral", None),
        ("n2", "ann", None, "neutral", None),
    ],
    columns=["id", "speaker", "sentence", "emotion", "intensity"],
).assign(corpus="demo", filepath="x.wav", start=None, end=None)


def made(id_, source, emotion, generator="cyclegan", confidence=0.5):
    row = REAL.set_index("id").loc[source] if source else REAL.iloc[0]
    own = {"id": id_, "source_id": source, "source_emotion": row["emotion"] if source else None, "emotion": emotion}
    return {**row, **own, "generator": generator, "emotion_confidence": confidence, "weight": 1.0}


def shown_beside(row):
    return [(each.id, each.role) for each in clips.group(pd.Series(row), REAL).clips]


def test_a_conversion_stands_between_its_source_and_a_real_utterance() -> None:
    assert shown_beside(made("x", "n1", "angry") | {"intensity": "low"}) == [
        ("n1", "source, neutral"),
        ("x", "converted to angry"),
        ("a2", "real angry, same sentence"),  # of the same intensity, though a1 comes first
    ]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (made("x", "n2", "angry"), ["n2", "x"]),  # an unknown sentence has no parallel utterance
        (made("x", "b1", "neutral"), ["b1", "x"]),  # nor has a speaker without a neutral clip
        (made("x", "a1", "angry", "vtlp"), ["a1", "x"]),  # the emotion is kept
        (made("x", None, "angry", "dcgan"), ["x"]),
    ],
)
def test_clips_that_do_not_exist_are_left_out(row, expected) -> None:
    assert [id_ for id_, _ in shown_beside(row)] == expected


def test_directions_are_sampled_evenly_and_not_by_quality() -> None:
    rows = pd.DataFrame([made(f"x{number}", "n1", "angry", confidence=number / 10) for number in range(9)])
    other = pd.DataFrame([made("v", "a1", "angry", "aaa"), made("d", None, "sad", "dcgan")])
    found = clips.directions(pd.concat([rows, other], ignore_index=True), REAL, 3, first=["cyclegan"])
    assert [(each.generator, each.title) for each in found] == [
        ("cyclegan", "neutral → angry"),
        ("aaa", "angry"),
        ("dcgan", "sad"),
    ]
    assert [group.clips[1].id for group in found[0].groups] == ["x1", "x4", "x7"]


@pytest.mark.parametrize(("length", "number", "places"), [(9, 3, [1, 4, 7]), (2, 5, [0, 1]), (0, 2, []), (3, 0, [])])
def test_spread(length, number, places) -> None:
    assert clips.spread(length, number) == places


def test_extremes_do_not_overlap_and_clips_without_a_score_are_none() -> None:
    rows = pd.DataFrame([made(f"x{number}", "n1", "angry", confidence=number / 10) for number in (3, 1, 2, 0)])
    unknown = pd.DataFrame([made("y", "n1", "angry", "other", None), made("x9", "n1", "angry", confidence=None)])
    [(generator, best, worst)] = clips.extremes(pd.concat([rows, unknown]).astype({"emotion_confidence": float}), 3)
    assert generator == "cyclegan"
    assert [[each.id for each in ends.clips] for ends in (best, worst)] == [["x3", "x2"], ["x1", "x0"]]


def test_scores_are_the_known_ones() -> None:
    row = pd.Series(made("x", "n1", "angry", confidence=0.25) | {"speaker_similarity": float("nan"), "level_db": -20.0})
    assert clips.clip(row, "r").scores == (("level_db", -20.0), ("emotion_confidence", 0.25))
