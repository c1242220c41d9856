"""Corpora that are described by a CSV or Parquet table with a row for each file, or segment of a file.

The columns `filepath` and `emotion` are required; `start` and `end`, `intensity`, `speaker`, `gender`, `language` and
`sentence` are optional. The section `tables.<corpus>` of params.yaml maps the table's labels and columns to those of
the manifest.
"""

import difflib
import math
import os
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import click
import pandas as pd
from pydantic import AfterValidator, StringConstraints

from pipeline.audio.decoding import SUFFIXES
from pipeline.core.files import is_formula
from pipeline.core.manifest import EMOTIONS, INTENSITIES, UNKNOWN_SPEAKER, Segment
from pipeline.core.params import nearest, section
from pipeline.corpora.corpus import Labels
from pipeline.corpora.ingestion import is_inside
from pipeline.corpora.rows import COLUMNS, TIMES, Row, read

NO_TIME = {"", "nan", "nat", "none", "null"}  # in any case
GENDERS = {"f": "female", "female": "female", "m": "male", "male": "male"}


def _one_of(known: Sequence[str]) -> Callable[[str], str]:
    def check(word: str) -> str:
        if word not in known:
            raise ValueError(f"not known{nearest(word, known)}")
        return word

    return check


@section
class TableParams:
    """A corpus that is described by a table."""

    table: str  # CSV or Parquet, relative to the corpus's folder in data/raw
    base: str  # folder of its relative paths: relative to that folder too, or absolute
    license: str
    emotions: dict[str, Annotated[str, AfterValidator(_one_of(EMOTIONS))]]  # label of the table → label of the manifest
    intensities: dict[str, Annotated[str, AfterValidator(_one_of(INTENSITIES))]]
    # By default, names of columns are those of the manifest. A column with null is not read.
    columns: dict[Annotated[str, AfterValidator(_one_of(COLUMNS))], str | None] | None = None  # manifest → table
    # By default, the table's paths have the suffixes of the files.
    suffix: Annotated[str, AfterValidator(_one_of(sorted(SUFFIXES)))] | None = None  # replaces the suffix of its paths


Name = Annotated[str, StringConstraints(pattern="^[a-z0-9]+$")]  # part of paths, commands and ids
Tables = dict[Name, TableParams]  # corpus → its table


class RowError(ValueError):
    """A row cannot be used; `reason` is a category, the message has the details."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class UnknownLabelError(RowError):
    """A label of the table is unknown."""

    def __init__(self, column: str, word: str, mapping: Mapping[str, str], known: Sequence[str]) -> None:
        words = sorted({*mapping, *known})
        close = difflib.get_close_matches(word, words, n=1)
        hint = f"; did you mean '{close[0]}'?" if close else ""
        super().__init__("unknown label", f"{column} '{word}' is not known{hint}; known are {', '.join(words)}")
        self.column, self.word = column, word


@dataclass(frozen=True)
class Listed:
    """Content of a table; each row is in `labelled` or in `left_out`.

    Paths of files inside the base begin with it, with links unresolved; others are those of the table.
    """

    labelled: Mapping[Segment, Labels]
    left_out: Sequence[tuple[Segment, str, str]]  # segment, reason, detail
    unknown: Mapping[tuple[str, str], int]  # column and unknown label → number of rows
    unused: Sequence[str]  # columns


def listed(raw: Path, params: TableParams) -> Listed:
    """Labels of each clip in a table, and the rows that cannot be used.

    Args:
        raw: the corpus's folder, with its name
        params: place of the table, and the mapping of its labels

    Raises:
        ClickException: the table is missing, cannot be read, lacks a column, or has no row; or its columns or files
            exist under another name
    """
    table, base = raw / params.table, raw / params.base
    rows, unused = read(table, params.columns or {}, raw.name)
    files = {path: _file(path, base, params.suffix) for path in dict.fromkeys(row["filepath"] for row in rows)}
    _check_suffix([file for path, file in files.items() if path], table, raw.name)
    names_speakers = any(row["speaker"] for row in rows)
    labels_of: dict[Segment, list[Labels]] = defaultdict(list)
    left_out: list[tuple[Segment, str, str]] = []
    unknown: Counter[tuple[str, str]] = Counter()
    for row in rows:
        segment = Segment(files[row["filepath"]] if row["filepath"] else table)
        try:
            segment = _segment(row, segment.path, base)
            labels = _labels(row, segment, base, params, names_speakers)
        except RowError as error:
            left_out.append((segment, error.reason, str(error)))
            if isinstance(error, UnknownLabelError):
                unknown[error.column, error.word] += 1
        else:
            labels_of[segment].append(labels)
    labelled: dict[Segment, Labels] = {}
    for segment, several in labels_of.items():
        what = "file" if segment.is_whole else "segment"
        distinct = {_compared(labels) for labels in several}
        if len(distinct) > 1:
            detail = f"the rows for this {what} differ: " + "; ".join(sorted(distinct))
            left_out += [(segment, "conflicting labels", detail)] * len(several)
        else:
            labelled[segment] = several[0]
            left_out += [(segment, "duplicate", f"another row labels this {what} equally")] * (len(several) - 1)
    return Listed(labelled, left_out, unknown, unused)


def _segment(row: Row, file: Path, base: Path) -> Segment:
    """Segment of a row; without times, it is the whole file."""
    if not row["filepath"]:
        raise RowError("missing", "the row has no filepath")
    if not os.path.isfile(file):  # unlike Path.is_file, it accepts any string
        other = _other_suffix(file)
        hint = f"; but {other.name} is there (see `suffix` in docs/tutorial.md)" if other else ""
        raise RowError("missing", f"no such file: {file.absolute()}{hint}")
    if not is_inside(file, base):
        where = f"{file.absolute()} leads out of {base.absolute()}"
        raise RowError("outside", f"{where}; expected a file below `base` (in params.yaml; `/` is above every file)")
    start, end = (_time(name, row[name]) for name in TIMES)
    if end is not None and end <= (start or 0.0):
        raise RowError("invalid times", f"the end '{row['end']}' is not after the start '{row['start']}'")
    return Segment(file, start or None, end)


def _time(column: str, text: str) -> float | None:
    """Seconds of a number or a timedelta, to the microsecond; None for an empty cell."""
    if text.lower() in NO_TIME:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = pd.Timedelta(text.replace(",", "?")).total_seconds()  # otherwise 1,5 is 15 nanoseconds
        except ValueError:
            expected = "expected seconds, such as 1.5, or a time, such as 0 days 00:00:01.5"
            raise RowError("invalid times", f"the {column} is '{text}', {expected}") from None
    if not (math.isfinite(seconds) and seconds >= 0):
        raise RowError("invalid times", f"the {column} is '{text}', expected 0 or more seconds")
    return round(seconds, 6)


def _labels(row: Row, segment: Segment, base: Path, params: TableParams, names_speakers: bool) -> Labels:
    """Labels of a row; `names_speakers` if the table has speakers."""
    if names_speakers and not row["speaker"]:
        raise RowError("no speaker", "the row has no speaker, though others have one")
    for column in ("language", "sentence"):  # texts of any kind, which exports have as cells of CSV
        if is_formula(row[column]):
            raise RowError("formula", f"the {column} is {row[column]!r}, which a spreadsheet runs; write it otherwise")
    intensity = row["intensity"]
    return Labels(
        name=_name(segment.path, base) + ("" if segment.is_whole else f"@{segment.times}"),
        speaker=row["speaker"] or UNKNOWN_SPEAKER,
        emotion=_lookup("emotion", row["emotion"], params.emotions, EMOTIONS),
        emotion_raw=row["emotion"],
        intensity=_lookup("intensity", intensity, params.intensities, INTENSITIES) if intensity else None,
        intensity_raw=intensity or None,
        gender=GENDERS.get(row["gender"].lower()),
        language=row["language"].lower() or None,
        sentence=row["sentence"] or None,
    )


def _lookup(column: str, word: str, mapping: Mapping[str, str], known: Sequence[str]) -> str:
    if word in mapping:
        return mapping[word]
    if word not in known:
        raise UnknownLabelError(column, word, mapping, known)
    return word


def _compared(labels: Labels) -> str:
    """Labels that must be equal in all rows of a file or segment."""
    words = (labels.emotion, labels.intensity, labels.speaker, labels.gender, labels.language, labels.sentence)
    return " ".join(word or "-" for word in words)


def _file(path: str, base: Path, suffix: str | None) -> Path:
    """File of a path in a table: unchanged, without surrounding blanks, or with separators of Windows.

    Args:
        path: in the table
        base: folder of relative paths
        suffix: replaces a suffix of audio, or is appended to the path; None: no change
    """
    path = path if suffix is None else _renamed(path.strip(), suffix)
    spellings = [path, path.strip(), path.strip().replace("\\", "/")]
    spellings += [unicodedata.normalize(form, spellings[-1]) for form in ("NFD", "NFC")]  # macOS, and other systems
    files = [base / spelling for spelling in spellings]
    for file in files:
        if os.path.isfile(file):
            return _below(base, file) or file
    return files[2]


def _renamed(path: str, suffix: str) -> str:
    stem, _, own = path.rpartition(".")
    return (stem if f".{own.lower()}" in SUFFIXES else path) + suffix


def _other_suffix(file: Path) -> Path | None:
    """An existing file that differs in its suffix only."""
    others = (_renamed(str(file), suffix) for suffix in sorted(SUFFIXES))
    return next((Path(other) for other in others if os.path.isfile(other)), None)


def _check_suffix(files: Sequence[Path], table: Path, corpus: str) -> None:
    """Raise ClickException if no file exists, but some exist with another suffix."""
    if any(map(os.path.isfile, files)):
        return
    for file in files:
        if other := _other_suffix(file):
            raise click.ClickException(
                f"{table}: none of its files is there, but some are with another suffix: not {file}, but {other.name}"
                f"; if these are meant, write in params.yaml, below 'tables.{corpus}': suffix: {other.suffix}"
            )


def _below(base: Path, file: Path) -> Path | None:
    """Path of a file that begins with `base`, if the file is inside."""
    for place in (Path, Path.absolute, Path.resolve):  # the first is the fastest, the last asks the file system
        inner, outer = place(file), place(base)
        if inner.is_relative_to(outer) and ".." not in (parts := inner.relative_to(outer).parts):
            return base.joinpath(*parts)
    return None


def _name(file: Path, base: Path) -> str:
    """Path without suffix, relative to `base` if the file is inside, else absolute."""
    inside = _below(base, file)
    whole = inside.relative_to(base) if inside else file.resolve() if ".." in file.parts else file.absolute()
    name = whole.with_suffix("") if whole.suffix.lower() in SUFFIXES else whole
    return unicodedata.normalize("NFC", name.as_posix())
