"""Splits and scenarios: no speaker is in two partitions, folds test each speaker once, the order of rows is ignored."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.corpora import esd, ravdess
from pipeline.data.scenarios import (
    Cross,
    Enrolment,
    Full,
    Imbalanced,
    LowData,
    NeutralOnly,
    NeutralTarget,
    Scenario,
    SplitError,
)
from pipeline.data.splits import SplitParams, partitions, partner, speaker_folds

FULL = Full("full")
PUBLISHED = {"ravdess": ravdess.FOLDS, "esd": esd.FOLDS}


def clips(
    corpus: str,
    speakers: Iterable[str],
    emotions: Iterable[str] = ("angry", "sad"),
    sentences: Iterable[str | None] = (None,),
    language: str = "en",
) -> pd.DataFrame:
    """Clips of each speaker; the first letter of a speaker, f or m, is the gender."""
    rows = [
        {
            "id": f"{corpus}/{speaker}-{emotion}-{sentence}",
            "emotion": emotion,
            "speaker": f"{corpus}_{speaker}",
            "corpus": corpus,
            "gender": {"f": "female", "m": "male"}.get(speaker[0]),
            "sentence": sentence,
            "language": language,
        }
        for speaker in speakers
        for emotion in emotions
        for sentence in sentences
    ]
    return pd.DataFrame(rows)


def cut(frame: pd.DataFrame, fold: int, scenario: Scenario = FULL, **changes: Any) -> pd.DataFrame:
    """Rows with their partition, by id."""
    params = {"n_folds": 6, "sentence_groups": 1, "train_only": (), "scenarios": {}} | changes
    split = partitions(frame, fold, scenario, SplitParams(**params), PUBLISHED)
    assert split["id"].is_monotonic_increasing
    return split.merge(frame, on="id", validate="1:1").set_index("id")


def speakers(split: pd.DataFrame, part: str) -> set[str]:
    return set(split.loc[split["partition"] == part, "speaker"])


RAVDESS = clips("ravdess", (f"{actor:02}" for actor in range(1, 25)))
DEMO = clips("demo", [f"{gender}{number:02}" for gender in "fm" for number in range(1, 8)])
BOTH = pd.concat([RAVDESS, DEMO])


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
ALL = ("angry", "happy", "neutral", "sad")
ACTED = clips("ravdess", (f"{actor:02}" for actor in range(1, 25)), ALL, ("kids 1", "kids 2", "dogs 1", "dogs 2"))
ACTED["sentence"] = ACTED["sentence"].str[:4]
ACTED["gender"] = np.where(ACTED["speaker"].str[-2:].astype(int) % 2, "male", "female")
LOW = LowData("low_data", 0.25, seed=1)
NEUTRAL_ONLY = NeutralOnly("neutral_only", complete_speakers=4, seed=1)
IMBALANCED = Imbalanced("imbalanced", {"angry": 0.1, "happy": 0.5}, seed=1)


@pytest.mark.parametrize("scenario", [LOW, NEUTRAL_ONLY, IMBALANCED], ids=lambda scenario: scenario.kind)
@pytest.mark.parametrize("fold", [1, 4])
def test_the_test_partition_is_the_same_in_every_scenario(scenario: Scenario, fold: int) -> None:
    full, other = cut(ACTED, fold), cut(ACTED, fold, scenario)
    for rows in (full, other):
        assert not speakers(rows, "train") & speakers(rows, "valid")
        assert not speakers(rows, "train") & speakers(rows, "test")
    pd.testing.assert_frame_equal(full[full["partition"] == "test"], other[other["partition"] == "test"])
    assert len(other) < len(full)
    assert (other["partition"] == full["partition"].reindex(other.index)).all()


def test_low_data() -> None:
    rows = cut(ACTED, 1, LOW)
    assert (len(speakers(rows, "train")), len(speakers(rows, "valid"))) == (4, 1)  # of 16 and 4
    assert rows[rows["partition"] == "train"].groupby("gender")["speaker"].nunique().to_dict() == {
        "female": 2,
        "male": 2,
    }
    assert rows.groupby("speaker").size().eq(16).all()  # a speaker is there with all clips or none
    more = cut(ACTED, 1, LowData("low_data", 0.5, seed=1))
    assert speakers(rows, "train") < speakers(more, "train")
    assert speakers(rows, "train") != speakers(cut(ACTED, 1, LowData("low_data", 0.25, seed=2)), "train")
    pd.testing.assert_frame_equal(cut(ACTED, 1, LowData("low_data", 1, seed=2)), cut(ACTED, 1))
    both = cut(BOTH, 1, LOW)
    train = both[both["partition"] == "train"].groupby("corpus")["speaker"].nunique()
    assert train.to_dict() == {"ravdess": 4, "demo": 2}  # of 16 and 8


def test_neutral_only() -> None:
    rows = cut(ACTED, 1, NEUTRAL_ONLY)
    train = rows[rows["partition"] == "train"]
    emotions = train.groupby("speaker")["emotion"].nunique()
    assert sorted(emotions) == [1] * 12 + [4] * 4
    complete = train[train["speaker"].isin(emotions.index[emotions == 4])]
    assert complete.groupby("gender")["speaker"].nunique().to_dict() == {"female": 2, "male": 2}
    assert set(train.loc[~train["speaker"].isin(complete["speaker"]), "emotion"]) == {"neutral"}
    assert set(rows.loc[rows["partition"] == "valid", "emotion"]) == set(ALL)


def test_imbalanced() -> None:
    rows = cut(ACTED, 1, IMBALANCED)
    train = rows[rows["partition"] == "train"]
    assert train["emotion"].value_counts().to_dict() == {"angry": 6, "happy": 32, "neutral": 64, "sad": 64}  # of 64
    for emotion in ("angry", "happy"):
        counts = train[train["emotion"] == emotion].groupby("speaker").size()
        assert counts.max() - counts.min() <= 1
    assert rows.loc[rows["partition"] == "valid", "emotion"].value_counts().eq(16).all()
    one = cut(ACTED, 1, Imbalanced("imbalanced", {"angry": 1e-6}, seed=1))
    assert len(one[(one["partition"] == "train") & (one["emotion"] == "angry")]) == 1


ENROLMENT = Enrolment("enrolment", clips=3, share=0.25, seed=1)


def test_enrolment() -> None:
    """Of each valid and test speaker, neutral clips; half of them, at most. The rest is as in `low_data`."""
    rows, low = cut(ACTED, 1, ENROLMENT), cut(ACTED, 1, LOW)
    enrolled = rows[rows["partition"] == "enrol"]
    assert speakers(rows, "enrol") == speakers(rows, "valid") | speakers(rows, "test")
    assert set(enrolled["emotion"]) == {"neutral"} and enrolled.groupby("speaker").size().eq(2).all()  # of 4
    assert rows.index.equals(low.index)
    others = rows["partition"] != "enrol"
    pd.testing.assert_series_equal(rows.loc[others, "partition"], low.loc[others, "partition"])
    assert set(rows.loc[rows["partition"] == "test", "emotion"]) == set(ALL)
    one = cut(ACTED, 1, Enrolment("enrolment", clips=1, share=1, seed=1))
    assert one[one["partition"] == "enrol"].groupby("speaker").size().eq(1).all()
    assert len(speakers(one, "train")) == 16


def test_sentences_of_enrolled_clips_are_not_tested_where_there_are_many() -> None:
    many = clips("ravdess", (f"{actor:02}" for actor in range(1, 25)), ALL, [f"s{number}" for number in range(10)])
    rows = cut(many, 1, Enrolment("enrolment", clips=2, share=1, seed=1))
    for _, own in rows[rows["partition"].isin(["test", "valid", "enrol"])].groupby("speaker"):
        enrolled = set(own.loc[own["partition"] == "enrol", "sentence"])
        assert len(enrolled) == 2
        assert (
            set(own.loc[own["partition"] != "enrol", "sentence"]) == {f"s{number}" for number in range(10)} - enrolled
        )


ESD = pd.concat(
    [
        clips("esd", [f"{speaker:04}" for speaker in range(1, 11)], language="zh"),
        clips("esd", [f"{speaker:04}" for speaker in range(11, 21)]),
    ]
)


def test_cross_corpus() -> None:
    validated: list[str] = []
    for fold in range(1, 7):
        rows = cut(BOTH, fold, Cross("cross_corpus", ("demo",), ("ravdess",)))
        assert speakers(rows, "test") == set(RAVDESS["speaker"])  # all of it, in every fold
        assert speakers(rows, "train") | speakers(rows, "valid") == set(DEMO["speaker"])
        assert not speakers(rows, "train") & speakers(rows, "valid")
        assert len(rows) == len(BOTH)
        validated += speakers(rows, "valid")
    assert sorted(validated) == sorted(DEMO["speaker"].unique())  # each speaker in one fold


@pytest.mark.parametrize("fold", [1, 4])
def test_neutral_target(fold: int) -> None:
    scenario = NeutralTarget("neutral_target", ("demo",), ("ravdess",))
    source = clips("demo", [f"m{number:02}" for number in range(12)], ALL)
    rows = cut(pd.concat([source, ACTED]), fold, scenario)
    target = rows[rows["corpus"] == "ravdess"]
    full = cut(ACTED, fold)
    test = full[full["partition"] == "test"]
    assert set(target.index[target["partition"] == "test"]) == set(test.index)
    known = target[target["partition"] != "test"]
    assert set(known["partition"]) == {"train"} and set(known["emotion"]) == {"neutral"}
    assert set(known["speaker"]) == set(ACTED["speaker"]) - set(test["speaker"])
    crossed = cut(pd.concat([source, ACTED]), fold, Cross("cross_corpus", ("demo",), ("ravdess",)))
    pd.testing.assert_series_equal(*(own.loc[own["corpus"] == "demo", "partition"] for own in (rows, crossed)))


@pytest.mark.parametrize("fold", [1, 5])
def test_cross_language(fold: int) -> None:
    rows = cut(ESD, fold, Cross("cross_language", ("en",), ("zh",)))
    languages = rows.groupby("partition")["language"].unique().map(list).to_dict()
    assert languages == {"train": ["en"], "valid": ["en"], "test": ["zh"]}
    assert len(speakers(rows, "test")) == 10
    bilingual = pd.concat([ESD, clips("esd", ["0001"], ["angry"], language="en").assign(id="esd/0001-english")])
    rows = cut(bilingual, fold, Cross("cross_language", ("en",), ("zh",)))
    assert "esd/0001-english" not in rows.index and "esd_0001" in speakers(rows, "test")


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


@pytest.mark.parametrize(
    ("frame", "scenario", "changes", "message"),
    [
        (  # an emotion of a test speaker alone
            ACTED[(ACTED["emotion"] != "sad") | (ACTED["speaker"] == "ravdess_01")],
            NEUTRAL_ONLY,
            {},
            "no training clip is sad",
        ),
        (
            ACTED[(ACTED["emotion"] != "neutral") | (ACTED["speaker"] != "ravdess_01")],
            ENROLMENT,
            {},
            "ravdess_01 has 0 neutral clips, expected 2 or more",
        ),
        (
            pd.concat([DEMO, ACTED]),
            NeutralTarget("neutral_target", ("demo",), ("ravdess", "demo")),
            {},
            "demo is in train and in test",
        ),
        (DEMO, FULL, {"n_folds": 16}, "demo: has 14 speakers, expected .* each of 16 folds"),
        (
            clips("tess", ["f1", "f2"]),
            FULL,
            {"n_folds": "speakers"},
            "tess: has 2 speakers.*add it to split.train_only",
        ),
        (clips("mine", ["unknown"]), FULL, {}, "mine: its speakers are unknown.*split.train_only"),
        (DEMO, FULL, {"train_only": ("tess",)}, "train_only: no clip is of tess"),
        (DEMO, FULL, {"train_only": ("demo",)}, "fold 1 of 'full' has no valid clip"),
        (DEMO, FULL, {"sentence_groups": 2}, "demo has clips without a sentence"),
        (ACTED, FULL, {"sentence_groups": 3}, "ravdess has no sentence of its own for each of 3 groups"),
        (ACTED, NeutralOnly("neutral_only", 17, 1), {}, "complete_speakers is 17, but train has only 16"),
        (ACTED, Imbalanced("imbalanced", {"calm": 0.1}, 1), {}, "keeps a share of calm, but no clip has it"),
        (
            pd.concat([DEMO, clips("mine", ["unknown"])]),
            LOW,
            {"train_only": ("mine",)},
            "'low_data' selects speakers, but those of mine are unknown",
        ),
        (
            BOTH,
            Cross("cross_corpus", ("demo",), ("ravdess",)),
            {"train_only": ("ravdess",)},
            "'cross_corpus' tests ravdess, which is in split.train_only",
        ),
        (BOTH, Cross("cross_corpus", ("demo",), ("savee",)), {}, "no clip has corpus 'savee', found demo, ravdess"),
        (BOTH, Cross("cross_corpus", ("demo",), ("demo",)), {}, "demo is in train and in test"),
        (ESD, Cross("cross_language", ("en",), ("de",)), {}, "no clip has language 'de', found en, zh"),
        (
            pd.concat([DEMO, clips("mine", ["unknown"])]),
            Cross("cross_corpus", ("demo",), ("mine",)),
            {},
            "mine: its speakers are unknown, so it cannot test",
        ),
    ],
)
def test_scenario_errors(frame: pd.DataFrame, scenario: Scenario, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SplitError, match=message):
        cut(frame, 1, scenario, **changes)
