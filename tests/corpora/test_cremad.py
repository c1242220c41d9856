"""EmoBox's own list of all files, and the actors' genders."""

from collections import Counter
from pathlib import Path, PurePosixPath

import click
import pandas as pd
import pytest

from pipeline.corpora.cremad import COMMIT, CORPUS, genders, parse

HEADER = "ActorID,Age,Sex,Race,Ethnicity\n"


def test_agrees_with_emobox(shared: Path) -> None:
    listed = pd.read_csv(shared / "reference" / "emobox_cremad.csv", keep_default_na=False)
    assert len(listed) == 7442
    counts, levels = Counter[tuple[str, str]](), Counter[str | None]()
    for row in listed.itertuples():
        labels = parse(PurePosixPath(row.file))
        assert (labels.emotion_raw, f"{labels.name}.wav") == (row.label, row.file)
        counts[labels.speaker, labels.emotion] += 1
        levels[labels.intensity] += 1
    assert counts == CORPUS.expected_counts
    assert levels == {"low": 455, "medium": 455, "high": 455, None: 6077}


@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_genders(tmp_path: Path, start: str) -> None:
    table = tmp_path / "CREMA-D" / "VideoDemographics.csv"
    table.parent.mkdir()
    table.write_text(f"{start}{HEADER}1001,51,Male,Caucasian,Not Hispanic\n1002,21,Female,Caucasian,Not Hispanic\n")
    assert genders([tmp_path / "README.md", table]) == {"1001": "male", "1002": "female"}
    assert genders([tmp_path / "README.md"]) == {}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has the columns of an empty file; expected columns ActorID and Sex"),
        (b"Actor,Sex\n1001,Male\n", "has the columns Actor, Sex; expected columns ActorID and Sex"),
        (HEADER.encode() + b"1001,51,M,,\n", "has actor '1001' of sex 'M'; expected .*Male, Female"),
        (HEADER.encode() + b"7,51,Male,,\n", "has actor '7'"),
        (HEADER.encode() + b'1001,51,"Male,,\n', "not readable as CSV .*unexpected end of data"),
        (HEADER.encode() + b"1001,51,Male,\xe9,\n", "not readable as CSV .*utf-8"),
    ],
)
def test_malformed_genders(tmp_path: Path, content: bytes, message: str) -> None:
    table = tmp_path / "VideoDemographics.csv"
    table.write_bytes(content)
    with pytest.raises(click.ClickException, match=f"VideoDemographics.csv: {message}"):
        genders([table])


def test_archive_is_one_commit() -> None:
    (archive,) = CORPUS.archives
    assert archive.url.endswith(f"/{COMMIT}.zip")
    assert archive.lfs is not None
    assert archive.lfs.endswith(f"/{COMMIT}/")
