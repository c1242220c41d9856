"""Scores and gains as sentences for the terminal."""

from collections.abc import Mapping
from typing import Any

from pipeline.evaluation.comparison import Comparison
from pipeline.evaluation.metrics import Performance
from pipeline.evaluation.significance import LEAST_FOLDS, POWER, Interval

NO_EFFECT = "No effect shown"


def signed(fraction: float) -> str:
    """Points with a sign: `+1.4`, `−0.8` (a real minus), `0.0`."""
    points = round(100 * fraction, 1)
    return f"{points:+.1f}".replace("-", "−") if points else "0.0"


def signed_range(interval: Interval) -> str:
    """An interval in points: `−0.8 … +1.4`."""
    return f"{signed(interval[0])} … {signed(interval[1])}"


def too_few(number: int, least: int, what: str = "speakers") -> str:
    """`too few speakers (4 of at least 8)`, or an empty string where they are enough."""
    return f"too few {what} ({number} of at least {least})" if number < least else ""


def score_in_words(arm: str, found: Performance, least: int) -> str:
    """UAR of an arm: `none 0.598 UAR, 8 speakers`.

    Args:
        arm: its name
        found: its scores
        least: fewer speakers than this are called too few
    """
    speakers = len(found.speakers)
    words = f"{arm} {found.speakers['uar'].mean():.3f} UAR, {speakers} speaker{'s' if speakers > 1 else ''}"
    return ": ".join(filter(None, [words, too_few(speakers, least)]))


def gain_in_words(arm: str, reference: str, found: Comparison, holm: float | None, least: int) -> str:
    """UAR and its gain: `cyclegan 0.612, none 0.598: no detectable effect: +1.4 points UAR, 95 % interval …`.

    An effect is reported where the interval over speakers excludes zero and p is at most 1 − confidence; in the
    primary family p is Holm's. Where the interval over folds does not exclude zero too, the effect is called not
    significant across folds; too few folds have no interval. With too few speakers only the numbers are given.

    Args:
        arm: its name
        reference: name of the arm that it is compared with
        found: both arms
        holm: adjusted p, for a comparison of the primary family
        least: fewer speakers than this are called too few
    """
    gain, few = found.gains["uar"], too_few(len(found.arm.speakers), least)
    scores = ", ".join(
        f"{name} {performance.speakers['uar'].mean():.3f}"
        for name, performance in ((arm, found.arm), (reference, found.reference))
    )
    points, caution = f"{signed(gain.mean)} points UAR", f": {few}" if few else ""
    if gain.interval is None or gain.p is None or gain.detectable is None:
        return f"{scores}: {points}, one speaker gives no interval{caution}"
    few_folds = too_few(gain.folds.nunique(), LEAST_FOLDS, "folds") if gain.folds is not None else ""
    over_folds = f", {few_folds}" * bool(few_folds)
    effect = "" if few else "no detectable effect: "
    p = gain.p if holm is None else holm
    if not few and _is_effect(gain.interval, p, gain.confidence):
        effect = "gain of " if gain.mean > 0 else "loss of "
        points = points.removeprefix("−")
        if not few_folds and (gain.fold_interval is None or not _excludes_zero(gain.fold_interval)):
            points += ", not significant across folds"
    if gain.fold_interval is not None:
        over_folds = f" (over folds {signed_range(gain.fold_interval)})"
    family = "exploratory" if holm is None else f"{holm:.3f} by Holm"
    return (
        f"{scores}: {effect}{points}, {100 * gain.confidence:g} % interval {signed_range(gain.interval)}{over_folds}, "
        f"{len(gain.values)} speakers, p {gain.p:.3f} ({family}), "
        f"{100 * POWER:g} % power for {100 * gain.detectable:.1f}{caution}"
    )


def answer(summary: Mapping[str, Any]) -> str:
    """The answer of metrics/summary.json in plain sentences, for readers without statistics."""
    uar, speakers = summary["uar"], summary["speakers"]
    compared = f"Scenario {summary['scenario']}, classifier {summary['classifier']}, {speakers} test speakers"
    if "gain" not in uar:
        return f"{compared}: {100 * uar['mean']:.1f} % of each emotion's clips are recognised without augmentation."
    change = "more" if uar["gain"] > 0 else "less"
    found = (
        f"{compared}: with {summary['arm']} {100 * uar['mean']:.1f} % of each emotion's clips are recognised, without "
        f"augmentation {100 * uar['baseline']:.1f} %. That is {abs(100 * uar['gain']):.1f} points {change}."
    )
    if "ci_low" not in uar:
        return f"{found} One speaker gives no interval, so nothing is known of other speakers."
    interval = (uar["ci_low"], uar["ci_high"])
    if not _excludes_zero(interval):
        return f"{found} The interval {signed_range(interval)} includes 0: these data do not show an effect."
    return f"{found} The interval {signed_range(interval)} excludes 0. See the cautions above before you claim it."


def verdict(uar: Mapping[str, float], confidence: float, few: bool, folds: int) -> str:
    """The answer of a gain in UAR in a few words, by the rule of `gain_in_words`.

    Args:
        uar: gain, intervals and p, as in metrics/ser.json
        confidence: of the intervals
        few: whether there are too few speakers
        folds: their number
    """
    if "ci_low" not in uar or "p" not in uar:
        return "One test speaker gives no answer"
    if few:
        return "Too few test speakers for an answer"
    if not _is_effect((uar["ci_low"], uar["ci_high"]), uar.get("p_holm", uar["p"]), confidence):
        return NO_EFFECT
    word = "Gain" if uar["gain"] > 0 else "Loss"
    if "fold_low" in uar and _excludes_zero((uar["fold_low"], uar["fold_high"])):
        return f"{word} shown"
    few_folds = too_few(folds, LEAST_FOLDS, "folds")
    return f"{word} over these speakers, {few_folds or 'not significant across folds'}"


def _is_effect(interval: Interval, p: float, confidence: float) -> bool:
    return _excludes_zero(interval) and p <= 1 - confidence


def _excludes_zero(interval: Interval) -> bool:
    return interval[0] > 0 or interval[1] < 0
