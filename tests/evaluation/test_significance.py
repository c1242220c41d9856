import itertools
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pipeline.evaluation import significance
from pipeline.evaluation.significance import Gain, detectable_effect, holm, sign_flip, t_interval

SIMULATION = runpy.run_path(str(Path(__file__).parents[2] / "experiments/simulation.py"))


def gain(differences, folds=None, confidence=0.95):
    names = [f"s{number}" for number in range(len(differences))]
    return Gain(pd.Series(differences, names), None if folds is None else pd.Series(folds, names), confidence)


def flipped_one_by_one(differences):
    """P of the sign-flip test, pattern by pattern."""
    seen = abs(np.mean(differences))
    patterns = itertools.product([1, -1], repeat=len(differences))
    return np.mean([abs(np.mean(np.multiply(signs, differences))) >= seen - 1e-12 for signs in patterns])


@pytest.mark.parametrize("speakers", [2, 8, 24])
@pytest.mark.parametrize("confidence", [0.95, 0.8])
def test_interval_equals_scipy(speakers, confidence):
    differences = np.random.default_rng(speakers).normal(0.01, 0.03, (3, speakers))
    expected = stats.ttest_1samp(differences, 0, axis=-1).confidence_interval(confidence)
    np.testing.assert_allclose(t_interval(differences, confidence), (expected.low, expected.high))
    assert gain(differences[1], None, confidence).interval == pytest.approx((expected.low[1], expected.high[1]))


def test_interval_over_folds_is_one_of_fold_means() -> None:
    differences, folds = [0.01, 0.03, -0.02, 0.04, 0.02, 0.06], [1, 1, 2, 2, 2, 4]
    means = [0.02, 0.04 / 3, 0.06]
    expected = stats.ttest_1samp(means, 0).confidence_interval(0.95)
    assert gain(differences, folds).fold_interval == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize("folds", [None, [3, 3, 3], [3, 3, 4]])
def test_of_two_folds_or_of_folds_that_share_speakers_there_is_no_interval_over_folds(folds):
    assert gain([0.1, 0.2, 0.3], folds).fold_interval is None


def test_speakers_without_a_score_are_left_out() -> None:
    known, all_of_them = gain([0.1, 0.2, 0.4], [1, 3, 2]), gain([0.1, np.nan, 0.2, 0.4], [1, 2, 3, 2])
    for name in ("mean", "interval", "fold_interval", "p", "detectable"):
        assert getattr(all_of_them, name) == getattr(known, name)


def test_gains_of_one_speaker_and_of_no_difference() -> None:
    found = gain([0.25], [1])
    assert found.mean == 0.25
    assert (found.interval, found.fold_interval, found.p, found.detectable) == (None, None, None, None)
    found = gain([0.0] * 4, [1, 3, 2, 2])
    assert (found.mean, found.interval, found.fold_interval) == (0.0, (0.0, 0.0), (0.0, 0.0))
    assert (found.p, found.detectable) == (1.0, 0.0)


@pytest.mark.parametrize("speakers", [2, 5, 8])
@pytest.mark.parametrize("coarse", [False, True])  # shares of 12 clips have many ties
def test_sign_flip_equals_going_through_all_patterns(speakers, coarse):
    differences = np.random.default_rng(speakers).normal(0.02, 0.1, (3, speakers))
    differences = np.round(differences * 12) / 12 if coarse else differences
    expected = [flipped_one_by_one(row) for row in differences]
    np.testing.assert_allclose(sign_flip(differences), expected, rtol=1e-12)


def test_sign_flip_by_hand() -> None:
    assert sign_flip(np.full(8, 0.1)) == 2 / 2**8  # no other pattern but the opposite is as extreme
    assert sign_flip(np.array([0.1, 0.4, -0.2])) == 6 / 8  # |sum| 0.3, of 0.1, 0.3, 0.5, 0.7, each twice


@pytest.mark.parametrize("speakers", [8, 18])
def test_the_last_bits_decide_no_tie_of_sign_flip(speakers):
    rng = np.random.default_rng(speakers)
    counts = rng.integers(-20, 20, (8, speakers))
    counts[:, 0] += 1 - counts.sum(axis=-1)  # a mean so small that rounding errors are not, beside it
    differences = counts / 432  # shares, as recalls are
    other_bits = differences * (1 + 2e-16 * rng.choice([-1, 0, 1], differences.shape))
    assert (other_bits != differences).any()
    np.testing.assert_array_equal(sign_flip(other_bits), sign_flip(differences))


def test_sign_flip_of_many_speakers_is_drawn_always_the_same() -> None:
    differences = np.random.default_rng(3).normal(0.02, 0.03, 18)
    signs = 1 - 2 * (np.arange(2**18)[:, None] >> np.arange(18) & 1)
    exact = np.mean(abs(signs @ differences) >= abs(differences.sum()) - 1e-12)
    found = sign_flip(differences)
    assert 0.01 < exact < 0.5 and found == pytest.approx(exact, abs=0.005) and found != exact
    assert sign_flip(differences) == found
    assert sign_flip(np.full(24, 0.1)) < 1e-4


def test_holm_by_hand() -> None:
    # 4 × 0.005; 3 × 0.01; 2 × 0.03; 1 × 0.04, which may not be less than the one before
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.3]) == [0.3]
    assert list(holm([0.6, 0.9])) == [1, 1]
    assert len(holm([])) == 0


def test_holm_is_bonferroni_of_every_subset() -> None:
    # The closure of Bonferroni's test: p is the worst that any subset with the hypothesis gives (Marcus et al. 1976).
    subsets = [set(subset) for size in range(1, 6) for subset in itertools.combinations(range(5), size)]
    for random_seed in range(5):
        p = np.random.default_rng(random_seed).choice([0.001, 0.01, 0.012, 0.02, 0.3, 0.8], 5)
        worst = [max(min(1, len(s) * min(p[list(s)])) for s in subsets if index in s) for index in range(5)]
        np.testing.assert_allclose(holm(p), worst)


@pytest.mark.parametrize(("speakers", "confidence"), [(2, 0.95), (4, 0.9), (8, 0.95), (24, 0.95)])
def test_a_detectable_gain_is_detected_four_times_in_five(speakers, confidence):
    experiments = np.random.default_rng(speakers).normal(0, 1, (20_000, speakers))
    low, high = t_interval(experiments + detectable_effect(speakers, confidence) / np.sqrt(speakers), confidence)
    assert np.mean((low > 0) | (high < 0)) == pytest.approx(significance.POWER, abs=0.01)


def test_detectable_effect_is_the_textbooks() -> None:
    # 34 pairs detect half a standard deviation, two-sided at 5 %, with a power of 80 % (G*Power).
    assert detectable_effect(34, 0.95) / np.sqrt(34) < 0.5 < detectable_effect(33, 0.95) / np.sqrt(33)


def test_detectable_gain_grows_with_the_spread_and_not_with_the_gain() -> None:
    few = gain([0.01, 0.03, 0.05, 0.07])
    assert gain([0.02, 0.06, 0.10, 0.14]).detectable == pytest.approx(2 * few.detectable)
    assert gain([0.51, 0.53, 0.55, 0.57]).detectable == pytest.approx(few.detectable)


@pytest.mark.parametrize(("folds", "speakers"), SIMULATION["SIZES"])
def test_what_is_found_without_an_effect(folds, speakers):
    def found(noise, shared=False):
        gains = SIMULATION["differences"](2000, folds, speakers, noise, shared, seed=1)
        return dict(zip(SIMULATION["COLUMNS"], SIMULATION["found"](gains, resamples=255), strict=True))

    quiet, noisy = found(0.0), found(0.5)
    assert all(0.03 < share < 0.07 for share in quiet.values())
    assert 0.03 < noisy["t over folds"] < 0.07
    assert noisy["t over speakers"] > 0.08 and noisy["sign-flip"] > 0.08  # they ignore that a fold shares its models
    assert found(0.5, shared=True)["t over folds"] > 0.07  # nor does this one of what partners share
