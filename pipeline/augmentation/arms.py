"""Arms: how a classifier's training set is made of real and synthetic clips."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from pipeline.core.manifest import REPEATED
from pipeline.core.params import section


@dataclass(frozen=True)
class Generator:
    """What makes synthetic clips."""

    wanted_in: str  # list of params.yaml that has it made
    of_pairs: bool = False  # a folder for each pair, where others have one of all emotions
    learns: bool = True  # whether it has a model, which says what it was trained on; the guard asks it


COPIES = "copy_synthesis"  # the vocoder alone
GENERATORS: Mapping[str, Generator] = {
    "cyclegan": Generator("conversions", of_pairs=True),
    "statistics": Generator("conversions", of_pairs=True),  # the same without the network: mean and variance are moved
    "f0_only": Generator("conversions", of_pairs=True),  # the same with the clip's own spectrum
    "classical": Generator("perturbations", learns=False),
    COPIES: Generator("perturbations", learns=False),
    "vtlp": Generator("perturbations", learns=False),
    "dcgan": Generator("dcgan_scenarios"),
}
LEARNS_NOTHING = {REPEATED, *(name for name, generator in GENERATORS.items() if not generator.learns)}


@dataclass(frozen=True)
class Arm:
    """A way to make a training set; a new one is a new row of `ARMS`."""

    generators: tuple[str, ...]  # of `GENERATORS`, or `REPEATED`; of the extra clips, each gives as many
    shuffled: bool = False  # whether the extra clips' emotions are dealt anew among them


ARMS: Mapping[str, Arm] = {
    "none": Arm(()),
    "classical": Arm(("classical",)),
    "vtlp": Arm(("vtlp",)),
    "cyclegan": Arm(("cyclegan",)),
    "cyclegan+classical": Arm(("cyclegan", "classical")),
    "dcgan": Arm(("dcgan",)),
    # Controls: what is gained by more of the same clips, by the vocoder alone, without the networks, without any change
    # of the spectrum, and without sense
    "oversample": Arm((REPEATED,)),
    "copy_synthesis": Arm((COPIES,)),
    "statistics": Arm(("statistics",)),
    "f0_only": Arm(("f0_only",)),
    "shuffled_labels": Arm(("cyclegan",), shuffled=True),
}


def converts(arm: str) -> bool:
    """Whether an arm has clips that were converted from another emotion."""
    return any(GENERATORS[name].of_pairs for name in ARMS[arm].generators if name in GENERATORS)


def folders(generator: str, pairs: Sequence[str]) -> Sequence[str]:
    """Of a generator's clips in its folder; each has a table whose `emotions` are its name."""
    return pairs if GENERATORS[generator].of_pairs else ("all",)


@section
class MixParams:
    """How synthetic clips join the real ones."""

    ratio: Annotated[float, Field(gt=0)]  # synthetic clips of an emotion to each real one, where there are so many
    weight: Annotated[float, Field(gt=0)]  # of all synthetic clips of an emotion, to that of the real ones they match
    balance: bool  # only as many as an emotion has fewer real clips than the most frequent one, whatever the ratio
    towards: tuple[str, ...]  # emotions that get synthetic clips; none named: all


def extra_clips(synthetic: pd.DataFrame, real: pd.DataFrame, mix: MixParams, seed: int) -> pd.DataFrame:
    """The synthetic clips that join the training set, with their weights.

    Args:
        synthetic: rows of `manifest.SYNTHETIC`; those that are not `selected` stay out
        real: training clips
        mix: how many, and what they count
        seed: of the draw, where there are more than asked for

    Returns:
        rows of `synthetic` and the column `weight`, sorted by id; of an emotion, each generator gives as many as the
        others where it has them; emotions without a real clip get none
    """
    draw = np.random.default_rng(seed)
    generators = sorted(synthetic["generator"].unique())
    counts = real["emotion"].value_counts().sort_index()
    chosen = [synthetic.iloc[:0].assign(weight=0.0)]
    for (emotion, count), asked in zip(counts.items(), wanted(counts, mix), strict=True):
        matched = asked if mix.balance else count  # real clips whose weight they have together
        candidates = synthetic[synthetic["selected"] & (synthetic["emotion"] == emotion)].sort_values("id")
        drawn = []
        for number, generator in enumerate(generators):
            own = candidates[candidates["generator"] == generator]
            share = (asked + number) // len(generators)  # they add up to what is asked
            drawn.append(own.iloc[draw.permutation(len(own))[:share]])
        found = pd.concat(drawn) if drawn else candidates
        if len(found) and (not mix.towards or emotion in mix.towards):
            chosen.append(found.assign(weight=mix.weight * matched / len(found)))
    return pd.concat(chosen).sort_values("id", ignore_index=True)


def wanted(counts: pd.Series, mix: MixParams) -> pd.Series:
    """How many synthetic clips of each emotion are asked for, by how many real ones there are."""
    return counts.max() - counts if mix.balance else (mix.ratio * counts).round().astype(int)


def repeated(real: pd.DataFrame, split: str, mix: MixParams) -> pd.DataFrame:
    """Real clips once more, or as often as the emotion that needs it most asks for; rows of `manifest.SYNTHETIC`."""
    counts = real["emotion"].value_counts()
    source = real.assign(
        is_synthetic=True,
        source_id=real["id"],
        source_emotion=real["emotion"],
        generator=REPEATED,
        generator_sha256=REPEATED,
        selected=True,
        split=split,
    )
    times = int(np.ceil((wanted(counts, mix) / counts).max()))
    copies = source.merge(pd.Series(range(1, times + 1), name="number"), how="cross")
    copies["id"] = f"{split}/{REPEATED}/" + copies["id"] + "/" + copies.pop("number").astype(str)
    return copies


def shuffled(extra: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The emotions of extra clips dealt anew among them, each with the weight that its clips have."""
    dealt = np.random.default_rng(seed).permutation(len(extra))
    return extra.assign(**{name: extra[name].to_numpy()[dealt] for name in ("emotion", "weight")})
