"""Voices that nobody has: a clip's formants and F0 moved, as by another vocal tract; its emotion stays.

Vocal tract length perturbation (Jaitly and Hinton 2013) of WORLD's envelope, so that pitch can move apart from it.
"""

from dataclasses import replace
from typing import Annotated, Self

import numpy as np
from pydantic import Field, NonNegativeFloat

from pipeline.core.params import section
from pipeline.vocoder.features import Features
from pipeline.vocoder.world import World


@section
class VtlpParams:
    """How far a voice may be from the one that a clip was spoken in."""

    formants: Annotated[float, Field(ge=0, lt=1)]  # 0.1: they move by a factor of at most 1.1 either way
    semitones: NonNegativeFloat  # by which F0 moves at most, either way


@section
class Vtlp:
    """What is done to one clip."""

    formants: float  # 1.1: higher by a tenth
    semitones: float

    @classmethod
    def drawn(cls, params: VtlpParams, seed: int) -> Self:
        """One of the voices that `params` allow, higher as often as lower."""
        draw = np.random.default_rng(seed)
        most = np.log1p(params.formants)
        formants = float(np.exp(draw.uniform(-most, most)))
        return cls(round(formants, 4), round(float(draw.uniform(-params.semitones, params.semitones)), 4))

    def speak(self, features: Features, vocoder: World) -> np.ndarray:
        """Samples (samples,) of a clip in this voice, as long as the clip; what is moved beyond the band is lost."""
        f0_hz = features.f0_hz * np.float32(2 ** (self.semitones / 12))
        return vocoder.synthesise(replace(features, f0_hz=f0_hz), self.formants)
