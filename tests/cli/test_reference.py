import re
from pathlib import Path
from typing import Literal

import click
import pytest

from pipeline.cli import reference
from pipeline.cli.main import main, sections
from pipeline.core.params import section

ROOT = Path(__file__).parents[2]
PARAMS = (ROOT / "params.yaml").read_text(encoding="utf-8")


@section
class Inner:
    kind: Literal["a", "b"]
    sizes: tuple[int, ...]


@section
class Outer:
    inner: Inner
    names: dict[str, float]
    free: float | None


@click.group()
def group() -> None: ...


@group.command()
@click.argument("name")
@click.option("--to", help="Folder to write to.")
@click.option("--silent")
def fetch(name: str, to: str, silent: str) -> None:
    """Get it.

    More of it.
    """


def test_the_page_is_up_to_date() -> None:
    page = (ROOT / reference.PAGE).read_text(encoding="utf-8")
    body = page.partition(reference.BEGIN)[2].partition(reference.END)[0]
    assert body == reference.generated(PARAMS, sections(), main), "run `python -m pipeline.cli.reference`"
    planted = re.sub(r"^ingest:.*\n", r"\g<0>  loudest: 3 # of all\n", PARAMS, flags=re.MULTILINE)
    assert planted != PARAMS
    [line] = set(reference.generated(planted, sections(), main).splitlines()) - set(body.splitlines())
    assert line.startswith("| `ingest.loudest` |") and line.endswith("| of all |")


def test_rows_have_type_value_and_comment() -> None:
    text = "# first\nouter: # all\n  # apart\n  inner:\n    kind: a # which\n    sizes:\n    - 1\n"
    text += "  names: {x: 1}\n  free: null\n"
    assert list(reference.rows(text, {"outer": Outer})) == [
        ("**`outer`**", "", "", "all"),
        ("", "", "", "apart"),
        ("`outer.inner.kind`", "`a` or `b`", "`a`", "which"),
        ("`outer.inner.sizes`", "list of integer", "`[1]`", ""),
        ("`outer.names`", "mapping of text to number", "`{x: 1}`", ""),
        ("`outer.free`", "number or null", "`null`", ""),
    ]


def test_corpora_and_arms_are_described_from_the_code() -> None:
    assert reference.corpus_row("emovo") == (
        "`emovo`",
        "EMOVO: six Italian speakers, 14 sentences, seven emotions (Costantini et al. 2014, LREC)",
        "588",
        "`split.n_folds`",
        "research; ask its authors; no redistribution",
    )
    assert reference.corpus_row("cremad")[2:] == ("7,442", "`split.n_folds`", "ODbL 1.0")
    assert reference.needs("none") == "" and reference.needs("dcgan") == "the scenarios in `dcgan_scenarios`"
    assert reference.needs("cyclegan+classical") == "`cyclegan` in `conversions`, `classical` in `perturbations`"
    enrolled = "`enrolled_conversion` in `perturbations`, `scenarios` of kind `enrolment`"
    assert reference.needs("other_person") == enrolled


def test_options_without_help_are_left_out() -> None:
    assert reference.command_lines("fetch", group.commands["fetch"]) == [
        "### `emocycle fetch NAME`",
        "",
        "Get it.",
        "",
        "- `--to`: Folder to write to.",
    ]


def test_only_the_part_between_the_marks_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / "params.yaml").write_text(PARAMS, encoding="utf-8")
    reference.PAGE.write_text(f"before\n{reference.BEGIN}obsolete\n{reference.END}after\n", encoding="utf-8")
    reference.main()
    page = reference.PAGE.read_text(encoding="utf-8")
    assert page.startswith("before\n") and page.endswith("after\n") and "obsolete" not in page and "`seed`" in page
