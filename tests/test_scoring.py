import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics

from pipeline import scoring
from pipeline.scoring import Gain, ScoringError

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
    return frame[(frame["speaker"] != lost[0]) | (frame["label"] != lost[1])].reset_index(drop=True)


def judged_by_sklearn(rows):
    actual, guessed = rows["label"], rows["predicted"]
    # balanced_accuracy_score warns of a class that was only predicted, and rightly leaves it out
    recalls = metrics.recall_score(actual, guessed, labels=sorted(set(actual)), average="macro", zero_division=0)
    if set(guessed) <= set(actual):
        assert recalls == pytest.approx(metrics.balanced_accuracy_score(actual, guessed))
    return {
        "uar": recalls,
        "accuracy": metrics.accuracy_score(actual, guessed),
        "macro_f1": metrics.f1_score(actual, guessed, average="macro", zero_division=0),
    }


@pytest.mark.parametrize("random_seed", range(3))
def test_speaker_scores_equal_sklearn(random_seed):
    frame = table(random_seed=random_seed)
    expected = pd.DataFrame(
        {group: judged_by_sklearn(rows) for group, rows in frame.groupby(["speaker", "seed"])}
    ).T.groupby(level=0)
    found = scoring.speaker_scores(frame)
    np.testing.assert_allclose(found, expected.mean()[found.columns], rtol=1e-12)


@pytest.mark.parametrize("random_seed", range(3))
def test_pooled_scores_equal_sklearn(random_seed):
    frame = table(random_seed=random_seed)
    by_seed = [rows for _, rows in frame.groupby("seed")]
    expected = pd.DataFrame([judged_by_sklearn(rows) for rows in by_seed]).mean()
    found = scoring.pooled_scores(frame)
    np.testing.assert_allclose(found, expected[found.index], rtol=1e-12)
    recalls = [metrics.recall_score(r["label"], r["predicted"], labels=EMOTIONS, average=None) for r in by_seed]
    np.testing.assert_allclose(scoring.pooled_recall(frame)[EMOTIONS], np.mean(recalls, axis=0), rtol=1e-12)


def test_confusion_equals_sklearn():
    frame = table()
    groups, counts = scoring.confusion(frame, EMOTIONS, ["speaker"])
    assert list(groups) == sorted(set(frame["speaker"]))
    for speaker, found in zip(groups, counts, strict=True):
        rows = frame[frame["speaker"] == speaker]
        np.testing.assert_array_equal(
            found, metrics.confusion_matrix(rows["label"], rows["predicted"], labels=EMOTIONS)
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
    scores = scoring.speaker_scores(frame).loc["a"]
    assert scores["uar"] == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert scores["accuracy"] == pytest.approx(4 / 6)
    assert scores["macro_f1"] == pytest.approx((2 * 3 / (4 + 4) + 0 + 2 * 1 / (2 + 1)) / 3)
    assert scoring.pooled_recall(frame).to_dict() == {"angry": 0.75, "sad": 0.5}


def test_a_class_that_a_speaker_lacks_leaves_its_uar_alone():
    frame = table(lost=("s1", "sad"))
    assert "sad" not in set(frame.loc[frame["speaker"] == "s1", "label"])
    perfect = frame.assign(predicted=frame["label"])
    assert (scoring.speaker_scores(perfect) == 1).all(axis=None)


@pytest.mark.parametrize("speakers", [2, 8, 24])
@pytest.mark.parametrize("confidence", [0.95, 0.8])
def test_interval_equals_scipy(speakers, confidence):
    rng = np.random.default_rng(speakers)
    names = [f"s{number}" for number in range(speakers)]
    arm, baseline = pd.Series(rng.random(speakers), names), pd.Series(rng.random(speakers), names)
    gain = scoring.paired_gain(arm, baseline.sample(frac=1, random_state=0), confidence)
    paired = stats.ttest_rel(arm, baseline).confidence_interval(confidence)
    single = stats.ttest_1samp(arm - baseline, 0).confidence_interval(confidence)
    assert gain.mean == pytest.approx((arm - baseline).mean())
    assert (gain.low, gain.high) == pytest.approx((paired.low, paired.high)) == (single.low, single.high)
    assert gain.speakers == speakers


def test_interval_by_hand():
    # Differences 1, 2, 3 points: mean 2, standard deviation 1, t(2) = 4.303, half width 4.303 / √3
    arm = pd.Series([0.51, 0.52, 0.53], ["a", "b", "c"])
    gain = scoring.paired_gain(arm, pd.Series(0.5, arm.index), 0.95)
    assert gain.mean == pytest.approx(0.02)
    assert gain.high - gain.mean == pytest.approx(0.04303 / np.sqrt(3), rel=1e-3)


def test_one_speaker_has_no_interval():
    gain = scoring.paired_gain(pd.Series([0.75], ["a"]), pd.Series([0.5], ["a"]), 0.95)
    assert gain == Gain(0.25, None, None, 1)


def test_the_same_scores_gain_nothing():
    same = pd.Series([0.3, 0.7, 0.1], ["a", "b", "c"])
    assert scoring.paired_gain(same, same, 0.95) == Gain(0.0, 0.0, 0.0, 3)


def test_speakers_without_a_partner_are_named():
    with pytest.raises(ScoringError, match="without a partner: b, c"):
        scoring.paired_gain(pd.Series([0.5, 0.5], ["a", "b"]), pd.Series([0.5, 0.5], ["a", "c"]), 0.95)


def test_interval_covers_no_effect_about_95_times_in_100():
    # 2,000 experiments of 8 speakers, whose gains are independent and 0 on average.
    gains = np.random.default_rng(0).normal(0, 0.03, (2000, 8))
    names = [f"s{number}" for number in range(8)]
    zero = pd.Series(0.0, names)
    found = [scoring.paired_gain(pd.Series(row, names), zero, 0.95) for row in gains]
    assert 0.03 < np.mean([gain.low > 0 or gain.high < 0 for gain in found]) < 0.07


def test_no_effect_is_seldom_found_in_clips_of_classifiers_that_are_equally_good():
    # From clips on: 100 experiments of 8 speakers with 60 clips each, both classifiers right as often.
    found = [
        scoring.compare(table(8, 60, 1, random_seed=2 * n), table(8, 60, 1, random_seed=2 * n + 1), 0.95)
        for n in range(100)
    ]
    gains = [result["svm"].gains["uar"] for result in found]
    assert np.mean([gain.low > 0 or gain.high < 0 for gain in gains]) < 0.12


def test_compare_judges_each_classifier_on_its_own():
    svm, better = table(correct=0.3), table(correct=0.9, random_seed=1)
    both = [pd.concat([svm, rows.assign(classifier="cnn")]) for rows in (better, svm)]
    found = scoring.compare(*both, 0.95)
    assert set(found) == {"svm", "cnn"}
    assert found["svm"].gains["uar"].mean == 0
    assert found["cnn"].gains["uar"].low > 0
    result = found["cnn"]
    assert (result.seeds, result.clips) == (2, svm["id"].nunique())
    numbers = result.in_numbers()["uar"]
    assert numbers["gain"] == pytest.approx(numbers["mean"] - numbers["baseline"])
    assert set(numbers) == {"mean", "baseline", "gain", "ci_low", "ci_high"}


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
        scoring.compare(change(arm), table(), 0.95)


def words(gains, least=8, arm="cyclegan"):
    names = [f"s{number}" for number in range(len(gains))]
    baseline = pd.DataFrame({name: pd.Series(0.5, names) for name in scoring.SCORES})
    speakers = baseline.add(pd.Series(gains, names), axis=0)
    gain = {name: scoring.paired_gain(speakers[name], baseline[name], 0.95) for name in scoring.SCORES}
    result = scoring.Comparison(10, 1, speakers, baseline, gain, pd.Series(), pd.Series())
    return scoring.in_words(arm, "none", result, 0.95, least)


@pytest.mark.parametrize(
    ("gains", "expected"),
    [
        (
            [0.02, 0.03] * 4,
            "cyclegan 0.525, none 0.500: gain of +2.5 points UAR, 95 % interval +2.1 … +2.9, 8 speakers",
        ),
        ([-0.02, -0.03] * 4, "none 0.500: loss of 2.5 points UAR, 95 % interval −2.9 … −2.1, 8 speakers"),
        ([0.02, -0.01] * 4, "no detectable effect: +0.5 points UAR, 95 % interval −0.8 … +1.8, 8 speakers"),
        ([0.02, 0.03] * 2, "4 speakers: too few speakers (4 of at least 8)"),
        (
            [0.02],
            "+2.0 points UAR, of one speaker no interval can be made: too few speakers (1 of at least 8)",
        ),
    ],
)
def test_gain_in_words(gains, expected):
    assert words(gains).endswith(expected)


def test_baseline_in_words():
    assert words([0.0] * 8, arm="none") == "none 0.500 UAR, 8 speakers"
