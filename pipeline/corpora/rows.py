"""Rows of a CSV or Parquet table: its columns under the names of the manifest, one spelling for each speaker."""

import csv
import difflib
import io
import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.core.manifest import UNKNOWN_SPEAKER

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
Named = Mapping[str, str | None]  # column of the manifest → that of the table; None: the table has none


def read(table: Path, named: Named, corpus: str) -> tuple[list[Row], list[str]]:
    """Rows of a table, and its unused columns.

    Args:
        table: CSV or Parquet
        named: column of the manifest → that of the table, where they differ; None: the table has none
        corpus: name of the corpus, for errors

    Raises:
        ClickException: the table is missing, cannot be read, lacks a column, or has no row; a column exists under
            another name; or a speaker has two names
    """
    if not table.is_file():
        raise click.ClickException(f"{table}: no such table; {EXPECTED}")
    reader = _of_parquet if _is_parquet(table) else _of_csv
    try:
        rows, unused = reader(table, named, corpus)
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        found = f"line {line} is not UTF-8 (byte {error.object[error.start]:#x})"
        raise click.ClickException(f"{table}: cannot be read: {found}; {EXPECTED}") from None
    except (OSError, csv.Error, pa.ArrowException) as error:
        raise click.ClickException(f"{table}: cannot be read: {error}; {EXPECTED}") from None
    if not rows:
        raise click.ClickException(f"{table}: has no row; {EXPECTED}, and a row for each clip")
    _check_speakers(rows, table)
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


def _of_csv(table: Path, named: Named, corpus: str) -> tuple[list[Row], list[str]]:
    text = table.read_text(encoding="utf-8-sig").lstrip("\n")
    known = {*COLUMNS, *named.values()}
    headers = {separator: _headers(text, separator) for separator in SEPARATORS}

    def recognised(separator: str) -> int:
        return sum(header in known or any(_is_near(header, ours) for ours in COLUMNS) for header in headers[separator])

    separator = max(SEPARATORS, key=lambda separator: (recognised(separator), len(headers[separator])))
    columns = headers[separator]
    sources = _sources(columns, table, named, corpus)
    lines = csv.reader(io.StringIO(text), delimiter=separator, strict=True)
    next(lines)
    rows = []
    for line in lines:
        if any(line[len(columns) :]):
            found = f"{len(line)} values for {len(columns)} columns"
            hint = f"quote a value that has '{separator}' in it"
            raise click.ClickException(f"{table}: line {lines.line_num} has {found}; {hint}")
        if line and len(line) < len(columns):
            found = f"{len(line)} values for {len(columns)} columns; an empty value has a '{separator}', too"
            raise click.ClickException(f"{table}: line {lines.line_num} has {found}")
        if any(line):
            cells = dict(zip(columns, line, strict=False))
            rows.append(_row({ours: cells.get(theirs, "") for ours, theirs in sources.items()}))
    return rows, _unused(columns, sources)


def _headers(text: str, separator: str) -> list[str]:
    """Names in the first line."""
    first = text.partition("\n")[0]
    return [name.strip() for name in next(csv.reader([first], delimiter=separator), [])]


def _of_parquet(table: Path, named: Named, corpus: str) -> tuple[list[Row], list[str]]:
    names = pq.read_schema(table).names
    sources = _sources(names, table, named, corpus)
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


def _sources(headers: Sequence[str], table: Path, named: Named, corpus: str) -> dict[str, str]:
    """Column of the table for each column of the manifest.

    Raises:
        ClickException: a required column is missing, or a column exists under another name
    """
    found = _shown(headers)
    for ours, theirs in named.items():
        if theirs is not None and theirs not in headers:
            where = f"which 'tables.{corpus}.columns.{ours}' names"
            raise click.ClickException(f"{table}: lacks the column '{theirs}', {where}, found {found}")
    wanted: dict[str, str | None] = {**{name: name for name in COLUMNS if name in headers}, **named}
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
