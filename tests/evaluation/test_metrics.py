from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sklearn_metrics

from pipeline.evaluation import metrics

EMOTIONS = ["angry", "happy", "neutral", "sad"]


def sklearn_scores(rows):
    actual, guessed = rows["label"], rows["predicted"]
    # balanced_accuracy_score warns of a class that was only predicted, and rightly leaves it out
    recalls = sklearn_metrics.recall_score(
        actual, guessed, labels=sorted(set(actual)), average="macro", zero_division=0
    )
    if set(guessed) <= set(actual):
        assert recalls == pytest.approx(sklearn_metrics.balanced_accuracy_score(actual, guessed))
    return {
        "uar": recalls,
        "accuracy": sklearn_metrics.accuracy_score(actual, guessed),
        "macro_f1": sklearn_metrics.f1_score(actual, guessed, average="macro", zero_division=0),
    }


def test_speaker_scores_equal_sklearn(table: Callable[..., pd.DataFrame]) -> None:
    frame = table()
    expected = pd.DataFrame(
        {group: sklearn_scores(rows) for group, rows in frame.groupby(["speaker", "seed"])}
    ).T.groupby(level=0)
    found = metrics.speaker_scores(frame)
    np.testing.assert_allclose(found, expected.mean()[found.columns], rtol=1e-12)


def test_pooled_scores_equal_sklearn(table: Callable[..., pd.DataFrame]) -> None:
    frame = table()
    by_seed = [rows for _, rows in frame.groupby("seed")]
    expected = pd.DataFrame([sklearn_scores(rows) for rows in by_seed]).mean()
    found = metrics.pooled_scores(frame)
    np.testing.assert_allclose(found, expected[found.index], rtol=1e-12)
    recalls = [sklearn_metrics.recall_score(r["label"], r["predicted"], labels=EMOTIONS, average=None) for r in by_seed]
    np.testing.assert_allclose(metrics.pooled_recall(frame)[EMOTIONS], np.mean(recalls, axis=0), rtol=1e-12)


def test_confusion_equals_sklearn(table: Callable[..., pd.DataFrame]) -> None:
    frame = table()
    groups, counts = metrics.confusion(frame, EMOTIONS, ["speaker"])
    assert list(groups) == sorted(set(frame["speaker"]))
    for speaker, found in zip(groups, counts, strict=True):
        rows = frame[frame["speaker"] == speaker]
        np.testing.assert_array_equal(
            found, sklearn_metrics.confusion_matrix(rows["label"], rows["predicted"], labels=EMOTIONS)
        )


def test_scores_by_hand() -> None:
    # Of 4 angry clips 3 are recognised, of 2 sad ones 1; no clip is happy, but one is predicted as happy.
    frame = pd.DataFrame(
        {
            "speaker": "a",
            "seed": 0,
            "label": ["angry"] * 4 + ["sad"] * 2,
            "predicted": ["angry", "angry", "angry", "happy", "sad", "angry"],
        }
    )
    scores = metrics.speaker_scores(frame).loc["a"]
    assert scores["uar"] == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert scores["accuracy"] == pytest.approx(4 / 6)
    assert scores["macro_f1"] == pytest.approx((2 * 3 / (4 + 4) + 0 + 2 * 1 / (2 + 1)) / 3)
    assert metrics.pooled_recall(frame).to_dict() == {"angry": 0.75, "sad": 0.5}


def test_a_class_that_a_speaker_lacks_leaves_its_uar_alone(table: Callable[..., pd.DataFrame]) -> None:
    frame = table(lost=("s1", "sad"))
    assert "sad" not in set(frame.loc[frame["speaker"] == "s1", "label"])
    perfect = frame.assign(predicted=frame["label"])
    assert (metrics.speaker_scores(perfect) == 1).all(axis=None)


def test_speaker_recalls_equal_sklearn(table: Callable[..., pd.DataFrame]) -> None:
    frame = table()
    found = metrics.speaker_recalls(frame)
    assert np.isnan(found.loc["s1", "sad"]) and found.isna().sum().sum() == 1
    for speaker, rows in frame.groupby("speaker"):
        recalls = [
            sklearn_metrics.recall_score(
                r["label"], r["predicted"], labels=EMOTIONS, average=None, zero_division=np.nan
            )
            for _, r in rows.groupby("seed")
        ]
        np.testing.assert_allclose(found.loc[speaker, EMOTIONS], np.mean(recalls, axis=0), rtol=1e-12)


def test_calibration_error_equals_a_loop_over_bins(table: Callable[..., pd.DataFrame]) -> None:
    frame = table()
    errors = []
    for _, rows in frame.groupby("seed"):
        error = 0.0
        for number in range(15):
            inside = rows[(rows["confidence"] > number / 15) & (rows["confidence"] <= (number + 1) / 15)]
            if len(inside):
                right = (inside["label"] == inside["predicted"]).mean()
                error += len(inside) / len(rows) * abs(right - inside["confidence"].mean())
        errors.append(error)
    assert metrics.pooled_calibration_error(frame) == pytest.approx(np.mean(errors), rel=1e-6)


def test_calibration_error_by_hand() -> None:
    # Of four clips at 0.9, three are right: 0.15 too sure. Of one at 0.5, one: 0.5 not sure enough.
    sure, right = np.array([0.9, 0.9, 0.9, 0.9, 0.5]), np.array([1, 1, 1, 0, 1], bool)
    assert metrics.calibration_error(sure, right) == pytest.approx(0.8 * 0.15 + 0.2 * 0.5)
    assert metrics.calibration_error(np.array([0.0, 1.0]), np.array([False, True])) == 0
