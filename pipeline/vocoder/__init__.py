"""Waveform ↔ features, one module a vocoder, all with the interface of `Vocoder`."""

from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from pipeline.core.params import section
from pipeline.core.shards import Storage
from pipeline.vocoder.features import Features
from pipeline.vocoder.mel import Mel, MelParams
from pipeline.vocoder.world import World, WorldParams

ISTFT = "istft"  # the vocoder that is a network

__all__ = ["Features", "Vocoder", "VocoderParams", "vocoder"]


@section
class VocoderParams:
    """Which vocoder, and the parameters of each."""

    kind: Literal["world", "mel"]
    storage: Storage  # of the spectra of real clips
    world: WorldParams
    mel: MelParams

    @property
    def learns(self) -> bool:
        """Whether it needs to be trained."""
        return self.kind == "mel" and self.mel.inversion == ISTFT

    @property
    def analysis(self) -> dict[str, object]:
        """What the features of a clip depend on."""
        own: dict[str, object] = {"kind": self.kind, "storage": self.storage, "world": asdict(self.world)}
        if self.kind == "mel":
            own |= {"n_mels": self.mel.n_mels, "frame_ms": self.mel.frame_ms, "window_ms": self.mel.window_ms}
        return own

    def model(self, folder: Path) -> Path | None:
        """The network of a split, in the folder of its trained vocoders; None where there is nothing to learn."""
        return folder / ISTFT if self.learns else None

    def unlisted(self, vocoders: Collection[str]) -> str:
        """What is wrong with `vocoders` of params.yaml; empty where nothing is."""
        expected = [ISTFT] if self.learns else []
        if list(vocoders) == expected:
            return ""
        asked = f"vocoder.kind: {self.kind}" + f", mel.inversion: {self.mel.inversion}" * (self.kind == "mel")
        return f"'vocoders' is {list(vocoders)}, expected {expected} with '{asked}'"

    def params_error(self, f0: str) -> str:
        """Why F0 cannot be converted as `prosody.f0` says; empty where it can."""
        if self.kind != "mel" or f0 == "none":
            return ""
        return f"'prosody.f0' is '{f0}', but with 'vocoder.kind' mel F0 is part of the spectrum; expected 'none'"

    def vtlp_error(self) -> str:
        """Why `vtlp` is not possible; empty if it is."""
        if self.kind == "world":
            return ""
        return f"'vocoder.kind' is '{self.kind}', but 'vtlp' moves the envelope independently of F0; expected 'world'"


class Vocoder(Protocol):
    """Analysis and synthesis; an object of plain numbers, so that it can be sent to another process."""

    def analyse(self, samples: np.ndarray, aperiodicity: bool = True) -> Features:
        """Features of a prepared clip (samples,); aperiodicity, which takes long, can be left out: (frames, 0)."""
        ...

    def synthesise(self, features: Features) -> np.ndarray:
        """Samples of shape (samples,), from features."""
        ...


def vocoder(params: VocoderParams, sampling_rate: int, model: Path | None = None) -> Vocoder:
    """The vocoder that params.yaml names.

    Args:
        params: which one
        sampling_rate: [Hz]
        model: folder of what `train_vocoder` made; without it, a vocoder that learns can analyse, not synthesise
    """
    match params.kind:
        case "world":
            return World(params.world, sampling_rate)
        case "mel":
            return Mel(params.mel, sampling_rate, params.world, model)
