"""Any other corpus: a CSV or Parquet table says who speaks in each file, and in what emotion.

The columns `filepath` and `emotion` must be there; `intensity`, `speaker`, `gender`, `language` and `sentence` may be.
The table's own words become those of the manifest by the section `tables.<corpus>` of params.yaml.
"""

import csv
import difflib
import io
import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import click
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import AfterValidator, StringConstraints

from pipeline.audio import SUFFIXES
from pipeline.corpora.corpus import Labels
from pipeline.manifest import EMOTIONS, INTENSITIES, UNKNOWN_SPEAKER
from pipeline.params import nearest, section

REQUIRED = ("filepath", "emotion")
COLUMNS = (*REQUIRED, "intensity", "speaker", "gender", "language", "sentence")
GENDERS = {"f": "female", "female": "female", "m": "male", "male": "male"}
NOBODY = {"", "-", "?", "n/a", "na", "nan", "none", "null", UNKNOWN_SPEAKER}  # what is no speaker's name, in any case
SEPARATORS = ",;\t"  # of CSV
MOST_NAMES = 5  # of speakers that an error lists
EXPECTED = "expected CSV (UTF-8) or Parquet with the columns filepath and emotion"

Row = dict[str, str]  # column → text, empty where the cell is, or where there is no such column


def _one_of(known: Sequence[str]) -> Callable[[str], str]:
    def check(word: str) -> str:
        if word not in known:
            raise ValueError(f"not known{nearest(word, known)}")
        return word

    return check


@section
class TableParams:
    """A corpus that comes with a table."""

    table: str  # CSV or Parquet, from the corpus's folder in data/raw
    base: str  # where its relative paths begin: from that folder too, or absolute, such as a mounted drive
    license: str
    emotions: dict[str, Annotated[str, AfterValidator(_one_of(EMOTIONS))]]  # its words → those of the manifest
    intensities: dict[str, Annotated[str, AfterValidator(_one_of(INTENSITIES))]]


Name = Annotated[str, StringConstraints(pattern="^[a-z0-9]+$")]  # it becomes part of paths, commands and ids
Tables = dict[Name, TableParams]  # corpus → its table


class RowError(ValueError):
    """A row cannot be used; `reason` is one of few words, the message has the details."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def listed(raw: Path, params: TableParams) -> tuple[dict[Path, Labels], list[tuple[Path, str, str]]]:
    """What the table says of each file, and which of its rows cannot be used; no row is in neither.

    Args:
        raw: the corpus's folder
        params: where the table is, and what its words mean

    Returns:
        file → its labels; and file, reason and detail of each row that is left out. Files inside `params.base` are
        below it, with its links unresolved, others as the table has them.

    Raises:
        ClickException: there is no such table, it cannot be read, lacks a column, or has no row
    """
    table, base = raw / params.table, raw / params.base
    rows = _rows(table)
    _check_speakers(rows, table)
    names_speakers = any(row["speaker"] for row in rows)
    labels_of: dict[Path, list[Labels]] = defaultdict(list)
    left_out: list[tuple[Path, str, str]] = []
    for row in rows:
        file = _file(row["filepath"], base) if row["filepath"] else table
        try:
            labels = _labels(row, file, base, params, names_speakers)
        except RowError as error:
            left_out.append((file, error.reason, str(error)))
        else:
            labels_of[file].append(labels)
    labelled: dict[Path, Labels] = {}
    for file, several in labels_of.items():
        said = {_said(labels) for labels in several}
        if len(said) > 1:
            detail = "the rows for this file differ: " + "; ".join(sorted(said))
            left_out += [(file, "conflicting labels", detail)] * len(several)
        else:
            labelled[file] = several[0]
            left_out += [(file, "duplicate", "another row says the same of this file")] * (len(several) - 1)
    return labelled, left_out


def _labels(row: Row, file: Path, base: Path, params: TableParams, names_speakers: bool) -> Labels:
    """Labels of a row; `names_speakers` says whether the table does."""
    if not row["filepath"]:
        raise RowError("missing", "the row has no filepath")
    if not os.path.isfile(file):  # unlike Path.is_file, it takes whatever stands in a table
        raise RowError("missing", f"no such file: {file.absolute()}")
    if names_speakers and not row["speaker"]:
        raise RowError("no speaker", "the row has no speaker, though others have one")
    intensity = row["intensity"]
    return Labels(
        name=_name(file, base),
        speaker=row["speaker"] or UNKNOWN_SPEAKER,
        emotion=_meaning("emotion", row["emotion"], params.emotions, EMOTIONS),
        emotion_raw=row["emotion"],
        intensity=_meaning("intensity", intensity, params.intensities, INTENSITIES) if intensity else None,
        intensity_raw=intensity or None,
        gender=GENDERS.get(row["gender"].lower()),
        language=row["language"].lower() or None,
        sentence=row["sentence"] or None,
    )


def _meaning(column: str, word: str, meanings: Mapping[str, str], known: Collection[str]) -> str:
    if word in meanings:
        return meanings[word]
    if word not in known:
        raise RowError("unknown label", f"{column} '{word}' is not known{nearest(word, {*meanings, *known})}")
    return word


def _said(labels: Labels) -> str:
    """What rows for one file must agree on."""
    words = (labels.emotion, labels.intensity, labels.speaker, labels.gender, labels.language, labels.sentence)
    return " ".join(word or "-" for word in words)


def _file(path: str, base: Path) -> Path:
    """The file that a table's path means: as it stands, or else without blanks around it, or from Windows."""
    spellings = [path, path.strip(), path.strip().replace("\\", "/")]
    spellings += [unicodedata.normalize(form, spellings[-1]) for form in ("NFD", "NFC")]  # macOS, and the others
    files = [base / spelling for spelling in spellings]
    for file in files:
        if os.path.isfile(file):
            return _below(base, file) or file
    return files[2]


def _below(base: Path, file: Path) -> Path | None:
    """A file inside `base` as a path that begins with `base`."""
    for inner, outer in ((file.absolute(), base.absolute()), (file.resolve(), base.resolve())):
        if inner.is_relative_to(outer) and ".." not in inner.relative_to(outer).parts:
            return base / inner.relative_to(outer)
    return None


def _name(file: Path, base: Path) -> str:
    """Path without suffix: from `base` where the file is inside, else from the root."""
    inside = _below(base, file)
    whole = inside.relative_to(base) if inside else file.resolve() if ".." in file.parts else file.absolute()
    name = whole.with_suffix("") if whole.suffix.lower() in SUFFIXES else whole
    return unicodedata.normalize("NFC", name.as_posix())


def _rows(table: Path) -> list[Row]:
    if not table.is_file():
        raise click.ClickException(f"{table}: no such table; {EXPECTED}")
    try:
        rows = _of_parquet(table) if table.suffix.lower() == ".parquet" else _of_csv(table)
    except (OSError, UnicodeDecodeError, csv.Error, pa.ArrowException) as error:
        raise click.ClickException(f"{table}: cannot be read: {error}; {EXPECTED}") from None
    if not rows:
        raise click.ClickException(f"{table}: has no row; {EXPECTED}, and a row for each clip")
    return rows


def _of_csv(table: Path) -> list[Row]:
    text = table.read_text(encoding="utf-8-sig").lstrip("\n")
    header = {separator: _columns(text, separator) for separator in SEPARATORS}
    separator = max(SEPARATORS, key=lambda separator: len(set(header[separator]) & set(COLUMNS)))
    columns = header[separator]
    _check(columns, table)
    lines = csv.reader(io.StringIO(text), delimiter=separator, strict=True)
    next(lines)
    rows = []
    for line in lines:
        if any(line[len(columns) :]):
            found = f"{len(line)} values for {len(columns)} columns"
            hint = f"quote a value that has '{separator}' in it"
            raise click.ClickException(f"{table}: line {lines.line_num} has {found}; {hint}")
        if any(line):
            rows.append(_row(dict(zip(columns, line, strict=False))))
    return rows


def _columns(text: str, separator: str) -> list[str]:
    """Names in the first line."""
    first = text.partition("\n")[0]
    return [name.strip() for name in next(csv.reader([first], delimiter=separator), [])]


def _of_parquet(table: Path) -> list[Row]:
    names = pq.read_schema(table).names
    _check(names, table)
    read = pq.read_table(table, columns=[name for name in COLUMNS if name in names], partitioning=None)
    columns = {}
    for name in read.column_names:
        column = read.column(name)
        if pa.types.is_floating(column.type):
            column = pc.if_else(pc.is_nan(column), None, column)
        columns[name] = [value or "" for value in column.cast(pa.string()).to_pylist()]
    return [_row(dict(zip(columns, values, strict=True))) for values in zip(*columns.values(), strict=True)]


def _row(found: Mapping[str, str]) -> Row:
    """The columns that are used, without blanks around what is not a path."""
    row = {name: found.get(name, "").strip() for name in COLUMNS} | {"filepath": found.get("filepath", "")}
    for name in ("speaker", "sentence"):  # who and what are told apart
        row[name] = unicodedata.normalize("NFC", row[name])
    return row | ({"speaker": ""} if row["speaker"].lower() in NOBODY else {})


def spelling(speaker: str) -> str:
    """What all spellings of one name have in common.

    Capitals, Unicode forms, digits of other scripts, blanks, invisible characters, leading zeros, and the `.0`
    that a spreadsheet adds to a number make no other person.
    """
    plain = unicodedata.normalize("NFKC", speaker).casefold()
    visible = "".join(each for each in plain if unicodedata.category(each) != "Cf")
    digits = "".join(str(unicodedata.decimal(each, each)) for each in visible)
    words = re.sub(r"(?<![\d.])0+(?=\d)", "", " ".join(digits.split()))
    return re.sub(r"^(\d+)\.0+$", r"\1", words)


def _check_speakers(rows: Sequence[Row], table: Path) -> None:
    """Raise ClickException where one person has several names, for one of them could train and another test."""
    spelt: dict[str, dict[str, None]] = defaultdict(dict)  # common spelling → spellings in the table
    for row in rows:
        spelt[spelling(row["speaker"])].setdefault(row["speaker"])
    several = [" and ".join(f"'{each}'" for each in spellings) for spellings in spelt.values() if len(spellings) > 1]
    if several:
        more = f", and {len(several) - MOST_NAMES} more such names" * (len(several) > MOST_NAMES)
        raise click.ClickException(
            f"{table}: has speakers {'; '.join(several[:MOST_NAMES])}{more}: spellings of one name, expected one for "
            "each person; correct the table (or, where they are different persons, tell them apart by more than "
            "capitals, blanks and zeros)"
        )


def _check(columns: Sequence[str], table: Path) -> None:
    for name in REQUIRED:
        if name not in columns:
            close = difflib.get_close_matches(name, columns, n=1)
            hint = f" (is '{close[0]}' meant?)" if close else ""
            found = ", ".join(columns) or "nothing"
            raise click.ClickException(f"{table}: lacks the column '{name}', found {found}{hint}; {EXPECTED}")
    for name in COLUMNS:
        if columns.count(name) > 1:
            raise click.ClickException(f"{table}: has the column '{name}' {columns.count(name)} times, expected once")
