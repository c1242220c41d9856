"""RAVDESS: 24 actors, two sentences, eight emotions (Livingstone & Russo 2018, PLoS ONE 13(5)).

A name is seven numbers, `03-01-05-02-01-02-07.wav`: modality, channel, emotion, intensity, statement,
repetition and actor. Folders (`Actor_07/`, or that below `Audio_Speech_Actors_01-24/`) are not used.
"""

import re
from pathlib import PurePosixPath

from pipeline.corpora.corpus import Archive, Corpus, Labels, UnknownNameError, lookup, parts

NAME = re.compile(r"(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)")
AUDIO_ONLY = {"03": "audio"}
SPEECH = {"01": "speech"}  # 02 is song
EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happy",
    "04": "sad",
    "05": "angry",
    "06": "fearful",
    "07": "disgust",
    "08": "surprised",
}
INTENSITIES = {"01": "medium", "02": "high"}  # normal, strong
STATEMENTS = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}
REPETITIONS = {"01": "first", "02": "second"}
ACTORS = {f"{actor:02}": "male" if actor % 2 else "female" for actor in range(1, 25)}

# Test actors of EmoBox (Ma et al. 2024, Interspeech).
FOLDS = {
    1: ("01", "11", "20", "21"),
    2: ("04", "10", "12", "14"),
    3: ("08", "09", "19", "23"),
    4: ("03", "05", "07", "24"),
    5: ("02", "15", "16", "18"),
    6: ("06", "13", "17", "22"),
}


def parse(path: PurePosixPath) -> Labels:
    """Labels in a name such as `03-01-05-02-01-02-07.wav`: angry, strong, by actor 07.

    Raises:
        UnknownNameError: the name is not seven numbers, or one of them is unknown in RAVDESS's speech
    """
    file = f"RAVDESS: '{path.name}'"
    modality, channel, emotion, intensity, statement, repetition, actor = parts(
        NAME, path, file, "'03-01-05-02-01-02-07.wav'"
    )
    lookup(file, "modality", modality, AUDIO_ONLY)
    lookup(file, "channel", channel, SPEECH)
    lookup(file, "repetition", repetition, REPETITIONS)
    labels = Labels(
        name=path.stem,
        speaker=actor,
        emotion=lookup(file, "emotion", emotion, EMOTIONS),
        emotion_raw=emotion,
        intensity=lookup(file, "intensity", intensity, INTENSITIES),
        intensity_raw=intensity,
        gender=lookup(file, "actor", actor, ACTORS),
        language="en",
        sentence=lookup(file, "statement", statement, STATEMENTS),
    )
    if (labels.emotion, labels.intensity) == ("neutral", "high"):
        raise UnknownNameError(f"{file} is neutral with intensity '02', expected 01")
    return labels


# Two statements, two repetitions and, except for neutral, two intensities.
EXPECTED_COUNTS = {
    (actor, emotion): 4 if emotion == "neutral" else 8 for actor in ACTORS for emotion in EMOTIONS.values()
}

ARCHIVE = Archive(
    url="https://zenodo.org/records/1188976/files/Audio_Speech_Actors_01-24.zip?download=1",
    members=("*.wav",),
    most_bytes=2_000_000_000,
    size=208_468_073,
    md5="bc696df654c87fed845eb13823edef8a",
)

CORPUS = Corpus(
    title="RAVDESS (speech, audio only)",
    license="CC BY-NC-SA 4.0",
    source="Zenodo, record 1188976, Audio_Speech_Actors_01-24.zip; unpack it there, in folders or flat",
    parse=parse,
    expected_counts=EXPECTED_COUNTS,
    folds=FOLDS,
    archives=(ARCHIVE,),
)
