"""Personal classifiers: whose clips each one learns from, and whose clips it predicts."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from pipeline.classification import personal
from pipeline.classification.interface import ArmFeatures, Classifier, Run, partitions

ROWS = [  # speaker, partition, person
    ("a", "train", None),
    ("a", "train", "c"),
    ("a", "train", "d"),
    ("a", "train", "d"),
    ("b", "valid", None),
    ("c", "test", None),
    ("d", "test", None),
    ("c", "test", None),
]


def features(persons: bool) -> ArmFeatures:
    rows = pd.DataFrame(ROWS, columns=["speaker", "partition", "person"])
    rows["person"] = rows["person"] if persons else None
    return ArmFeatures(rows, [np.full((1, 1), number) for number in range(len(rows))])


def counting(given: list[ArmFeatures]) -> Classifier:
    """A classifier whose probabilities are the number of its train clips, plus a tenth of the seed."""

    def runs(features: ArmFeatures, params: Any, resources: Any) -> Iterator[Run]:
        given.append(features)
        train, _, held_out = partitions(features)
        for seed in (0, 1):
            number = len(train.rows) + seed / 10
            curve = [{"step": 7.0, "loss": number}]
            yield Run(seed, np.full((len(held_out.rows), 2), number), {"steps": 7}, curve, {"w": np.zeros(1)})

    return Classifier(dict, lambda *_: [], runs, lambda *_: np.zeros((0, 2)))


def test_each_person_has_a_classifier_with_the_common_and_the_own_clips() -> None:
    given: list[ArmFeatures] = []
    found = list(personal.runs(counting(given), features(True), None, None))  # type: ignore[arg-type]
    assert [sorted(some.rows["person"].dropna()) for some in given] == [[], ["c"], ["d", "d"]]  # of b, c and d
    assert [len(some.arrays) for some in given] == [5, 6, 7]
    assert [run.seed for run in found] == [0, 1] and found[0].spent == {"steps": 7}
    np.testing.assert_allclose(found[0].probabilities[:, 0], [1, 2, 3, 2])  # clips of b, c, d, c
    np.testing.assert_allclose(found[1].probabilities[:, 1], [1.1, 2.1, 3.1, 2.1])
    assert [row["loss"] for row in found[0].curve] == [1, 2, 3]
    assert not found[0].weights  # of three classifiers


def test_without_persons_there_is_one_classifier() -> None:
    given: list[ArmFeatures] = []
    found = list(personal.runs(counting(given), features(False), None, None))  # type: ignore[arg-type]
    assert len(given) == 1 and len(given[0].rows) == len(ROWS)
    assert [run.probabilities[0, 0] for run in found] == [4, 4.1]
    assert found[0].weights
