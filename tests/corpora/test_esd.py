"""Names of real files, in the layouts that are about."""

from pathlib import PurePosixPath

import pytest

from pipeline.corpora.corpus import Labels, UnknownNameError
from pipeline.corpora.esd import EXPECTED_COUNTS, SPEAKERS, parse

ANGRY = Labels("0011_000351", "0011", "angry", "Angry", gender="male", language="en", sentence="esd-en-001")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("0011/Angry/0011_000351.wav", ANGRY),
        ("0011/Angry/evaluation/0011_000351.wav", ANGRY),
        ("Emotion Speech Dataset/0011/Neutral/0011_000351.wav", ANGRY),  # the number decides
        (
            "0001/Surprise/train/0001_001417.wav",
            Labels(
                "0001_001417", "0001", "surprised", "Surprise", gender="female", language="zh", sentence="esd-zh-017"
            ),
        ),
    ],
)
def test_labels_of_real_names(path: str, expected: Labels) -> None:
    assert parse(PurePosixPath(path)) == expected


@pytest.mark.parametrize(
    ("first", "last", "emotion"),
    [
        (1, 350, "neutral"),
        (351, 700, "angry"),
        (701, 1050, "happy"),
        (1051, 1400, "sad"),
        (1401, 1750, "surprised"),
    ],
)
def test_every_emotion(first: int, last: int, emotion: str) -> None:
    for number, sentence in ((first, "esd-en-001"), (last, "esd-en-350")):
        labels = parse(PurePosixPath(f"0020_{number:06}.wav"))
        assert (labels.emotion, labels.sentence) == (emotion, sentence)


def test_every_speaker() -> None:
    assert len(SPEAKERS) == 20
    for speaker, gender in SPEAKERS.items():
        labels = parse(PurePosixPath(f"{speaker}_000001.wav"))
        assert (labels.gender, labels.language) == (gender, "zh" if speaker <= "0010" else "en")
    assert list(SPEAKERS.values()).count("male") == list(SPEAKERS.values())[:10].count("male") * 2 == 10


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("DC_sa03.wav", "'DC_sa03.wav' is not named like '0011_000351.wav'"),
        ("0011_351.wav", "is not named like"),
        ("0011_000351_2.wav", "is not named like"),
        ("0011_٠٠٠٣٥١.wav", "is not named like"),  # digits to Python, not to ESD
        ("0021_000351.wav", "speaker '0021', expected 0001 to 0020"),
        ("0000_000351.wav", "speaker '0000'"),
        ("0011_000000.wav", "number '000000', expected 000001 to 001750"),
        ("0011_001751.wav", "number '001751'"),
    ],
)
def test_malformed_names(name: str, message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        parse(PurePosixPath(name))


def test_complete() -> None:
    assert sum(EXPECTED_COUNTS.values()) == 35_000
