"""EMOVO: six Italian speakers, 14 sentences, seven emotions (Costantini et al. 2014, LREC).

A name is `dis-f1-b1.wav`: emotion by its Italian name, speaker and sentence. Folders (`f1/`) are not used.
"""

import re
from pathlib import PurePosixPath

from pipeline.corpora.corpus import Corpus, Labels, lookup, parts

NAME = re.compile(r"([a-z]{3})-([a-z][0-9])-([a-z][0-9])")
EMOTIONS = {  # disgusto, gioia, paura, rabbia, sorpresa, tristezza, neutro
    "dis": "disgust",
    "gio": "happy",
    "pau": "fearful",
    "rab": "angry",
    "sor": "surprised",
    "tri": "sad",
    "neu": "neutral",
}
SPEAKERS = {"f1": "female", "f2": "female", "f3": "female", "m1": "male", "m2": "male", "m3": "male"}
CODES = ("b1", "b2", "b3", "l1", "l2", "l3", "l4", "n1", "n2", "n3", "n4", "n5", "d1", "d2")
SENTENCES = {code: f"emovo-{code}" for code in CODES}


def parse(path: PurePosixPath) -> Labels:
    """Labels in a name such as `dis-f1-b1.wav`: disgust, by f1, sentence b1.

    Raises:
        UnknownNameError: the name does not have three parts, or one of them is unknown in EMOVO
    """
    file = f"EMOVO: '{path.name}'"
    emotion, speaker, sentence = parts(NAME, path, file, "'dis-f1-b1.wav'")
    return Labels(
        name=path.stem,
        speaker=speaker,
        emotion=lookup(file, "emotion", emotion, EMOTIONS),
        emotion_raw=emotion,
        gender=lookup(file, "speaker", speaker, SPEAKERS),
        language="it",
        sentence=lookup(file, "sentence", sentence, SENTENCES),
    )


EXPECTED_COUNTS = {(speaker, emotion): len(SENTENCES) for speaker in SPEAKERS for emotion in EMOTIONS.values()}

CORPUS = Corpus(
    title="EMOVO",
    license="research; ask its authors",
    restriction="no redistribution",
    source="its authors (Costantini et al. 2014, LREC)",
    parse=parse,
    expected_counts=EXPECTED_COUNTS,
)
