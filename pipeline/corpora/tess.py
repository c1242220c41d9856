"""TESS: two women, 200 words, seven emotions (Dupuis & Pichora-Fuller 2010, University of Toronto).

A name is `OAF_back_angry.wav`: speaker (the older or the younger woman), word and emotion. Each word is said in "Say
the word …". Folders (`OAF_angry/`), whose spellings differ, are not used.
"""

import re
from pathlib import PurePosixPath

from pipeline.corpora.corpus import Corpus, Labels, lookup, parts

NAME = re.compile(r"([A-Za-z]+)_([A-Za-z]+)_([a-z]+)")
SPEAKERS = {"OAF": "OAF", "YAF": "YAF", "OA": "OAF"}  # published copies have an `OA_bite_neutral.wav`
EMOTIONS = {
    "angry": "angry",
    "disgust": "disgust",
    "fear": "fearful",
    "happy": "happy",
    "neutral": "neutral",
    "ps": "surprised",  # pleasantly
    "sad": "sad",
}


def parse(path: PurePosixPath) -> Labels:
    """Labels in a name such as `OAF_back_angry.wav`: angry, by the older woman.

    Raises:
        UnknownNameError: the name does not have three parts, or one of them is unknown in TESS
    """
    file = f"TESS: '{path.name}'"
    speaker, word, emotion = parts(NAME, path, file, "'OAF_back_angry.wav'")
    speaker = lookup(file, "speaker", speaker, SPEAKERS)
    return Labels(
        name=f"{speaker}_{word}_{emotion}",
        speaker=speaker,
        emotion=lookup(file, "emotion", emotion, EMOTIONS),
        emotion_raw=emotion,
        gender="female",
        language="en",
        sentence=f"Say the word {word}.",
    )


EXPECTED_COUNTS = {(speaker, emotion): 200 for speaker in ("OAF", "YAF") for emotion in EMOTIONS.values()}

CORPUS = Corpus(
    title="TESS",
    license="CC BY-NC-ND 4.0",
    restriction="no derivatives",
    source="University of Toronto, tspace.library.utoronto.ca/handle/1807/24487",
    parse=parse,
    expected_counts=EXPECTED_COUNTS,
)
