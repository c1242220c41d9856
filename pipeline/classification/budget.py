"""Did all arms have the same budget: what each run of a classifier really did is kept with its predictions.

Whatever else the arms are trained with is in the hash of the parameters, which must be the same in all.

The real clips of a class, or copies in their place, weigh the same in every arm; all that joins them is `extra_clips`
of total weight `extra_weight`, both 0 in an arm that adds nothing.
"""

import json
import math
from collections.abc import Callable, Mapping
from functools import partial
from operator import eq
from typing import Any

KEY = "budget"  # in the metadata of a table of predictions
PARAMS = "params"  # likewise, the hash of the classifiers' parameters

# `runs`: of each its `classifier` and `seed`; `steps`, `batch` and `checkpoints` (looked at on valid) of a network, or
# `grid` (machines fitted, and looked at on valid); and `extra_clips` and `extra_weight`
Budget = Mapping[str, Any]


def stated(metadata: Mapping[str, str]) -> Budget:
    """What a table of predictions says in its metadata; empty where it says nothing."""
    found: dict[str, Any] = json.loads(metadata.get(KEY, "{}"))
    return {**found, PARAMS: metadata[PARAMS]} if found and PARAMS in metadata else found


def unequal(arms: Mapping[str, Budget], baseline: str) -> list[str]:
    """What not all arms have alike, in words; nothing where all is fair.

    Args:
        arms: budget of each arm of a split
        baseline: the arm that is meant to have no extra clips
    """
    silent = [arm for arm, budget in arms.items() if not budget]
    said = [f"nothing is said of {', '.join(silent)}"] if silent else []
    stating = {arm: budget for arm, budget in arms.items() if budget}
    by_run = {arm: {(run["classifier"], run["seed"]): run for run in stating[arm]["runs"]} for arm in stating}
    for classifier, seed in sorted(set().union(*by_run.values())):
        spent = {arm: _in_words(found.get((classifier, seed))) for arm, found in by_run.items()}
        said += _differing(f"{classifier}, seed {seed}", spent, eq)
    hashes = {arm: budget[PARAMS][:8] for arm, budget in stating.items() if PARAMS in budget}
    said += _differing("hash of the parameters", hashes, eq)
    for what, key in (("number of extra clips", "extra_clips"), ("weight of extra clips", "extra_weight")):
        extra = {arm: budget[key] for arm, budget in stating.items() if arm != baseline and key in budget}
        said += _differing(what, extra, partial(math.isclose, rel_tol=1e-4))  # weights are float32
    return said


def _differing(what: str, of_arms: Mapping[str, Any], alike: Callable[[Any, Any], bool]) -> list[str]:
    groups: list[tuple[Any, list[str]]] = []  # what some arms have alike, and which these are
    for arm, found in of_arms.items():
        same = next((arms for value, arms in groups if alike(found, value)), None)
        if same is None:
            groups.append((found, [arm]))
        else:
            same.append(arm)
    if len(groups) < 2:
        return []
    return [f"{what}: " + "; ".join(f"{value} in {', '.join(arms)}" for value, arms in groups)]


def _in_words(run: Mapping[str, Any] | None) -> str:
    numbers = {name: number for name, number in (run or {}).items() if name not in ("classifier", "seed")}
    return ", ".join(f"{name} {number}" for name, number in sorted(numbers.items())) or "nothing"
