"""Names of real files."""

from collections import Counter
from pathlib import PurePosixPath

import pytest

from pipeline.corpora.corpus import Labels, UnknownNameError
from pipeline.corpora.emodb import EMOTIONS, EXPECTED_COUNTS, FOLDS, SPEAKERS, TEXTS, parse

CLOTH = "Der Lappen liegt auf dem Eisschrank."


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("wav/03a01Fa.wav", Labels("03a01Fa", "03", "happy", "F", gender="male", language="de", sentence=CLOTH)),
        (
            "emodb/wav/16b10Wb.wav",
            Labels("16b10Wb", "16", "angry", "W", None, None, "female", "de", TEXTS["b10"]),
        ),
        ("08a04Ff.wav", Labels("08a04Ff", "08", "happy", "F", None, None, "female", "de", TEXTS["a04"])),
        ("03a01F.wav", Labels("03a01F", "03", "happy", "F", gender="male", language="de", sentence=CLOTH)),
    ],
)
def test_labels_of_real_names(path: str, expected: Labels) -> None:
    assert parse(PurePosixPath(path)) == expected


@pytest.mark.parametrize(("code", "emotion"), EMOTIONS.items())
def test_every_emotion(code: str, emotion: str) -> None:
    labels = parse(PurePosixPath(f"03a01{code}a.wav"))
    assert (labels.emotion, labels.emotion_raw) == (emotion, code)


@pytest.mark.parametrize(("code", "text"), TEXTS.items())
def test_every_text(code: str, text: str) -> None:
    assert parse(PurePosixPath(f"03{code}Na.wav")).sentence == text


@pytest.mark.parametrize(("speaker", "gender"), SPEAKERS.items())
def test_every_speaker(speaker: str, gender: str) -> None:
    labels = parse(PurePosixPath(f"{speaker}a01Na.wav"))
    assert (labels.speaker, labels.gender) == (speaker, gender)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("0011_000351.wav", "'0011_000351.wav' is not named like '03a01Fa.wav'"),
        ("03a01Faxx.wav", "is not named like"),
        ("03a01Fz.wav", "is not named like"),
        ("3a01Fa.wav", "is not named like"),
        ("٠٣a01Fa.wav", "is not named like"),  # digits to Python, not to EmoDB
        ("04a01Fa.wav", "speaker '04', expected 03, 08, .*16"),
        ("03a03Fa.wav", "text 'a03', expected a01, a02, .*b10"),
        ("03a01Sa.wav", "emotion 'S', expected W, L, E, A, F, T, N"),
    ],
)
def test_malformed_names(name: str, message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        parse(PurePosixPath(name))


def test_complete() -> None:
    emotions, speakers = Counter[str](), Counter[str]()
    for (speaker, emotion), count in EXPECTED_COUNTS.items():
        emotions[emotion] += count
        speakers[speaker] += count
    assert emotions == {
        "angry": 127,
        "boredom": 81,
        "disgust": 46,
        "fearful": 69,
        "happy": 71,
        "sad": 62,
        "neutral": 79,
    }
    assert list(speakers.values()) == [49, 58, 43, 38, 55, 35, 61, 69, 56, 71]
    assert sum(speakers.values()) == 535


def test_one_speaker_is_left_out() -> None:
    assert len(FOLDS) == 10
    assert (FOLDS[1], FOLDS[10]) == (("03",), ("16",))
