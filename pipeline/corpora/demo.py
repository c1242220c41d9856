"""The demo corpus: short sentences, synthesised by eSpeak NG with 16 voices and settings for each emotion.

`pipeline.stages.demo_corpus` writes it, so that the pipeline runs without a real corpus. Scores on it do not carry over
to real speech.

Names are `<speaker>/<speaker>_<sentence>_<emotion>_<intensity>.flac`, such as `f03/f03_s2_angry_high.flac`:
speaker is f (female) or m (male) and two digits, sentence is s and its number in params.yaml, emotion and
intensity are those of the manifest. The folder name is not used.
"""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from pipeline.core.manifest import EMOTIONS, INTENSITIES
from pipeline.corpora.corpus import Corpus, Labels, lookup, parts

_NAME = re.compile(r"([fm][0-9]{2})_(s[1-9][0-9]*)_([a-z]+)_([a-z]+)")
_GENDERS = {"f": "female", "m": "male"}
_EMOTIONS, _INTENSITIES = ({word: word for word in words} for words in (EMOTIONS, INTENSITIES))


@dataclass(frozen=True)
class Voice:
    """Voice of eSpeak NG for one speaker."""

    language: str  # eSpeak's name of an English accent
    variant: str  # a file of eSpeak's voices/!v; each has another vocal tract
    pitch_st: float  # relative to the variant's pitch [semitones], which most male variants share


# The first n voices of each gender are used, so neighbours differ in accent.
VOICES = {
    "f01": Voice("en-us", "f1", 0.0),
    "f02": Voice("en-gb-x-rp", "f5", -1.0),
    "f03": Voice("en-gb-scotland", "Annie", 0.0),
    "f04": Voice("en-029", "steph", 1.0),
    "f05": Voice("en-us-nyc", "Alicia", -2.0),
    "f06": Voice("en-gb-x-gbclan", "belinda", -0.5),
    "f07": Voice("en", "f3", 1.5),
    "f08": Voice("en-gb-x-gbcwmd", "linda", -2.5),
    "m01": Voice("en-us", "m7", 1.0),
    "m02": Voice("en-gb-x-rp", "m1", 0.0),
    "m03": Voice("en-gb-scotland", "norbert", 3.0),
    "m04": Voice("en-029", "m5", 1.0),
    "m05": Voice("en-us-nyc", "michel", 4.5),
    "m06": Voice("en-gb-x-gbclan", "m8", 2.0),
    "m07": Voice("en", "m3", 2.5),
    "m08": Voice("en-gb-x-gbcwmd", "rob", 0.5),
}


def name(speaker: str, sentence: int, emotion: str, intensity: str) -> PurePosixPath:
    """Path of a clip below the corpus's folder; sentences count from 1."""
    return PurePosixPath(speaker, f"{speaker}_s{sentence}_{emotion}_{intensity}.flac")


def parse(path: PurePosixPath) -> Labels:
    """Labels of a file.

    Raises:
        UnknownNameError: the name does not follow the grammar
    """
    file = f"demo: '{path.name}'"
    speaker, sentence, emotion, intensity = parts(_NAME, path, file, "'f03_s2_angry_high.flac'")
    lookup(file, "speaker", speaker, dict.fromkeys(VOICES, ""))
    return Labels(
        name=path.stem,
        speaker=speaker,
        emotion=lookup(file, "emotion", emotion, _EMOTIONS),
        emotion_raw=emotion,
        intensity=lookup(file, "intensity", intensity, _INTENSITIES),
        intensity_raw=intensity,
        gender=_GENDERS[speaker[0]],
        language="en",
        sentence=f"demo-{sentence}",
    )


CORPUS = Corpus(
    title="emocycle demo (eSpeak NG)",
    license="CC0-1.0",
    source="written by `emocycle demo-corpus`; nothing to download",
    parse=parse,
)
