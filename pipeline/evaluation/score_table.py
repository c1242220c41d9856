"""The table of arms × scenarios, from metrics/ser.json: for the terminal, as Markdown, as CSV."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from pipeline.core.files import atomic_write, read_json, write_csv
from pipeline.evaluation.significance import LEAST_FOLDS
from pipeline.evaluation.wording import signed, signed_range

WIDTH = 100  # columns, where the output is not a terminal
NONE = "too few"  # in the place of an interval over folds
FEW_FOLDS = f"over folds: too few; an interval needs {LEAST_FOLDS} folds without common speakers"


class ComparisonError(click.ClickException):
    """There is nothing to compare."""


def show(scores_path: Path, markdown_path: Path | None, csv_path: Path | None) -> None:
    """Print the table, and write it to files where paths are given.

    Args:
        scores_path: metrics/ser.json
        markdown_path: the same table
        csv_path: all numbers of the table

    Raises:
        ComparisonError: the scores are missing, or an earlier version wrote them
    """
    scores = read(scores_path)
    table, cautions = readable(scores), notes(scores)
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    console.print(for_terminal(table), *cautions, sep="\n", highlight=False)
    if markdown_path:
        with atomic_write(markdown_path) as temporary:
            temporary.write_text("\n".join([markdown(table), *cautions]) + "\n", encoding="utf-8")
    if csv_path:
        write_csv(tidy(scores), csv_path)


def read(path: Path) -> dict[str, Any]:
    """Scores that `evaluate` wrote, by scenario, classifier and arm.

    Raises:
        ComparisonError: the file is missing, or an earlier version wrote it
    """
    if not path.is_file():
        raise ComparisonError(f"{path}: not found; `emocycle repro` writes it")
    remedy = "`emocycle repro` writes the file again"
    scores = read_json(path, remedy)
    try:
        for names, found in _arms(scores):
            if not isinstance(found.get("uar"), float):
                raise ComparisonError(f"{path}: {', '.join(names)}: 'uar' is no number; {remedy}")
        readable(scores)
        tidy(scores)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ComparisonError(f"{path}: is damaged: {error}; {remedy}") from None
    return scores


def readable(scores: dict[str, Any]) -> pd.DataFrame:
    """Text, one row a scenario, classifier, arm and reference: UAR, gain, its intervals and its p."""
    rows = []
    for (scenario, classifier, arm), found in _arms(scores):
        for reference, beside in (found.get("over") or {"": {"uar": {}}}).items():
            uar = beside["uar"]
            rows.append(
                {
                    **{"scenario": scenario, "classifier": classifier, "arm": arm, "UAR": f"{100 * found['uar']:.1f}"},
                    **{"over": reference, "gain": _gain(uar), "over folds": _over_folds(uar), "p": _p(uar)},
                }
            )
    return pd.DataFrame(rows)


def tidy(scores: dict[str, Any]) -> pd.DataFrame:
    """Numbers, one row a scenario, classifier, arm and reference; an arm without a reference has one row."""
    rows = [
        {
            **{"scenario": scenario, "classifier": classifier, "arm": arm},
            **{key: value for key, value in found.items() if not isinstance(value, dict)},
            **({"reference": reference, "family": beside["family"], **beside["uar"]} if reference else {}),
        }
        for (scenario, classifier, arm), found in _arms(scores)
        for reference, beside in (found.get("over") or {"": {}}).items()
    ]
    return pd.DataFrame(rows)


def notes(scores: dict[str, Any]) -> list[str]:
    """Notes to print below the table."""
    lines = [
        "UAR and gains in points, with intervals over speakers and over folds; p by sign-flip (by Holm)",
        *([FEW_FOLDS] if NONE in set(readable(scores)["over folds"]) else []),
    ]
    return list(dict.fromkeys([*lines, *(found["note"] for _, found in _arms(scores) if "note" in found)]))


def markdown(table: pd.DataFrame) -> str:
    """A table of Markdown."""
    lines: list[list[str]] = [[*table.columns], ["---"] * len(table.columns), *table.to_numpy().tolist()]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def for_terminal(table: pd.DataFrame) -> Table:
    """The same for a terminal: below each scenario and classifier its arms, below each arm its references."""
    shown = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False)
    shown.add_column("arm", overflow="fold")
    for name in ("UAR", "gain", "over folds", "p"):
        shown.add_column(name, no_wrap=True)
    for (scenario, classifier), rows in table.groupby(["scenario", "classifier"], sort=False):
        shown.add_section()
        shown.add_row(f"{scenario}, {classifier}")
        for (arm, uar), compared in rows.groupby(["arm", "UAR"], sort=False):
            shown.add_row(f"  {arm}", str(uar))
            for reference, *cells in compared[["over", "gain", "over folds", "p"]].to_numpy().tolist():
                if reference:
                    shown.add_row(f"    over {reference}", "", *cells)
    return shown


def _arms(scores: dict[str, Any]) -> Iterator[tuple[tuple[str, str, str], dict[str, Any]]]:
    for scenario, classifiers in scores.items():
        for classifier, arms in classifiers.items():
            for arm, found in arms.items():
                yield (scenario, classifier, arm), found


def _gain(uar: dict[str, float]) -> str:
    if not uar:
        return ""
    interval = _interval(uar, "ci")
    return signed(uar["gain"]) + (f" ({interval})" if interval else "")


def _interval(uar: dict[str, float], over: str) -> str:
    return signed_range((uar[f"{over}_low"], uar[f"{over}_high"])) if f"{over}_low" in uar else ""


def _over_folds(uar: dict[str, float]) -> str:
    return _interval(uar, "fold") or NONE * ("ci_low" in uar)


def _p(uar: dict[str, float]) -> str:
    if "p" not in uar:
        return ""
    return f"{uar['p']:.3f}" + (f" ({uar['p_holm']:.3f})" if "p_holm" in uar else "")
