"""What is true of every corpus, and what other lists of RAVDESS and nEMO agree on."""

import csv
import re
from collections import Counter
from pathlib import Path, PurePosixPath

import pandas as pd
import pytest

from pipeline.core.manifest import EMOTIONS, INTENSITIES
from pipeline.corpora import CORPORA
from pipeline.corpora.corpus import UnknownNameError, lookup

REAL = [corpus for corpus in CORPORA if corpus != "demo"]
# A real name of each corpus, in its own folder.
NAMES = {
    "ravdess": "Actor_07/03-01-05-02-01-02-07.wav",
    "cremad": "AudioWAV/1001_IEO_ANG_HI.wav",
    "savee": "DC/sa03.wav",
    "esd": "0011/Angry/0011_000351.wav",
    "emodb": "wav/03a01Fa.wav",
    "tess": "OAF_angry/OAF_back_angry.wav",
    "emovo": "f1/dis-f1-b1.wav",
    "nemo": "samples/WR0_anger_64.wav",
}


@pytest.mark.parametrize("corpus", REAL)
def test_words_are_those_of_the_manifest(corpus: str) -> None:
    counts = CORPORA[corpus].expected_counts
    assert {emotion for _, emotion in counts} <= set(EMOTIONS) and min(counts.values()) > 0
    labels = CORPORA[corpus].parse(PurePosixPath(NAMES[corpus]))
    assert (labels.speaker, labels.emotion) in counts
    assert labels.emotion in EMOTIONS
    assert labels.intensity in (None, *INTENSITIES)
    assert labels.gender in (None, "male", "female")
    assert labels.language is None or re.fullmatch("[a-z]{2}", labels.language)  # ISO 639-1


@pytest.mark.parametrize("corpus", REAL)
def test_nesting_and_suffix_change_nothing(corpus: str) -> None:
    path = PurePosixPath(NAMES[corpus])
    labels = CORPORA[corpus].parse(path)
    for other in ("copy" / path, "a/b c/ü.x" / path, path.with_suffix(".FLAC"), path.with_suffix(".WAV")):
        assert CORPORA[corpus].parse(other) == labels


@pytest.mark.parametrize("corpus", REAL)
def test_names_of_the_others_are_unknown(corpus: str) -> None:
    for name in [NAMES[other] for other in REAL if other != corpus] + ["notes.wav", ".wav", "ü.wav"]:
        with pytest.raises(UnknownNameError, match=rf"{PurePosixPath(name).name}' (is not named like|has) "):
            CORPORA[corpus].parse(PurePosixPath(name))


@pytest.mark.parametrize("corpus", [corpus for corpus in REAL if CORPORA[corpus].folds])
def test_every_speaker_tests_once(corpus: str) -> None:
    folds = CORPORA[corpus].folds
    assert folds is not None
    assert list(folds) == list(range(1, len(folds) + 1))
    tested = sorted(speaker for speakers in folds.values() for speaker in speakers)
    assert tested == sorted({speaker for speaker, _ in CORPORA[corpus].expected_counts})


@pytest.mark.parametrize("corpus", REAL)
def test_archives_are_limited(corpus: str) -> None:
    for archive in CORPORA[corpus].archives:
        assert archive.url.startswith("https://")
        assert archive.lfs is None or (archive.lfs.startswith("https://") and archive.lfs.endswith("/"))
        assert archive.md5 is None or len(archive.md5) == 32
        assert archive.members
        assert archive.most_bytes > (archive.size or 0)


def test_meaning() -> None:
    known = {"a": "angry", "b": "boredom"}
    assert lookup("X: 'a.wav'", "emotion", "a", known) == "angry"
    with pytest.raises(UnknownNameError, match="^X: 'c.wav' has emotion 'c', expected a, b$"):
        lookup("X: 'c.wav'", "emotion", "c", known)
    many = {f"{number:02}": "" for number in range(1, 92)}
    with pytest.raises(UnknownNameError, match="has actor '92', expected 01 to 91$"):
        lookup("X: '92.wav'", "actor", "92", many)


def test_ravdess_agrees_with_emobox(shared: Path) -> None:
    listed = pd.read_csv(shared / "reference" / "emobox_ravdess.csv")
    assert len(listed) == 1440
    corpus = CORPORA["ravdess"]
    assert corpus.folds is not None
    for row in listed.itertuples():
        labels = corpus.parse(PurePosixPath(row.file))
        assert labels.emotion == row.label.lower()
        assert labels.speaker in corpus.folds[row.test_fold]


def test_nemo_agrees_with_its_own_table(shared: Path) -> None:
    table = shared / "corpora/nemo/data.tsv"
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines(), delimiter="\t"))
    labels = [CORPORA["nemo"].parse(PurePosixPath(row["file_id"])) for row in rows]
    assert Counter((each.speaker, each.emotion) for each in labels) == CORPORA["nemo"].expected_counts
    assert [(each.speaker, each.emotion_raw, each.gender) for each in labels] == [
        (row["speaker_id"].strip(), row["emotion"], row["gender"]) for row in rows
    ]
