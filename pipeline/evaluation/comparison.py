"""Gains of one arm over another with the same classifier, and the check that their rows are paired."""

from dataclasses import dataclass
from functools import cached_property

import click
import pandas as pd

from pipeline.evaluation.metrics import Performance
from pipeline.evaluation.significance import Gain

ROW = ["classifier", "seed", "fold", "id"]  # unique in each row
PAIRED = (["classifier"], ["classifier", "seed"], ["speaker"], [*ROW, "speaker", "label"])  # coarse to fine


class ScoringError(click.ClickException):
    """Predictions that cannot be scored or compared."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """An arm and the reference arm that it is compared with, of one classifier; an arm gains 0 over itself."""

    arm: Performance
    reference: Performance
    confidence: float  # of the intervals, 0.95 for 95 %

    @cached_property
    def gains(self) -> dict[str, Gain]:
        """Gain in each of `metrics.SCORES`."""
        return self._gains(self.arm.speakers, self.reference.speakers)

    @cached_property
    def recall_gains(self) -> dict[str, Gain]:
        """Gain in the recall of each emotion."""
        return self._gains(self.arm.recalls, self.reference.recalls)

    def _gains(self, ours: pd.DataFrame, theirs: pd.DataFrame) -> dict[str, Gain]:
        differences = (ours - theirs).dropna(axis="columns", how="all")  # emotions without clips are left out
        return {str(name): Gain(differences[name], self.arm.folds, self.confidence) for name in differences}

    def in_numbers(self) -> dict[str, dict[str, float]]:
        """Gain of each score, its intervals over speakers (`ci_…`) and folds (`fold_…`); for UAR also p and mde.

        Numbers that cannot be computed are left out.
        """
        numbers = {name: gain_in_numbers(gain) for name, gain in self.gains.items()}
        uar_gain = self.gains["uar"]
        if uar_gain.p is not None and uar_gain.detectable is not None:
            numbers["uar"] |= {"p": uar_gain.p, "mde": uar_gain.detectable}
        return numbers


def gain_in_numbers(gain: Gain) -> dict[str, float]:
    """gain, ci_low, ci_high, fold_low and fold_high; intervals that cannot be computed are left out."""
    numbers = {"gain": gain.mean}
    for name, interval in (("ci", gain.interval), ("fold", gain.fold_interval)):
        if interval is not None:
            numbers |= {f"{name}_low": interval[0], f"{name}_high": interval[1]}
    return numbers


def check_paired(arm: pd.DataFrame, baseline: pd.DataFrame) -> None:
    """Check that two arms have rows of the same clips, speakers, classifiers and seeds.

    Raises:
        ScoringError: they do not; the message names the difference
    """
    for frame in (arm, baseline):
        twice = frame.loc[frame.duplicated(ROW), "id"]
        if len(twice):
            raise ScoringError(f"clip '{twice.iloc[0]}' occurs twice for one classifier, seed and fold")
    if arm[PAIRED[-1]].reset_index(drop=True).equals(baseline[PAIRED[-1]].reset_index(drop=True)):
        return  # the usual case; the sets below are slow
    for columns in PAIRED:
        ours, theirs = (set(frame[columns].itertuples(index=False, name=None)) for frame in (arm, baseline))
        if ours != theirs:
            raise ScoringError(
                f"not the same {', '.join(columns)}: "
                f"only in the arm: {_some(ours - theirs)}; only in the baseline: {_some(theirs - ours)}"
            )


def _some(items: set | list) -> str:
    """First three of `items`, and how many more."""
    words = [" ".join(map(str, item)) if isinstance(item, tuple) else str(item) for item in sorted(items)]
    more = f" and {len(words) - 3} more" if len(words) > 3 else ""
    return ", ".join(words[:3]) + more if words else "nothing"
