"""Splits: no speaker is in two partitions, folds test each speaker once, the order of rows is ignored."""

import pandas as pd
import pytest

from pipeline.data.scenarios import Cross, Imbalanced, Scenario, SplitError
from pipeline.data.splits import partner, speaker_folds

from .conftest import ACTED, ALL, BOTH, DEMO, FULL, LOW, RAVDESS, clips, cut, speakers


def speakers_by_partition(frame: pd.DataFrame, fold: int, n_folds: int = 6) -> dict[str, set[str]]:
    rows = cut(frame, fold, n_folds=n_folds)
    assert len(rows) == len(frame)
    return {str(part): set(own["speaker"]) for part, own in rows.groupby("partition")}


@pytest.mark.parametrize("frame", [RAVDESS, DEMO, BOTH], ids=["published", "grouped", "both"])
def test_speakers_never_cross(frame: pd.DataFrame) -> None:
    tested: list[str] = []
    for fold in range(1, 7):
        parts = speakers_by_partition(frame, fold)
        assert sum(map(len, parts.values())) == frame["speaker"].nunique()
        assert parts["valid"] == speakers_by_partition(frame, partner(fold, 6))["test"]
        tested += parts["test"]
    assert sorted(tested) == sorted(frame["speaker"].unique())


def test_published_folds() -> None:
    """A part of one is enough, and a speaker of none trains."""
    parts = speakers_by_partition(RAVDESS, 2)
    assert parts["test"] == {"ravdess_04", "ravdess_10", "ravdess_12", "ravdess_14"}
    assert parts["valid"] == {"ravdess_01", "ravdess_11", "ravdess_20", "ravdess_21"}
    some = pd.concat([RAVDESS[RAVDESS["speaker"].isin(["ravdess_01", "ravdess_04"])], clips("ravdess", ["99"])])
    assert speakers_by_partition(some, 1) == {"train": {"ravdess_99"}, "valid": {"ravdess_04"}, "test": {"ravdess_01"}}


def test_each_corpus_has_its_own_folds() -> None:
    both = speakers_by_partition(BOTH, 3)
    apart = [speakers_by_partition(frame, 3) for frame in (RAVDESS, DEMO)]
    assert both == {part: apart[0][part] | apart[1][part] for part in both}


def test_order_of_rows_does_not_matter() -> None:
    shuffled = BOTH.sample(frac=1, random_state=0)
    for scenario in (FULL, LOW, Imbalanced("imbalanced", {"sad": 0.5}, 3)):
        pd.testing.assert_frame_equal(cut(BOTH, 1, scenario), cut(shuffled, 1, scenario))


@pytest.mark.parametrize("n_folds", [4, 6])
def test_grouped_folds_are_balanced(n_folds: int) -> None:
    folds = speaker_folds("demo", DEMO, n_folds).values()
    for letters in ("f", "m", "fm"):
        sizes = [sum(speaker[0] in letters for speaker in fold) for fold in folds]
        assert max(sizes) - min(sizes) <= 1
        assert sum(sizes) == 7 * len(letters)
    without_genders = speaker_folds("savee", clips("savee", ["DC", "JE", "JK", "KL"]), 4)
    assert without_genders == {1: ["DC"], 2: ["JE"], 3: ["JK"], 4: ["KL"]}


def test_partners() -> None:
    assert [partner(fold, 6) for fold in range(1, 7)] == [2, 1, 4, 3, 6, 5]
    assert [partner(fold, 5) for fold in range(1, 6)] == [2, 1, 4, 3, 1]


@pytest.mark.parametrize(
    ("frame", "fold", "message"),
    [
        (RAVDESS, 7, "ravdess: has no fold 7, expected 1 to 6"),
        (RAVDESS, 0, "ravdess: has no fold 0, expected 1 to 6"),
        (DEMO, -1, "demo: has no fold -1, expected 1 to 6"),
        (DEMO[DEMO["gender"] == "zz"], 1, "there are no clips"),
        (clips("demo", ["f01", "f02", "m01"]), 1, "demo: has 3 speakers, expected .* each of 6 folds"),
        (clips("ravdess", ["01", "05"]), 1, "fold 1 has no valid clip, expected some of speakers 04, 10, 12, 14"),
        (clips("ravdess", ["04", "05"]), 1, "fold 1 has no test clip, expected some of speakers 01, 11, 20, 21"),
        (clips("ravdess", ["01", "04"]), 1, "fold 1 has no train clip"),
        (pd.concat([RAVDESS, clips("ravdess", ["01"], ["calm"])]), 1, "no training clip is calm"),
    ],
)
def test_errors(frame: pd.DataFrame, fold: int, message: str) -> None:
    with pytest.raises(SplitError, match=message):
        cut(frame, fold)


# Each actor has two sentences twice in four emotions, as in RAVDESS.


@pytest.mark.parametrize("fold", [1, 2, 3])
@pytest.mark.parametrize("scenario", [FULL, LOW], ids=lambda scenario: scenario.kind)
def test_sentences_apart(fold: int, scenario: Scenario) -> None:
    rows = cut(ACTED, fold, scenario, sentence_groups=2)
    sentences = rows.groupby("partition")["sentence"].unique().map(set).to_dict()
    here, other = ({"dogs"}, {"kids"}) if fold % 2 else ({"kids"}, {"dogs"})
    assert sentences == {"test": here, "train": other, "valid": other}
    whole = cut(ACTED, fold, scenario)
    for part in ("train", "valid", "test"):
        assert speakers(rows, part) == speakers(whole, part)


def test_corpora_share_groups_of_sentences() -> None:
    others = clips("demo", [f"m{number:02}" for number in range(12)], ALL, ("kids", "zebras"))
    for fold in (1, 2):
        rows = cut(pd.concat([ACTED, others]), fold, sentence_groups=2)
        tested = set(rows.loc[rows["partition"] == "test", "sentence"])
        assert not tested & set(rows.loc[rows["partition"] != "test", "sentence"])
        assert rows.groupby("corpus")["partition"].nunique().eq(3).all()


def test_one_speaker_a_fold() -> None:
    for fold in range(1, 15):
        rows = cut(DEMO, fold, n_folds="speakers")
        assert [len(speakers(rows, part)) for part in ("train", "valid", "test")] == [12, 1, 1]
    assert speakers(cut(DEMO, 1, n_folds="speakers"), "test") != speakers(cut(DEMO, 2, n_folds="speakers"), "test")


def test_corpora_that_only_train() -> None:
    frame = pd.concat([DEMO, clips("tess", ["f1", "f2"]), clips("mine", ["unknown"])])
    rows = cut(frame, 1, train_only=("tess", "mine"))
    assert {"tess_f1", "tess_f2", "mine_unknown"} <= speakers(rows, "train")
    assert speakers(rows, "test") == speakers(cut(DEMO, 1), "test")
    cross = Cross("cross_corpus", ("demo", "tess"), ("ravdess",))
    for fold in (1, 2):  # nor do they validate where another corpus tests
        crossed = cut(pd.concat([frame, RAVDESS]), fold, cross, train_only=("tess",))
        assert {"tess_f1", "tess_f2"} <= speakers(crossed, "train")
