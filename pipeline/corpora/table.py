"""Corpora that are described by a CSV or Parquet table with a row for each file, or segment of a file.

The columns `filepath` and `emotion` are required; `start` and `end`, `intensity`, `speaker`, `gender`, `language` and
`sentence` are optional. The section `tables.<corpus>` of params.yaml maps the table's labels and columns to those of
the manifest.
"""

import csv
import difflib
import io
import json
import math
import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import click
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import AfterValidator, StringConstraints

from pipeline.audio.decoding import SUFFIXES
from pipeline.core.manifest import EMOTIONS, INTENSITIES, UNKNOWN_SPEAKER, Segment
from pipeline.core.params import nearest, section
from pipeline.corpora.corpus import Labels

REQUIRED = ("filepath", "emotion")
TIMES = ("start", "end")
COLUMNS = (*REQUIRED, *TIMES, "intensity", "speaker", "gender", "language", "sentence")
# Other names of the columns, in lower case without punctuation.
ALIASES = {
    "filepath": {"file", "fileid", "filename", "path", "pathname", "audio", "audiofile", "audiopath", "fname", "wav"}
    | {"wavfile", "wavpath"},
    "emotion": {"label", "labels", "emo", "emoclass", "emotionclass", "emotionlabel"},
    "start": {"begin", "onset", *(name + unit for name in ("start", "begin") for unit in ("s", "sec", "time", "times"))}
    | {"timestart", "startseconds", "starttimes"},
    "end": {"stop", *(name + unit for name in ("end", "stop") for unit in ("s", "sec", "time", "times"))}
    | {"timeend", "endseconds", "endtimes"},
    "intensity": {"emotionintensity", "emotionalintensity"},
    "speaker": {"actor", "actorid", "participant", "participantid", "speakerid", "speakername", "spk", "spkid", "spkr"}
    | {"spkrid", "talker"},
    "gender": {"sex", "speakergender", "speakersex"},
    "language": {"lang", "languagecode"},
    "sentence": {"sentenceid", "sentencetext"},
}
CUTOFF = 0.85  # similarity from which a longer word counts as a misspelling of another
LONGER = 6  # letters
UNIT = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}  # units of durations in Parquet, in a second
NO_TIME = {"", "nan", "nat", "none", "null"}  # in any case
GENDERS = {"f": "female", "female": "female", "m": "male", "male": "male"}
NOBODY = {"", "-", "?", "n/a", "na", "nan", "none", "null", UNKNOWN_SPEAKER}  # not a speaker, in any case
SEPARATORS = ",;\t"  # of CSV
MOST_NAMES = 5  # speakers in an error
EXPECTED = "expected CSV (UTF-8) or Parquet with the columns filepath and emotion"
# First bytes of files that are not text.
MAGIC = {
    b"PK\x03\x04": "a spreadsheet, or another zip file",  # .xlsx, .ods
    b"\xd0\xcf\x11\xe0": "a spreadsheet of Excel",  # .xls
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
}
PARQUET = b"PAR1"
MOST_SHOWN = 20  # columns in an error

Row = dict[str, str]  # column → text, empty where the cell is, or where there is no such column


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
    rows, unused = _rows(table, params, raw.name)
    _check_speakers(rows, table)
    files = {path: _file(path, base, params.suffix) for path in dict.fromkeys(row["filepath"] for row in rows)}
    _check_suffix([file for path, file in files.items() if path], table, raw.name)
    names_speakers = any(row["speaker"] for row in rows)
    labels_of: dict[Segment, list[Labels]] = defaultdict(list)
    left_out: list[tuple[Segment, str, str]] = []
    unknown: Counter[tuple[str, str]] = Counter()
    for row in rows:
        segment = Segment(files[row["filepath"]] if row["filepath"] else table)
        try:
            segment = _segment(row, segment.path)
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


def _segment(row: Row, file: Path) -> Segment:
    """Segment of a row; without times, it is the whole file."""
    if not row["filepath"]:
        raise RowError("missing", "the row has no filepath")
    if not os.path.isfile(file):  # unlike Path.is_file, it accepts any string
        other = _other_suffix(file)
        hint = f"; but {other.name} is there (see `suffix` in docs/tutorial.md)" if other else ""
        raise RowError("missing", f"no such file: {file.absolute()}{hint}")
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
    for inner, outer in ((file.absolute(), base.absolute()), (file.resolve(), base.resolve())):
        if inner.is_relative_to(outer) and ".." not in inner.relative_to(outer).parts:
            return base / inner.relative_to(outer)
    return None


def _name(file: Path, base: Path) -> str:
    """Path without suffix, relative to `base` if the file is inside, else absolute."""
    inside = _below(base, file)
    whole = inside.relative_to(base) if inside else file.resolve() if ".." in file.parts else file.absolute()
    name = whole.with_suffix("") if whole.suffix.lower() in SUFFIXES else whole
    return unicodedata.normalize("NFC", name.as_posix())


def _rows(table: Path, params: TableParams, corpus: str) -> tuple[list[Row], list[str]]:
    """Rows of the table, and its unused columns."""
    if not table.is_file():
        raise click.ClickException(f"{table}: no such table; {EXPECTED}")
    read = _of_parquet if _is_parquet(table) else _of_csv
    try:
        rows, unused = read(table, params, corpus)
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        found = f"line {line} is not UTF-8 (byte {error.object[error.start]:#x})"
        raise click.ClickException(f"{table}: cannot be read: {found}; {EXPECTED}") from None
    except (OSError, csv.Error, pa.ArrowException) as error:
        raise click.ClickException(f"{table}: cannot be read: {error}; {EXPECTED}") from None
    if not rows:
        raise click.ClickException(f"{table}: has no row; {EXPECTED}, and a row for each clip")
    return rows, unused


def _is_parquet(table: Path) -> bool:
    """Whether a table is Parquet, by its content; raises ClickException if it is neither Parquet nor text."""
    try:
        with table.open("rb") as file:
            head = file.read(1024)
    except OSError as error:
        raise click.ClickException(f"{table}: cannot be read: {error.strerror}") from None
    if head.startswith(PARQUET) or table.suffix.lower() in (".parquet", ".pq"):
        return True
    what = next((what for magic, what in MAGIC.items() if head.startswith(magic)), "binary" if b"\0" in head else "")
    if what:
        raise click.ClickException(f"{table}: is {what}; {EXPECTED}: save it as one of these")
    return False


def _of_csv(table: Path, params: TableParams, corpus: str) -> tuple[list[Row], list[str]]:
    text = table.read_text(encoding="utf-8-sig").lstrip("\n")
    named = {*COLUMNS, *(params.columns or {}).values()}
    headers = {separator: _headers(text, separator) for separator in SEPARATORS}

    def recognised(separator: str) -> int:
        return sum(header in named or any(_is_near(header, ours) for ours in COLUMNS) for header in headers[separator])

    separator = max(SEPARATORS, key=lambda separator: (recognised(separator), len(headers[separator])))
    columns = headers[separator]
    sources = _sources(columns, table, params, corpus)
    lines = csv.reader(io.StringIO(text), delimiter=separator, strict=True)
    next(lines)
    rows = []
    for line in lines:
        if any(line[len(columns) :]):
            found = f"{len(line)} values for {len(columns)} columns"
            hint = f"quote a value that has '{separator}' in it"
            raise click.ClickException(f"{table}: line {lines.line_num} has {found}; {hint}")
        if any(line):
            cells = dict(zip(columns, line, strict=False))
            rows.append(_row({ours: cells.get(theirs, "") for ours, theirs in sources.items()}))
    return rows, _unused(columns, sources)


def _headers(text: str, separator: str) -> list[str]:
    """Names in the first line."""
    first = text.partition("\n")[0]
    return [name.strip() for name in next(csv.reader([first], delimiter=separator), [])]


def _of_parquet(table: Path, params: TableParams, corpus: str) -> tuple[list[Row], list[str]]:
    names = pq.read_schema(table).names
    sources = _sources(names, table, params, corpus)
    read = pq.read_table(table, columns=list(dict.fromkeys(sources.values())), partitioning=None)
    columns = {ours: _texts(read.column(theirs)) for ours, theirs in sources.items()}
    rows = [_row(dict(zip(columns, values, strict=True))) for values in zip(*columns.values(), strict=True)]
    return rows, _unused(names, sources)


def _texts(column: pa.ChunkedArray) -> list[str]:
    """Values of a column as text; durations in seconds."""
    if pa.types.is_duration(column.type):
        column = pc.divide(column.cast(pa.int64()).cast(pa.float64(), safe=False), float(UNIT[column.type.unit]))
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column)
    return [value or "" for value in column.cast(pa.string()).to_pylist()]


def _row(found: Mapping[str, str]) -> Row:
    """A row with the columns of the manifest, without surrounding blanks except in paths."""
    row = {name: found.get(name, "").strip() for name in COLUMNS} | {"filepath": found["filepath"]}
    for name in ("speaker", "sentence"):  # identities
        row[name] = unicodedata.normalize("NFC", row[name])
    return row | ({"speaker": ""} if row["speaker"].lower() in NOBODY else {})


def spelling(speaker: str) -> str:
    """Canonical spelling of a speaker's name.

    It ignores capitals, Unicode forms, digits of other scripts, blanks, invisible characters, leading zeros, and the
    `.0` that a spreadsheet adds to a number.
    """
    plain = unicodedata.normalize("NFKC", speaker).casefold()
    visible = "".join(each for each in plain if unicodedata.category(each) != "Cf")
    digits = "".join(str(unicodedata.decimal(each, each)) for each in visible)
    words = re.sub(r"(?<![\d.])0+(?=\d)", "", " ".join(digits.split()))
    return re.sub(r"^(\d+)\.0+$", r"\1", words)


def _check_speakers(rows: Sequence[Row], table: Path) -> None:
    """Raise ClickException if a speaker has several spellings, because one could be in train and another in test."""
    spelt: dict[str, dict[str, None]] = defaultdict(dict)  # canonical spelling → spellings in the table
    for row in rows:
        spelt[spelling(row["speaker"])].setdefault(row["speaker"])
    several = [" and ".join(f"'{each}'" for each in spellings) for spellings in spelt.values() if len(spellings) > 1]
    if several:
        more = f", and {len(several) - MOST_NAMES} more such names" * (len(several) > MOST_NAMES)
        raise click.ClickException(
            f"{table}: has speakers {'; '.join(several[:MOST_NAMES])}{more}: spellings of one name, expected one for "
            "each person; correct the table (or give different persons names that differ by more than "
            "capitals, blanks and zeros)"
        )


def _sources(headers: Sequence[str], table: Path, params: TableParams, corpus: str) -> dict[str, str]:
    """Column of the table for each column of the manifest.

    Raises:
        ClickException: a required column is missing, or a column exists under another name
    """
    named, found = params.columns or {}, _shown(headers)
    for ours, theirs in named.items():
        if theirs is not None and theirs not in headers:
            where = f"which 'tables.{corpus}.columns.{ours}' names"
            raise click.ClickException(f"{table}: lacks the column '{theirs}', {where}, found {found}")
    wanted = {name: name for name in COLUMNS if name in headers} | named
    sources = {ours: theirs for ours, theirs in wanted.items() if theirs is not None}
    near = _near_misses(_unused(headers, sources), [name for name in COLUMNS if name not in wanted])
    if near:
        looks = ", ".join(f"'{theirs}' looks like '{ours}'" for ours, theirs in near.items())
        line = ", ".join(f"{ours}: {_as_yaml(theirs)}" for ours, theirs in {**named, **near}.items())
        optional = [f" (or null, such as `{ours}: null`, if not)" for ours in near if ours not in REQUIRED]
        raise click.ClickException(
            f"{table}: has columns {found}, of which {looks}; if so, write in params.yaml, below 'tables.{corpus}': "
            f"columns: {{{line}}}{''.join(optional[:1])}"
        )
    for name in REQUIRED:
        if name not in sources:
            hint = f"{EXPECTED} (or `columns` in params.yaml with its name: docs/tutorial.md)"
            raise click.ClickException(f"{table}: lacks the column '{name}', found {found}; {hint}")
    for name in sources.values():
        if headers.count(name) > 1:
            raise click.ClickException(f"{table}: has the column '{name}' {headers.count(name)} times, expected once")
    for name, other in (TIMES, TIMES[::-1]):
        if name in sources and other not in wanted:
            raise click.ClickException(
                f"{table}: has a column for '{name}' and none for '{other}', found {found}, expected both; if it is "
                f"that of the file, write in params.yaml, below 'tables.{corpus}': columns: {{{other}: null}}"
            )
    return sources


def _near_misses(headers: Sequence[str], ours: Sequence[str]) -> dict[str, str]:
    """Columns that a table has under another name, and that name."""
    found = {}
    has_onset = any(_letters(header) == "onset" for header in headers)
    for name in ours:
        near = [header for header in headers if _is_near(header, name)]
        if name == "end" and has_onset:  # without an onset, an offset may be the start of a segment
            near += [header for header in headers if _letters(header) == "offset"]
        if near:
            found[name] = near[0]
    return found


def _is_near(header: str, ours: str) -> bool:
    """Whether a header is a column by another capitalisation, a usual other name, or a misspelling."""
    letters = _letters(header)
    if letters == ours or letters in ALIASES[ours]:
        return True
    return len(ours) >= LONGER and difflib.SequenceMatcher(None, letters, ours).ratio() >= CUTOFF


def _letters(header: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", header).casefold()))


def _unused(headers: Sequence[str], sources: Mapping[str, str]) -> list[str]:
    return [header for header in headers if header and header not in sources.values()]


def _shown(headers: Sequence[str]) -> str:
    """Names of columns for an error; characters that cannot be printed are replaced."""
    names = ["".join(each if each.isprintable() else "?" for each in header[:40]) for header in headers]
    return (
        ", ".join(names[:MOST_SHOWN]) + f" and {len(names) - MOST_SHOWN} more" * (len(names) > MOST_SHOWN) or "nothing"
    )


def _as_yaml(word: str | None) -> str:
    if word is None:
        return "null"
    is_plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", word) and word.lower() not in ("null", "true", "false")
    return word if is_plain else json.dumps(word, ensure_ascii=False)
