"""nEMO: nine Polish actors, 90 sentences, six emotions (Christop 2024, LREC-COLING).

A name is `WR0_anger_64.wav`: speaker, emotion and number of the sentence. `data.tsv` has the same labels and is not
used. Each fold tests three speakers.
"""

import re
from pathlib import PurePosixPath

from pipeline.corpora.corpus import Corpus, Labels, UnknownNameError, lookup, parts

NAME = re.compile(r"([A-Z]{2}[0-9])_([a-z]+)_([1-9][0-9]?)")
EMOTIONS = {
    "anger": "angry",
    "fear": "fearful",
    "happiness": "happy",
    "neutral": "neutral",
    "sadness": "sad",
    "surprised": "surprised",
}
SPEAKERS = {
    "EB0": "female",
    "IC0": "female",
    "KD0": "female",
    "KS0": "male",
    "MK0": "female",
    "MP0": "male",
    "SM0": "male",
    "TP0": "male",
    "WR0": "male",
}
SENTENCES = 90
FOLDS = {1: ("EB0", "KS0", "TP0"), 2: ("IC0", "MK0", "SM0"), 3: ("KD0", "MP0", "WR0")}
# Speakers and emotions without all 90 sentences, by data.tsv.
INCOMPLETE = {
    ("EB0", "surprised"): 89,
    ("MK0", "surprised"): 0,
    ("MP0", "angry"): 29,
    ("MP0", "fearful"): 17,
    ("MP0", "happy"): 30,
    ("MP0", "sad"): 49,
    ("MP0", "surprised"): 41,
    ("SM0", "fearful"): 89,
    ("SM0", "happy"): 89,
    ("TP0", "surprised"): 89,
    ("WR0", "neutral"): 89,
}


def parse(path: PurePosixPath) -> Labels:
    """Labels in a name such as `WR0_anger_64.wav`: angry, by WR0, sentence 64.

    Raises:
        UnknownNameError: the name does not have three parts, or one of them is unknown in nEMO
    """
    file = f"nEMO: '{path.name}'"
    speaker, emotion, sentence = parts(NAME, path, file, "'WR0_anger_64.wav'")
    if int(sentence) > SENTENCES:
        raise UnknownNameError(f"{file} has sentence '{sentence}', expected 1 to {SENTENCES}")
    return Labels(
        name=path.stem,
        speaker=speaker,
        emotion=lookup(file, "emotion", emotion, EMOTIONS),
        emotion_raw=emotion,
        gender=lookup(file, "speaker", speaker, SPEAKERS),
        language="pl",
        sentence=f"nemo-{sentence}",
    )


COUNTS = {(speaker, emotion): SENTENCES for speaker in SPEAKERS for emotion in EMOTIONS.values()} | INCOMPLETE
EXPECTED_COUNTS = {cell: count for cell, count in COUNTS.items() if count}

CORPUS = Corpus(
    title="nEMO",
    license="CC BY-NC-SA 4.0",
    source="the public repository amu-cai/nEMO (Christop 2024, LREC-COLING)",
    parse=parse,
    expected_counts=EXPECTED_COUNTS,
    folds=FOLDS,
)
