"""Arms: how real and synthetic clips are combined to a training set."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from pipeline.core.manifest import ENROL, ENROLLED_CLIPS, NEUTRAL, REPEATED
from pipeline.core.params import section


@dataclass(frozen=True)
class Generator:
    """A generator of synthetic clips."""

    wanted_in: str  # list of params.yaml that switches it on
    of_pairs: bool = False  # one folder of clips for each pair; others have one folder for all emotions


ENROLLED = "enrolled_conversion"  # only in scenarios of kind `enrolment`
COPIES = "copy_synthesis"  # the vocoder alone
GENERATORS: Mapping[str, Generator] = {
    "cyclegan": Generator("conversions", of_pairs=True),
    "statistics": Generator("conversions", of_pairs=True),  # without the network: mean and variance are converted
    "f0_only": Generator("conversions", of_pairs=True),  # with the clip's own spectrum
    "classical": Generator("perturbations"),
    COPIES: Generator("perturbations"),
    "vtlp": Generator("perturbations"),
    "speaker_conversion": Generator("perturbations"),
    ENROLLED: Generator("perturbations"),
    "dcgan": Generator("dcgan_scenarios"),
}
# Generators that are fitted within the stage that generates, so without a model, and partitions that they are fitted on
FITTED = {"speaker_conversion": ("train",), ENROLLED: ("train", ENROL)}


@dataclass(frozen=True)
class Arm:
    """A kind of training set; a new one is a new row of `ARMS`."""

    generators: tuple[str, ...]  # of `GENERATORS`, or one of `REPEATS`; each gives the same number of clips
    shuffled: bool = False  # the emotions of the extra clips are permuted among them
    voice: Literal["own", "other", None] = None  # one classifier a person: with clips in the own or in another voice
    complete: bool = False  # without the real clips of train speakers who have neutral clips alone


ARMS: Mapping[str, Arm] = {
    "none": Arm(()),
    "classical": Arm(("classical",)),
    "vtlp": Arm(("vtlp",)),
    "speaker_conversion": Arm(("speaker_conversion",)),
    ENROLLED: Arm((ENROLLED,)),
    "personal_conversion": Arm((ENROLLED,), voice="own"),
    "personal_clips": Arm((ENROLLED_CLIPS,), voice="own"),
    "complete_speakers": Arm((), complete=True),
    "complete+speaker_conversion": Arm(("speaker_conversion",), complete=True),
    "speaker_conversion+vtlp": Arm(("speaker_conversion", "vtlp")),
    "cyclegan": Arm(("cyclegan",)),
    "cyclegan+classical": Arm(("cyclegan", "classical")),
    "cyclegan+speaker_conversion": Arm(("cyclegan", "speaker_conversion")),
    "dcgan": Arm(("dcgan",)),
    # Controls: repeated real clips, the enrolled clips themselves, the voice of another enrolled person of the same
    # gender, the vocoder alone, conversion without the network, without any change of the spectrum, and with permuted
    # labels
    "oversample": Arm((REPEATED,)),
    ENROLLED_CLIPS: Arm((ENROLLED_CLIPS,)),
    "other_person": Arm((ENROLLED,), voice="other"),
    "copy_synthesis": Arm((COPIES,)),
    "statistics": Arm(("statistics",)),
    "f0_only": Arm(("f0_only",)),
    "shuffled_labels": Arm(("cyclegan",), shuffled=True),
}


def needs_enrolment(arm: str) -> bool:
    """Whether an arm exists only in scenarios of kind `enrolment`."""
    return bool({ENROLLED, ENROLLED_CLIPS} & {*ARMS[arm].generators})


def folders(generator: str, pairs: Sequence[str]) -> Sequence[str]:
    """Subfolders of a generator's clips; the table in each has the folder's name as its `emotions`."""
    return pairs if GENERATORS[generator].of_pairs else ("all",)


@section
class MixParams:
    """How synthetic clips join the real ones."""

    ratio: Annotated[float, Field(gt=0)]  # synthetic clips of an emotion for each real one, as far as they suffice
    weight: Annotated[float, Field(gt=0)]  # of the synthetic clips of an emotion, relative to the real ones they match
    balance: bool  # fill emotions up to the number of real clips of the most frequent one; ratio is ignored
    towards: tuple[str, ...]  # emotions that get synthetic clips; none named: all


def extra_clips(synthetic: pd.DataFrame, real: pd.DataFrame, mix: MixParams, seed: int) -> pd.DataFrame:
    """The synthetic clips that join the training set, with their weights.

    Args:
        synthetic: rows of `manifest.SYNTHETIC`; those that are not `selected` are left out
        real: training clips
        mix: their number and weight
        seed: of the draw, where there are more than needed

    Returns:
        rows of `synthetic` and the column `weight`, sorted by id; generators share the number
        of an emotion equally, as far as their clips suffice; emotions without a real clip get none
    """
    draw = np.random.default_rng(seed)
    generators = sorted(synthetic["generator"].unique())
    counts = real["emotion"].value_counts().sort_index()
    chosen = [synthetic.iloc[:0].assign(weight=0.0)]
    for (emotion, count), number in zip(counts.items(), needed(counts, mix), strict=True):
        matched = number if mix.balance else count  # real clips that they match in weight
        candidates = synthetic[synthetic["selected"] & (synthetic["emotion"] == emotion)].sort_values("id")
        drawn = []
        for place, generator in enumerate(generators):
            own = candidates[candidates["generator"] == generator]
            share = (number + place) // len(generators)  # the shares add up to `number`
            drawn.append(own.iloc[draw.permutation(len(own))[:share]])
        found = pd.concat(drawn) if drawn else candidates
        if len(found) and (not mix.towards or emotion in mix.towards):
            chosen.append(found.assign(weight=mix.weight * matched / len(found)))
    return pd.concat(chosen).sort_values("id", ignore_index=True)


def of_complete_speakers(real: pd.DataFrame) -> "pd.Series[bool]":
    """Which clips are of speakers who have other than neutral clips among them."""
    return real["speaker"].isin(set(real.loc[real["emotion"] != NEUTRAL, "speaker"]))


def needed(counts: pd.Series, mix: MixParams) -> pd.Series:
    """Number of synthetic clips of each emotion, from the counts of real ones."""
    return counts.max() - counts if mix.balance else (mix.ratio * counts).round().astype(int)


def repeated(real: pd.DataFrame, split: str, mix: MixParams) -> pd.DataFrame:
    """Copies of the real clips, enough for the emotion that needs most; rows of `manifest.SYNTHETIC`."""
    counts = real["emotion"].value_counts()
    return copied(real, split, REPEATED, int(np.ceil((needed(counts, mix) / counts).max())))


def copied(real: pd.DataFrame, split: str, generator: str, times: int) -> pd.DataFrame:
    """Rows of `manifest.SYNTHETIC` that repeat each real clip.

    Args:
        real: clips
        split: name of the split
        generator: one of `REPEATS`
        times: rows of each clip
    """
    source = real.assign(
        is_synthetic=True,
        source_id=real["id"],
        source_emotion=real["emotion"],
        generator=generator,
        generator_sha256=generator,
        selected=True,
        split=split,
    )
    copies = source.merge(pd.Series(range(1, times + 1), name="number"), how="cross")
    copies["id"] = f"{split}/{generator}/" + copies["id"] + "/" + copies.pop("number").astype(str)
    return copies


def for_persons(synthetic: pd.DataFrame, enrolled: pd.DataFrame, voice: Literal["own", "other"]) -> pd.DataFrame:
    """Synthetic clips with the column `person`: the enrolled speaker whose classifier alone learns from a clip.

    Args:
        synthetic: clips in the voice of one enrolled speaker each
        enrolled: clips of the partition `enrol`
        voice: clips in the person's own voice, or in that of the next person: of the same gender, or of any gender
            where a person is the only one of a gender. A voice may serve two persons then.
    """
    genders = enrolled.groupby("speaker")["gender"].first().fillna("")
    targets = synthetic["parameters"].map(lambda text: next(iter(json.loads(text)["targets"])))
    parts = []
    for person in genders.index:
        alike = [name for name in genders.index if genders[name] == genders[person]]
        known = alike if len(alike) > 1 else list(genders.index)
        used = person if voice == "own" else known[(known.index(person) + 1) % len(known)]
        parts.append(synthetic[targets == used].assign(person=person))
    return pd.concat(parts)


def shuffled(extra: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Extra clips with their emotions permuted among them, together with the weights."""
    order = np.random.default_rng(seed).permutation(len(extra))
    return extra.assign(**{name: extra[name].to_numpy()[order] for name in ("emotion", "weight")})
