"""Which clips train, which validate, which test. Speakers never cross."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import click
import pandas as pd
from pydantic import Field

from pipeline.params import section

Folds = Mapping[int, Sequence[str]]  # fold → its test speakers, without the corpus's prefix

PARTITIONS = ("train", "valid", "test")


@section
class Full:
    """Train on all that is neither validation nor test."""

    kind: Literal["full"]


# A further kind joins here, `Annotated[Full | LowData, Field(discriminator="kind")]`, and in `_trained`.
Scenario = Full


@section
class SplitParams:
    """How corpora are cut into folds, and what the training partitions are like."""

    n_folds: Annotated[int, Field(ge=4, multiple_of=2)]  # of corpora on whose folds the field has not agreed
    scenarios: dict[str, Scenario]


class SplitError(click.ClickException):
    """The clips cannot be split as asked."""


def partitions(
    clips: pd.DataFrame, fold: int, scenario: Scenario, n_folds: int, agreed: Mapping[str, Folds]
) -> pd.DataFrame:
    """The partition of each clip; clips that the scenario keeps from training are not there.

    Each corpus is cut by its own folds. A speaker whom no fold names trains in all of them.

    Args:
        clips: manifest of real clips
        fold: whose speakers test; those of its partner validate
        scenario: what the training partition is like
        n_folds: how many folds a corpus gets that has none in `agreed`
        agreed: folds on which the field has agreed, of each corpus that has some

    Returns:
        `id` and `partition`, sorted by id, whatever the order of `clips`

    Raises:
        SplitError: no such fold, fewer speakers than folds, or a partition without clips
    """
    parts = []
    for corpus in sorted(clips["corpus"].unique()):
        own = clips[clips["corpus"] == corpus]
        folds = agreed.get(corpus) or speaker_folds(corpus, own, n_folds)
        parts.append(_of_corpus(corpus, own, fold, folds))
    if not parts:
        raise SplitError("there are no clips to split")
    split = pd.concat(parts)
    is_train = split["partition"] == "train"
    train = _trained(split[is_train], scenario)
    untrained = set(split["emotion"]) - set(train["emotion"])
    if untrained:
        raise SplitError(f"fold {fold}: no training clip is {', '.join(sorted(untrained))}, but others are")
    kept = pd.concat([train, split[~is_train]])
    return kept[["id", "partition"]].sort_values("id", ignore_index=True)


def speaker_folds(corpus: str, clips: pd.DataFrame, n_folds: int) -> Folds:
    """Speakers of a corpus dealt out to folds, women and men apart, so that each fold has as many of both.

    Raises:
        SplitError: there are fewer speakers than folds
    """
    gender = clips["gender"].fillna("").groupby(clips["speaker"]).min()
    if len(gender) < n_folds:
        raise SplitError(f"{corpus}: has {len(gender)} speakers, expected one or more for each of {n_folds} folds")
    dealt = sorted(gender.index, key=lambda speaker: (gender[speaker], speaker))
    return {
        fold + 1: [speaker.removeprefix(f"{corpus}_") for speaker in dealt[fold::n_folds]] for fold in range(n_folds)
    }


def partner(fold: int, n_folds: int) -> int:
    """The fold whose test speakers validate: 1↔2, 3↔4, 5↔6; the last of an odd number takes the first."""
    return fold - 1 if fold % 2 == 0 else fold + 1 if fold < n_folds else 1


def _of_corpus(corpus: str, clips: pd.DataFrame, fold: int, folds: Folds) -> pd.DataFrame:
    if fold not in folds:
        raise SplitError(f"{corpus}: has no fold {fold}, expected {min(folds)} to {max(folds)}")
    named = {"valid": folds[partner(fold, len(folds))], "test": folds[fold]}
    partition = {f"{corpus}_{speaker}": part for part, speakers in named.items() for speaker in speakers}
    split = clips.assign(partition=clips["speaker"].map(partition).fillna("train"))
    for part in PARTITIONS:
        if not (split["partition"] == part).any():
            expected = f", expected some of speakers {', '.join(named[part])}" if part in named else ""
            raise SplitError(f"{corpus}: fold {fold} has no {part} clip{expected}")
    return split


def _trained(train: pd.DataFrame, scenario: Scenario) -> pd.DataFrame:
    """Clips that the scenario trains on."""
    match scenario:
        case Full():
            return train
