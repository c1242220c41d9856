"""Tables of corpora: labels, rows that are left out with their reasons, and errors."""

import csv
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import pandas as pd
import pytest

from pipeline.core import params
from pipeline.corpora.corpus import Labels
from pipeline.corpora.table import TableParams, Tables, listed

RAW = Path("data/raw/mine")
EMOTIONS = {"anger": "angry", "joy": "happy", "NA": "neutral", "None": "calm"}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with four files of a corpus as current directory."""
    monkeypatch.chdir(tmp_path)
    touch(RAW / "audio", "a.wav", "b.wav", "c.wav", "deep/d.wav")
    return tmp_path


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def described(table: str = "list.csv", base: str = "audio") -> TableParams:
    return TableParams(table=table, base=base, license="mine", emotions=EMOTIONS, intensities={"1": "low"})


def of_files(raw: Path, params: TableParams) -> tuple[dict[Path, Labels], list[tuple[Path, str, str]]]:
    """Content of a table without segments, by path."""
    found = listed(raw, params)
    assert all(segment.is_whole for segment in found.labelled)
    by_path = {segment.path: labels for segment, labels in found.labelled.items()}
    return by_path, [(segment.path, reason, detail) for segment, reason, detail in found.left_out]


def read(
    text: str, base: str = "audio", encoding: str = "utf-8"
) -> tuple[dict[Path, Labels], list[tuple[Path, str, str]]]:
    (RAW / "list.csv").write_text(text, encoding=encoding)
    return of_files(RAW, described(base=base))


def reasons(left_out: Iterable[tuple[Path, str, str]]) -> list[tuple[str, str]]:
    return [(path.name, reason) for path, reason, _ in left_out]


def test_rows() -> None:
    labelled, left_out = read(
        "filepath,emotion,intensity,speaker,gender,language,sentence,note\n"
        'a.wav,anger,1,01,F,EN,"Well, well",x\n'
        "b.wav,happy,,01,Female,,,\n"
        "deep/d.wav,sad,high,02,m,de,,\n"
    )
    assert labelled == {
        RAW / "audio/a.wav": Labels("a", "01", "angry", "anger", "low", "1", "female", "en", "Well, well"),
        RAW / "audio/b.wav": Labels("b", "01", "happy", "happy", None, None, "female"),
        RAW / "audio/deep/d.wav": Labels("deep/d", "02", "sad", "sad", "high", "high", "male", "de", None),
    }
    assert not left_out
    labelled, _ = read("filepath,emotion\na.wav,joy\n")
    assert labelled == {RAW / "audio/a.wav": Labels("a", "unknown", "happy", "joy")}


@pytest.mark.parametrize(
    ("separator", "encoding", "end"), [(",", "utf-8", "\r\n"), (";", "utf-8-sig", "\n"), ("\t", "utf-8", "\n")]
)
def test_dialects_of_csv(separator: str, encoding: str, end: str) -> None:
    lines = ["speaker|filepath|emotion|sentence", "01|a.wav|NA|a; b\tc, d", "", "02|b.wav|None|größer"]
    quoted = ['"' + line.replace("|", f'"{separator}"') + '"' if line else "" for line in lines]
    labelled, left_out = read(end.join(quoted), encoding=encoding)
    assert list(labelled.values()) == [
        Labels("a", "01", "neutral", "NA", sentence="a; b\tc, d"),
        Labels("b", "02", "calm", "None", sentence="größer"),
    ]
    assert not left_out


def test_blanks_and_empty_lines_do_not_matter() -> None:
    labelled, left_out = read("filepath, emotion , speaker\n a.wav , joy , 01\n\n,,\nb.wav,sad,02,,\n")
    assert [(labels.name, labels.speaker) for labels in labelled.values()] == [("a", "01"), ("b", "02")]
    assert not left_out


def test_parquet() -> None:
    pd.DataFrame(
        {
            "filepath": ["a.wav", "b.wav", "c.wav"],
            "emotion": pd.Categorical(["joy", "None", "sad"]),
            "speaker": [7, 8, 9],
            "intensity": [1.0, np.nan, 1.0],  # with a gap, so numbers are floats
            "gender": ["m", None, ""],
            "level": [[1], [2], [3]],
        }
    ).to_parquet(RAW / "list.PARQUET")
    labelled, left_out = of_files(RAW, described("list.PARQUET"))
    assert list(labelled.values()) == [
        Labels("a", "7", "happy", "joy", "low", "1", "male"),
        Labels("b", "8", "calm", "None"),
        Labels("c", "9", "sad", "sad", "low", "1"),
    ]
    assert not left_out


def test_every_row_is_labelled_or_left_out_with_a_reason() -> None:
    touch(RAW / "audio", *(f"{number}.wav" for number in range(8)))
    text = (
        "filepath,emotion,speaker,intensity,gender\n"
        "a.wav,joy,01,,\n"
        "z.wav,joy,01,,\n"  # missing
        "deep,joy,01,,\n"  # missing: a folder
        ",joy,01,,\n"  # missing
        "0.wav,joi,01,,\n"  # unknown label
        "1.wav,,01,,\n"  # unknown label
        "2.wav,joy,01,2,\n"  # unknown label
        "3.wav,joy,01,,other\n"  # of unknown gender
        "4.wav,joy,,,\n"  # no speaker
        "5.wav,joy,01,,\n5.wav,happy,01,,\n./5.wav,joy,01,,\n"  # duplicate, twice
        "6.wav,joy,01,,\n6.wav,sad,01,,\n"  # conflicting labels
        "7.wav,joy,01,,\n7.wav,joy,02,,\n7.wav,joy,01,,\n"  # the same, of speakers
    )
    labelled, left_out = read(text)
    assert [path.name for path in labelled] == ["a.wav", "3.wav", "5.wav"]
    assert reasons(left_out) == [
        ("z.wav", "missing"),
        ("deep", "missing"),
        ("list.csv", "missing"),
        ("0.wav", "unknown label"),
        ("1.wav", "unknown label"),
        ("2.wav", "unknown label"),
        ("4.wav", "no speaker"),
        *[("5.wav", "duplicate")] * 2,
        *[("6.wav", "conflicting labels")] * 2,
        *[("7.wav", "conflicting labels")] * 3,
    ]
    assert len(labelled) + len(left_out) == text.count("\n") - 1
    details = {path.name: detail for path, _, detail in left_out}
    assert details["z.wav"] == f"no such file: {(RAW / 'audio/z.wav').absolute()}"
    assert details["0.wav"].startswith("emotion 'joi' is not known; did you mean 'joy'?; known are NA, None, anger, ")
    assert details["1.wav"].startswith("emotion '' is not known; known are NA, None, anger, angry,")
    assert details["2.wav"] == "intensity '2' is not known; known are 1, high, low, medium"
    assert details["6.wav"] == "the rows for this file differ: happy - 01 - - -; sad - 01 - - -"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", "01"),  # a spreadsheet loses leading zeros
        ("1", "1.0"),  # pandas makes numbers floats where one is missing
        ("7", "\u0667"),  # Arabic
        ("s1", "s01"),
        ("Anna Lee", "Anna\u00a0Lee"),
        ("Anna", "anna"),
        ("Stra\u00dfe", "STRASSE"),
        ("Anna", "Anna\u200b"),  # a blank of no width
    ],
)
def test_spellings_of_one_speaker(one: str, other: str) -> None:
    """Two Unicode forms, as macOS and other systems write them, are one speaker without an error."""
    labelled, _ = read("filepath,emotion,speaker\na.wav,joy,Zoe\u0308\nb.wav,joy,Zo\u00eb\n")
    assert {labels.speaker for labels in labelled.values()} == {"Zo\u00eb"}
    with pytest.raises(click.ClickException) as caught:
        read(f"filepath,emotion,speaker\na.wav,joy,{one}\nb.wav,joy,{other}\nc.wav,joy,else\n")
    assert f"'{one}' and '{other}'" in caught.value.message
    assert "else" not in caught.value.message.partition(":")[2].partition("spellings")[0]


def test_different_speakers() -> None:
    labelled, left_out = read("filepath,emotion,speaker\na.wav,joy,\nb.wav,joy, \n")
    assert {labels.speaker for labels in labelled.values()} == {"unknown"} and not left_out
    speakers = ["1", "10", "100", "0", "s1", "s10", "1a", "1b", "1.5", "1.05", "ab", "a b"]
    touch(RAW / "audio", *(f"{number}.wav" for number in range(len(speakers))))
    labelled, _ = read(
        "filepath,emotion,speaker\n" + "".join(f"{number}.wav,joy,{name}\n" for number, name in enumerate(speakers))
    )
    assert [labels.speaker for labels in labelled.values()] == speakers


def test_spellings_of_paths() -> None:
    labelled, _ = read("filepath,emotion\naudio/a.wav,joy\n./audio//b.wav,joy\naudio/deep/../c.wav,joy\n", base=".")
    assert {str(path.relative_to(RAW)): labels.name for path, labels in labelled.items()} == {
        f"audio/{name}.wav": f"audio/{name}" for name in "abc"
    }
    touch(RAW / "audio", "e\\f.wav")  # a good name elsewhere than in Windows
    labelled, left_out = read("filepath,emotion\ndeep\\d.wav,joy\ne\\f.wav,joy\nC:\\x.wav,joy\n")
    assert list(labelled) == [RAW / "audio/deep/d.wav", RAW / "audio/e\\f.wav"]
    assert reasons(left_out) == [("x.wav", "missing")]


def test_audio_elsewhere(tmp_path: Path) -> None:
    touch(tmp_path / "drive", "a.wav", "deep/b.wav")
    touch(tmp_path / "other", "c.wav")
    rows = f"filepath,emotion\na.wav,joy\n{tmp_path}/drive/deep/b.wav,joy\n{tmp_path}/other/c.wav,joy\n"
    (tmp_path / "drive/out.wav").symlink_to(tmp_path / "other/c.wav")
    rows += "../other/c.wav,joy\nout.wav,joy\n/dev/zero,joy\n"
    labelled, left_out = read(rows, base=str(tmp_path / "drive"))
    assert {path: labels.name for path, labels in labelled.items()} == {
        tmp_path / "drive/a.wav": "a",
        tmp_path / "drive/deep/b.wav": "deep/b",
    }
    assert reasons(left_out) == [*[("c.wav", "outside")] * 2, ("out.wav", "outside"), ("zero", "missing")]
    labelled, left_out = read(f"filepath,emotion\n{tmp_path}/other/c.wav,joy\n", base="/")  # above every file
    assert [labels.name for labels in labelled.values()] == [f"{tmp_path}/other/c".removeprefix("/")]
    linked = tmp_path / "linked"  # a link is not resolved, also where the table names its target
    linked.symlink_to(tmp_path / "drive")
    (linked / "list.csv").write_text(f"filepath,emotion\na.wav,joy\n{tmp_path}/drive/deep/b.wav,joy\n")
    labelled, _ = of_files(linked, described(base="."))
    assert {path: labels.name for path, labels in labelled.items()} == {
        linked / "a.wav": "a",
        linked / "deep/b.wav": "deep/b",
    }


@pytest.mark.parametrize("column", ["language", "sentence"])
@pytest.mark.parametrize("cell", ["=HYPERLINK(0)", "+1+cmd", "-2+3", "@SUM(A1)"])
def test_cells_that_a_spreadsheet_runs(column: str, cell: str) -> None:
    labelled, left_out = read(f"filepath,emotion,{column}\na.wav,joy,{cell}\nb.wav,joy,-\nc.wav,joy,x{cell}\n")
    assert [path.name for path in labelled] == ["b.wav", "c.wav"]
    assert reasons(left_out) == [("a.wav", "formula")]


@pytest.mark.parametrize("line", ["a.wav", "a.wav,joy,f"])
def test_lines_with_too_few_values(line: str) -> None:
    """A separator that was lost would move the labels behind it to other columns."""
    with pytest.raises(click.ClickException, match="list.csv: line 2 has . values for 4 columns"):
        read(f"filepath,emotion,speaker,gender\n{line}\nb.wav,joy,01,f\n")


@pytest.mark.parametrize("path", ["a\0.wav", "x" * 300 + ".wav", "x/" * 3000 + ".wav"])
def test_impossible_paths(path: str) -> None:
    pd.DataFrame({"filepath": [path, "a.wav"], "emotion": "joy"}).to_parquet(RAW / "list.parquet")
    labelled, left_out = of_files(RAW, described("list.parquet"))
    assert [path.name for path in labelled] == ["a.wav"]
    assert [reason for _, reason, _ in left_out] == ["missing"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "lacks the column 'filepath', found nothing; expected CSV .UTF-8. or Parquet with the columns"),
        (
            b"what,emotion\na.wav,joy\n",
            "lacks the column 'filepath', found what, emotion; expected CSV .*`columns` in params",
        ),
        (b"filepath,emotion,emotion\na.wav,joy,joy\n", "has the column 'emotion' 2 times, expected once"),
        (b"filepath,emotion\n\n", "has no row; expected .*a row for each clip"),
        (
            "filepath;emotion;speaker\na.wav;joy;Jörg\n".encode("latin-1"),
            "cannot be read: line 2 is not UTF-8 .byte 0xf6.; exp",
        ),
        (b'filepath,emotion\na.wav,"joy\n', "cannot be read: unexpected end of data"),
        (b"filepath,emotion,sentence\nb.wav,joy,Oh\na.wav,joy,Well, well\n", "line 3 has 4 values for 3 col.*quote"),
    ],
)
def test_tables_that_are_errors(content: bytes, message: str) -> None:
    (RAW / "list.csv").write_bytes(content)
    with pytest.raises(click.ClickException, match=f"^data/raw/mine/list.csv: {message}"):
        listed(RAW, described())


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"filepath": ["a.wav"], "emotion": [["joy"]]}, "cannot be read: "),
        ({"filepath": ["a.wav"], "word": ["joy"]}, "lacks the column 'emotion', found filepath, word;"),
        ({"filepath": [], "emotion": []}, "has no row"),
    ],
)
def test_parquet_that_is_an_error(columns: dict[str, list[object]], message: str) -> None:
    table = RAW / "list.parquet"
    with pytest.raises(click.ClickException, match="^data/raw/mine/list.parquet: no such table; expected CSV"):
        listed(RAW, described(table.name))
    table.write_text("filepath,emotion\na.wav,joy\n")
    with pytest.raises(click.ClickException, match="list.parquet: cannot be read: .*magic bytes"):
        listed(RAW, described(table.name))
    pd.DataFrame(columns).to_parquet(table)
    with pytest.raises(click.ClickException, match=f"list.parquet: {message}"):
        listed(RAW, described(table.name))


SECTION = """\
tables:
  mine:
    table: list.csv
    base: .
    license: mine
    emotions: {anger: angry}
    intensities: {}
"""


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("anger: angry", "anger: angri", "'tables.mine.emotions.anger' is 'angri': .*; did you mean 'angry'"),
        ("intensities: {}", "intensities: {1: low}", "'tables.mine.intensities.1"),  # quote it: "1"
        (
            "intensities: {}",
            "intensities: {very: strong}",
            "'tables.mine.intensities.very' is 'strong': .*expected one",
        ),
        ("base: .", "bas: .", "'tables.mine.base' is missing; 'tables.mine.bas' is not known; did you mean 'base'"),
    ],
)
def test_mistakes_in_the_section(right: str, wrong: str, message: str) -> None:
    Path("params.yaml").write_text(SECTION.replace(right, wrong))
    with pytest.raises(params.ParamsError, match=message):
        params.load(Path("params.yaml"), "tables", Tables)


# Segments


def test_segments_are_clips() -> None:
    (RAW / "list.csv").write_text(
        "filepath,start,end,emotion,speaker\n"
        "a.wav,0.5,1.25,joy,01\n"
        "a.wav,0 days 00:00:01.5,0 days 00:01:02.000250,sad,02\n"  # as audformat writes them
        "a.wav,00:00:03,1 days,joy,01\n"
        "a.wav,1.0,1.5,sad,02\n"  # overlaps, with another label
        "a.wav,70,,joy,01\n"
        "deep/d.wav,,2,joy,01\n"
        "b.wav,,,joy,01\n"
        "c.wav,0,NaT,joy,01\n"
    )
    found = listed(RAW, described())
    assert not found.left_out
    assert {
        (segment.path.name, segment.start, segment.end): labels.name for segment, labels in found.labelled.items()
    } == {
        ("a.wav", 0.5, 1.25): "a@0.5-1.25",
        ("a.wav", 1.5, 62.00025): "a@1.5-62.00025",
        ("a.wav", 3.0, 86400.0): "a@3-86400",
        ("a.wav", 1.0, 1.5): "a@1-1.5",
        ("a.wav", 70.0, None): "a@70-end",
        ("d.wav", None, 2.0): "deep/d@0-2",
        ("b.wav", None, None): "b",  # the whole file has the name of the file
        ("c.wav", None, None): "c",
    }
    assert [labels.emotion for labels in found.labelled.values()][:2] == ["happy", "sad"]


@pytest.mark.parametrize("kind", ["seconds", "timedelta64[ns]", "timedelta64[ms]", "float32"])
def test_segments_in_parquet(kind: str) -> None:
    times = pd.DataFrame({"start": [0.25, 1.5, np.nan], "end": [1.5, np.nan, 2.0]})
    if kind.startswith("timedelta"):
        times = times.apply(lambda column: pd.to_timedelta(column, unit="s").astype(kind))
    elif kind != "seconds":
        times = times.astype(kind)
    times.assign(filepath="a.wav", emotion="joy").to_parquet(RAW / "list.parquet")
    found = listed(RAW, described("list.parquet"))
    expected = [(0.25, 1.5), (1.5, None), (None, 2.0)]
    assert [(segment.start, segment.end) for segment in found.labelled] == expected


@pytest.mark.parametrize(
    ("start", "end", "detail"),
    [
        ("2", "1", "the end '1' is not after the start '2'"),
        ("", "0", "the end '0' is not after the start ''"),
        ("-1", "1", "the start is '-1', expected 0 or more seconds"),
        ("-1 days +23:59:59", "1", "the start is '-1 days .23:59:59', expected 0 or more seconds"),
        ("0", "inf", "the end is 'inf', expected 0 or more seconds"),
        ("soon", "1", "the start is 'soon', expected seconds, such as 1.5, or a time, such as 0 days 00:00:01.5"),
        ("0", "1,5", "the end is '1,5', expected seconds"),
    ],
)
def test_invalid_times(start: str, end: str, detail: str) -> None:
    rows = f'b.wav,0,1,joy\na.wav,"{start}","{end}",joy\n'
    (RAW / "list.csv").write_text(f"filepath,start,end,emotion\n{rows}")
    found = listed(RAW, described())
    assert [segment.path.name for segment in found.labelled] == ["b.wav"]
    [(segment, reason, found_detail)] = found.left_out
    assert (segment.path.name, reason) == ("a.wav", "invalid times")
    assert re.match(detail, found_detail)


def test_the_same_segment_twice() -> None:
    (RAW / "list.csv").write_text(
        "filepath,start,end,emotion\n"
        "a.wav,1,2,joy\na.wav,1.0,0 days 00:00:02,happy\n"  # duplicate
        "b.wav,1,2,joy\nb.wav,1,2,sad\nb.wav,1,3,sad\n"  # conflicting, beside another segment
        "c.wav,0,,joy\nc.wav,,,joy\n"  # duplicate
    )
    found = listed(RAW, described())
    assert [labels.name for labels in found.labelled.values()] == ["a@1-2", "b@1-3", "c"]
    assert [(str(segment.path.name), segment.times, reason, detail) for segment, reason, detail in found.left_out] == [
        ("a.wav", "1-2", "duplicate", "another row labels this segment equally"),
        *[
            (
                "b.wav",
                "1-2",
                "conflicting labels",
                "the rows for this segment differ: happy - unknown - - -; sad - unknown - - -",
            )
        ]
        * 2,
        ("c.wav", "0-end", "duplicate", "another row labels this file equally"),
    ]


@pytest.mark.parametrize(("there", "missing"), [("start", "end"), ("end", "start")])
def test_a_start_without_an_end(there: str, missing: str) -> None:
    """Such as a start and a duration: each clip would end with its file."""
    (RAW / "list.csv").write_text(f"filepath,{there},duration,emotion\na.wav,1,2,joy\n")
    message = f"a column for '{there}' and none for '{missing}'.* below 'tables.mine': columns: {{{missing}: null}}$"
    with pytest.raises(click.ClickException, match=message):
        listed(RAW, described())
    assert len(listed(RAW, replace(described(), columns={missing: None})).labelled) == 1


# Columns under other names


def suggested(message: str, change: str) -> TableParams:
    """The section with the line that an error suggests."""
    line = re.search(rf"below 'tables.mine': ({change}: .*?)(?: \(or null|$)", message)
    assert line, message
    indented = SECTION.replace("    intensities: {}", f"    intensities: {{}}\n    {line[1]}")
    Path("params.yaml").write_text(indented.replace("base: .", "base: audio").replace("anger: angry", "joy: happy"))
    return params.load(Path("params.yaml"), "tables", Tables)["mine"]


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("file_id,emotion,speaker_id", {"filepath": "file_id", "speaker": "speaker_id"}),
        ("File,Emotion,Speaker", {"filepath": "File", "emotion": "Emotion", "speaker": "Speaker"}),
        ("file name,label,SPK", {"filepath": "file name", "emotion": "label", "speaker": "SPK"}),
        ("path,Labels,actor", {"filepath": "path", "emotion": "Labels", "speaker": "actor"}),
        ("filepath,emotoin,speeker", {"emotion": "emotoin", "speaker": "speeker"}),
        ('"file: path",EMOTION,"speaker, id"', {"filepath": "file: path", "emotion": "EMOTION"}),
        ("filepath,emotion,speaker,Sex,lang", {"gender": "Sex", "language": "lang"}),
        ("filepath,emotion,speaker,onset,offset", {"start": "onset", "end": "offset"}),
        ("filepath,emotion,speaker,Start,stop", {"start": "Start", "end": "stop"}),
        ("filepath,emotion,speaker,Intensity,sentence_id", {"intensity": "Intensity", "sentence": "sentence_id"}),
    ],
)
def test_other_names_of_columns_are_errors_with_a_remedy(header: str, columns: dict[str, str]) -> None:
    names = next(csv.reader([header]))
    count = len(names)
    row = ["a.wav", "joy", "anna", "", ""][:count]
    with (RAW / "list.csv").open("w", newline="") as file:
        csv.writer(file, delimiter=";").writerows([names, row])
    with pytest.raises(click.ClickException, match="^data/raw/mine/list.csv: has columns ") as caught:
        listed(RAW, described())
    for ours, theirs in columns.items():
        assert f"'{theirs}' looks like '{ours}'" in caught.value.message
    section = suggested(caught.value.message, "columns")
    assert section.columns is not None and columns.items() <= section.columns.items()
    found = listed(RAW, section)
    assert [(labels.speaker, labels.emotion) for labels in found.labelled.values()] == [("anna", "happy")]
    assert not found.unused


def test_other_columns_are_unused() -> None:
    unused = ["level", "subject_matter", "text", "duration", "emotional", "age", "end_of_day", "tender"]
    (RAW / "list.csv").write_text(f"filepath,emotion,{','.join(unused)}\na.wav,joy{',x' * len(unused)}\n")
    assert list(listed(RAW, described()).unused) == unused
    (RAW / "list.csv").write_text("filepath,emotion,offset\na.wav,joy,x\n")  # without an onset
    assert list(listed(RAW, described()).unused) == ["offset"]


def test_columns_of_the_section() -> None:
    (RAW / "list.csv").write_text("Datei;emotion;label;speaker_id;speaker\na.wav;joy;x;anna;7\n")
    columns: dict[str, str | None] = {"filepath": "Datei", "speaker": "speaker_id"}
    found = listed(RAW, replace(described(), columns=columns))
    assert [labels.speaker for labels in found.labelled.values()] == ["anna"]
    assert list(found.unused) == ["label", "speaker"]
    found = listed(RAW, replace(described(), columns={**columns, "speaker": None}))
    assert [labels.speaker for labels in found.labelled.values()] == ["unknown"]
    with pytest.raises(
        click.ClickException, match="lacks the column 'Date', which 'tables.mine.columns.filepath' names"
    ):
        listed(RAW, replace(described(), columns={"filepath": "Date"}))
    with pytest.raises(click.ClickException, match="columns: {filepath: Datei, gender: null, speaker: speaker_id} "):
        (RAW / "list.csv").write_text("Datei;emotion;sex;speaker_id\na.wav;joy;f;anna\n")
        listed(RAW, replace(described(), columns={"filepath": "Datei", "gender": None}))


# Suffixes


def test_files_of_another_suffix() -> None:
    (RAW / "list.csv").write_text("filepath,emotion\nz.mp3,joy\na.mp3,joy\ndeep/d.MP3,sad\nb,joy\n")
    with pytest.raises(click.ClickException, match="but a.wav; if these are meant, write in params.yaml") as caught:
        listed(RAW, described())
    assert caught.value.message.endswith("below 'tables.mine': suffix: .wav")
    found = listed(RAW, suggested(caught.value.message, "suffix"))
    assert [labels.name for labels in found.labelled.values()] == ["a", "deep/d", "b"]
    assert [(segment.path.name, reason) for segment, reason, _ in found.left_out] == [("z.wav", "missing")]
    _, left_out = read("filepath,emotion\na.wav,joy\nb.mp3,joy\n")  # if only one file has another
    assert [(reason, detail.partition("; ")[2]) for _, reason, detail in left_out] == [
        ("missing", "but b.wav is there (see `suffix` in docs/tutorial.md)")
    ]


# Files that are no tables


@pytest.mark.parametrize("name", ["list.pq", "list.csv", "list"])
def test_parquet_under_any_name(name: str) -> None:
    pd.DataFrame({"filepath": ["a.wav"], "emotion": ["joy"]}).to_parquet(RAW / name)
    assert len(listed(RAW, described(name)).labelled) == 1


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"PK\x03\x04\x14\x00\x06\x00", "a spreadsheet, or another zip file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "a spreadsheet of Excel"),
        ("filepath,emotion\na.wav,joy\n".encode("utf-16"), "text in UTF-16"),
        (b"\x1f\x8b\x08\x00\x00", "binary"),
    ],
)
def test_files_that_are_not_tables(content: bytes, what: str) -> None:
    (RAW / "list.xlsx").write_bytes(content)
    with pytest.raises(click.ClickException, match="save it as one of these$") as caught:
        listed(RAW, described("list.xlsx"))
    assert caught.value.message.startswith(f"data/raw/mine/list.xlsx: is {what}; expected CSV (UTF-8) or Parquet")
    assert caught.value.message.isprintable()


def test_unknown_labels_are_counted() -> None:
    (RAW / "list.csv").write_text("filepath,emotion,intensity\na.wav,7,\nb.wav,7,\nc.wav,joy,very\n")
    assert listed(RAW, described()).unknown == {("emotion", "7"): 2, ("intensity", "very"): 1}
