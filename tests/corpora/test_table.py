"""Tables of corpora that the pipeline does not know: what is read, what is left out and why, what is an error."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import click
import numpy as np
import pandas as pd
import pytest

from pipeline import params
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
    """What `listed` finds in a table of whole files."""
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
        "deep/d.wav,sad,high,02,male,de,,\n"
    )
    assert labelled == {
        RAW / "audio/a.wav": Labels("a", "01", "angry", "anger", "low", "1", "female", "en", "Well, well"),
        RAW / "audio/deep/d.wav": Labels("deep/d", "02", "sad", "sad", "high", "high", "male", "de", None),
    }
    assert not left_out


def test_only_what_must_be_there() -> None:
    labelled, left_out = read("filepath,emotion\na.wav,joy\nb.wav,happy\n")
    assert labelled[RAW / "audio/a.wav"] == Labels("a", "unknown", "happy", "joy")
    assert labelled[RAW / "audio/b.wav"] == Labels("b", "unknown", "happy", "happy")
    assert not left_out


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
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
            "intensity": [1.0, np.nan, 1.0],
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


def test_numbers_with_gaps_in_parquet() -> None:
    frame = pd.DataFrame({"filepath": ["a.wav", "b.wav"], "emotion": "joy", "speaker": [7, np.nan]})
    frame.to_parquet(RAW / "list.parquet")
    labelled, left_out = of_files(RAW, described("list.parquet"))
    assert [labels.speaker for labels in labelled.values()] == ["7"]
    assert reasons(left_out) == [("b.wav", "no speaker")]


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


@pytest.mark.parametrize(("word", "gender"), [("m", "male"), ("F", "female"), ("Female", "female"), ("", None)])
def test_genders(word: str, gender: str | None) -> None:
    labelled, _ = read(f"filepath,emotion,gender\na.wav,joy,{word}\n")
    assert labelled[RAW / "audio/a.wav"].gender == gender


def test_speakers_may_all_be_unknown() -> None:
    labelled, left_out = read("filepath,emotion,speaker\na.wav,joy,\nb.wav,joy, \n")
    assert {labels.speaker for labels in labelled.values()} == {"unknown"}
    assert not left_out


def test_a_speaker_in_two_spellings_of_the_same_letters() -> None:
    """As macOS writes names, and as others do: one person, who must not be on both sides of a split."""
    labelled, _ = read("filepath,emotion,speaker\na.wav,joy,Zoe\u0308\nb.wav,joy,Zo\u00eb\n")
    assert {labels.speaker for labels in labelled.values()} == {"Zo\u00eb"}


def test_table_and_audio_in_the_corpus_folder() -> None:
    labelled, _ = read("filepath,emotion\naudio/a.wav,joy\n./audio//b.wav,joy\naudio/deep/../c.wav,joy\n", base=".")
    assert list(labelled) == [RAW / "audio/a.wav", RAW / "audio/b.wav", RAW / "audio/c.wav"]
    assert [labels.name for labels in labelled.values()] == ["audio/a", "audio/b", "audio/c"]


def test_paths_from_windows() -> None:
    touch(RAW / "audio", "e\\f.wav")  # a good name elsewhere
    labelled, left_out = read("filepath,emotion\ndeep\\d.wav,joy\ne\\f.wav,joy\nC:\\x.wav,joy\n")
    assert list(labelled) == [RAW / "audio/deep/d.wav", RAW / "audio/e\\f.wav"]
    assert reasons(left_out) == [("x.wav", "missing")]


def test_links_stay_as_they_are(tmp_path: Path) -> None:
    drive, project = tmp_path / "drive", tmp_path / "project"
    touch(drive / "audio", "a.wav", "b.wav")
    (project / "data/raw").mkdir(parents=True)
    (project / "data/raw/linked").symlink_to(drive)
    raw = project / "data/raw/linked"
    (raw / "list.csv").write_text(f"filepath,emotion\na.wav,joy\n{drive / 'audio/b.wav'},joy\n")
    labelled, _ = of_files(raw, described())
    assert {path: labels.name for path, labels in labelled.items()} == {
        raw / "audio/a.wav": "a",
        raw / "audio/b.wav": "b",  # the table has it by another way
    }


def test_audio_elsewhere(tmp_path: Path) -> None:
    touch(tmp_path / "drive", "a.wav", "deep/b.wav")
    touch(tmp_path / "other", "c.wav")
    rows = f"filepath,emotion\na.wav,joy\n{tmp_path}/drive/deep/b.wav,joy\n{tmp_path}/other/c.wav,joy\n"
    labelled, left_out = read(f"{rows}../other/c.wav,joy\n", base=str(tmp_path / "drive"))
    assert {path: labels.name for path, labels in labelled.items()} == {
        tmp_path / "drive/a.wav": "a",
        tmp_path / "drive/deep/b.wav": "deep/b",
        tmp_path / "other/c.wav": f"{tmp_path}/other/c",
        tmp_path / "drive/../other/c.wav": f"{tmp_path}/other/c",
    }
    assert not left_out


@pytest.mark.parametrize("path", ["a\0.wav", "x" * 300 + ".wav", "x/" * 3000 + ".wav"])
def test_paths_that_no_file_system_takes(path: str) -> None:
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


def test_parquet_that_is_an_error() -> None:
    with pytest.raises(click.ClickException, match="^data/raw/mine/list.parquet: no such table; expected CSV"):
        listed(RAW, described("list.parquet"))
    (RAW / "list.parquet").write_text("filepath,emotion\na.wav,joy\n")
    with pytest.raises(click.ClickException, match="list.parquet: cannot be read: .*magic bytes"):
        listed(RAW, described("list.parquet"))
    pd.DataFrame({"filepath": ["a.wav"], "emotion": [["joy"]]}).to_parquet(RAW / "list.parquet")
    with pytest.raises(click.ClickException, match="list.parquet: cannot be read: "):
        listed(RAW, described("list.parquet"))
    pd.DataFrame({"filepath": ["a.wav"], "word": ["joy"]}).to_parquet(RAW / "list.parquet")
    with pytest.raises(click.ClickException, match="list.parquet: lacks the column 'emotion', found filepath, word;"):
        listed(RAW, described("list.parquet"))
    pd.DataFrame({"filepath": [], "emotion": []}).to_parquet(RAW / "list.parquet")
    with pytest.raises(click.ClickException, match="list.parquet: has no row"):
        listed(RAW, described("list.parquet"))


SECTION = """\
tables:
  mine:
    table: list.csv
    base: .
    license: mine
    emotions: {anger: angry}
    intensities: {}
"""


def test_section() -> None:
    Path("params.yaml").write_text(SECTION)
    tables = params.load(Path("params.yaml"), "tables", Tables)
    assert tables == {"mine": TableParams("list.csv", ".", "mine", {"anger": "angry"}, {})}


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


def test_counts_add_up_on_a_large_table() -> None:
    names = [f"many/{number}.wav" for number in range(500)]
    touch(RAW / "audio", *names)
    random = np.random.default_rng(0)
    drawn = [
        (names[i], ["joy", "sad"][j])
        for i, j in zip(random.integers(0, 500, 900), random.integers(0, 2, 900), strict=True)
    ]
    labelled, left_out = read("filepath,emotion\n" + "".join(f"{path},{emotion}\n" for path, emotion in drawn))
    words = Counter[str]()
    for path, _ in set(drawn):
        words[path] += 1
    assert len(labelled) == list(words.values()).count(1)
    assert len(labelled) + len(left_out) == 900
