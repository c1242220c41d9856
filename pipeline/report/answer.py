"""The first screen of the report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.core.manifest import ENROL
from pipeline.evaluation import wording
from pipeline.evaluation.results import BASELINE
from pipeline.evaluation.wording import signed
from pipeline.report import words
from pipeline.report.page import number
from pipeline.report.run import Run


@dataclass(frozen=True)
class Answer:
    """The first screen."""

    verdict: str
    sentence: str
    caution: str
    facts: Sequence[tuple[str, str]]


def answer(run: Run) -> Answer:
    """Whether the headline arm helps, in one plain sentence."""
    summary, found = run.summary, run.of_headline[run.summary["arm"]]
    arm, uar = summary["arm"], found.get("over", {}).get(BASELINE, {}).get("uar", {})
    baseline = 100 * run.of_headline[BASELINE]["uar"]
    few = summary["speakers"] < run.evaluate.min_speakers
    alone = (
        f"On average over emotions, a classifier recognises {baseline:.1f} % of the test clips if it learns from real "
        "clips alone"
    )
    if not uar:
        verdict, sentence = "No augmentation is compared", f"{alone}."
    else:
        verdict = wording.verdict(uar, run.evaluate.confidence, few, len(run.folds))
        sentence = (
            f"{alone}, and {100 * found['uar']:.1f} % if clips of “{arm}” are added: "
            f"a difference of {signed(uar['gain'])} percentage points{interval(uar, run.evaluate.confidence, verdict)}."
        )
    partitions = run.plot("analyse/partition_counts")
    is_enrolled = (partitions["split"].eq(run.split) & partitions["partition"].eq(ENROL)).any()
    known = "a few neutral clips of each are known" if is_enrolled else "none of them in training"
    facts = [
        ("Measure", "unweighted average recall (UAR): share of clips recognised, averaged over emotions and speakers"),
        ("Corpora", ", ".join(run.corpus["corpora"])),
        ("Test speakers", f"{summary['speakers']}; {known}"),
        ("Added clips", f"{arm}: {words.ARMS.get(arm, '')}"),
        ("Classifier", f"{summary['classifier']}; training runs averaged: {number(found['seeds'])}"),
        ("Scenario", f"{summary['scenario']}, fold{'s' * (len(run.folds) > 1)} {', '.join(map(str, run.folds))}"),
    ]
    return Answer(verdict, sentence, found.get("note", ""), facts)


def interval(uar: Mapping[str, float], confidence: float, verdict: str) -> str:
    """The interval of a gain in words, and whether chance may explain the gain; empty where there is no interval.

    Args:
        uar: gain and its interval, as in metrics/ser.json
        confidence: of the interval
        verdict: of `wording.verdict`
    """
    if "ci_low" not in uar:
        return ""
    low, high = uar["ci_low"], uar["ci_high"]
    is_chance = low <= 0 <= high or verdict == wording.NO_EFFECT
    words = f" ({100 * confidence:g} % interval {signed(low)} to {signed(high)})"
    return words + ", which may be chance" * is_chance
