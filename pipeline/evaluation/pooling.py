"""Test predictions of one run of the pipeline, or of several that differ in the seed of their generators."""

import json
from collections.abc import Sequence
from itertools import combinations, product
from pathlib import Path
from typing import Any

import click
import pandas as pd

from pipeline.augmentation.arms import ARMS
from pipeline.classification import budget
from pipeline.core import manifest, params
from pipeline.core.manifest import ENROLLED_CLIPS
from pipeline.core.predictions import GENERATORS_HARDWARE, HARDWARE, PREFIX, predicted, read

# Sections that choose which predictions are computed; the predictions themselves do not depend on them.
SELECTION = ("arms", "conversions", "dcgan_scenarios", "evaluate", "folds", "perturbations", "scenarios")
# Arms without synthetic clips
BASELINES = tuple(name for name, arm in ARMS.items() if not {*arm.generators} - {ENROLLED_CLIPS})
HEADLINE = ("headline_arm", "setting")  # keys of `augment`: the arm of summary.json, and its name in older records

# What hardware computed, and its key in metadata
COMPUTED = (("classifiers", HARDWARE), ("generators", GENERATORS_HARDWARE))


class RunsError(click.ClickException):
    """Predictions of several folders that are not one experiment with several generator seeds."""


def test_rows(folders: Sequence[Path], scenarios: Sequence[str], folds: Sequence[int], arm: str) -> pd.DataFrame:
    """Predictions for the test clips of all folds, with columns `predicted` and its probability, `confidence`.

    With several runs or scenarios, `seed` also names these: the same seed of a classifier there is another training.

    Args:
        folders: of the runs' predictions
        scenarios: of the splits
        folds: of the splits
        arm: on which the classifiers were trained

    Raises:
        RunsError: none of the tables has a test clip
        ManifestError: a table is missing
    """
    rows = []
    for folder, scenario, fold in product(folders, scenarios, folds):
        table = read(folder / f"{scenario}-{fold}" / f"{arm}.parquet")
        table = table[table["partition"] == "test"]
        certainty = table.filter(regex=f"^{PREFIX}").max(axis="columns")
        table = table.assign(predicted=predicted(table), confidence=certainty)
        if len(folders) * len(scenarios) > 1:
            table["seed"] = f"{folder}, {scenario}: " + table["seed"].astype(str)
        rows.append(table)
    found = pd.concat(rows, ignore_index=True)
    if found.empty:
        raise RunsError(
            f"{', '.join(map(str, folders))}: no test clip in any fold of {', '.join(scenarios)}, arm '{arm}'"
        )
    return found


def unequal_budgets(folders: Sequence[Path], splits: Sequence[str], arms: Sequence[str]) -> list[str]:
    """Differences in budget between the arms of a split, as sentences; empty where there are none.

    Args:
        folders: of the runs' predictions
        splits: names, such as `full-1`
        arms: names
    """
    splits_of: dict[str, list[str]] = {}  # splits of each line
    for folder, split in product(folders, splits):
        stated = {arm: budget.stated(manifest.metadata(folder / split / f"{arm}.parquet")) for arm in arms}
        for line in budget.unequal(stated, BASELINES):
            splits_of.setdefault(line, []).append(split)
    return [f"{', '.join(dict.fromkeys(named))}: {line}" for line, named in splits_of.items()]


def unequal_hardware(folders: Sequence[Path], splits: Sequence[str], arms: Sequence[str]) -> list[str]:
    """Hardware of the predictions, as sentences, where they differ; empty where they do not.

    A table of an older version without this metadata counts as unknown.

    Args:
        folders: of the runs' predictions
        splits: names, such as `full-1`
        arms: names
    """
    lines = []
    for whose, key in COMPUTED:
        kinds: dict[str, list[str]] = {}  # description of hardware → tables
        for folder, split, arm in product(folders, splits, arms):
            path = folder / split / f"{arm}.parquet"
            for hardware in _hardware(path, key):
                words = ", ".join(f"{name} {value}" for name, value in (hardware or {}).items())
                kinds.setdefault(words or "unknown", []).append(str(path))
        if len(kinds) > 1:
            parts = [f"{kind} ({paths[0]}{' and others' * (len(paths) > 1)})" for kind, paths in kinds.items()]
            lines.append(f"{whose} ran on different hardware: {'; '.join(parts)}")
    return lines


def _hardware(table: Path, key: str) -> list[dict[str, Any] | None]:
    """Hardware in the metadata of a table of predictions: None if unknown; generators may have none."""
    found = json.loads(manifest.metadata(table).get(key, "[]" if key == GENERATORS_HARDWARE else "null"))
    return found if isinstance(found, list) else [found]


def _precisions(table: Path, key: str) -> list[str]:
    """Known precisions of the classifiers or the generators of a table of predictions."""
    return sorted({hardware["precision"] for hardware in _hardware(table, key) if hardware})


def check(folders: Sequence[Path], splits: Sequence[str], arms: Sequence[str]) -> None:
    """Check that runs differ in the seed of their generators, and in nothing else.

    Compared are the params.yaml beside each folder, where it exists, the metadata of the tables, and the predictions.
    A run may have more arms, folds or scenarios than are pooled.

    Args:
        folders: of the runs' predictions
        splits: to be pooled
        arms: to be pooled

    Raises:
        RunsError: they do not; the message names the folders and the difference
        ManifestError: a table is missing
    """
    for first, second in combinations(folders, 2):
        pair, ours, theirs = f"{first} and {second}", _params(first), _params(second)
        if ours and theirs:
            different = sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))
            if "seed" not in different:
                raise RunsError(
                    f"{pair}: both have seed {ours.get('seed')} in params.yaml; expected a different seed each"
                )
            if different != ["seed"]:
                raise RunsError(f"{pair}: their params.yaml differ in more than 'seed': {', '.join(different)}")
        tables = [Path(split, f"{arm}.parquet") for split in splits for arm in arms]
        for table in tables:
            metadata = [manifest.metadata(folder / table) for folder in (first, second)]
            if metadata[0].get("params") != metadata[1].get("params"):
                raise RunsError(f"{pair}: {table} was computed with other parameters of `classify` or `hardware`")
            for whose, key in COMPUTED:
                one, other = (_precisions(folder / table, key) for folder in (first, second))
                if one and other and one != other:
                    raise RunsError(
                        f"{pair}: {table}: {whose} computed in {' and '.join(one)} in the one and "
                        f"{' and '.join(other)} in the other; set 'hardware.precision' and run one again"
                    )
        if all(read(first / table).equals(read(second / table)) for table in tables):
            raise RunsError(f"{pair}: the same predictions; expected a different generator seed each")


def _params(folder: Path) -> dict[str, Any]:
    """Parameters that change a run's predictions, from the params.yaml beside them; empty where that is missing."""
    path = folder.resolve().parent / "params.yaml"
    found = params.read(path) if path.is_file() else {}
    augment = {key: value for key, value in found.get("augment", {}).items() if key not in HEADLINE}
    relevant = {key: value for key, value in found.items() if key not in SELECTION}
    return relevant | ({"augment": augment} if found else {})
