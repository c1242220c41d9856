from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from pipeline.evaluation import metrics
from pipeline.evaluation.comparison import Comparison, ScoringError, check_paired
from pipeline.evaluation.significance import t_interval

EMOTIONS = ["angry", "happy", "neutral", "sad"]


def compared(arm, reference, classifier="svm"):
    return Comparison(metrics.performances(arm)[classifier], metrics.performances(reference)[classifier], 0.95)


def test_type_i_error_for_equally_good_classifiers(table: Callable[..., pd.DataFrame]) -> None:
    # 50 experiments of 8 speakers with 60 clips each, both classifiers right as often.
    ours, theirs = (metrics.speaker_scores(table(400, 60, 1, random_seed=number))["uar"] for number in (1, 2))
    low, high = t_interval((ours - theirs).to_numpy().reshape(50, 8), 0.95)
    assert np.mean((low > 0) | (high < 0)) < 0.12


def test_each_classifier_is_scored_separately(table: Callable[..., pd.DataFrame]) -> None:
    svm, better = table(correct=0.3), table(correct=0.9, random_seed=1)
    arm, reference = (pd.concat([svm, rows.assign(classifier="cnn")]) for rows in (better, svm))
    assert set(metrics.performances(arm)) == {"svm", "cnn"}
    assert compared(arm, reference).gains["uar"].mean == 0
    found = compared(arm, reference, "cnn")
    assert found.gains["uar"].interval[0] > 0
    assert (found.arm.seeds, found.arm.clips) == (2, svm["id"].nunique())
    ours, theirs, gains = found.arm.in_numbers(), found.reference.in_numbers(), found.in_numbers()
    assert set(ours) == {"uar", "accuracy", "macro_f1", "ece"} and set(gains) == set(metrics.SCORES)
    assert gains["uar"]["gain"] == pytest.approx(ours["uar"] - theirs["uar"])
    keys = ["gain", "ci_low", "ci_high", "fold_low", "fold_high"]
    assert list(gains["uar"]) == [*keys, "p", "mde"]
    assert list(gains["macro_f1"]) == keys


def test_recall_gain_is_over_speakers_with_clips_of_the_emotion(table: Callable[..., pd.DataFrame]) -> None:
    arm, reference = table(random_seed=1), table()
    found = compared(arm, reference).recall_gains
    assert list(found) == EMOTIONS
    assert [len(found[emotion].values) for emotion in EMOTIONS] == [5, 5, 5, 4]
    ours, theirs = (metrics.speaker_recalls(rows).loc[["s0", "s2", "s3", "s4"], "sad"] for rows in (arm, reference))
    assert found["sad"].mean == pytest.approx((ours - theirs).mean())


def test_no_fold_interval_where_folds_share_speakers(table: Callable[..., pd.DataFrame]) -> None:
    arm, reference = table(random_seed=1), table()
    assert compared(arm, reference).gains["uar"].fold_interval is not None
    again = [pd.concat([rows, rows.assign(fold=rows["fold"] + 3)]) for rows in (arm, reference)]
    assert compared(*again).gains["uar"].fold_interval is None
    assert "fold_low" not in compared(*again).in_numbers()["uar"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.assign(classifier="cnn"), "classifier: only in the arm: cnn; .* baseline: svm"),
        (lambda rows: rows[rows["seed"] == 0], "seed: only in the arm: nothing; only in the baseline: svm 1"),
        (lambda rows: rows[rows["speaker"] != "s3"], "speaker: .*; only in the baseline: s3"),
        (lambda rows: rows[rows["id"] != "s3_7"], "only in the baseline: svm 0 [12] s3_7 s3 .*, svm 1 "),
        (lambda rows: rows.replace({"id": {"s3_7": "other"}}), "only in the arm: svm 0 [12] other s3 "),
        (lambda rows: rows.assign(label="sad"), "label: .* and [0-9]+ more"),
        (lambda rows: pd.concat([rows, rows.head(1)]), "'s0_0' occurs twice"),
    ],
)
def test_unpaired_rows_are_named(table, change, message):
    arm = table(random_seed=1)
    with pytest.raises(ScoringError, match=message):
        check_paired(change(arm), table())
