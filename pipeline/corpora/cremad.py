"""CREMA-D: 91 actors, twelve sentences, six emotions (Cao et al. 2014, IEEE Trans. Affective Computing 5(4)).

A name is `1001_DFA_ANG_XX.wav`: actor, sentence, emotion and level. One sentence was acted at three levels, the
others at an unspecified level (XX). Folder names are not used; `VideoDemographics.csv`, in any folder, has the genders.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

import click

from pipeline.corpora.corpus import Archive, Corpus, Labels, lookup, parts

NAME = re.compile(r"([^_]+)_([^_]+)_([^_]+)_([^_]+)")
ACTORS = {str(actor): "an actor" for actor in range(1001, 1092)}
SENTENCES = {
    "IEO": "It's eleven o'clock",
    "TIE": "That is exactly what happened",
    "IOM": "I'm on my way to the meeting",
    "IWW": "I wonder what this is about",
    "TAI": "The airplane is almost full",
    "MTI": "Maybe tomorrow it will be cold",
    "IWL": "I would like a new alarm clock",
    "ITH": "I think I have a doctor's appointment",
    "DFA": "Don't forget a jacket",
    "ITS": "I think I've seen this before",
    "TSI": "The surface is slick",
    "WSI": "We'll stop in a couple of minutes",
}
EMOTIONS = {"ANG": "angry", "DIS": "disgust", "FEA": "fearful", "HAP": "happy", "NEU": "neutral", "SAD": "sad"}
UNSPECIFIED = ""
LEVELS = {"LO": "low", "MD": "medium", "HI": "high", "XX": UNSPECIFIED, "X": UNSPECIFIED}  # X: 1040_ITH_SAD_X
GENDERS = {"Male": "male", "Female": "female"}
DEMOGRAPHICS = "VideoDemographics.csv"


def parse(path: PurePosixPath) -> Labels:
    """Labels in a name such as `1001_IEO_ANG_HI.wav`: angry, at a high level, by actor 1001.

    Raises:
        UnknownNameError: the name does not have four parts, or one of them is unknown in CREMA-D
    """
    file = f"CREMA-D: '{path.name}'"
    actor, sentence, emotion, level = parts(NAME, path, file, "'1001_DFA_ANG_XX.wav'")
    lookup(file, "actor", actor, ACTORS)
    return Labels(
        name="_".join((actor, sentence, emotion, "XX" if level == "X" else level)),  # as in the lists of the corpus
        speaker=actor,
        emotion=lookup(file, "emotion", emotion, EMOTIONS),
        emotion_raw=emotion,
        intensity=lookup(file, "level", level, LEVELS) or None,
        intensity_raw=level,
        language="en",
        sentence=lookup(file, "sentence", sentence, SENTENCES),
    )


def genders(paths: Iterable[Path]) -> dict[str, str]:
    """Gender of each actor, from `VideoDemographics.csv`; empty if that is not among the files.

    Raises:
        ClickException: the file is not that of CREMA-D
    """
    found: dict[str, str] = {}
    for path in paths:
        if path.name == DEMOGRAPHICS:
            found |= _genders_in(path)
    return found


def _genders_in(path: Path) -> dict[str, str]:
    expected = "expected columns ActorID and Sex (Male, Female)"
    try:
        reader = csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines(), strict=True)
        rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise click.ClickException(f"{path}: not readable as CSV ({error}); {expected}") from None
    columns = list(reader.fieldnames or ())
    if not {"ActorID", "Sex"} <= set(columns):
        raise click.ClickException(f"{path}: has the columns {', '.join(columns) or 'of an empty file'}; {expected}")
    for row in rows:
        if row["ActorID"] not in ACTORS or row["Sex"] not in GENDERS:
            raise click.ClickException(f"{path}: has actor '{row['ActorID']}' of sex '{row['Sex']}'; {expected}")
    return {row["ActorID"]: GENDERS[row["Sex"]] for row in rows}


def _expected_counts() -> Mapping[tuple[str, str], int]:
    """Every sentence in every emotion, IEO at three levels except neutral, without clips that were never published."""
    counts = Counter(
        {(actor, emotion): 12 if emotion == "neutral" else 14 for actor in ACTORS for emotion in EMOTIONS.values()}
    )
    counts.subtract((actor, "neutral") for actor in ("1002", "1076"))  # sentences TIE and ITS
    counts.subtract((actor, emotion) for actor in ("1008", "1009", "1019") for emotion in EMOTIONS.values())
    return dict(counts)


EXPECTED_COUNTS = _expected_counts()
COMMIT = "1658cd342dff90010aa843eaeebd53610a08b1dc"

ARCHIVE = Archive(
    url=f"https://github.com/CheyneyComputerScience/CREMA-D/archive/{COMMIT}.zip",
    members=("*/AudioWAV/*.wav", f"*/{DEMOGRAPHICS}"),
    most_bytes=2_000_000_000,
    lfs=f"https://media.githubusercontent.com/media/CheyneyComputerScience/CREMA-D/{COMMIT}/",
)

CORPUS = Corpus(
    title="CREMA-D",
    license="ODbL 1.0",
    source="github.com/CheyneyComputerScience/CREMA-D, with Git LFS: AudioWAV/ and VideoDemographics.csv",
    parse=parse,
    expected_counts=EXPECTED_COUNTS,
    genders=genders,
    archives=(ARCHIVE,),
)
