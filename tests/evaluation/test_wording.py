import numpy as np
import pandas as pd
import pytest

from pipeline.evaluation import metrics, wording
from pipeline.evaluation.comparison import Comparison
from pipeline.evaluation.metrics import Performance


def performance(scores, folds=4):
    names = [f"s{number}" for number in range(len(scores))]
    speakers = pd.DataFrame({name: pd.Series(scores, names) for name in metrics.SCORES})
    folds = pd.Series([number % folds for number in range(len(scores))], names)
    return Performance(10, 1, speakers, pd.DataFrame(), folds, pd.Series(), pd.Series(), 0.1)


def words(gains, holm=None, least=8, folds=4):
    found = Comparison(performance(np.add(0.5, gains), folds), performance(np.full(len(gains), 0.5), folds), 0.95)
    return wording.gain_in_words("cyclegan", "none", found, holm, least)


SURE = [0.02, 0.02, 0.03, 0.03] * 2  # +2.5 ± 0.4
UNSURE = [0.0, 0.07, 0.02, 0.05] * 2  # +3.5 ± 2.4, but the folds differ
CLOSE = [0.0, 0.0, 0.0, 0.03, 0.03, 0.03, 0.03, 0.0]
NEITHER = [0.02, 0.02, -0.01, -0.01] * 2


@pytest.mark.parametrize(
    ("gains", "holm", "expected"),
    [
        (
            SURE,
            None,
            "cyclegan 0.525, none 0.500: gain of +2.5 points UAR, 95 % interval +2.1 … +2.9 (over folds +1.6 … +3.4), "
            "8 speakers, p 0.008 (exploratory), 80 % power for 0.6",
        ),
        (np.negative(SURE), None, "none 0.500: loss of 2.5 points UAR, 95 % interval −2.9 … −2.1 (over folds −3.4 "),
        (SURE, 0.04, ": gain of +2.5 points UAR, 95 % interval +2.1 … +2.9 "),
        (SURE, 0.04, "p 0.008 (0.040 by Holm)"),
        (SURE, 0.06, "no detectable effect: +2.5 points UAR, 95 % interval +2.1 … +2.9"),  # not after Holm's correction
        (
            UNSURE,
            None,
            "+3.5 points UAR, not significant across folds, 95 % interval +1.1 … +5.9 (over folds −1.4 … +8.4)",
        ),
        (CLOSE, None, "no detectable effect: +1.5 points UAR, 95 % interval +0.2 … +2.8 "),  # p is too large
        (NEITHER, 0.2, "no detectable effect: +0.5 points UAR, 95 % interval −0.8 … +1.8 "),
        (SURE[:4], None, "none 0.500: +2.5 points UAR, 95 % interval +1.6 … +3.4 (over folds "),  # without a verdict
        (SURE[:4], None, "80 % power for 1.2: too few speakers (4 of at least 8)"),
        (
            [0.02],
            None,
            "+2.0 points UAR, one speaker gives no interval: too few speakers (1 of at least 8)",
        ),
    ],
)
def test_gain_in_words(gains, holm, expected):
    assert expected in words(gains, holm)


@pytest.mark.parametrize(
    ("gains", "holm", "few", "expected"),
    [
        (SURE, None, False, "Gain shown"),
        (np.negative(SURE), None, False, "Loss shown"),
        (SURE, 0.04, False, "Gain shown"),
        (SURE, 0.06, False, "No effect shown"),  # not after Holm's correction
        (UNSURE, None, False, "Gain over these speakers, not significant across folds"),
        (CLOSE, None, False, "No effect shown"),  # p is too large
        (NEITHER, None, False, "No effect shown"),
        (SURE, None, True, "Too few test speakers for an answer"),
        ([0.02], None, True, "One test speaker gives no answer"),
    ],
)
def test_verdict(gains, holm, few, expected):
    compared = Comparison(performance(np.add(0.5, gains)), performance(np.full(len(gains), 0.5)), 0.95)
    uar = compared.in_numbers()["uar"] | ({} if holm is None else {"p_holm": holm})
    assert wording.verdict(uar, 0.95, few, folds=4) == expected


@pytest.mark.parametrize("folds", [1, 2])
def test_too_few_folds_have_no_interval(folds: int) -> None:
    few = f"too few folds ({folds} of at least 3)"
    assert f": gain of +2.5 points UAR, 95 % interval +2.1 … +2.9, {few}, 8 speakers" in words(SURE, folds=folds)
    uar = Comparison(performance(np.add(0.5, SURE), folds), performance(np.full(8, 0.5), folds), 0.95).in_numbers()
    assert {"fold_low", "fold_high"}.isdisjoint(uar["uar"])
    assert wording.verdict(uar["uar"], 0.95, few=False, folds=folds) == f"Gain over these speakers, {few}"


def test_score_in_words() -> None:
    assert wording.score_in_words("none", performance(np.full(8, 0.5)), 8) == "none 0.500 UAR, 8 speakers"
    few = "none 0.500 UAR, 1 speaker: too few speakers (1 of at least 8)"
    assert wording.score_in_words("none", performance(np.full(1, 0.5)), 8) == few


@pytest.mark.parametrize(
    ("uar", "expected"),
    [
        ({"mean": 0.6}, "60.0 % of each emotion's clips are recognised without augmentation"),
        ({"mean": 0.6, "baseline": 0.65, "gain": -0.05}, "5.0 points less. One speaker gives no interval"),
        (
            {"mean": 0.7, "baseline": 0.65, "gain": 0.05, "ci_low": -0.01, "ci_high": 0.11},
            "5.0 points more. The interval −1.0 … +11.0 includes 0: these data do not show an effect",
        ),
        (
            {"mean": 0.6, "baseline": 0.65, "gain": -0.05, "ci_low": -0.08, "ci_high": -0.02},
            "5.0 points less. The interval −8.0 … −2.0 excludes 0",
        ),
    ],
)
def test_answer_in_plain_sentences(uar: dict[str, float], expected: str) -> None:
    about = {"arm": "cyclegan", "scenario": "full", "classifier": "cnn", "speakers": 8}
    assert expected in wording.answer({**about, "uar": uar})
