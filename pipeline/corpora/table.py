"""Any other corpus: a CSV or Parquet table says who speaks in each file, or segment of one, and in what emotion.

The columns `filepath` and `emotion` must be there; `start` and `end`, `intensity`, `speaker`, `gender`, `language` and
`sentence` may be. The table's own words, and the names of its columns, become those of the manifest by the section
`tables.<corpus>` of params.yaml.
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

from pipeline.audio.recordings import SUFFIXES
from pipeline.core.manifest import EMOTIONS, INTENSITIES, UNKNOWN_SPEAKER, Segment
from pipeline.core.params import nearest, section
from pipeline.corpora.corpus import Labels

REQUIRED = ("filepath", "emotion")
TIMES = ("start", "end")
COLUMNS = (*REQUIRED, *TIMES, "intensity", "speaker", "gender", "language", "sentence")
# What other tables call the columns, in small letters and digits alone.
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
CUTOFF = 0.85  # from which on a longer word is taken to be another one, misspelt
LONGER = 6  # letters
UNIT = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}  # of durations in Parquet, in a second
NO_TIME = {"", "nan", "nat", "none", "null"}  # in any case
GENDERS = {"f": "female", "female": "female", "m": "male", "male": "male"}
NOBODY = {"", "-", "?", "n/a", "na", "nan", "none", "null", UNKNOWN_SPEAKER}  # what is no speaker's name, in any case
SEPARATORS = ",;\t"  # of CSV
MOST_NAMES = 5  # of speakers that an error lists
EXPECTED = "expected CSV (UTF-8) or Parquet with the columns filepath and emotion"
# How files begin that are no text, and what they are.
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
    """A corpus that comes with a table."""

    table: str  # CSV or Parquet, from the corpus's folder in data/raw
    base: str  # where its relative paths begin: from that folder too, or absolute, such as a mounted drive
    license: str
    emotions: dict[str, Annotated[str, AfterValidator(_one_of(EMOTIONS))]]  # its words → those of the manifest
    intensities: dict[str, Annotated[str, AfterValidator(_one_of(INTENSITIES))]]
    # Where it is left out: the table calls every column as we do. A null: that column is not read.
    columns: dict[Annotated[str, AfterValidator(_one_of(COLUMNS))], str | None] | None = None  # our name → the table's
    # Where it is left out: the table's paths end as the files do.
    suffix: Annotated[str, AfterValidator(_one_of(sorted(SUFFIXES)))] | None = None  # instead of that of its paths


Name = Annotated[str, StringConstraints(pattern="^[a-z0-9]+$")]  # it becomes part of paths, commands and ids
Tables = dict[Name, TableParams]  # corpus → its table


class RowError(ValueError):
    """A row cannot be used; `reason` is one of few words, the message has the details."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class UnknownLabelError(RowError):
    """A word of the table means nothing to us."""

    def __init__(self, column: str, word: str, meanings: Mapping[str, str], known: Sequence[str]) -> None:
        words = sorted({*meanings, *known})
        close = difflib.get_close_matches(word, words, n=1)
        hint = f"; did you mean '{close[0]}'?" if close else ""
        super().__init__("unknown label", f"{column} '{word}' is not known{hint}; known are {', '.join(words)}")
        self.column, self.word = column, word


@dataclass(frozen=True)
class Listed:
    """What a table says; each of its rows is in `labelled` or in `left_out`.

    Files inside the table's base are below it, with its links unresolved, others as the table has them.
    """

    labelled: Mapping[Segment, Labels]
    left_out: Sequence[tuple[Segment, str, str]]  # with reason and detail
    unknown: Mapping[tuple[str, str], int]  # column and word → rows, of labels that are not known
    unused: Sequence[str]  # columns


def listed(raw: Path, params: TableParams) -> Listed:
    """What the table says of each clip, and which of its rows cannot be used.

    Args:
        raw: the corpus's folder, which has its name
        params: where the table is, and what its words mean

    Raises:
        ClickException: there is no such table, it cannot be read, lacks a column, or has no row; or its columns or
            files are plainly there under another name
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
        said = {_said(labels) for labels in several}
        if len(said) > 1:
            detail = f"the rows for this {what} differ: " + "; ".join(sorted(said))
            left_out += [(segment, "conflicting labels", detail)] * len(several)
        else:
            labelled[segment] = several[0]
            left_out += [(segment, "duplicate", f"another row says the same of this {what}")] * (len(several) - 1)
    return Listed(labelled, left_out, unknown, unused)


def _segment(row: Row, file: Path) -> Segment:
    """The segment that a row speaks of; one from 0 to no end is the whole file."""
    if not row["filepath"]:
        raise RowError("missing", "the row has no filepath")
    if not os.path.isfile(file):  # unlike Path.is_file, it takes whatever stands in a table
        beside = _beside(file)
        hint = f"; but {beside.name} is there (see `suffix` in docs/tutorial.md)" if beside else ""
        raise RowError("missing", f"no such file: {file.absolute()}{hint}")
    start, end = (_time(name, row[name]) for name in TIMES)
    if end is not None and end <= (start or 0.0):
        raise RowError("invalid times", f"the end '{row['end']}' is not after the start '{row['start']}'")
    return Segment(file, start or None, end)


def _time(column: str, text: str) -> float | None:
    """Seconds that a number or a timedelta says, to the microsecond; None where the cell is empty."""
    if text.lower() in NO_TIME:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = pd.Timedelta(text.replace(",", "?")).total_seconds()  # it would take 1,5 for 15 nanoseconds
        except ValueError:
            expected = "expected seconds, such as 1.5, or a time, such as 0 days 00:00:01.5"
            raise RowError("invalid times", f"the {column} is '{text}', {expected}") from None
    if not (math.isfinite(seconds) and seconds >= 0):
        raise RowError("invalid times", f"the {column} is '{text}', expected 0 or more seconds")
    return round(seconds, 6)


def _labels(row: Row, segment: Segment, base: Path, params: TableParams, names_speakers: bool) -> Labels:
    """Labels of a row; `names_speakers` says whether the table does."""
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


def _lookup(column: str, word: str, meanings: Mapping[str, str], known: Sequence[str]) -> str:
    if word in meanings:
        return meanings[word]
    if word not in known:
        raise UnknownLabelError(column, word, meanings, known)
    return word


def _said(labels: Labels) -> str:
    """What rows for one file, or segment, must agree on."""
    words = (labels.emotion, labels.intensity, labels.speaker, labels.gender, labels.language, labels.sentence)
    return " ".join(word or "-" for word in words)


def _file(path: str, base: Path, suffix: str | None) -> Path:
    """The file that a table's path means: as it stands, or else without blanks around it, or from Windows.

    Args:
        path: as the table has it
        base: where it begins
        suffix: instead of its own, or after it where that is none of audio; None: as it is
    """
    path = path if suffix is None else _renamed(path.strip(), suffix)
    spellings = [path, path.strip(), path.strip().replace("\\", "/")]
    spellings += [unicodedata.normalize(form, spellings[-1]) for form in ("NFD", "NFC")]  # macOS, and the others
    files = [base / spelling for spelling in spellings]
    for file in files:
        if os.path.isfile(file):
            return _below(base, file) or file
    return files[2]


def _renamed(path: str, suffix: str) -> str:
    stem, _, own = path.rpartition(".")
    return (stem if f".{own.lower()}" in SUFFIXES else path) + suffix


def _beside(file: Path) -> Path | None:
    """A file of another suffix, where there is none of this."""
    others = (_renamed(str(file), suffix) for suffix in sorted(SUFFIXES))
    return next((Path(other) for other in others if os.path.isfile(other)), None)


def _check_suffix(files: Sequence[Path], table: Path, corpus: str) -> None:
    """Raise ClickException where no file is there, but some are under another suffix."""
    if any(map(os.path.isfile, files)):
        return
    for file in files:
        if beside := _beside(file):
            raise click.ClickException(
                f"{table}: none of its files is there, but some are with another suffix: not {file}, but {beside.name}"
                f"; if these are meant, write in params.yaml, below 'tables.{corpus}': suffix: {beside.suffix}"
            )


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


def _rows(table: Path, params: TableParams, corpus: str) -> tuple[list[Row], list[str]]:
    """Rows of the table, and its columns that are not used."""
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
    """Whether it is Parquet, whatever its name; raises ClickException where it is neither that nor text."""
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
    """A row by our columns, without blanks around what is not a path."""
    row = {name: found.get(name, "").strip() for name in COLUMNS} | {"filepath": found["filepath"]}
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


def _sources(headers: Sequence[str], table: Path, params: TableParams, corpus: str) -> dict[str, str]:
    """Which column of the table each of ours is read from.

    Raises:
        ClickException: one that must be there is not, or is plainly there under another name
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
        optional = [f" (or null, such as `{ours}: null`, where it is not)" for ours in near if ours not in REQUIRED]
        raise click.ClickException(
            f"{table}: has columns {found}, of which {looks}; if so, write in params.yaml, below 'tables.{corpus}': "
            f"columns: {{{line}}}{''.join(optional[:1])}"
        )
    for name in REQUIRED:
        if name not in sources:
            hint = f"{EXPECTED} (or `columns` in params.yaml, which says what it is called: docs/tutorial.md)"
            raise click.ClickException(f"{table}: lacks the column '{name}', found {found}; {hint}")
    for name in sources.values():
        if headers.count(name) > 1:
            raise click.ClickException(f"{table}: has the column '{name}' {headers.count(name)} times, expected once")
    for name, other in (TIMES, TIMES[::-1]):
        if name in sources and other not in wanted:
            raise click.ClickException(
                f"{table}: has a column for '{name}' and none for '{other}', found {found}, expected both; where it is "
                f"the file's own, write in params.yaml, below 'tables.{corpus}': columns: {{{other}: null}}"
            )
    return sources


def _near_misses(headers: Sequence[str], ours: Sequence[str]) -> dict[str, str]:
    """Our columns that a table plainly has under another name, and that name."""
    found = {}
    has_onset = any(_letters(header) == "onset" for header in headers)
    for name in ours:
        near = [header for header in headers if _is_near(header, name)]
        if name == "end" and has_onset:  # elsewhere an offset may be where a segment starts
            near += [header for header in headers if _letters(header) == "offset"]
        if near:
            found[name] = near[0]
    return found


def _is_near(header: str, ours: str) -> bool:
    """Whether a header is one of our columns, but for capitals, blanks, another usual name or a slip of the pen."""
    letters = _letters(header)
    if letters == ours or letters in ALIASES[ours]:
        return True
    return len(ours) >= LONGER and difflib.SequenceMatcher(None, letters, ours).ratio() >= CUTOFF


def _letters(header: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", header).casefold()))


def _unused(headers: Sequence[str], sources: Mapping[str, str]) -> list[str]:
    return [header for header in headers if header and header not in sources.values()]


def _shown(headers: Sequence[str]) -> str:
    """Columns in an error, whatever is in them."""
    names = ["".join(each if each.isprintable() else "?" for each in header[:40]) for header in headers]
    return (
        ", ".join(names[:MOST_SHOWN]) + f" and {len(names) - MOST_SHOWN} more" * (len(names) > MOST_SHOWN) or "nothing"
    )


def _as_yaml(word: str | None) -> str:
    if word is None:
        return "null"
    is_plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", word) and word.lower() not in ("null", "true", "false")
    return word if is_plain else json.dumps(word, ensure_ascii=False)
