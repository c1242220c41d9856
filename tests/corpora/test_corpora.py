"""What is true of every corpus, and the names of 9,362 real files at once."""

from pathlib import Path, PurePosixPath

import pandas as pd
import pytest

from pipeline.core.manifest import EMOTIONS, INTENSITIES
from pipeline.corpora import CORPORA
from pipeline.corpora.corpus import UnknownNameError, lookup
from pipeline.corpora.ingestion import files_below

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
    assert labels.language in ("en", "de", "it", "pl", "zh")


@pytest.mark.parametrize("corpus", REAL)
def test_nesting_and_suffix_change_nothing(corpus: str) -> None:
    path = PurePosixPath(NAMES[corpus])
    labels = CORPORA[corpus].parse(path)
    for other in ("copy" / path, "a/b c/ü.x" / path, path.with_suffix(".FLAC"), path.with_suffix(".WAV")):
        assert CORPORA[corpus].parse(other) == labels


@pytest.mark.parametrize("corpus", REAL)
def test_names_of_the_others_are_unknown(corpus: str) -> None:
    for name in [NAMES[other] for other in REAL if other != corpus] + ["notes.wav", ".wav", "ü.wav"]:
        with pytest.raises(UnknownNameError, match="is not named like"):
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


def test_all_names_of_three_corpora(shared: Path, tmp_path: Path) -> None:
    names = {
        "ravdess": [f"{name[-6:-4]}/{name}" for name in _listed(shared, "ravdess")],
        "cremad": [f"AudioWAV/{name}" for name in _listed(shared, "cremad")],
        "savee": [
            f"AudioData/{speaker}/{code}{number:02}.wav"
            for speaker in ("DC", "JE", "JK", "KL")
            for code, numbers in {"a": 15, "d": 15, "f": 15, "h": 15, "n": 30, "sa": 15, "su": 15}.items()
            for number in range(1, numbers + 1)
        ],
    }
    found = 0
    for corpus, paths in names.items():
        folder = tmp_path / corpus
        for path in paths:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).touch()
        labels = [CORPORA[corpus].parse(PurePosixPath(path.relative_to(folder))) for path in files_below(folder)]
        assert len({label.name for label in labels}) == sum(CORPORA[corpus].expected_counts.values())
        found += len(labels)
    assert found == 9362


def _listed(shared: Path, corpus: str) -> list[str]:
    return list(pd.read_csv(shared / "reference" / f"emobox_{corpus}.csv")["file"])
