"""Partitions of clips into train, valid and test, without common speakers."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal

import click
import numpy as np
import pandas as pd
from pydantic import Field

from pipeline.core.manifest import ENROL, NEUTRAL, UNKNOWN_SPEAKER
from pipeline.core.params import section

Folds = Mapping[int, Sequence[str]]  # fold → test speakers, without the prefix of the corpus
Share = Annotated[float, Field(gt=0, le=1)]

PARTITIONS = ("train", "valid", "test")


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


# Add another kind here and in `partitions` or `_trained`.
Scenario = Annotated[
    Full | LowData | NeutralOnly | Imbalanced | Enrolment | Cross | NeutralTarget, Field(discriminator="kind")
]


@section
class SplitParams:
    """Folds of the corpora, and scenarios of the train partition."""

    n_folds: Annotated[int, Field(ge=4, multiple_of=2)] | Literal["speakers"]  # of corpora without published folds
    sentence_groups: Annotated[int, Field(ge=1)]  # fold n tests only the nth group of sentences; 1: all
    train_only: tuple[str, ...]  # corpora
    scenarios: dict[str, Scenario]


class SplitError(click.ClickException):
    """The clips cannot be split by the parameters."""


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
    split = _trained(split, scenario)
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
    if _unknown_speakers(clips):
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
    if _unknown_speakers(test):
        raise SplitError(f"{', '.join(_unknown_speakers(test))}: its speakers are unknown, so it cannot test")
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


def _unknown_speakers(clips: pd.DataFrame) -> list[str]:
    """Corpora with unknown speakers."""
    unknown = clips["speaker"] == clips["corpus"] + f"_{UNKNOWN_SPEAKER}"
    return sorted(clips.loc[unknown, "corpus"].unique())


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


def _trained(split: pd.DataFrame, scenario: Scenario) -> pd.DataFrame:
    """Apply the scenario to the train and valid clips."""
    is_train = split["partition"] == "train"
    match scenario:
        case LowData() | NeutralOnly() | Enrolment() if _unknown_speakers(split[is_train]):
            raise SplitError(
                f"'{scenario.kind}' selects speakers, but those of {', '.join(_unknown_speakers(split[is_train]))} are "
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
