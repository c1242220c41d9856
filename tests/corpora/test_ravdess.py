"""Names of real files, and EmoBox's own list of all of them."""

from pathlib import Path, PurePosixPath

import pandas as pd
import pytest

from pipeline.corpora.corpus import Labels, UnknownNameError
from pipeline.corpora.ravdess import CORPUS, EMOTIONS, FOLDS, parse

KIDS, DOGS = "Kids are talking by the door", "Dogs are sitting by the door"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (
            "Actor_07/03-01-05-02-01-02-07.wav",
            Labels("03-01-05-02-01-02-07", "07", "angry", "05", "high", "02", "male", "en", KIDS),
        ),
        (
            "Audio_Speech_Actors_01-24/Actor_20/03-01-06-01-02-02-20.wav",
            Labels("03-01-06-01-02-02-20", "20", "fearful", "06", "medium", "01", "female", "en", DOGS),
        ),
        (
            "03-01-01-01-01-01-01.flac",
            Labels("03-01-01-01-01-01-01", "01", "neutral", "01", "medium", "01", "male", "en", KIDS),
        ),
    ],
)
def test_labels_of_real_names(path: str, expected: Labels) -> None:
    assert parse(PurePosixPath(path)) == expected


@pytest.mark.parametrize(("code", "emotion"), EMOTIONS.items())
def test_every_emotion(code: str, emotion: str) -> None:
    labels = parse(PurePosixPath(f"03-01-{code}-01-01-01-01.wav"))
    assert (labels.emotion, labels.emotion_raw) == (emotion, code)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("1001_DFA_ANG_XX.wav", "'1001_DFA_ANG_XX.wav' is not named like '03-01-05"),
        ("03-01-05-02-01-02.wav", "is not named like"),
        ("03-01-05-02-01-02-07 copy.wav", "is not named like"),
        ("02-01-05-02-01-02-07.wav", "modality '02', expected 03"),
        ("03-02-05-02-01-02-07.wav", "channel '02', expected 01"),
        ("03-01-09-02-01-02-07.wav", "emotion '09', expected 01, 02, .*08"),
        ("03-01-05-03-01-02-07.wav", "intensity '03', expected 01, 02"),
        ("03-01-01-02-01-02-07.wav", "neutral with intensity '02', expected 01"),
        ("03-01-05-02-03-02-07.wav", "statement '03'"),
        ("03-01-05-02-01-03-07.wav", "repetition '03'"),
        ("03-01-05-02-01-02-25.wav", "actor '25'"),
        ("03-01-05-02-01-02-٠٧.wav", "actor"),  # digits to Python, not to RAVDESS
    ],
)
def test_malformed_names(name: str, message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        parse(PurePosixPath(name))


def test_each_actor_tests_once() -> None:
    tested = sorted(actor for actors in FOLDS.values() for actor in actors)
    assert tested == [f"{actor:02}" for actor in range(1, 25)]


def test_agrees_with_emobox(shared: Path) -> None:
    listed = pd.read_csv(shared / "reference" / "emobox_ravdess.csv")
    assert len(listed) == 1440
    assert CORPUS.folds is not None
    for row in listed.itertuples():
        labels = parse(PurePosixPath(row.file))
        assert labels.emotion == row.label.lower()
        assert labels.speaker in CORPUS.folds[row.test_fold]
