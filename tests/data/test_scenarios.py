"""Scenarios: each keeps the test partition of `full`, or names another one, and changes train and valid as it says."""

from typing import Any

import pandas as pd
import pytest

from pipeline.data.scenarios import (
    Cross,
    Enrolment,
    Imbalanced,
    LowData,
    NeutralOnly,
    NeutralTarget,
    Scenario,
    SplitError,
)

from .conftest import ACTED, ALL, BOTH, DEMO, FULL, LOW, RAVDESS, clips, cut, speakers

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
