"""Scores of every arm and its gains over the reference arms: as numbers, as tables, as sentences."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import pandas as pd
from pydantic import Field

from pipeline.core.params import section
from pipeline.evaluation import wording
from pipeline.evaluation.comparison import Comparison, gain_in_numbers
from pipeline.evaluation.metrics import Performance
from pipeline.evaluation.significance import holm

BASELINE = "none"
DECIMALS = 6

Key = tuple[str, str, str]  # scenario, classifier and arm
Pair = tuple[str, str, str, str]  # the same, and the reference arm


@section
class PrimaryParams:
    """The primary family: comparisons planned in advance. All others are exploratory."""

    arm: str
    references: tuple[str, ...]
    classifier: str
    scenarios: tuple[str, ...]

    def pairs(self) -> list[Pair]:
        """All planned comparisons, also those without predictions."""
        return [
            (scenario, self.classifier, self.arm, reference)
            for scenario in self.scenarios
            for reference in self.references
        ]


@section
class EvaluateParams:
    """Scenario and classifier of metrics/summary.json, reference arms, and confidence of the intervals."""

    scenario: str
    classifier: str
    confidence: Annotated[float, Field(gt=0, lt=1)]  # of the intervals
    min_speakers: Annotated[int, Field(ge=2)]  # fewer are called too few
    references: tuple[str, ...]  # those that are not among `arms` are left out
    primary: PrimaryParams
    pooled: dict[str, Annotated[tuple[str, ...], Field(min_length=1)]]  # name → scenarios whose scores are averaged


@dataclass(frozen=True, eq=False)
class Results:
    """Scores of all arms, and their comparisons with the reference arms that have predictions."""

    performances: Mapping[Key, Performance]
    references: Sequence[str]
    primary: PrimaryParams
    confidence: float  # of the intervals, 0.95 for 95 %
    min_speakers: int  # fewer are called too few

    def comparison(self, scenario: str, classifier: str, arm: str, reference: str) -> Comparison:
        """An arm and a reference; an arm gains 0 over itself."""
        ours, theirs = (self.performances[scenario, classifier, name] for name in (arm, reference))
        return Comparison(ours, theirs, self.confidence)

    @cached_property
    def comparisons(self) -> dict[Pair, Comparison]:
        """Every arm except the baseline, compared with every reference except itself."""
        return {
            (*key, reference): self.comparison(*key, reference)
            for key in self.performances
            for reference in self.references
            if key[2] not in (reference, BASELINE) and (*key[:2], reference) in self.performances
        }

    @cached_property
    def adjusted(self) -> dict[Pair, float]:
        """Holm's p of the gain in UAR, for the comparisons of the primary family that have predictions."""
        family = [pair for pair in self.primary.pairs() if pair in self.comparisons]
        p_values = {pair: self.comparisons[pair].gains["uar"].p for pair in family}
        known = {pair: p for pair, p in p_values.items() if p is not None}
        return dict(zip(known, holm(list(known.values())).tolist(), strict=True))

    def summary(self, scenario: str, classifier: str, arm: str) -> dict[str, Any]:
        """Numbers of metrics/summary.json, few enough for `dvc metrics diff`; the keys are the same for every arm."""
        headline = self.comparison(scenario, classifier, arm, BASELINE)
        ours, theirs = headline.arm.in_numbers(), headline.reference.in_numbers()
        gain = {key: value for key, value in headline.in_numbers()["uar"].items() if not key.startswith("fold_")}
        scores: dict[str, Any] = {name: {"mean": ours[name]} for name in headline.gains}
        scores["uar"] |= {"baseline": theirs["uar"], **gain}
        return {"speakers": len(headline.arm.speakers), **_rounded({**scores, "ece": ours["ece"]})}

    def in_numbers(self, cautions: Mapping[str, Sequence[str]], **counts: int) -> dict[str, Any]:
        """Content of metrics/ser.json, by scenario, classifier and arm.

        Args:
            cautions: notes on the numbers of a scenario, by scenario
            counts: further numbers, the same for every arm
        """
        nested: dict[str, Any] = {}
        for (scenario, classifier, arm), found in self.performances.items():
            few = wording.too_few(len(found.speakers), self.min_speakers)
            note = "; ".join(filter(None, [few, *cautions.get(scenario, ())]))
            nested.setdefault(scenario, {}).setdefault(classifier, {})[arm] = {
                "speakers": len(found.speakers),
                "clips": found.clips,
                "seeds": found.seeds,
                **counts,
                **({"note": note} if note else {}),
                **_rounded(found.in_numbers()),
                **_rounded({"pooled": found.pooled.to_dict(), "recall": found.recall.to_dict()}),
            }
        for pair, comparison in self.comparisons.items():
            scenario, classifier, arm, reference = pair
            numbers: dict[str, Any] = comparison.in_numbers()
            if pair in self.adjusted:
                numbers["uar"]["p_holm"] = self.adjusted[pair]
            recall = {emotion: gain_in_numbers(gain) for emotion, gain in comparison.recall_gains.items()}
            nested[scenario][classifier][arm].setdefault("over", {})[reference] = {
                "family": "primary" if pair in self.adjusted else "exploratory",
                **_rounded({**numbers, "recall": recall}),
            }
        return nested

    def recalls(self) -> pd.DataFrame:
        """Recall of each emotion, one row an arm and emotion."""
        return _tidy({key: found.recall.to_frame("recall") for key, found in self.performances.items()})

    def speakers(self) -> pd.DataFrame:
        """UAR of each speaker and its gain over the baseline, one row an arm and speaker."""
        gains = {key: self.comparison(*key, BASELINE) for key in self.performances}
        return _tidy(
            {
                key: pd.DataFrame({"uar": found.arm.speakers["uar"], "gain": found.gains["uar"].differences})
                for key, found in gains.items()
            }
        )

    def in_words(self) -> Iterator[tuple[str, str]]:
        """Scenario and classifier, and words on the baseline, and on each other arm beside each reference."""
        for (scenario, classifier, arm), found in self.performances.items():
            if arm == BASELINE:
                yield f"{scenario} {classifier}", wording.score_in_words(arm, found, self.min_speakers)
            for reference in self.references:
                pair = scenario, classifier, arm, reference
                if pair in self.comparisons:
                    words = wording.gain_in_words(
                        arm, reference, self.comparisons[pair], self.adjusted.get(pair), self.min_speakers
                    )
                    yield f"{scenario} {classifier}", words
        planned = len(self.primary.pairs())
        if len(self.adjusted) < planned:
            yield "primary family", f"{len(self.adjusted)} of the {planned} comparisons have predictions"


def _tidy(tables: Mapping[Key, pd.DataFrame]) -> pd.DataFrame:
    stacked = pd.concat(tables, names=["scenario", "classifier", "arm"])
    return (stacked.round(DECIMALS) + 0.0).reset_index()  # + 0.0: no −0


def _rounded(numbers: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _rounded(found) if isinstance(found, Mapping) else round(float(found), DECIMALS) + 0.0
        for name, found in numbers.items()
    }
