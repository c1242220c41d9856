"""Speakers never cross, folds cover everybody once, and the order of rows does not matter."""

from collections.abc import Iterable

import pandas as pd
import pytest

from pipeline.corpora.ravdess import FOLDS
from pipeline.splits import Full, SplitError, partitions, partner, speaker_folds

FULL = Full("full")
AGREED = {"ravdess": FOLDS}


def clips(corpus: str, speakers: Iterable[str], emotions: Iterable[str] = ("angry", "sad")) -> pd.DataFrame:
    """Two emotions of each speaker; one called f… is female, m… male, others have no gender."""
    rows = [
        {
            "id": f"{corpus}/{speaker}-{emotion}",
            "emotion": emotion,
            "speaker": f"{corpus}_{speaker}",
            "corpus": corpus,
            "gender": {"f": "female", "m": "male"}.get(speaker[0]),
        }
        for speaker in speakers
        for emotion in emotions
    ]
    return pd.DataFrame(rows)


RAVDESS = clips("ravdess", (f"{actor:02}" for actor in range(1, 25)))
DEMO = clips("demo", [f"{gender}{number:02}" for gender in "fm" for number in range(1, 8)])
BOTH = pd.concat([RAVDESS, DEMO])


def speakers_by_partition(frame: pd.DataFrame, fold: int, n_folds: int = 6) -> dict[str, set[str]]:
    rows = partitions(frame, fold, FULL, n_folds, AGREED).merge(frame, on="id", validate="1:1")
    assert len(rows) == len(frame)
    return {str(part): set(own["speaker"]) for part, own in rows.groupby("partition")}


@pytest.mark.parametrize("frame", [RAVDESS, DEMO, BOTH], ids=["agreed", "grouped", "both"])
def test_speakers_never_cross(frame: pd.DataFrame) -> None:
    tested: list[str] = []
    for fold in range(1, 7):
        parts = speakers_by_partition(frame, fold)
        assert sum(map(len, parts.values())) == frame["speaker"].nunique()
        assert parts["valid"] == speakers_by_partition(frame, partner(fold, 6))["test"]
        tested += parts["test"]
    assert sorted(tested) == sorted(frame["speaker"].unique())


def test_agreed_fold() -> None:
    parts = speakers_by_partition(RAVDESS, 2)
    assert parts["test"] == {"ravdess_04", "ravdess_10", "ravdess_12", "ravdess_14"}
    assert parts["valid"] == {"ravdess_01", "ravdess_11", "ravdess_20", "ravdess_21"}


def test_each_corpus_has_its_own_folds() -> None:
    both = speakers_by_partition(BOTH, 3)
    apart = [speakers_by_partition(frame, 3) for frame in (RAVDESS, DEMO)]
    assert both == {part: apart[0][part] | apart[1][part] for part in both}


def test_order_of_rows_does_not_matter() -> None:
    shuffled = BOTH.sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(partitions(BOTH, 1, FULL, 6, AGREED), partitions(shuffled, 1, FULL, 6, AGREED))


@pytest.mark.parametrize("n_folds", [4, 6])
def test_grouped_folds_are_balanced(n_folds: int) -> None:
    folds = speaker_folds("demo", DEMO, n_folds).values()
    for letters in ("f", "m", "fm"):
        sizes = [sum(speaker[0] in letters for speaker in fold) for fold in folds]
        assert max(sizes) - min(sizes) <= 1
        assert sum(sizes) == 7 * len(letters)


def test_without_genders() -> None:
    folds = speaker_folds("savee", clips("savee", ["DC", "JE", "JK", "KL"]), 4)
    assert folds == {1: ["DC"], 2: ["JE"], 3: ["JK"], 4: ["KL"]}


def test_partners() -> None:
    assert [partner(fold, 6) for fold in range(1, 7)] == [2, 1, 4, 3, 6, 5]
    assert [partner(fold, 5) for fold in range(1, 6)] == [2, 1, 4, 3, 1]


def test_part_of_an_agreed_fold_is_enough() -> None:
    some = RAVDESS[RAVDESS["speaker"].isin(["ravdess_01", "ravdess_04", "ravdess_05", "ravdess_06"])]
    parts = speakers_by_partition(some, 1)
    assert parts == {"train": {"ravdess_05", "ravdess_06"}, "valid": {"ravdess_04"}, "test": {"ravdess_01"}}


def test_speaker_of_no_agreed_fold_trains() -> None:
    parts = speakers_by_partition(pd.concat([RAVDESS, clips("ravdess", ["99"])]), 1)
    assert "ravdess_99" in parts["train"]


@pytest.mark.parametrize(
    ("frame", "fold", "message"),
    [
        (RAVDESS, 7, "ravdess: has no fold 7, expected 1 to 6"),
        (RAVDESS, 0, "ravdess: has no fold 0, expected 1 to 6"),
        (DEMO, -1, "demo: has no fold -1, expected 1 to 6"),
        (DEMO[DEMO["gender"] == "zz"], 1, "there are no clips"),
        (clips("demo", ["f01", "f02", "m01"]), 1, "demo: has 3 speakers, expected .* each of 6 folds"),
        (
            clips("ravdess", ["01", "05"]),
            1,
            "fold 1 has no valid clip, expected some of speakers 04, 10, 12, 14",
        ),
        (
            clips("ravdess", ["04", "05"]),
            1,
            "fold 1 has no test clip, expected some of speakers 01, 11, 20, 21",
        ),
        (clips("ravdess", ["01", "04"]), 1, "fold 1 has no train clip"),
        (pd.concat([RAVDESS, clips("ravdess", ["01"], ["calm"])]), 1, "no training clip is calm"),
    ],
)
def test_what_cannot_be_split(frame: pd.DataFrame, fold: int, message: str) -> None:
    with pytest.raises(SplitError, match=message):
        partitions(frame, fold, FULL, 6, AGREED)
