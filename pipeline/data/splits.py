"""Partitions of clips into train, valid and test, without common speakers."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from pipeline.core.manifest import NEUTRAL
from pipeline.core.params import section
from pipeline.data.scenarios import Cross, NeutralTarget, Scenario, SplitError, trained, unknown_speakers

Folds = Mapping[int, Sequence[str]]  # fold → test speakers, without the prefix of the corpus

PARTITIONS = ("train", "valid", "test")


@section
class SplitParams:
    """Folds of the corpora, and scenarios of the train partition."""

    n_folds: Annotated[int, Field(ge=4, multiple_of=2)] | Literal["speakers"]  # of corpora without published folds
    sentence_groups: Annotated[int, Field(ge=1)]  # fold n tests only the nth group of sentences; 1: all
    train_only: tuple[str, ...]  # corpora
    scenarios: dict[str, Scenario]


def partitions(
    clips: pd.DataFrame, fold: int, scenario: Scenario, params: SplitParams, published: Mapping[str, Folds]
) -> pd.DataFrame:
    """Partition of each clip of the scenario.

    Each corpus has its own folds. A speaker in no fold is always in train.

    Args:
        clips: manifest of real clips
        fold: its speakers are in test; those of its partner are in valid
        scenario: of the train partition
        params: of the folds
        published: folds of corpora that have published ones

    Returns:
        `id` and `partition`, sorted by id, for any order of `clips`

    Raises:
        SplitError: the fold does not exist, there are fewer speakers than folds, or a partition is empty
    """
    clips = clips.sort_values("id", ignore_index=True)
    absent = set(params.train_only) - set(clips["corpus"])
    if absent:
        raise SplitError(f"train_only: no clip is of {', '.join(sorted(absent))}")
    if isinstance(scenario, Cross):
        split = _crossed(clips, fold, scenario, params)
    elif isinstance(scenario, NeutralTarget):
        split = _neutral_target(clips, fold, scenario, params, published)
    else:
        split = _folded(clips, fold, params, published)
    if params.sentence_groups > 1:
        split = _sentences_apart(split, fold, params.sentence_groups)
    split = trained(split, scenario)
    for part in PARTITIONS:
        if not (split["partition"] == part).any():
            raise SplitError(f"fold {fold} of '{scenario.kind}' has no {part} clip")
    untrained = set(split["emotion"]) - set(split.loc[split["partition"] == "train", "emotion"])
    if untrained:
        raise SplitError(f"fold {fold}: no training clip is {', '.join(sorted(untrained))}, but others are")
    return split[["id", "partition"]].sort_values("id", ignore_index=True)


def speaker_folds(corpus: str, clips: pd.DataFrame, n_folds: int | Literal["speakers"]) -> Folds:
    """Assign the speakers of a corpus to folds, women and men separately, for an equal share in each fold.

    Args:
        corpus: its name
        clips: of that corpus
        n_folds: number of folds; `speakers` for one speaker a fold

    Raises:
        SplitError: there are fewer speakers than folds, or the speakers are unknown
    """
    if unknown_speakers(clips):
        raise SplitError(f"{corpus}: its speakers are unknown, so it can only train; add it to split.train_only")
    gender = clips["gender"].fillna("").groupby(clips["speaker"]).min()
    count = len(gender) if n_folds == "speakers" else n_folds
    if len(gender) < max(count, 3):
        raise SplitError(
            f"{corpus}: has {len(gender)} speakers, expected one or more for each of {max(count, 3)} folds; "
            "with so few it can only train: add it to split.train_only"
        )
    ordered = sorted(gender.index, key=lambda speaker: (gender[speaker], speaker))
    return {fold + 1: [speaker.removeprefix(f"{corpus}_") for speaker in ordered[fold::count]] for fold in range(count)}


def partner(fold: int, n_folds: int) -> int:
    """The fold whose test speakers are in valid: 1↔2, 3↔4, 5↔6; 1 for the last fold of an odd number."""
    return fold - 1 if fold % 2 == 0 else fold + 1 if fold < n_folds else 1


def _folded(clips: pd.DataFrame, fold: int, params: SplitParams, published: Mapping[str, Folds]) -> pd.DataFrame:
    """Clips with their partition; test clips are the same in every scenario."""
    parts = []
    for corpus, own in _by_corpus(clips):
        if corpus in params.train_only:
            parts.append(own.assign(partition="train"))
            continue
        folds = published.get(corpus) or speaker_folds(corpus, own, params.n_folds)
        named = _speakers_of(corpus, fold, folds)
        split = own.assign(partition=own["speaker"].map(_by_speaker(named)).fillna("train"))
        for part in PARTITIONS:
            if not (split["partition"] == part).any():
                wanted = [speaker.removeprefix(f"{corpus}_") for speaker in named.get(part, ())]
                expected = f", expected some of speakers {', '.join(wanted)}" if wanted else ""
                raise SplitError(f"{corpus}: fold {fold} has no {part} clip{expected}")
        parts.append(split)
    if not parts:
        raise SplitError("there are no clips to split")
    return pd.concat(parts, ignore_index=True)


def _crossed(clips: pd.DataFrame, fold: int, scenario: Cross, params: SplitParams) -> pd.DataFrame:
    """Clips of one side are in train and valid, all others in test; a speaker on both sides is only in test."""
    column = "corpus" if scenario.kind == "cross_corpus" else "language"
    for side in (scenario.train, scenario.test):
        for value in side:
            if value not in set(clips[column]):
                known = ", ".join(sorted(clips[column].dropna().unique())) or "none"
                raise SplitError(f"'{scenario.kind}': no clip has {column} '{value}', found {known}")
    if both := set(scenario.train) & set(scenario.test):
        raise SplitError(f"'{scenario.kind}': {', '.join(sorted(both))} is in train and in test")
    test = clips[clips[column].isin(scenario.test)]
    if unknown_speakers(test):
        raise SplitError(f"{', '.join(unknown_speakers(test))}: its speakers are unknown, so it cannot test")
    if barred := set(test["corpus"]) & set(params.train_only):
        raise SplitError(f"'{scenario.kind}' tests {', '.join(sorted(barred))}, which is in split.train_only")
    train = clips[clips[column].isin(scenario.train) & ~clips["speaker"].isin(test["speaker"])]
    parts = [test.assign(partition="test")]
    for corpus, own in _by_corpus(train):
        valid: list[str] = []
        if corpus not in params.train_only:
            valid = _speakers_of(corpus, fold, speaker_folds(corpus, own, params.n_folds))["valid"]
        parts.append(own.assign(partition=np.where(own["speaker"].isin(valid), "valid", "train")))
    return pd.concat(parts, ignore_index=True)


def _neutral_target(
    clips: pd.DataFrame, fold: int, scenario: NeutralTarget, params: SplitParams, published: Mapping[str, Folds]
) -> pd.DataFrame:
    """As across corpora, but test speakers are of one fold, and the other speakers' neutral clips are in train."""
    split = _crossed(clips, fold, Cross("cross_corpus", scenario.train, scenario.test), params)
    is_target = split["partition"] == "test"
    target = _folded(split[is_target], fold, params, published)
    known = target[(target["partition"] != "test") & (target["emotion"] == NEUTRAL)]
    return pd.concat([split[~is_target], known.assign(partition="train"), target[target["partition"] == "test"]])


def _by_corpus(clips: pd.DataFrame) -> Iterable[tuple[str, pd.DataFrame]]:
    return ((corpus, clips[clips["corpus"] == corpus]) for corpus in sorted(clips["corpus"].unique()))


def _speakers_of(corpus: str, fold: int, folds: Folds) -> dict[str, list[str]]:
    """Valid and test speakers of a fold."""
    if fold not in folds:
        raise SplitError(f"{corpus}: has no fold {fold}, expected {min(folds)} to {max(folds)}")
    named = {"valid": folds[partner(fold, len(folds))], "test": folds[fold]}
    return {part: [f"{corpus}_{speaker}" for speaker in speakers] for part, speakers in named.items()}


def _by_speaker(named: Mapping[str, Iterable[str]]) -> dict[str, str]:
    return {speaker: part for part, speakers in named.items() for speaker in speakers}


def _sentences_apart(split: pd.DataFrame, fold: int, groups: int) -> pd.DataFrame:
    """Test clips with sentences of the fold's group; train and valid clips with all other sentences."""
    unknown = split.loc[split["sentence"].isna(), "corpus"].unique()
    if len(unknown):
        raise SplitError(f"split.sentence_groups: {', '.join(sorted(unknown))} has clips without a sentence")
    groups_of: dict[str, int] = {}  # sentence → group, the same in all corpora
    for corpus, own in _by_corpus(split):
        sizes = Counter({group: 0 for group in range(groups)})
        sizes.update(groups_of[sentence] for sentence in set(own["sentence"]) if sentence in groups_of)
        for sentence in sorted(set(own["sentence"]) - set(groups_of)):
            groups_of[sentence] = min(sizes, key=lambda group: (sizes[group], group))
            sizes[groups_of[sentence]] += 1
        if not all(sizes.values()):
            raise SplitError(f"split.sentence_groups: {corpus} has no sentence of its own for each of {groups} groups")
    group = split["sentence"].map(groups_of)
    return split[(group == (fold - 1) % groups) == (split["partition"] == "test")]
