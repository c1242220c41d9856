"""Names of real files, in folders of all spellings."""

from pathlib import PurePosixPath

import pytest

from pipeline.corpora.corpus import Labels, UnknownNameError
from pipeline.corpora.tess import EMOTIONS, EXPECTED_COUNTS, parse


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (
            "OAF_angry/OAF_back_angry.wav",
            Labels("OAF_back_angry", "OAF", "angry", "angry", None, None, "female", "en", "Say the word back."),
        ),
        (
            "TESS Toronto emotional speech set data/YAF_pleasant_surprised/YAF_food_ps.wav",
            Labels("YAF_food_ps", "YAF", "surprised", "ps", None, None, "female", "en", "Say the word food."),
        ),
        (
            "OAF_Pleasant_surprise/OAF_food_ps.wav",
            Labels("OAF_food_ps", "OAF", "surprised", "ps", None, None, "female", "en", "Say the word food."),
        ),
        (
            "OAF_neutral/OA_bite_neutral.wav",  # so this one is called
            Labels("OAF_bite_neutral", "OAF", "neutral", "neutral", None, None, "female", "en", "Say the word bite."),
        ),
    ],
)
def test_labels_of_real_names(path: str, expected: Labels) -> None:
    assert parse(PurePosixPath(path)) == expected


@pytest.mark.parametrize(("code", "emotion"), EMOTIONS.items())
def test_every_emotion(code: str, emotion: str) -> None:
    labels = parse(PurePosixPath(f"YAF_back_{code}.wav"))
    assert (labels.emotion, labels.emotion_raw) == (emotion, code)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("03a01Fa.wav", "'03a01Fa.wav' is not named like 'OAF_back_angry.wav'"),
        ("OAF_back.wav", "is not named like"),
        ("OAF_back_angry_2.wav", "is not named like"),
        ("MAF_back_angry.wav", "speaker 'MAF', expected OAF, YAF, OA"),
        ("OAF_back_surprise.wav", "emotion 'surprise', expected angry, disgust, fear, happy, neutral, ps, sad"),
    ],
)
def test_malformed_names(name: str, message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        parse(PurePosixPath(name))


def test_complete() -> None:
    assert sum(EXPECTED_COUNTS.values()) == 2800
    assert sum(count for (speaker, _), count in EXPECTED_COUNTS.items() if speaker == "OAF") == 1400
