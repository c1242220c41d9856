"""The figures of two folds together, as JSON and CSV."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import Result

from pipeline.assessment.figures import ASSESSED, FIGURES
from pipeline.core import manifest

METRICS, TABLE = Path("metrics/conversion.json"), Path("metrics/conversion.csv")
Stage = Callable[..., Result]


def assessed(split: str, *rows: dict[str, Any]) -> None:
    known = {"source": "sad", "target": "angry", "speaker": "ann", "references": 1}
    table = [known | {"id": str(number)} | row for number, row in enumerate(rows)]
    manifest.write(table, Path(f"data/assessed/{split}.parquet"), ASSESSED, "")


@pytest.fixture
def folds(stage: Stage, params: Callable[..., None]) -> Stage:
    """Two of them, and one that params.yaml does not name."""
    params({"folds": [1, 3]})
    ends = [{"what": "unconverted", "mcd_db": 8.0}, {"what": "second_reference", "mcd_db": 4.0}]
    assessed("full-1", *ends, {"what": "converted", "mcd_db": 7.0, "recognised": "sad", "identified": "ann"})
    assessed("full-3", *ends, {"what": "converted", "mcd_db": 6.0, "recognised": "angry", "identified": "bob"})
    assessed("full-2", {"what": "converted", "mcd_db": 99.0, "target": "happy"})
    return stage


def test_numbers_of_all_folds(folds: Stage) -> None:
    result = folds("tabulate")
    assert result.exit_code == 0, result.output
    numbers = json.loads(METRICS.read_text())
    assert "nothing about real speech" in numbers.pop("note")
    assert list(numbers) == ["full"]
    assert list(numbers["full"]) == ["sad_to_angry", "mean"]
    assert numbers["full"]["sad_to_angry"] == {
        "mcd_db": {"unconverted": 8.0, "converted": 6.5, "second_reference": 4.0},
        "recognition_accuracy": {"converted": 0.5},
        "speaker_identification": {"converted": 0.5},
        "gap_closed": 0.375,
    }
    assert "full: mcd_db unconverted 8.000, converted 6.500, second_reference 4.000" in result.output
    assert "nothing about real speech" in result.output
    table = pd.read_csv(TABLE)
    assert list(table) == ["scenario", "source", "target", "what", *FIGURES]
    by_what = table.set_index(["scenario", "source", "target", "what"])["mcd_db"].to_dict()
    place = ("full", "sad", "angry")
    assert by_what == {(*place, "converted"): 6.5, (*place, "second_reference"): 4.0, (*place, "unconverted"): 8.0}
    before = METRICS.read_bytes(), TABLE.read_bytes()
    assert folds("tabulate").exit_code == 0
    assert (METRICS.read_bytes(), TABLE.read_bytes()) == before


def test_nothing_was_converted(stage: Stage, params: Callable[..., None]) -> None:
    params({"corpora": ["ravdess"]})
    assessed("full-1")
    assessed("full-3")
    result = stage("tabulate")
    assert result.exit_code == 0, result.output
    assert "full: nothing was converted" in result.output
    assert json.loads(METRICS.read_text()) == {}
    assert pd.read_csv(TABLE).empty


def test_missing_split(folds: Stage, params: Callable[..., None]) -> None:
    params({"folds": [1, 4]})
    result = folds("tabulate")
    assert result.exit_code == 1
    assert "data/assessed/full-4.parquet: not found; `dvc repro` makes it" in result.output
    assert not METRICS.exists()
