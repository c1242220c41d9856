"""Arms: how a classifier's training set is made of real and synthetic clips."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from pipeline.params import section


@dataclass(frozen=True)
class Arm:
    """A way to make a training set; a new one is a new row of `ARMS`."""

    generators: tuple[str, ...]  # folders of data/synthetic/<split> whose clips join the real ones


ARMS: Mapping[str, Arm] = {
    "none": Arm(generators=()),
    "cyclegan": Arm(generators=("cyclegan",)),
    "dcgan": Arm(generators=("dcgan",)),
}

FROM_NOISE = {"dcgan"}  # generators that make all emotions, where others have a folder for each pair


def folders(generator: str, pairs: Sequence[str]) -> Sequence[str]:
    """Of a generator's clips in its folder; each has a table whose `emotions` are its name."""
    return ("all",) if generator in FROM_NOISE else pairs


@section
class MixParams:
    """How synthetic clips join the real ones."""

    ratio: Annotated[float, Field(gt=0)]  # synthetic clips of an emotion to each real one, where there are so many
    weight: Annotated[float, Field(gt=0)]  # of all synthetic clips of an emotion, to that of all its real ones


def extra_clips(synthetic: pd.DataFrame, real: pd.DataFrame, mix: MixParams, seed: int) -> pd.DataFrame:
    """The synthetic clips that join the training set, with their weights.

    Args:
        synthetic: rows of `manifest.SYNTHETIC`; those that are not `selected` stay out
        real: training clips
        mix: how many, and what they count
        seed: of the draw, where there are more than asked for

    Returns:
        rows of `synthetic` and the column `weight`, sorted by id; emotions without a real clip get none
    """
    draw = np.random.default_rng(seed)
    chosen = []
    for emotion, count in real["emotion"].value_counts().sort_index().items():
        candidates = synthetic[synthetic["selected"] & (synthetic["emotion"] == emotion)].sort_values("id")
        wanted = min(len(candidates), round(mix.ratio * count))
        if wanted:
            drawn = candidates.iloc[draw.permutation(len(candidates))[:wanted]]
            chosen.append(drawn.assign(weight=mix.weight * count / wanted))
    if not chosen:
        return synthetic.iloc[:0].assign(weight=0.0)
    return pd.concat(chosen).sort_values("id", ignore_index=True)
