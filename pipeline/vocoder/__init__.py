"""Waveform ↔ features, one module a vocoder, all with the interface of `Vocoder`."""

from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from pipeline.audio.acoustics import FrontEnd
from pipeline.core.params import section
from pipeline.core.shards import Storage
from pipeline.vocoder.features import Features
from pipeline.vocoder.mel import Mel, MelParams
from pipeline.vocoder.world import World, WorldParams

ISTFT = "istft"  # the vocoder that is a network
# Generators that change the envelope independently of F0
NEEDS_WORLD = ("enrolled_conversion", "speaker_conversion", "vtlp")

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
        """Whether the vocoder has to be trained."""
        return self.kind == "mel" and self.mel.inversion == ISTFT

    @property
    def analysis(self) -> dict[str, object]:
        """Parameters that determine the features of a clip."""
        own: dict[str, object] = {"kind": self.kind, "storage": self.storage, "world": asdict(self.world)}
        if self.kind == "mel":
            own |= {"n_mels": self.mel.n_mels, "frame_ms": self.mel.frame_ms, "window_ms": self.mel.window_ms}
        return own

    def of_front_end(self, front_end: FrontEnd) -> dict[str, Any]:
        """Parameters, as in params.yaml, that determine the classifiers' features of a real clip."""
        own: dict[str, Any] = {"kind": self.kind}
        world, mel = asdict(self.world), asdict(self.mel)
        if front_end == FrontEnd.VOCODED:
            own["storage"] = self.storage
            del mel["istft"]  # `front_end_error`
        else:  # F0 alone
            world = {name: world[name] for name in ("frame_ms", "f0", "f0_floor_hz", "f0_ceil_hz")}
            mel = {"frame_ms": mel["frame_ms"]}
        return own | {"world": world} | ({"mel": mel} if self.kind == "mel" else {})

    def model(self, folder: Path) -> Path | None:
        """Folder of the network, inside the folder of a split's vocoders; None if there is nothing to train."""
        return folder / ISTFT if self.learns else None

    def unlisted(self, vocoders: Collection[str]) -> str:
        """Error in `vocoders` of params.yaml; empty if there is none."""
        expected = [ISTFT] if self.learns else []
        if list(vocoders) == expected:
            return ""
        where = f"vocoder.kind: {self.kind}" + f", mel.inversion: {self.mel.inversion}" * (self.kind == "mel")
        return f"'vocoders' is {list(vocoders)}, expected {expected} with '{where}'"

    def params_error(self, f0: str) -> str:
        """Error if F0 cannot be converted by `prosody.f0`; empty if it can."""
        if self.kind != "mel" or f0 == "none":
            return ""
        return f"'prosody.f0' is '{f0}', but with 'vocoder.kind' mel F0 is part of the spectrum; expected 'none'"

    def world_error(self, generator: str) -> str:
        """Why a generator is not possible; empty if it is."""
        if self.kind == "world" or generator not in NEEDS_WORLD:
            return ""
        return f"'vocoder.kind' is '{self.kind}', but '{generator}' needs an envelope without F0; expected 'world'"

    def front_end_error(self, front_end: FrontEnd) -> str:
        """Why real clips cannot pass the vocoder; empty if they can, or need not."""
        if front_end != FrontEnd.VOCODED or not self.learns:
            return ""
        return (
            "'classify.front_end' is 'vocoded', but 'vocoder.mel.inversion' is 'istft', trained for each split; "
            "expected 'natural', or a vocoder that is not trained"
        )


class Vocoder(Protocol):
    """Analysis and synthesis; picklable, for other processes."""

    @property
    def frame_ms(self) -> float:
        """From one frame to the next [ms]."""
        ...

    def analyse(self, samples: np.ndarray, aperiodicity: bool = True) -> Features:
        """Features of a prepared clip (samples,); without aperiodicity, which is slow, that array is (frames, 0)."""
        ...

    def f0(self, samples: np.ndarray) -> np.ndarray:
        """F0 of the frames of a prepared clip (samples,), as of `analyse`: (frames,), 0 where unvoiced [Hz]."""
        ...

    def synthesise(self, features: Features) -> np.ndarray:
        """Samples, (samples,), from features."""
        ...


def vocoder(params: VocoderParams, sampling_rate: int, model: Path | None = None) -> Vocoder:
    """The vocoder that params.yaml selects.

    Args:
        params: the section `vocoder`
        sampling_rate: [Hz]
        model: folder of the network; without it, a neural vocoder can analyse, but not synthesise
    """
    match params.kind:
        case "world":
            return World(params.world, sampling_rate)
        case "mel":
            return Mel(params.mel, sampling_rate, params.world, model)
