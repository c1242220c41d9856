"""The `pretrained` chooses c and gamma across speakers."""

from collections.abc import Sequence
from itertools import product
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from pipeline.classification import pretrained, svm
from pipeline.classification.interface import ArmFeatures, Resources
from pipeline.classification.pretrained import PretrainedParams, across_speakers

PARAMS = PretrainedParams(c=(0.3, 10.0), gamma=(0.1, 1.0), speaker_groups=5, embeddings=("distillmos",))
RESOURCES = cast(Resources, SimpleNamespace(classes=2))
Point = tuple[float, float]


def features(speakers: Sequence[str], synthetic: Sequence[str] = ()) -> ArmFeatures:
    """Noisy clips of two classes, of speakers who differ, and of one more speaker in test.

    Args:
        speakers: of train; the last is in valid
        synthetic: speakers whose clips have a synthetic copy in train
    """
    rows = [
        {"speaker": name, "label": clip % 2, "weight": 1.0, "is_synthetic": is_synthetic, "partition": partition}
        for names, is_synthetic, partition in (
            (speakers[:-1], False, "train"),
            (speakers[-1:], False, "valid"),
            (["test"], False, "test"),
            (synthetic, True, "train"),
        )
        for name in names
        for clip in range(12)
    ]
    draw = np.random.default_rng(3)
    shifts = {name: draw.standard_normal(6) for name in [*speakers, "test"]}
    arrays = [(shifts[row["speaker"]] + 0.8 * row["label"] + draw.standard_normal(6))[None] for row in rows]
    return ArmFeatures(pd.DataFrame(rows), arrays)


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Chooses c and gamma for the clips of an arm."""
    models: list[svm.Svm] = []
    train_svm = svm.train_svm

    def spied(*arguments: Any) -> svm.Svm:
        models.append(train_svm(*arguments))
        return models[-1]

    def choose(given: ArmFeatures) -> Point:
        [run] = pretrained.runs(given, PARAMS, RESOURCES)
        assert run.spent == {"grid": 4, "groups": 5}
        return models[-1].chosen["c"], models[-1].chosen["gamma"]

    monkeypatch.setattr(svm, "train_svm", spied)
    return choose


def by_hand(known: ArmFeatures, groups: Sequence[Sequence[str]]) -> Point:
    """The point of the grid with the highest likelihood over groups of speakers, each by a model of the others."""
    losses = dict.fromkeys(product(PARAMS.c, PARAMS.gamma), 0.0)
    for point, group in product(losses, groups):
        is_out = known.rows["speaker"].isin(list(group))
        learned, held_out = svm.labelled(known.where(~is_out)), svm.labelled(known.where(is_out))
        ones = np.ones(len(learned[1]))
        model = svm.train_svm(*learned, ones, ones.astype(bool), held_out, svm.SvmParams((point[0],), (point[1],)))
        losses[point] += model.chosen["valid_nll"]
    return min(losses, key=lambda point: losses[point])


def test_each_speaker_is_scored_once_by_a_model_of_the_others() -> None:
    known = features("abcdefg", synthetic="ab").among("train", "valid")
    scored: list[str] = []
    for learned, held_out in across_speakers(known, 3, 2):
        assert not set(learned.rows["speaker"]) & set(held_out.rows["speaker"])  # nor synthetic clips of theirs
        assert not held_out.rows["is_synthetic"].any()
        scored += held_out.rows["speaker"].unique().tolist()
    assert sorted(scored) == list("abcdefg")


def test_fewer_speakers_than_groups() -> None:
    assert len(list(across_speakers(features("ab").among("train", "valid"), 5, 2))) == 2


def test_the_likelihood_of_all_groups_chooses(chosen: Any) -> None:
    given = features("abcdef")
    known = given.among("train", "valid")
    expected = by_hand(known, ["af", "b", "c", "d", "e"])
    assert expected != by_hand(known, ["f"])  # valid alone, as in the `svm`
    assert chosen(given) == expected


def test_test_clips_choose_nothing(chosen: Any) -> None:
    given = features("abcdef")
    is_test = given.rows["partition"] == "test"
    relabelled = ArmFeatures(given.rows.assign(label=given.rows["label"].where(~is_test, 0)), given.arrays)
    assert chosen(relabelled) == chosen(given)


def test_a_group_is_left_out_where_the_others_lack_a_class(chosen: Any) -> None:
    """The one train speaker has all clips of a class, and the valid speaker has none of it."""
    given = features("ab")
    kept = given.where((given.rows["speaker"] != "b") | (given.rows["label"] == 0))
    left_out = [group.rows["speaker"].iloc[0] for _, group in across_speakers(kept.among("train", "valid"), 5, 2)]
    assert left_out == ["b"]
    assert chosen(kept) == by_hand(kept.among("train", "valid"), ["b"])
