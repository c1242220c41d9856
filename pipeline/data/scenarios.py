"""Training conditions: which clips of the train and valid speakers a scenario keeps."""

from typing import Annotated, Literal

import click
import numpy as np
import pandas as pd
from pydantic import Field

from pipeline.core.manifest import ENROL, NEUTRAL, UNKNOWN_SPEAKER
from pipeline.core.params import section

Share = Annotated[float, Field(gt=0, le=1)]


@section
class Full:
    """All clips that are neither in valid nor in test are in train."""

    kind: Literal["full"]


@section
class LowData:
    """Fewer speakers in train and valid; those of a smaller share are a subset of those of a larger one."""

    kind: Literal["low_data"]
    share: Share
    seed: int


@section
class NeutralOnly:
    """Few train speakers have all emotions; the others have only neutral clips."""

    kind: Literal["neutral_only"]
    complete_speakers: Annotated[int, Field(ge=1)]
    seed: int


@section
class Imbalanced:
    """Some emotions have only a share of their train clips, balanced over speakers."""

    kind: Literal["imbalanced"]
    keep: dict[str, Share]  # emotion → share
    seed: int


@section
class Enrolment:
    """A few neutral clips of each valid and test speaker are known, and not scored."""

    kind: Literal["enrolment"]
    clips: Annotated[int, Field(ge=1)]  # of each speaker, at most; half of the neutral clips stay to be scored
    share: Share  # of the train and valid speakers, as in `LowData`
    seed: int


@section
class Cross:
    """Train on some corpora or languages, test on all speakers of others; the fold selects the valid speakers."""

    kind: Literal["cross_corpus", "cross_language"]
    train: tuple[str, ...]
    test: tuple[str, ...]


@section
class NeutralTarget:
    """Train on some corpora and on the neutral clips of other corpora, whose test speakers are in disjoint folds."""

    kind: Literal["neutral_target"]
    train: tuple[str, ...]  # corpora with clips of all emotions
    test: tuple[str, ...]  # corpora to test; their other speakers train with neutral clips alone


# Add another kind here, and in `trained` below or in `splits.partitions`.
Scenario = Annotated[
    Full | LowData | NeutralOnly | Imbalanced | Enrolment | Cross | NeutralTarget, Field(discriminator="kind")
]


class SplitError(click.ClickException):
    """The clips cannot be split by the parameters."""


def trained(split: pd.DataFrame, scenario: Scenario) -> pd.DataFrame:
    """Apply the scenario to the train and valid clips.

    Args:
        split: clips with `partition`: train, valid or test
        scenario: its kind may select speakers or emotions

    Returns:
        The clips that stay, with the test clips as they are; `enrolment` moves some clips to the partition `enrol`

    Raises:
        SplitError: speakers are unknown, or there are too few speakers or clips
    """
    is_train = split["partition"] == "train"
    match scenario:
        case LowData() | NeutralOnly() | Enrolment() if unknown_speakers(split[is_train]):
            raise SplitError(
                f"'{scenario.kind}' selects speakers, but those of {', '.join(unknown_speakers(split[is_train]))} are "
                "unknown"
            )
        case LowData():
            return _fewer_speakers(split, scenario.share, scenario.seed)
        case Enrolment():
            return _enrolled(_fewer_speakers(split, scenario.share, scenario.seed), scenario)
        case NeutralOnly():
            speakers = _shuffled_speakers(split[is_train], scenario.seed)
            if len(speakers) < scenario.complete_speakers:
                raise SplitError(
                    f"complete_speakers is {scenario.complete_speakers}, but train has only {len(speakers)} speakers"
                )
            complete = split["speaker"].isin(speakers[: scenario.complete_speakers])
            return split[~is_train | complete | (split["emotion"] == NEUTRAL)]
        case Imbalanced():
            unknown = set(scenario.keep) - set(split["emotion"])
            if unknown:
                raise SplitError(f"'imbalanced' keeps a share of {', '.join(sorted(unknown))}, but no clip has it")
            dropped = [
                row
                for emotion, share in scenario.keep.items()
                for row in _thinned_out(split[is_train & (split["emotion"] == emotion)], share, scenario.seed)
            ]
            return split.drop(index=dropped)
        case _:
            return split


def _fewer_speakers(split: pd.DataFrame, share: float, seed: int) -> pd.DataFrame:
    """All test clips, and the clips of a share of the other speakers."""
    chosen: list[str] = []
    for _, own in split[split["partition"] != "test"].groupby(["corpus", "partition"]):
        speakers = _shuffled_speakers(own, seed)
        chosen += speakers[: max(1, round(share * len(speakers)))]
    return split[(split["partition"] == "test") | split["speaker"].isin(chosen)]


def _enrolled(split: pd.DataFrame, scenario: Enrolment) -> pd.DataFrame:
    """Move neutral clips of each valid and test speaker to `enrol`.

    They are of few sentences. The speaker's other clips of these sentences are left out where that leaves three
    quarters of the clips.
    """
    rng = np.random.default_rng(scenario.seed)
    parts = [split[split["partition"] == "train"]]
    for speaker, own in split[split["partition"] != "train"].groupby("speaker"):
        neutral = own[own["emotion"] == NEUTRAL]
        if len(neutral) < 2:
            raise SplitError(f"'enrolment': {speaker} has {len(neutral)} neutral clips, expected 2 or more")
        sentences = neutral["sentence"].fillna("")
        order = {sentence: rng.uniform() for sentence in sorted(set(sentences))}
        ranked = neutral.assign(order=sentences.map(order), turn=rng.permutation(len(neutral)))
        ids = ranked.sort_values(["order", "turn"])["id"].head(min(scenario.clips, len(neutral) // 2))
        enrolled, rest = own[own["id"].isin(ids)], own[~own["id"].isin(ids)]
        apart = rest[~rest["sentence"].isin(enrolled["sentence"].dropna())]
        parts += [enrolled.assign(partition=ENROL), apart if len(apart) >= 0.75 * len(rest) else rest]
    return pd.concat(parts)


def _shuffled_speakers(clips: pd.DataFrame, seed: int) -> list[str]:
    """Speakers in random order, with corpora and genders alternating."""
    known = clips.drop_duplicates("speaker").sort_values("speaker")
    order = np.random.default_rng(seed).permutation(len(known))
    known = known.iloc[order].assign(gender=known["gender"].fillna(""))
    turn = known.groupby(["corpus", "gender"]).cumcount()
    return list(known.assign(turn=turn).sort_values(["turn", "corpus", "gender"])["speaker"])


def _thinned_out(clips: pd.DataFrame, share: float, seed: int) -> list[int]:
    """Rows to remove, so that a share of the clips stays (at least one), balanced over speakers."""
    shuffled = clips.iloc[np.random.default_rng(seed).permutation(len(clips))]
    turn = shuffled.groupby("speaker").cumcount()
    order = shuffled.assign(turn=turn).sort_values("turn", kind="stable")
    return list(order.index[max(1, round(share * len(order))) :])


def unknown_speakers(clips: pd.DataFrame) -> list[str]:
    """Corpora with unknown speakers."""
    unknown = clips["speaker"] == clips["corpus"] + f"_{UNKNOWN_SPEAKER}"
    return sorted(clips.loc[unknown, "corpus"].unique())
