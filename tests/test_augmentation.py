"""Which synthetic clips join a training set, and what they count."""

import numpy as np
import pandas as pd
import pytest

from pipeline.augmentation import ARMS, FROM_NOISE, MixParams, extra_clips, folders


def test_folders_of_generators() -> None:
    assert folders("cyclegan", ("angry-sad", "neutral-sad")) == ("angry-sad", "neutral-sad")
    assert folders("dcgan", ("angry-sad",)) == folders("dcgan", ()) == ("all",)
    assert {generator for arm in ARMS.values() for generator in arm.generators} >= FROM_NOISE


def real(**counts: int) -> pd.DataFrame:
    return pd.DataFrame({"emotion": np.repeat(list(counts), list(counts.values()))})


def synthetic(**counts: int) -> pd.DataFrame:
    emotions = np.repeat(list(counts), list(counts.values()))
    ids = [f"{emotion}_{number:03}" for number, emotion in enumerate(emotions)]
    return pd.DataFrame({"id": ids, "emotion": emotions, "selected": True})


def mixed(made: pd.DataFrame, clips: pd.DataFrame, ratio: float = 1.0, weight: float = 0.3, seed: int = 1):
    return extra_clips(made, clips, MixParams(ratio=ratio, weight=weight), seed)


@pytest.mark.parametrize(("ratio", "angry", "sad"), [(1.0, 4, 10), (0.5, 2, 5), (2.0, 8, 20), (1.26, 5, 13)])
def test_ratio_and_weight_by_hand(ratio: float, angry: int, sad: int) -> None:
    found = mixed(synthetic(angry=30, sad=30), real(angry=4, sad=10), ratio, weight=0.5)
    by_emotion = found.groupby("emotion")["weight"]
    assert by_emotion.size().to_dict() == {"angry": angry, "sad": sad}
    assert by_emotion.unique().map(len).eq(1).all()  # in an emotion all count the same
    assert by_emotion.sum().to_dict() == pytest.approx({"angry": 0.5 * 4, "sad": 0.5 * 10})
    assert found["id"].is_unique


def test_fewer_candidates_than_wanted_all_join_and_count_as_much_in_all() -> None:
    found = mixed(synthetic(angry=3, sad=30), real(angry=12, sad=12), weight=0.3)
    angry = found[found["emotion"] == "angry"]
    assert list(angry["id"]) == ["angry_000", "angry_001", "angry_002"]
    np.testing.assert_allclose(angry["weight"], 0.3 * 12 / 3)
    np.testing.assert_allclose(found.loc[found["emotion"] == "sad", "weight"], 0.3)


def test_unselected_stay_out() -> None:
    made = synthetic(angry=10, sad=4)
    made["selected"] = [False, True] * 5 + [False] * 4
    found = mixed(made, real(angry=8, sad=4))
    assert list(found["id"]) == ["angry_001", "angry_003", "angry_005", "angry_007", "angry_009"]
    np.testing.assert_allclose(found["weight"], 0.3 * 8 / 5)


def test_emotions_without_candidates_or_without_real_clips() -> None:
    found = mixed(synthetic(angry=5, fearful=5), real(angry=5, sad=5))
    assert set(found["emotion"]) == {"angry"}  # sad has no candidates, fearful no real clip
    assert found["weight"].sum() == pytest.approx(0.3 * 5)


@pytest.mark.parametrize(
    ("made", "clips"),
    [(synthetic(sad=3), real(angry=3)), (synthetic(angry=3).assign(selected=False), real(angry=3))],
)
def test_nothing_to_add_is_an_empty_table_with_weights(made: pd.DataFrame, clips: pd.DataFrame) -> None:
    found = mixed(made, clips)
    assert found.empty
    assert [*made.columns, "weight"] == list(found.columns)


def test_a_ratio_too_small_for_one_clip() -> None:
    assert mixed(synthetic(angry=9), real(angry=4), ratio=0.1).empty


def test_draw_depends_on_the_seed_and_not_on_the_order_of_rows() -> None:
    made, clips = synthetic(angry=40, sad=40), real(angry=10, sad=10)
    found = mixed(made, clips)
    shuffled = mixed(made.sample(frac=1, random_state=3), clips.sample(frac=1, random_state=4))
    pd.testing.assert_frame_equal(found, shuffled)
    assert found["id"].is_monotonic_increasing
    assert set(mixed(made, clips, seed=2)["id"]) != set(found["id"])


def test_draw_is_even() -> None:
    made, clips = synthetic(angry=20), real(angry=5)
    drawn = pd.concat([mixed(made, clips, seed=seed)["id"] for seed in range(400)]).value_counts()
    assert len(drawn) == 20
    assert drawn.between(65, 140).all()  # 100 are expected of each; 4 deviations


def test_inputs_are_left_alone() -> None:
    made, clips = synthetic(angry=5), real(angry=2)
    before = made.copy(), clips.copy()
    mixed(made, clips)
    pd.testing.assert_frame_equal(made, before[0])
    pd.testing.assert_frame_equal(clips, before[1])


@pytest.mark.parametrize("wrong", [{"ratio": 0}, {"ratio": -1}, {"weight": 0}])
def test_ratio_and_weight_are_above_zero(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        MixParams(**{"ratio": 1.0, "weight": 0.3, **wrong})


def test_what_others_are_compared_with_has_no_generators() -> None:
    assert ARMS["none"].generators == ()
    assert all(arm.generators for name, arm in ARMS.items() if name == "cyclegan")
