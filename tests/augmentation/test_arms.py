"""Which synthetic clips join a training set, and their weights."""

import json
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest

from pipeline.augmentation.arms import (
    ARMS,
    GENERATORS,
    MixParams,
    copied,
    extra_clips,
    folders,
    for_persons,
    needs_enrolment,
    repeated,
    shuffled,
)
from pipeline.core.manifest import LEARNS_NOTHING, REPEATS, feature_ids


def test_folders_of_generators() -> None:
    assert folders("cyclegan", ("angry-sad", "neutral-sad")) == ("angry-sad", "neutral-sad")
    assert folders("dcgan", ("angry-sad",)) == folders("dcgan", ()) == ("all",)
    assert folders("classical", ("angry-sad",)) == ("all",)


def test_arms_are_of_known_generators_and_each_generator_has_an_arm() -> None:
    assert ARMS["none"].generators == ()
    assert {generator for arm in ARMS.values() for generator in arm.generators} == {*GENERATORS, *REPEATS}
    assert {*GENERATORS, *REPEATS} > LEARNS_NOTHING
    enrolment = {"enrolled_conversion", "personal_conversion", "personal_clips", "other_person", "enrolled_clips"}
    assert {arm for arm in ARMS if needs_enrolment(arm)} == enrolment


def real(**counts: int) -> pd.DataFrame:
    return pd.DataFrame({"emotion": np.repeat(list(counts), list(counts.values()))})


def synthetic(**counts: int) -> pd.DataFrame:
    emotions = np.repeat(list(counts), list(counts.values()))
    ids = [f"{emotion}_{number:03}" for number, emotion in enumerate(emotions)]
    return pd.DataFrame({"id": ids, "emotion": emotions, "selected": True, "generator": "cyclegan"})


def mixed(
    given: pd.DataFrame, clips: pd.DataFrame, ratio: float = 1.0, weight: float = 0.3, seed: int = 1, **more: Any
):
    return extra_clips(given, clips, MixParams(ratio, weight, **{"balance": False, "towards": (), **more}), seed)


@pytest.mark.parametrize(("ratio", "angry", "sad"), [(1.0, 4, 10), (0.5, 2, 5), (2.0, 8, 20), (1.26, 5, 13)])
def test_ratio_and_weight_by_hand(ratio: float, angry: int, sad: int) -> None:
    found = mixed(synthetic(angry=30, sad=30), real(angry=4, sad=10), ratio, weight=0.5)
    by_emotion = found.groupby("emotion")["weight"]
    assert by_emotion.size().to_dict() == {"angry": angry, "sad": sad}
    assert by_emotion.unique().map(len).eq(1).all()  # in an emotion all count the same
    assert by_emotion.sum().to_dict() == pytest.approx({"angry": 0.5 * 4, "sad": 0.5 * 10})
    assert found["id"].is_unique


def test_fewer_candidates_than_wanted_all_join_and_count_as_much_in_all() -> None:
    given = synthetic(angry=6, sad=30)
    given.loc[given["emotion"] == "angry", "selected"] = [False, True] * 3
    found = mixed(given, real(angry=12, sad=12), weight=0.3)
    angry = found[found["emotion"] == "angry"]
    assert list(angry["id"]) == ["angry_001", "angry_003", "angry_005"]
    np.testing.assert_allclose(angry["weight"], 0.3 * 12 / 3)
    np.testing.assert_allclose(found.loc[found["emotion"] == "sad", "weight"], 0.3)


def test_emotions_without_candidates_or_without_real_clips() -> None:
    found = mixed(synthetic(angry=5, fearful=5), real(angry=5, sad=5))
    assert set(found["emotion"]) == {"angry"}  # sad has no candidates, fearful no real clip
    assert found["weight"].sum() == pytest.approx(0.3 * 5)


@pytest.mark.parametrize(
    ("given", "ratio"),
    [(synthetic(sad=3), 1), (synthetic(angry=3).assign(selected=False), 1), (synthetic(angry=9), 0.1)],
)
def test_nothing_to_add_is_an_empty_table_with_weights(given: pd.DataFrame, ratio: float) -> None:
    found = mixed(given, real(angry=4), ratio)
    assert found.empty
    assert [*given.columns, "weight"] == list(found.columns)


def test_draw_depends_on_the_seed_and_not_on_the_order_of_rows() -> None:
    given, clips = synthetic(angry=40, sad=40), real(angry=10, sad=10)
    before = given.copy(), clips.copy()
    found = mixed(given, clips)
    pd.testing.assert_frame_equal(given, before[0])
    pd.testing.assert_frame_equal(clips, before[1])
    shuffled = mixed(given.sample(frac=1, random_state=3), clips.sample(frac=1, random_state=4))
    pd.testing.assert_frame_equal(found, shuffled)
    assert found["id"].is_monotonic_increasing
    assert set(mixed(given, clips, seed=2)["id"]) != set(found["id"])


def test_draw_is_even() -> None:
    given, clips = synthetic(angry=20), real(angry=5)
    drawn = pd.concat([mixed(given, clips, seed=seed)["id"] for seed in range(100)]).value_counts()
    assert len(drawn) == 20
    assert drawn.between(8, 42).all()  # 25 are expected of each; 4 deviations


@pytest.mark.parametrize("wrong", [{"ratio": 0}, {"ratio": -1}, {"weight": 0}])
def test_ratio_and_weight_are_above_zero(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        MixParams(**{"ratio": 1.0, "weight": 0.3, "balance": False, "towards": (), **wrong})


@pytest.mark.parametrize(("classical", "expected"), [(30, (5, 6)), (2, (2, 6))])
def test_two_generators_share_evenly_as_far_as_they_go(classical: int, expected: tuple[int, int]) -> None:
    """11 clips are wanted; their weight is the same in all, however many there are."""
    other = synthetic(angry=classical).assign(generator="classical", id=lambda rows: "c" + rows["id"])
    found = mixed(pd.concat([synthetic(angry=30), other]), real(angry=11))
    assert found["generator"].value_counts().to_dict() == dict(zip(("classical", "cyclegan"), expected, strict=True))
    assert found["weight"].sum() == pytest.approx(0.3 * 11)


def test_balance_fills_rare_emotions_alone_and_towards_leaves_others_out() -> None:
    given, clips = synthetic(angry=30, sad=30, happy=30), real(angry=4, sad=10, happy=7)
    filled = mixed(given, clips, ratio=3, weight=0.5, balance=True)
    assert filled["emotion"].value_counts().to_dict() == {"angry": 6, "happy": 3}
    assert set(filled["weight"]) == {0.5}
    assert mixed(given, clips, towards=("sad",))["emotion"].value_counts().to_dict() == {"sad": 10}


@pytest.mark.parametrize("generator", ["statistics", "f0_only"])
def test_the_same_sources_are_drawn_for_a_generator_and_its_controls(generator: str) -> None:
    given, clips = synthetic(angry=40, sad=40), real(angry=10, sad=10)
    control = given.assign(generator=generator)
    pd.testing.assert_series_equal(mixed(given, clips)["id"], mixed(control, clips)["id"])


def test_real_clips_once_more() -> None:
    clips = real(angry=4, sad=6).assign(id=lambda rows: "r" + rows.index.astype(str), sha256="x")
    candidates = repeated(clips, "full-1", MixParams(1.5, 0.3, balance=False, towards=()))
    assert len(candidates) == 20 and candidates["id"].is_unique
    found = mixed(candidates, clips, ratio=1.5, weight=0.3)
    assert found["emotion"].value_counts().to_dict() == {"sad": 9, "angry": 6}
    assert found["weight"].sum() == pytest.approx(0.3 * 10)
    assert set(feature_ids(found)) <= set(clips["id"]) and not set(found["id"]) & set(clips["id"])
    pd.testing.assert_series_equal(feature_ids(found.assign(generator="classical")), found["id"])


def test_real_clips_are_repeated_until_rare_emotions_are_filled_up() -> None:
    clips = real(angry=3, sad=10).assign(id=lambda rows: "r" + rows.index.astype(str), sha256="x")
    mix = MixParams(1, 0.3, balance=True, towards=())
    filled = extra_clips(repeated(clips, "full-1", mix), clips, mix, 1)
    assert filled["emotion"].value_counts().to_dict() == {"angry": 7}
    assert repeated(real(sad=4, angry=4).assign(id="x", sha256="x"), "full-1", mix).empty


def test_shuffled_emotions_are_the_same_ones_with_their_weights() -> None:
    given, clips = synthetic(angry=40, sad=40), real(angry=30, sad=10)
    extra = mixed(given, clips)
    permuted = shuffled(extra, 1)
    pd.testing.assert_series_equal(permuted["id"], extra["id"])
    for emotion, own in extra.groupby("emotion"):
        pd.testing.assert_series_equal(
            permuted.loc[permuted["emotion"] == emotion, "weight"].reset_index(drop=True),
            own["weight"].reset_index(drop=True),
        )
    kept = (permuted["emotion"] == extra["emotion"]).mean()
    assert 0.4 < kept < 0.85  # expected 0.75² + 0.25² = 0.625
    assert set(shuffled(extra, 2).query("emotion == 'sad'")["id"]) != set(permuted.query("emotion == 'sad'")["id"])


ENROLLED = pd.DataFrame(
    [("w1", "f"), ("w2", "f"), ("w2", "f"), ("w3", "f"), ("m1", "m"), ("m2", "m")], columns=["speaker", "gender"]
).assign(emotion="neutral", id=["e1", "e2", "e3", "e4", "e5", "e6"])
IN_VOICES = pd.DataFrame({"parameters": [f'{{"targets": {{"{name}": 1.0}}}}' for name in ("w1", "m2", "w3", "w1")]})


def test_clips_of_persons() -> None:
    """In the own voice, or in that of the next person of the same gender; in that of anybody if there is none."""
    clips = IN_VOICES.set_index(pd.Index([0, 0, 1, 2]))  # as after `concat`

    def persons(voice: Literal["own", "other"], enrolled: pd.DataFrame = ENROLLED) -> list[tuple[str, str]]:
        found = for_persons(clips, enrolled, voice)
        return [(row.person, next(iter(json.loads(row.parameters)["targets"]))) for row in found.itertuples()]

    assert persons("own") == [("m2", "m2"), ("w1", "w1"), ("w1", "w1"), ("w3", "w3")]
    assert persons("other") == [("m1", "m2"), ("w2", "w3"), ("w3", "w1"), ("w3", "w1")]
    one_man = ENROLLED[ENROLLED["speaker"] != "m2"]
    assert persons("other", one_man)[:2] == [("m1", "w1"), ("m1", "w1")]


def test_enrolled_clips_are_repeated() -> None:
    found = copied(ENROLLED, "enrolment-1", "enrolled_clips", 1)
    assert list(feature_ids(found)) == list(ENROLLED["id"]) == list(found["source_id"])
    assert found["is_synthetic"].all() and found["id"].str.startswith("enrolment-1/enrolled_clips/").all()
