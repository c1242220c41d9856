"""Names of real files."""

from pathlib import PurePosixPath

import pytest

from pipeline.corpora.corpus import Labels, UnknownNameError
from pipeline.corpora.emovo import EMOTIONS, EXPECTED_COUNTS, SENTENCES, SPEAKERS, parse


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("EMOVO/f1/dis-f1-b1.wav", Labels("dis-f1-b1", "f1", "disgust", "dis", None, None, "female", "it", "emovo-b1")),
        ("tri-m3-n5.wav", Labels("tri-m3-n5", "m3", "sad", "tri", None, None, "male", "it", "emovo-n5")),
    ],
)
def test_labels_of_real_names(path: str, expected: Labels) -> None:
    assert parse(PurePosixPath(path)) == expected


@pytest.mark.parametrize(("code", "emotion"), EMOTIONS.items())
def test_every_emotion(code: str, emotion: str) -> None:
    labels = parse(PurePosixPath(f"{code}-f1-b1.wav"))
    assert (labels.emotion, labels.emotion_raw) == (emotion, code)


@pytest.mark.parametrize(("speaker", "gender"), SPEAKERS.items())
def test_every_speaker(speaker: str, gender: str) -> None:
    labels = parse(PurePosixPath(f"dis-{speaker}-b1.wav"))
    assert (labels.speaker, labels.gender) == (speaker, gender)


@pytest.mark.parametrize("code", SENTENCES)
def test_every_sentence(code: str) -> None:
    assert parse(PurePosixPath(f"dis-f1-{code}.wav")).sentence == f"emovo-{code}"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("03a01Fa.wav", "'03a01Fa.wav' is not named like 'dis-f1-b1.wav'"),
        ("dis-f1-b1-2.wav", "is not named like"),
        ("dis-f1-b1_noise.wav", "is not named like"),
        ("dis-f١-b1.wav", "is not named like"),  # a digit to Python, not to EMOVO
        ("col-f1-b1.wav", "emotion 'col', expected dis, gio, pau, rab, sor, tri, neu"),
        ("dis-f4-b1.wav", "speaker 'f4', expected f1, f2, f3, m1, m2, m3"),
        ("dis-f1-b4.wav", "sentence 'b4', expected b1, b2, .*d2"),
    ],
)
def test_malformed_names(name: str, message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        parse(PurePosixPath(name))


def test_complete() -> None:
    assert sum(EXPECTED_COUNTS.values()) == 588
