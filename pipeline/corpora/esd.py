"""ESD: ten speakers of Mandarin, ten of English, five emotions (Zhou et al. 2022, Speech Communication 137).

A name is `0011_000351.wav`: speaker and number. Speakers to 0010 speak Mandarin, the others English. Every 350 numbers
are one emotion, with the same 350 sentences in the same order. Folders (`0011/Angry/`, also with `train/`,
`evaluation/` or `test/` below it) and the transcripts, whose spellings differ, are not read.
"""

import re
from pathlib import PurePosixPath

from pipeline.corpora.corpus import Corpus, Labels, UnknownNameError, lookup, parts

NAME = re.compile(r"([0-9]{4})_([0-9]{6})")
MEN = {"0004", "0005", "0006", "0008", "0010", "0011", "0012", "0013", "0014", "0020"}
SPEAKERS = {name: "male" if name in MEN else "female" for name in (f"{number:04}" for number in range(1, 21))}
MANDARIN = [f"{number:04}" for number in range(1, 11)]
SENTENCES = 350  # of each language
EMOTIONS = {"Neutral": "neutral", "Angry": "angry", "Happy": "happy", "Sad": "sad", "Surprise": "surprised"}  # in order

# Test speakers of EmoBox (Ma et al. 2024, Interspeech).
FOLDS = {
    1: ("0005", "0011", "0016", "0018"),
    2: ("0012", "0014", "0015", "0019"),
    3: ("0003", "0004", "0006", "0009"),
    4: ("0007", "0008", "0013", "0020"),
    5: ("0001", "0002", "0010", "0017"),
}


def parse(path: PurePosixPath) -> Labels:
    """Labels in a name such as `0011_000351.wav`: angry, by speaker 0011, in English.

    Raises:
        UnknownNameError: the name is not two numbers, or there is no such speaker or number
    """
    file = f"ESD: '{path.name}'"
    speaker, number = parts(NAME, path, file, "'0011_000351.wav'")
    gender = lookup(file, "speaker", speaker, SPEAKERS)
    last = SENTENCES * len(EMOTIONS)
    if not 1 <= int(number) <= last:
        raise UnknownNameError(f"{file} has number '{number}', expected 000001 to {last:06}")
    block, sentence = divmod(int(number) - 1, SENTENCES)
    emotion_raw = list(EMOTIONS)[block]
    language = "zh" if speaker in MANDARIN else "en"
    return Labels(
        name=path.stem,
        speaker=speaker,
        emotion=EMOTIONS[emotion_raw],
        emotion_raw=emotion_raw,
        gender=gender,
        language=language,
        sentence=f"esd-{language}-{sentence + 1:03}",
    )


EXPECTED_COUNTS = {(speaker, emotion): SENTENCES for speaker in SPEAKERS for emotion in EMOTIONS.values()}

CORPUS = Corpus(
    title="ESD",
    license="research only, on a signed licence",
    restriction="no redistribution",
    source="github.com/HLTSingapore/Emotional-Speech-Data, on a signed licence",
    parse=parse,
    expected_counts=EXPECTED_COUNTS,
    folds=FOLDS,
)
