import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sklearn_metrics

from pipeline.evaluation import metrics
from pipeline.evaluation.metrics import Comparison, Performance, ScoringError
from pipeline.evaluation.significance import t_interval

EMOTIONS = ["angry", "happy", "neutral", "sad"]


def table(speakers=5, clips=40, seeds=2, correct=0.5, random_seed=0, lost=("s1", "sad")):
    """Random predictions; the same clips for every `random_seed`; speaker and emotion `lost` do not meet."""
    actual = np.random.default_rng(7).choice(EMOTIONS, (speakers, clips))
    rng = np.random.default_rng(random_seed)
    rows = [
        ("svm", seed, speaker % 2 + 1, f"s{speaker}_{clip}", f"s{speaker}", str(actual[speaker, clip]))
        for seed in range(seeds)
        for speaker in range(speakers)
        for clip in range(clips)
    ]
    frame = pd.DataFrame(rows, columns=["classifier", "seed", "fold", "id", "speaker", "label"])
    right = rng.random(len(frame)) < correct
    frame["predicted"] = np.where(right, frame["label"], rng.choice(EMOTIONS, len(frame)))
    frame["confidence"] = rng.uniform(0.25, 1, len(frame)).astype(np.float32)
    return frame[(frame["speaker"] != lost[0]) | (frame["label"] != lost[1])].reset_index(drop=True)


def judged_by_sklearn(rows):
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


@pytest.mark.parametrize("random_seed", range(3))
def test_speaker_scores_equal_sklearn(random_seed):
    frame = table(random_seed=random_seed)
    expected = pd.DataFrame(
        {group: judged_by_sklearn(rows) for group, rows in frame.groupby(["speaker", "seed"])}
    ).T.groupby(level=0)
    found = metrics.speaker_scores(frame)
    np.testing.assert_allclose(found, expected.mean()[found.columns], rtol=1e-12)


@pytest.mark.parametrize("random_seed", range(3))
def test_pooled_scores_equal_sklearn(random_seed):
    frame = table(random_seed=random_seed)
    by_seed = [rows for _, rows in frame.groupby("seed")]
    expected = pd.DataFrame([judged_by_sklearn(rows) for rows in by_seed]).mean()
    found = metrics.pooled_scores(frame)
    np.testing.assert_allclose(found, expected[found.index], rtol=1e-12)
    recalls = [sklearn_metrics.recall_score(r["label"], r["predicted"], labels=EMOTIONS, average=None) for r in by_seed]
    np.testing.assert_allclose(metrics.pooled_recall(frame)[EMOTIONS], np.mean(recalls, axis=0), rtol=1e-12)


def test_confusion_equals_sklearn():
    frame = table()
    groups, counts = metrics.confusion(frame, EMOTIONS, ["speaker"])
    assert list(groups) == sorted(set(frame["speaker"]))
    for speaker, found in zip(groups, counts, strict=True):
        rows = frame[frame["speaker"] == speaker]
        np.testing.assert_array_equal(
            found, sklearn_metrics.confusion_matrix(rows["label"], rows["predicted"], labels=EMOTIONS)
        )


def test_a_case_by_hand():
    # Of 4 angry clips 3 are recognised, of 2 sad ones 1; nobody is happy, but one clip was thought to be.
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


def test_a_class_that_a_speaker_lacks_leaves_its_uar_alone():
    frame = table(lost=("s1", "sad"))
    assert "sad" not in set(frame.loc[frame["speaker"] == "s1", "label"])
    perfect = frame.assign(predicted=frame["label"])
    assert (metrics.speaker_scores(perfect) == 1).all(axis=None)


@pytest.mark.parametrize("random_seed", range(3))
def test_speaker_recalls_equal_sklearn(random_seed):
    frame = table(random_seed=random_seed)
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


@pytest.mark.parametrize("random_seed", range(3))
def test_calibration_error_equals_going_through_the_bins(random_seed):
    frame = table(random_seed=random_seed)
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


def test_calibration_error_by_hand():
    # Of four clips at 0.9, three are right: 0.15 too sure. Of one at 0.5, one: 0.5 not sure enough.
    sure, right = np.array([0.9, 0.9, 0.9, 0.9, 0.5]), np.array([1, 1, 1, 0, 1], bool)
    assert metrics.calibration_error(sure, right) == pytest.approx(0.8 * 0.15 + 0.2 * 0.5)
    assert metrics.calibration_error(np.array([0.0, 1.0]), np.array([False, True])) == 0


def compared(arm, reference, classifier="svm"):
    return Comparison(metrics.performances(arm)[classifier], metrics.performances(reference)[classifier], 0.95)


def test_no_effect_is_seldom_found_in_clips_of_classifiers_that_are_equally_good():
    # From clips on: 100 experiments of 8 speakers with 60 clips each, both classifiers right as often.
    ours, theirs = (metrics.speaker_scores(table(800, 60, 1, random_seed=number))["uar"] for number in (1, 2))
    low, high = t_interval((ours - theirs).to_numpy().reshape(100, 8), 0.95)
    assert np.mean((low > 0) | (high < 0)) < 0.12


def test_each_classifier_is_judged_on_its_own():
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


def test_gain_of_a_recall_is_over_the_speakers_who_have_clips_of_the_emotion():
    arm, reference = table(random_seed=1), table()
    found = compared(arm, reference).recall_gains
    assert list(found) == EMOTIONS
    assert [len(found[emotion].values) for emotion in EMOTIONS] == [5, 5, 5, 4]
    ours, theirs = (metrics.speaker_recalls(rows).loc[["s0", "s2", "s3", "s4"], "sad"] for rows in (arm, reference))
    assert found["sad"].mean == pytest.approx((ours - theirs).mean())


def test_over_folds_that_share_speakers_no_interval_is_made():
    arm, reference = table(random_seed=1), table()
    assert compared(arm, reference).gains["uar"].fold_interval is not None
    again = [pd.concat([rows, rows.assign(fold=rows["fold"] + 2)]) for rows in (arm, reference)]
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
        (lambda rows: pd.concat([rows, rows.head(1)]), "'s0_0' is there twice"),
    ],
)
def test_what_is_not_paired_is_named(change, message):
    arm = table(random_seed=1)
    with pytest.raises(ScoringError, match=message):
        metrics.check_paired(change(arm), table())


def performance(scores, folds=2):
    names = [f"s{number}" for number in range(len(scores))]
    speakers = pd.DataFrame({name: pd.Series(scores, names) for name in metrics.SCORES})
    folds = pd.Series([number % folds for number in range(len(scores))], names)
    return Performance(10, 1, speakers, pd.DataFrame(), folds, pd.Series(), pd.Series(), 0.1)


def words(gains, holm=None, least=8, folds=2):
    found = Comparison(performance(np.add(0.5, gains), folds), performance(np.full(len(gains), 0.5), folds), 0.95)
    return metrics.gain_in_words("cyclegan", "none", found, holm, least)


SURE = [0.02, 0.02, 0.03, 0.03] * 2  # +2.5 ± 0.4, the same in both folds
UNSURE = [0.02, 0.05] * 4  # +3.5 ± 1.3, but the folds differ
CLOSE = [0.0, 0.0, 0.0, 0.03, 0.03, 0.03, 0.03, 0.0]
NEITHER = [0.02, 0.02, -0.01, -0.01] * 2


@pytest.mark.parametrize(
    ("gains", "holm", "expected"),
    [
        (
            SURE,
            None,
            "cyclegan 0.525, none 0.500: gain of +2.5 points UAR, 95 % interval +2.1 … +2.9 (over folds +2.5 … +2.5), "
            "8 speakers, p 0.008 (exploratory), 80 % power for 0.6",
        ),
        (np.negative(SURE), None, "none 0.500: loss of 2.5 points UAR, 95 % interval −2.9 … −2.1 (over folds −2.5 "),
        (SURE, 0.04, ": gain of +2.5 points UAR, 95 % interval +2.1 … +2.9 "),
        (SURE, 0.04, "p 0.008 (0.040 by Holm)"),
        (SURE, 0.06, "no detectable effect: +2.5 points UAR, 95 % interval +2.1 … +2.9"),  # not after Holm's correction
        (
            UNSURE,
            None,
            "gain of +3.5 points UAR by these folds' models, 95 % interval +2.2 … +4.8 (over folds −15.6 … +22.6)",
        ),
        (CLOSE, None, "no detectable effect: +1.5 points UAR, 95 % interval +0.2 … +2.8 "),  # p says otherwise
        (NEITHER, 0.2, "no detectable effect: +0.5 points UAR, 95 % interval −0.8 … +1.8 "),
        (SURE[:4], None, "none 0.500: +2.5 points UAR, 95 % interval +1.6 … +3.4 (over folds "),  # and no verdict
        (SURE[:4], None, "80 % power for 1.2: too few speakers (4 of at least 8)"),
        (
            [0.02],
            None,
            "+2.0 points UAR, of one speaker no interval can be made: too few speakers (1 of at least 8)",
        ),
    ],
)
def test_gain_in_words(gains, holm, expected):
    assert expected in words(gains, holm)


def test_a_gain_of_one_fold_is_of_its_models_alone():
    assert ": gain of +2.5 points UAR by these folds' models, 95 % interval +2.1 … +2.9, 8 " in words(SURE, folds=1)


def test_score_in_words():
    assert metrics.score_in_words("none", performance(np.full(8, 0.5)), 8) == "none 0.500 UAR, 8 speakers"
    few = "none 0.500 UAR, 1 speaker: too few speakers (1 of at least 8)"
    assert metrics.score_in_words("none", performance(np.full(1, 0.5)), 8) == few
