"""Names of real files, EmoBox's own list of all of them, and the actors' genders."""

from collections import Counter
from pathlib import Path, PurePosixPath

import click
import pandas as pd
import pytest

from pipeline.corpora.corpus import Labels, UnknownNameError
from pipeline.corpora.cremad import COMMIT, CORPUS, EMOTIONS, SENTENCES, genders, parse

HEADER = "ActorID,Age,Sex,Race,Ethnicity\n"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (
            "AudioWAV/1001_DFA_ANG_XX.wav",
            Labels(
                "1001_DFA_ANG_XX", "1001", "angry", "ANG", None, "XX", language="en", sentence="Don't forget a jacket"
            ),
        ),
        (
            "CREMA-D/AudioWAV/1091_IEO_SAD_LO.wav",
            Labels("1091_IEO_SAD_LO", "1091", "sad", "SAD", "low", "LO", language="en", sentence="It's eleven o'clock"),
        ),
        (
            "1040_ITH_SAD_X.wav",  # so the file is called; the lists have XX
            Labels(
                "1040_ITH_SAD_XX", "1040", "sad", "SAD", None, "X", None, "en", "I think I have a doctor's appointment"
            ),
        ),
    ],
)
def test_labels_of_real_names(path: str, expected: Labels) -> None:
    assert parse(PurePosixPath(path)) == expected


@pytest.mark.parametrize(("code", "emotion"), EMOTIONS.items())
def test_every_emotion(code: str, emotion: str) -> None:
    labels = parse(PurePosixPath(f"1001_DFA_{code}_XX.wav"))
    assert (labels.emotion, labels.emotion_raw) == (emotion, code)


@pytest.mark.parametrize(("code", "text"), SENTENCES.items())
def test_every_sentence(code: str, text: str) -> None:
    assert parse(PurePosixPath(f"1001_{code}_ANG_XX.wav")).sentence == text


@pytest.mark.parametrize(("code", "intensity"), [("LO", "low"), ("MD", "medium"), ("HI", "high"), ("XX", None)])
def test_every_level(code: str, intensity: str | None) -> None:
    labels = parse(PurePosixPath(f"1001_IEO_ANG_{code}.wav"))
    assert (labels.intensity, labels.intensity_raw) == (intensity, code)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("03-01-05-02-01-02-07.wav", "'03-01-05-02-01-02-07.wav' is not named like '1001_DFA_ANG_XX.wav'"),
        ("1001_DFA_ANG.wav", "is not named like"),
        ("1001_DFA_ANG_XX_2.wav", "is not named like"),
        ("1000_DFA_ANG_XX.wav", "actor '1000', expected 1001 to 1091"),
        ("1092_DFA_ANG_XX.wav", "actor '1092'"),
        ("1001_DFB_ANG_XX.wav", "sentence 'DFB', expected IEO, .*WSI"),
        ("1001_IEO_ANX_HI.wav", "emotion 'ANX', expected ANG, DIS, FEA, HAP, NEU, SAD"),
        ("1001_IEO_ang_HI.wav", "emotion 'ang'"),
        ("1001_IEO_ANG_XH.wav", "level 'XH', expected LO, MD, HI, XX"),
        ("1001_DFA_ANG_XX (1).wav", "level 'XX .1.'"),
        ("١٠٠١_DFA_ANG_XX.wav", "actor"),  # digits to Python, not to CREMA-D
    ],
)
def test_malformed_names(name: str, message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        parse(PurePosixPath(name))


def test_complete() -> None:
    emotions = Counter[str]()
    for (_, emotion), count in CORPUS.expected_counts.items():
        emotions[emotion] += count
    assert emotions == {"neutral": 1087} | dict.fromkeys(("angry", "disgust", "fearful", "happy", "sad"), 1271)


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


def test_no_genders_without_the_table(tmp_path: Path) -> None:
    assert genders([tmp_path / "README.md"]) == {}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has the columns of an empty file; expected columns ActorID and Sex"),
        (b"Actor,Sex\n1001,Male\n", "has the columns Actor, Sex; expected columns ActorID and Sex"),
        (b"version https://git-lfs.github.com/spec/v1\n", "has the columns version https://git-lfs"),
        (HEADER.encode() + b"1001,51,M,,\n", "has actor '1001' of sex 'M'; expected .*Male, Female"),
        (HEADER.encode() + b"7,51,Male,,\n", "has actor '7'"),
        (HEADER.encode() + b"1001,51\n", "has actor '1001' of sex 'None'"),
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
