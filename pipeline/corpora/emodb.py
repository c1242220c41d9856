"""EmoDB: ten speakers, ten German sentences, seven emotions (Burkhardt et al. 2005, Interspeech).

A name is `03a01Fa.wav`: speaker, text, emotion by its German initial, and a letter for the version where there are
several. Folders (`wav/`) are not used.
"""

import re
from pathlib import PurePosixPath

from pipeline.corpora.corpus import Archive, Corpus, Labels, lookup, parts

NAME = re.compile(r"([0-9]{2})([a-z][0-9]{2})([A-Z])[a-f]?")
SPEAKERS = {
    "03": "male",
    "08": "female",
    "09": "female",
    "10": "male",
    "11": "male",
    "12": "male",
    "13": "female",
    "14": "female",
    "15": "male",
    "16": "female",
}
TEXTS = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}
EMOTIONS = {  # Wut, Langeweile, Ekel, Angst, Freude, Trauer, neutral
    "W": "angry",
    "L": "boredom",
    "E": "disgust",
    "A": "fearful",
    "F": "happy",
    "T": "sad",
    "N": "neutral",
}

FOLDS = {fold: (speaker,) for fold, speaker in enumerate(SPEAKERS, start=1)}  # leave one speaker out, as usual

# Clips of each emotion, in the order of EMOTIONS; clips that listeners did not recognise were never published.
COUNTS = {
    "03": (14, 5, 1, 4, 7, 7, 11),
    "08": (12, 10, 0, 6, 11, 9, 10),
    "09": (13, 4, 8, 1, 4, 4, 9),
    "10": (10, 8, 1, 8, 4, 3, 4),
    "11": (11, 8, 2, 10, 8, 7, 9),
    "12": (12, 5, 2, 6, 2, 4, 4),
    "13": (12, 10, 8, 7, 10, 5, 9),
    "14": (16, 8, 8, 12, 8, 10, 7),
    "15": (13, 9, 5, 8, 6, 4, 11),
    "16": (14, 14, 11, 7, 11, 9, 5),
}
EXPECTED_COUNTS = {
    (speaker, emotion): count
    for speaker, counts in COUNTS.items()
    for emotion, count in zip(EMOTIONS.values(), counts, strict=True)
    if count
}


def parse(path: PurePosixPath) -> Labels:
    """Labels in a name such as `03a01Fa.wav`: happy, by speaker 03.

    Raises:
        UnknownNameError: the name does not follow the grammar, or a part of it is unknown in EmoDB
    """
    file = f"EmoDB: '{path.name}'"
    speaker, text, emotion = parts(NAME, path, file, "'03a01Fa.wav'")
    return Labels(
        name=path.stem,
        speaker=speaker,
        emotion=lookup(file, "emotion", emotion, EMOTIONS),
        emotion_raw=emotion,
        gender=lookup(file, "speaker", speaker, SPEAKERS),
        language="de",
        sentence=lookup(file, "text", text, TEXTS),
    )


ARCHIVE = Archive(
    url="https://zenodo.org/records/7447302/files/emodb.zip?download=1",
    members=("*.wav",),
    most_bytes=200_000_000,
    size=39_981_818,
    md5="9d21362dbc5676ef3ab4745d83ced0db",
)

CORPUS = Corpus(
    title="EmoDB",
    license="CC BY 4.0",
    source="Zenodo, record 7447302, emodb.zip",
    parse=parse,
    expected_counts=EXPECTED_COUNTS,
    folds=FOLDS,
    archives=(ARCHIVE,),
)
