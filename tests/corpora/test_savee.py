"""Names of real files, in folders and flat."""

from pathlib import PurePosixPath

import pytest

from pipeline.corpora.corpus import Labels, UnknownNameError
from pipeline.corpora.savee import EMOTIONS, EXPECTED_COUNTS, FOLDS, parse


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("AudioData/DC/sa03.wav", Labels("DC_sa03", "DC", "sad", "sa", gender="male", language="en")),
        ("DC_sa03.wav", Labels("DC_sa03", "DC", "sad", "sa", gender="male", language="en")),
        ("DC/DC_sa03.wav", Labels("DC_sa03", "DC", "sad", "sa", gender="male", language="en")),
        ("ALL/KL_a01.wav", Labels("KL_a01", "KL", "angry", "a", gender="male", language="en")),
        ("JE/n30.wav", Labels("JE_n30", "JE", "neutral", "n", gender="male", language="en")),
        ("JK/su15.wav", Labels("JK_su15", "JK", "surprised", "su", gender="male", language="en")),
    ],
)
def test_labels_of_real_names(path: str, expected: Labels) -> None:
    assert parse(PurePosixPath(path)) == expected


@pytest.mark.parametrize(("code", "emotion"), EMOTIONS.items())
def test_every_emotion(code: str, emotion: str) -> None:
    labels = parse(PurePosixPath(f"DC/{code}01.wav"))
    assert (labels.emotion, labels.emotion_raw) == (emotion, code)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("1001_DFA_ANG_XX.wav", "'1001_DFA_ANG_XX.wav' is not named like 'DC/sa03.wav' or 'DC_sa03.wav'"),
        ("DC/sa3.wav", "is not named like"),
        ("DC/sa03 copy.wav", "is not named like"),
        ("DC/sa٠٣.wav", "is not named like"),  # digits to Python, not to SAVEE
        ("sa03.wav", "speaker '', expected DC, JE, JK, KL"),
        ("ALL/sa03.wav", "'ALL/sa03.wav' has speaker 'ALL'"),
        ("DX_sa03.wav", "speaker 'DX'"),
        ("DC/s03.wav", "emotion 's', expected a, d, f, h, n, sa, su"),
        ("DC/sa16.wav", "number '16', expected 01 to 15"),
        ("DC/n31.wav", "number '31', expected 01 to 30"),
        ("DC/n00.wav", "number '00'"),
    ],
)
def test_malformed_names(name: str, message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        parse(PurePosixPath(name))


def test_complete() -> None:
    assert sum(EXPECTED_COUNTS.values()) == 480
    assert sum(count for (_, emotion), count in EXPECTED_COUNTS.items() if emotion == "neutral") == 120


def test_folds_of_emobox() -> None:
    assert [FOLDS[fold] for fold in (1, 2, 3, 4)] == [("JE",), ("KL",), ("DC",), ("JK",)]
