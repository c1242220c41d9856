"""Uncertainty of a gain: intervals, tests and detectable effects, from paired differences.

A **gain** is the mean over speakers of the paired differences between two arms. Speakers are the unit, not clips: clips
of one speaker are not independent, and treating them so gives intervals that are far too narrow. Intervals are
Student's t, not a bootstrap: over four speakers a 95 % percentile bootstrap, simulated without any effect, excludes
zero 20 % of the time instead of 5 % (over eight, 11 %), while t keeps 5 %.

The speakers of a fold share its models, and so the random variation of one training. An interval over speakers ignores
this; the interval over fold means includes it, with fewer degrees of freedom, and says nothing over two folds.
experiments/statistics.md gives the type-I error of each by simulation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import pandas as pd
from scipy import optimize, stats

RESAMPLES = 2**16  # of the sign-flip test; all patterns of signs up to 16 speakers, random ones above
DECIMALS = 12  # of a mean in that test: patterns that tie stay tied although CPUs differ in the last bits
POWER = 0.8  # of the detectable effect
LEAST_FOLDS = 3  # of an interval over folds; over two, t is 12.7 and the width mostly chance

Interval = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Gain:
    """Paired differences of two arms, one a speaker, and inference from them; None where it is not possible.

    Speakers who lack a score in either arm have a difference of NaN and are left out.
    """

    differences: pd.Series
    folds: pd.Series | None  # the fold that each speaker was tested in; None where some were in several
    confidence: float  # of the intervals, 0.95 for 95 %

    @cached_property
    def values(self) -> np.ndarray:
        """Known differences, (speakers,)."""
        return self.differences.dropna().to_numpy(np.float64)

    @property
    def mean(self) -> float:
        """The gain."""
        return float(self.values.mean())

    @cached_property
    def interval(self) -> Interval | None:
        """Student's t interval over speakers."""
        return _interval(self.values, self.confidence)

    @cached_property
    def fold_interval(self) -> Interval | None:
        """Student's t interval over the means of folds: wider, since the speakers of a fold share its models.

        None where folds are fewer than `LEAST_FOLDS`, and where they share speakers, since fold means are then not
        independent.
        """
        if self.folds is None:
            return None
        own = self.folds.reindex(self.differences.dropna().index).to_numpy()
        of_each = own == np.unique(own)[:, None]  # (folds, speakers)
        means = of_each @ self.values / of_each.sum(axis=1)
        return _interval(means, self.confidence) if len(means) >= LEAST_FOLDS else None

    @cached_property
    def p(self) -> float | None:
        """P value of the sign-flip test over speakers."""
        return float(sign_flip(self.values)) if len(self.values) > 1 else None

    @property
    def detectable(self) -> float | None:
        """True gain that a t test over these speakers detects with a power of `POWER`."""
        if len(self.values) < 2:
            return None
        spread = self.values.std(ddof=1) / np.sqrt(len(self.values))
        return float(spread * detectable_effect(len(self.values), self.confidence))


def t_interval(differences: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Bounds d̄ ± t(n−1)·s/√n of the mean (Student 1908).

    Args:
        differences: (..., n), n at least 2
        confidence: 0.95 for 95 %

    Returns:
        low and high, each (...)
    """
    n = differences.shape[-1]
    half = _quantile(n, confidence) * differences.std(axis=-1, ddof=1) / np.sqrt(n)
    mean = differences.mean(axis=-1)
    return mean - half, mean + half


def sign_flip(differences: np.ndarray, resamples: int = RESAMPLES) -> np.ndarray:
    """Two-sided p of the mean under random signs of the differences (Fisher 1935).

    Args:
        differences: (..., n), n at least 2; differences of shares; 1e-12 counts as zero
        resamples: number of sign patterns: all 2^n where these are fewer, else random ones of a fixed seed

    Returns:
        p, (...)
    """
    n = differences.shape[-1]
    signs, exact = _signs(n, resamples), 2**n <= resamples

    def p(own: np.ndarray) -> float:
        means = np.abs(signs @ own / n).round(DECIMALS)
        extreme = np.count_nonzero(means >= np.abs(own.mean()).round(DECIMALS))
        return extreme / len(signs) if exact else (extreme + 1) / (len(signs) + 1)  # Phipson and Smyth (2010)

    found: np.ndarray = np.apply_along_axis(p, -1, differences)
    return found


@cache
def _signs(n: int, resamples: int) -> np.ndarray:
    """Sign patterns of `sign_flip`, (patterns, n)."""
    if 2**n <= resamples:
        return 1.0 - 2 * (np.arange(2**n)[:, None] >> np.arange(n) & 1)
    return np.random.default_rng(0).choice([-1.0, 1.0], (resamples, n))


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Adjusted p values of a family of tests, that keep the family's type-I error (Holm 1979)."""
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1)
    return adjusted


@cache
def detectable_effect(n: int, confidence: float) -> float:
    """Effect, in standard errors of the mean, that a two-sided t test of n differences finds with `POWER`.

    The t statistic of a true effect is noncentral t with n − 1 degrees of freedom (Cohen 1988). A rejection with
    the wrong sign does not count; at this power its probability is below one in a million.
    """
    quantile = _quantile(n, confidence)
    most = 1.5 * quantile + 1  # more than enough for `POWER`, even with one degree of freedom
    return float(optimize.brentq(lambda effect: stats.nct.sf(quantile, n - 1, effect) - POWER, 0, most))


@cache
def _quantile(n: int, confidence: float) -> float:
    """Of Student's t for n differences: the mean lies this many standard errors from 0, at most."""
    return float(stats.t.ppf((1 + confidence) / 2, n - 1))


def _interval(differences: np.ndarray, confidence: float) -> Interval | None:
    if len(differences) < 2:
        return None
    low, high = t_interval(differences, confidence)
    return float(low), float(high)
