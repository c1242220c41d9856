"""The parts of a page, and their HTML."""

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup, escape

from pipeline.report.pictures import Picture
from pipeline.report.sound import Player


@dataclass(frozen=True)
class Table:
    """Text in rows; the first cell of a row is its heading. Without columns, the table has no head."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    is_folded: bool = False  # opened by the reader

    @classmethod
    def of(cls, frame: pd.DataFrame, caption: str, is_folded: bool = False) -> "Table":
        """Columns of a frame, without its index; nothing where a value is unknown."""
        cells = [["" if pd.isna(cell) else number(cell) for cell in row] for row in frame.to_numpy(object).tolist()]
        return cls(caption, [str(name) for name in frame.columns], cells, is_folded)


def meanings(caption: str, words: Mapping[str, str], is_folded: bool = False) -> Table:
    """A table of words and what they mean."""
    return Table(caption, [], list(words.items()), is_folded)


@dataclass(frozen=True)
class Players:
    """Clips to hear one after another."""

    title: str
    clips: Sequence[Player]


@dataclass(frozen=True)
class Sounds:
    """Players of one generator and direction."""

    title: str
    groups: Sequence[Players]
    is_folded: bool


@dataclass(frozen=True)
class Section:
    """A part of the report; without content it says in one line why."""

    id: str
    title: str
    words: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()
    sounds: Sequence[Sounds] = ()


def html(template: str, **content: Any) -> str:
    """A page of a template of this package; text is escaped, SVG is not."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pipeline.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pictures = itertools.count()
    environment.filters |= {"code": code, "number": number, "svg": lambda text: own_ids(text, next(pictures))}
    return environment.get_template(template).render(**content)


def own_ids(svg: str, place: int) -> Markup:
    """A picture whose ids are unlike those of the other pictures of the page.

    A browser takes an id from the first element that has it, and ignores clip paths in what is folded.
    """
    return Markup(re.sub(r' id="|url\(#|href="#', rf"\g<0>p{place}-", svg))


def code(line: str) -> Markup:
    """HTML of a line, in which text between backticks is code."""
    parts = [escape(part) for part in line.split("`")]
    return Markup("").join(Markup("<code>{}</code>").format(part) if n % 2 else part for n, part in enumerate(parts))


def number(value: Any) -> str:
    """A number with three digits or more; a minus is a real one. Other values as text."""
    if isinstance(value, float):
        small = f"{value:.6f}".rstrip("0") if 0 < abs(value) < 0.001 else f"{value:.3g}"
        return (f"{value:,.0f}" if abs(value) >= 1000 else small).replace("-", "−")
    return f"{value:,}" if isinstance(value, int) else str(value)
