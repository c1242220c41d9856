"""SAVEE: four men, seven emotions (Haq & Jackson 2010, Machine Audition, IGI Global, ch. 17).

A name is `DC/sa03.wav`, with the speaker's folder around it, or `DC_sa03.wav`: speaker, emotion and number. Numbers
go to 15, for neutral to 30. Each emotion has its own numbers and mostly its own sentences, so the sentence of a file is
unknown.
"""

import re
from pathlib import PurePosixPath

from pipeline.corpora.corpus import Corpus, Labels, UnknownNameError, lookup, parts

NAME = re.compile(r"(?:([A-Za-z]+)_)?([a-z]+)([0-9]{2})")
SPEAKERS = {"DC": "male", "JE": "male", "JK": "male", "KL": "male"}
EMOTIONS = {
    "a": "angry",
    "d": "disgust",
    "f": "fearful",
    "h": "happy",
    "n": "neutral",
    "sa": "sad",
    "su": "surprised",
}
SENTENCES = {emotion: 30 if emotion == "neutral" else 15 for emotion in EMOTIONS.values()}

FOLDS = {1: ("JE",), 2: ("KL",), 3: ("DC",), 4: ("JK",)}  # test speakers of EmoBox (Ma et al. 2024, Interspeech)


def parse(path: PurePosixPath) -> Labels:
    """Labels in a name such as `DC/sa03.wav` or `DC_sa03.wav`: sad, by DC.

    Raises:
        UnknownNameError: the name does not follow the grammar, or a part of it is unknown in SAVEE
    """
    file = f"SAVEE: '{path}'"
    speaker, code, number = parts(NAME, path, file, "'DC/sa03.wav' or 'DC_sa03.wav'")
    speaker = speaker or path.parent.name
    gender = lookup(file, "speaker", speaker, SPEAKERS)
    emotion = lookup(file, "emotion", code, EMOTIONS)
    if not 1 <= int(number) <= SENTENCES[emotion]:
        raise UnknownNameError(f"{file} has number '{number}', expected 01 to {SENTENCES[emotion]}")
    return Labels(
        name=f"{speaker}_{code}{number}",
        speaker=speaker,
        emotion=emotion,
        emotion_raw=code,
        gender=gender,
        language="en",
    )


EXPECTED_COUNTS = {(speaker, emotion): count for speaker in SPEAKERS for emotion, count in SENTENCES.items()}

CORPUS = Corpus(
    title="SAVEE",
    license="research only, on registration",
    restriction="no redistribution",
    source="University of Surrey, on registration: AudioData/, with a folder for each speaker",
    parse=parse,
    expected_counts=EXPECTED_COUNTS,
    folds=FOLDS,
)
