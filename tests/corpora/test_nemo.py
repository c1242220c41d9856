"""Names of real files, and the counts of the corpus's own table."""

import csv
from collections import Counter
from pathlib import Path, PurePosixPath

import pytest

from pipeline.corpora.corpus import Labels, UnknownNameError
from pipeline.corpora.nemo import EMOTIONS, EXPECTED_COUNTS, FOLDS, SPEAKERS, parse


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (
            "samples/WR0_anger_64.wav",
            Labels("WR0_anger_64", "WR0", "angry", "anger", None, None, "male", "pl", "nemo-64"),
        ),
        (
            "EB0_neutral_1.flac",
            Labels("EB0_neutral_1", "EB0", "neutral", "neutral", None, None, "female", "pl", "nemo-1"),
        ),
    ],
)
def test_labels_of_real_names(path: str, expected: Labels) -> None:
    assert parse(PurePosixPath(path)) == expected


@pytest.mark.parametrize(("word", "emotion"), EMOTIONS.items())
def test_every_emotion(word: str, emotion: str) -> None:
    labels = parse(PurePosixPath(f"WR0_{word}_1.wav"))
    assert (labels.emotion, labels.emotion_raw) == (emotion, word)


@pytest.mark.parametrize(("speaker", "gender"), SPEAKERS.items())
def test_every_speaker(speaker: str, gender: str) -> None:
    labels = parse(PurePosixPath(f"{speaker}_fear_90.wav"))
    assert (labels.speaker, labels.gender) == (speaker, gender)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("dis-f1-b1.wav", "'dis-f1-b1.wav' is not named like 'WR0_anger_64.wav'"),
        ("WR0_anger.wav", "is not named like"),
        ("WR0_anger_064.wav", "is not named like"),
        ("WR0_anger_0.wav", "is not named like"),
        ("wr0_anger_64.wav", "is not named like"),
        ("WR0_anger_6٤.wav", "is not named like"),  # a digit to Python, not to nEMO
        ("WR0_anger_91.wav", "sentence '91', expected 1 to 90"),
        ("WR0_boredom_64.wav", "emotion 'boredom', expected anger, fear, happiness, neutral, sadness, surprised"),
        ("WR1_anger_64.wav", "speaker 'WR1', expected EB0, .*WR0"),
    ],
)
def test_malformed_names(name: str, message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        parse(PurePosixPath(name))


def test_counts_of_the_paper() -> None:
    counts = Counter[str]()
    for (_, emotion), count in EXPECTED_COUNTS.items():
        counts[emotion] += count
    expected = {"angry": 749, "fearful": 736, "happy": 749, "neutral": 809, "sad": 769, "surprised": 669}
    assert counts == expected
    assert ("MK0", "surprised") not in EXPECTED_COUNTS


def test_counts_and_labels_of_its_own_table(shared: Path) -> None:
    table = shared / "corpora/nemo/data.tsv"
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines(), delimiter="\t"))
    labels = [parse(PurePosixPath(row["file_id"])) for row in rows]
    assert Counter((each.speaker, each.emotion) for each in labels) == EXPECTED_COUNTS
    for row, each in zip(rows, labels, strict=True):
        assert (row["speaker_id"].strip(), row["emotion"], row["gender"]) == (
            each.speaker,
            each.emotion_raw,
            each.gender,
        )


def test_folds_have_women_and_men() -> None:
    for speakers in FOLDS.values():
        assert {SPEAKERS[speaker] for speaker in speakers} == {"female", "male"}
