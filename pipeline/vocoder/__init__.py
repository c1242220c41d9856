"""Waveform ↔ features, one module a vocoder, all with the interface of `Vocoder`."""

from typing import Literal, Protocol

import numpy as np

from pipeline.params import section
from pipeline.vocoder.features import Features
from pipeline.vocoder.world import World, WorldParams

__all__ = ["Features", "Vocoder", "VocoderParams", "vocoder"]


@section
class VocoderParams:
    """Which vocoder, and the parameters of each."""

    kind: Literal["world"]
    world: WorldParams


class Vocoder(Protocol):
    """Analysis and synthesis; an object of plain numbers, so that it can be sent to another process."""

    def analyse(self, samples: np.ndarray) -> Features:
        """Features of a prepared clip, samples of shape (samples,)."""
        ...

    def synthesise(self, features: Features) -> np.ndarray:
        """Samples of shape (samples,), from features."""
        ...


def vocoder(params: VocoderParams, sampling_rate: int) -> Vocoder:
    """The vocoder that params.yaml names, at a sampling rate [Hz]."""
    match params.kind:
        case "world":
            return World(params.world, sampling_rate)
