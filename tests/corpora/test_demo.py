from pathlib import PurePosixPath

import pytest

from pipeline.corpora.corpus import Labels, UnknownNameError
from pipeline.corpora.demo import CORPUS, VOICES, name


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (
            "f03/f03_s2_angry_high.flac",
            Labels("f03_s2_angry_high", "f03", "angry", "angry", "high", "high", "female", "en", "demo-s2"),
        ),
        (
            "m08/m08_s12_neutral_medium.flac",
            Labels("m08_s12_neutral_medium", "m08", "neutral", "neutral", "medium", "medium", "male", "en", "demo-s12"),
        ),
        (
            "f01_s1_sad_low.flac",
            Labels("f01_s1_sad_low", "f01", "sad", "sad", "low", "low", "female", "en", "demo-s1"),
        ),
    ],
)
def test_labels_of_names(path: str, expected: Labels) -> None:
    assert CORPUS.parse(PurePosixPath(path)) == expected


@pytest.mark.parametrize("speaker", VOICES)
def test_what_is_written_can_be_read(speaker: str) -> None:
    labels = CORPUS.parse(name(speaker, 6, "happy", "high"))
    assert (labels.speaker, labels.sentence, labels.emotion, labels.intensity) == (
        speaker,
        "demo-s6",
        "happy",
        "high",
    )


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("f03/03-01-05-01-02-01-12.wav", "'f03/03-01-05-01-02-01-12.wav' is not named <speaker>_<sentence>_"),
        ("f03/f03_s2_angry.flac", "is not named"),
        ("f03/f03_s0_angry_high.flac", "is not named"),
        ("f03/f03_s٢_angry_high.flac", "is not named"),  # a digit to Python, not to the grammar
        ("f03/f03_s2_angry_high_2.flac", "is not named"),
        ("f09/f09_s2_angry_high.flac", "speaker 'f09', expected one of f01, .*m08"),
        ("f03/f03_s2_anger_high.flac", "emotion 'anger', expected one of neutral, .*angry"),
        ("f03/f03_s2_angry_strong.flac", "intensity 'strong', expected one of low, medium, high"),
    ],
)
def test_malformed_names(path: str, message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        CORPUS.parse(PurePosixPath(path))


def test_no_two_speakers_share_a_voice() -> None:
    assert len({voice.variant for voice in VOICES.values()}) == len(VOICES) == 16
