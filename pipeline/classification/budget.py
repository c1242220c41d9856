"""Training budget of each arm, stored with its predictions, and the check that all arms have the same.

All arms have one front end. All other parameters of training are in the params hash, which must be the same in all
arms. An arm has `real_clips` real clips and adds `extra_clips` clips of total weight `extra_weight`; both are 0 in an
arm that adds nothing. They are compared among arms with the same number of real clips.
"""

import json
import math
from collections.abc import Callable, Collection, Mapping
from functools import partial
from operator import eq
from typing import Any

KEY = "budget"  # in the metadata of a table of predictions
FRONT_END = "front_end"  # of the features, in the budget
PARAMS = "params"  # likewise, the params hash of the classifiers

# `runs`: each has `classifier` and `seed`; of a network `steps`, `batch` and `checkpoints` (scored on valid); of the
# svm `grid` (models fitted, and scored on valid); of `pretrained` also `groups` (of speakers, each scored). Besides
# `front_end`, `real_clips`, `extra_clips` and `extra_weight`
Budget = Mapping[str, Any]


def stated(metadata: Mapping[str, str]) -> Budget:
    """Budget in the metadata of a table of predictions; empty where it has none."""
    found: dict[str, Any] = json.loads(metadata.get(KEY, "{}"))
    return {**found, PARAMS: metadata[PARAMS]} if found and PARAMS in metadata else found


def unequal(arms: Mapping[str, Budget], baselines: Collection[str]) -> list[str]:
    """Differences in budget between arms, as sentences; empty where there are none.

    Args:
        arms: budget of each arm of a split
        baselines: arms without synthetic clips; their extra clips are not compared
    """
    missing = [arm for arm, budget in arms.items() if not budget]
    lines = [f"the training of {', '.join(missing)} is not recorded"] if missing else []
    recorded = {arm: budget for arm, budget in arms.items() if budget}
    by_run = {arm: {(run["classifier"], run["seed"]): run for run in recorded[arm]["runs"]} for arm in recorded}
    for classifier, seed in sorted(set().union(*by_run.values())):
        spent = {arm: _in_words(found.get((classifier, seed))) for arm, found in by_run.items()}
        lines += _differing(f"{classifier}, seed {seed}", spent, eq)
    front_ends = {arm: budget[FRONT_END] for arm, budget in recorded.items() if FRONT_END in budget}
    lines += _differing("front end", front_ends, eq)
    hashes = {arm: budget[PARAMS][:8] for arm, budget in recorded.items() if PARAMS in budget}
    lines += _differing("params hash", hashes, eq)
    for quantity, key in (("number of extra clips", "extra_clips"), ("weight of extra clips", "extra_weight")):
        extra = {arm: budget for arm, budget in recorded.items() if arm not in baselines and key in budget}
        for real in dict.fromkeys(budget.get("real_clips") for budget in extra.values()):
            alike = {arm: budget[key] for arm, budget in extra.items() if budget.get("real_clips") == real}
            lines += _differing(quantity, alike, partial(math.isclose, rel_tol=1e-4))  # weights are float32
    return lines


def _differing(quantity: str, of_arms: Mapping[str, Any], alike: Callable[[Any, Any], bool]) -> list[str]:
    groups: list[tuple[Any, list[str]]] = []  # a value, and the arms that have it
    for arm, found in of_arms.items():
        same = next((arms for value, arms in groups if alike(found, value)), None)
        if same is None:
            groups.append((found, [arm]))
        else:
            same.append(arm)
    if len(groups) < 2:
        return []
    return [f"{quantity}: " + "; ".join(f"{_plain(value)} in {', '.join(arms)}" for value, arms in groups)]


def _plain(value: Any) -> str:
    return f"{value:,.6g}" if isinstance(value, float) else str(value)


def _in_words(run: Mapping[str, Any] | None) -> str:
    numbers = {name: number for name, number in (run or {}).items() if name not in ("classifier", "seed")}
    return ", ".join(f"{name} {number}" for name, number in sorted(numbers.items())) or "nothing"
