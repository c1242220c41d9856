"""Budgets of arms: equal ones pass, and each difference is reported."""

import copy
import json
from functools import partial
from typing import Any

import pytest

from pipeline.classification import budget
from pipeline.classification.budget import stated

FAIR: dict[str, dict[str, Any]] = {
    arm: {
        "runs": [
            {"classifier": "svm", "seed": 0, "grid": 12},
            {"classifier": "cnn", "seed": 0, "steps": 600, "batch": 32, "checkpoints": 10},
            {"classifier": "cnn", "seed": 1, "steps": 600, "batch": 32, "checkpoints": 10},
        ],
        "extra_clips": clips,
        "extra_weight": weight,
    }
    for arm, clips, weight in (("none", 0, 0.0), ("cyclegan", 575, 172.5), ("classical", 575, 172.501))
}


unequal = partial(budget.unequal, baselines=("none",))


def test_equal_budgets() -> None:
    assert unequal(FAIR) == []
    assert unequal({"none": FAIR["none"]}) == []
    reordered = {**FAIR, "none": {**FAIR["none"], "runs": FAIR["none"]["runs"][::-1]}}
    assert unequal(reordered) == []


@pytest.mark.parametrize(
    ("run", "name", "value", "words"),
    [
        (0, "grid", 9, "svm, seed 0: grid 12 in none, classical; grid 9 in cyclegan"),
        (2, "steps", 599, "cnn, seed 1: batch 32, checkpoints 10, steps 600 in none, classical; "),
        (1, "batch", 33, "cnn, seed 0: "),
        (1, "checkpoints", 20, "cnn, seed 0: "),
    ],
)
def test_a_run_with_another_budget_or_more(run: int, name: str, value: int, words: str) -> None:
    arms = copy.deepcopy(FAIR)
    arms["cyclegan"]["runs"][run][name] = value
    [line] = unequal(arms)
    assert line.startswith(words)

    arms["cyclegan"] = copy.deepcopy(FAIR["cyclegan"])
    arms["cyclegan"]["runs"].append({"classifier": "cnn", "seed": 2, "steps": 600, "batch": 32, "checkpoints": 10})
    [line] = unequal(arms)
    assert line.startswith("cnn, seed 2: nothing in none, classical; batch 32")


def test_arms_with_other_numbers_of_real_clips_are_not_compared() -> None:
    arms = {arm: {**own, "real_clips": 575} for arm, own in FAIR.items()}
    arms["fewer"] = {**arms["cyclegan"], "real_clips": 200, "extra_clips": 200, "extra_weight": 60.0}
    assert unequal(arms) == []
    arms["fewer"]["real_clips"] = 575
    assert len(unequal(arms)) == 2


@pytest.mark.parametrize(
    "extra", [{"extra_weight": 180.0}, {"extra_clips": 576}, {"extra_clips": 0, "extra_weight": 0.0}]
)
def test_other_extra_clips(extra: dict[str, float]) -> None:
    words = {"extra_clips": "number of extra clips: {} in cyclegan; 575 in classical"}
    words["extra_weight"] = "weight of extra clips: {} in cyclegan; 172.501 in classical"
    found = unequal({**FAIR, "cyclegan": {**FAIR["cyclegan"], **extra}})
    assert found == [words[name].format(f"{value:g}") for name, value in extra.items()]


def test_other_parameters() -> None:
    arms = {arm: {**found, "params": "0123456789"} for arm, found in FAIR.items()}
    assert unequal(arms) == []
    arms["cyclegan"]["params"] = "a123456789"
    assert unequal(arms) == ["params hash: 01234567 in none, classical; a1234567 in cyclegan"]


def test_an_arm_without_a_budget() -> None:
    assert stated({"params": "x"}) == {}
    assert unequal({**FAIR, "none": stated({})}) == ["the training of none is not recorded"]
    assert stated({"budget": json.dumps(FAIR["none"])}) == FAIR["none"]
    assert stated({"budget": json.dumps(FAIR["none"]), "params": "abc"}) == {**FAIR["none"], "params": "abc"}


def test_front_ends_must_be_the_same() -> None:
    arms = {arm: {**found, "front_end": "vocoded"} for arm, found in FAIR.items()}
    assert unequal(arms) == []
    arms["none"]["front_end"] = "natural"
    assert unequal(arms) == ["front end: natural in none; vocoded in cyclegan, classical"]
