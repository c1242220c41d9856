"""Vocal tract length perturbation (VTLP, Jaitly and Hinton 2013): formants and F0 move, the emotion stays.

The envelope of WORLD is warped, so that formants and F0 move independently of each other.
"""

from dataclasses import replace
from functools import partial
from typing import Annotated, Self

import numpy as np
from pydantic import Field, NonNegativeFloat

from pipeline.core.params import section
from pipeline.generation.perturbation import Plan, Sources
from pipeline.vocoder.features import Features
from pipeline.vocoder.world import World


@section
class VtlpParams:
    """Bounds of the change."""

    formants: Annotated[float, Field(ge=0, lt=1)]  # 0.1: formants move by a factor of at most 1.1, up or down
    semitones: NonNegativeFloat  # by which F0 moves at most, up or down


@section
class Vtlp:
    """The change of one clip."""

    formants: float  # factor; 1.1: higher by a tenth
    semitones: float  # of F0

    @classmethod
    def drawn(cls, params: VtlpParams, seed: int) -> Self:
        """A random change within the bounds, up as often as down."""
        rng = np.random.default_rng(seed)
        most = np.log1p(params.formants)
        formants = float(np.exp(rng.uniform(-most, most)))
        return cls(round(formants, 4), round(float(rng.uniform(-params.semitones, params.semitones)), 4))

    def synthesise(self, features: Features, world: World) -> np.ndarray:
        """Samples (samples,) of the changed clip, as long as its source; what moves beyond the band is lost."""
        f0_hz = features.f0_hz * np.float32(2 ** (self.semitones / 12))
        return world.synthesise(replace(features, f0_hz=f0_hz), self.formants)


SECTIONS = {"vtlp": VtlpParams}


def plan(sources: Sources, params: VtlpParams) -> Plan:
    """Each source with a random change; the vocoder is of kind WORLD."""
    changes = [Vtlp.drawn(params, seed) for seed in sources.seeds]
    world = World(sources.vocoder.world, sources.sampling_rate)
    contents = zip(sources.features, changes, strict=True)
    return Plan(partial(synthesised, world=world), contents, vocoded=True, changes=changes)


def synthesised(content: tuple[Features, Vtlp], source: np.ndarray | None, world: World) -> np.ndarray:
    """Samples (samples,) of a changed clip; the source's samples are not used."""
    features, change = content
    return change.synthesise(features, world)
