"""Figures of a small table, by hand."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.assessment.figures import ASSESSED, FIGURES, figures, gap_closed, in_numbers, in_words

WAY = {"unconverted": 8.0, "converted": 7.0, "second_reference": 4.0}  # MCD [dB]; a quarter of the way


def row(what: str = "converted", **changes: Any) -> dict[str, Any]:
    found = dict.fromkeys(ASSESSED.names) | {
        **{"source": "sad", "target": "angry", "what": what, "id": "a", "speaker": "ann", "sentence": "dogs"},
        **{"intensity": "medium", "references": 1, "recognised": "angry", "identified": "ann"},
    }
    assert changes.keys() <= found.keys()
    return found | changes


def table(*rows: dict[str, Any]) -> pd.DataFrame:
    """As `manifest.read` gives it."""
    frame = pd.DataFrame(list(rows), columns=ASSESSED.names)
    return frame.astype({name: float for name in FIGURES if name in ASSESSED.names})


def way(mcd: dict[str, float] = WAY, **changes: Any) -> list[dict[str, Any]]:
    return [row(what, mcd_db=value, **changes) for what, value in mcd.items()]


def test_figures_are_means_over_what_is_known() -> None:
    rows = [
        row(mcd_db=6, estoi=0.5, recognised="angry", identified="ann"),
        row(mcd_db=7, estoi=None, recognised="sad", identified="bob"),
        row(mcd_db=None, estoi=0.9, recognised="happy", identified=None),
        row("unconverted", mcd_db=9, recognised=None, identified=None),
        row(target="happy", recognised="happy"),
    ]
    found = figures(table(*rows))
    assert list(found.columns) == list(FIGURES)
    converted = found.loc["sad", "angry", "converted"].dropna().to_dict()
    expected = {"mcd_db": 6.5, "estoi": 0.7, "recognition_accuracy": 1 / 3, "speaker_identification": 0.5}
    assert converted == pytest.approx(expected)
    assert found.loc["sad", "angry", "unconverted"].dropna().to_dict() == {"mcd_db": 9}
    happy = found.loc["sad", "happy", "converted"].dropna().to_dict()
    assert happy == {"recognition_accuracy": 1, "speaker_identification": 1}


def test_gap_closed() -> None:
    assert gap_closed(table(*way())).to_dict() == {("sad", "angry"): 0.25}
    assert gap_closed(table(*way(WAY | {"converted": 9.0}))).to_dict() == {("sad", "angry"): -0.25}


def test_gap_is_closed_between_comparable_clips() -> None:
    """Another corpus has no second references, and its channel makes all distances larger."""
    alone = {"unconverted": 20.0, "converted": 20.0}
    assert gap_closed(table(*way(), *way(alone, speaker="bob"))).to_dict() == {("sad", "angry"): 0.25}
    assert gap_closed(table(*way(intensity=None), *way(alone, intensity="high"))).to_dict() == {("sad", "angry"): 0.25}


@pytest.mark.parametrize(
    "mcd",
    [
        {"unconverted": 8.0, "converted": 7.0},
        {"unconverted": 8.0, "converted": 7.0, "second_reference": np.nan},
        {"unconverted": 4.0, "converted": 4.0, "second_reference": 4.0},
        {"unconverted": 4.0, "converted": 5.0, "second_reference": 6.0},
        {},
    ],
)
def test_no_gap(mcd: dict[str, float]) -> None:
    rows = table(*way(mcd), row("copy_synthesis", mcd_db=1.0))
    assert gap_closed(rows).empty
    numbers = in_numbers(rows)
    assert "gap_closed" not in str(numbers)
    assert numbers["mean"]["with_gap"] == 0


def test_numbers() -> None:
    rows = table(
        *way(),
        *way(WAY | {"converted": 6.0}, source="neutral", recognised="sad"),
        *way(
            {"unconverted": 9.0, "converted": 9.00004}, source="angry", target="sad", recognised="sad", identified=None
        ),
    )
    numbers = in_numbers(rows)
    assert list(numbers) == ["angry_to_sad", "neutral_to_angry", "sad_to_angry", "mean"]
    assert numbers["sad_to_angry"]["mcd_db"] == WAY
    assert list(numbers["sad_to_angry"]["mcd_db"]) == list(WAY)
    assert numbers["sad_to_angry"]["gap_closed"] == 0.25
    assert numbers["angry_to_sad"] == {
        "mcd_db": {"unconverted": 9.0, "converted": 9.0},
        "recognition_accuracy": {"unconverted": 1.0, "converted": 1.0},
    }
    mean = numbers["mean"]
    assert mean["mcd_db"] == {"unconverted": 8.3333, "converted": 7.3333, "second_reference": 4.0}
    assert mean["gap_closed"] == 0.375
    assert (mean["directions"], mean["with_gap"]) == (3, 2)
    assert "gap_closed 0.375 (of 2 of 3 directions, not of angry_to_sad: no second reference" in in_words(numbers)
    assert mean["recognition_accuracy"]["converted"] == 0.6667  # of three directions
    assert mean["recognition_uar"]["converted"] == 0.75  # of two targets
    assert mean["speaker_identification"]["converted"] == 1.0


def test_numbers_are_valid_dvc_metrics() -> None:
    """No lists, nulls or NaN; no −0."""
    rows = table(*way(WAY | {"converted": 8.0}), row(target="happy", recognised=None))
    text = json.dumps(in_numbers(rows), allow_nan=False)
    assert not {"[", "null", "-0.0"} & set(text.replace(",", "").split())
    assert '"gap_closed": 0.0' in text


def test_words() -> None:
    line = in_words(in_numbers(table(*way())))
    assert line.startswith("mcd_db unconverted 8.000, converted 7.000, second_reference 4.000; recognition_accuracy")
    assert line.endswith("; gap_closed 0.250 (of 1 of 1 directions)")
    assert "gap" not in in_words(in_numbers(table(row())))
    nothing = table()
    assert list(figures(nothing).columns) == list(FIGURES)
    assert in_numbers(nothing) == {}
    assert in_words({}) == "nothing was converted"
