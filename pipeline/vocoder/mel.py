"""The mel vocoder: log-mel spectrograms, inverted by Griffin-Lim or by a compact neural vocoder.

The spectrum is coded like WORLD's, as a cosine transform of log power over the mel axis, but with all coefficients. So
conversion and assessment work on either. It contains the harmonics, so F0 cannot be changed separately.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import NonNegativeInt, PositiveFloat, PositiveInt
from scipy.fft import dct, idct

from pipeline.audio.mel_bands import log_mel, mel_power
from pipeline.core import models
from pipeline.core.models import ModelError
from pipeline.core.params import Odd, section
from pipeline.vocoder.features import Features
from pipeline.vocoder.griffin_lim import griffin_lim
from pipeline.vocoder.world import World, WorldParams

if TYPE_CHECKING:
    from torchaudio.transforms import MelSpectrogram

    from pipeline.vocoder.istft import Istft

SEED = 0  # of the initial phases


@section
class IstftParams:
    """Network and training of the neural vocoder."""

    channels: PositiveInt
    blocks: PositiveInt
    kernel: Odd
    steps: PositiveInt
    batch: PositiveInt  # crops a step
    frames: PositiveInt  # of a crop
    learning_rate: PositiveFloat
    iterations: NonNegativeInt  # of Griffin-Lim, starting from the predicted phases


@section
class MelParams:
    """Spectrograms and their inversion."""

    n_mels: PositiveInt
    frame_ms: PositiveFloat  # from one frame to the next [ms]
    window_ms: PositiveFloat
    inversion: Literal["griffin_lim", "istft"]
    iterations: NonNegativeInt  # of Griffin-Lim, starting from random phases
    istft: IstftParams

    def __post_init__(self) -> None:
        """Frames must overlap by half, or samples between them are lost."""
        if self.window_ms < 2 * self.frame_ms:
            raise ValueError(f"window_ms is {self.window_ms}: expected at least twice frame_ms, {self.frame_ms}")


@dataclass(frozen=True)
class Mel:
    """The mel vocoder at one sampling rate [Hz]."""

    params: MelParams
    sampling_rate: int
    world: WorldParams  # of the F0 estimation, for statistics, distances and the neural vocoder
    model: Path | None = None  # folder of the neural vocoder

    @property
    def frame_ms(self) -> float:
        """From one frame to the next, a whole number of samples [ms]."""
        return 1000 * self._hop / self.sampling_rate

    @property
    def _hop(self) -> int:
        return round(self.params.frame_ms / 1000 * self.sampling_rate)

    def analyse(self, samples: np.ndarray, aperiodicity: bool = True) -> Features:
        """Analyse a prepared clip.

        Args:
            samples: (samples,), mono
            aperiodicity: not used; the spectrogram contains the noise

        Returns:
            spectrum: cosine transform of the log-mel spectrogram, (frames, n_mels)
            aperiodicity: (frames, 0)
        """
        chosen = self.params
        spectrum = coded(log_mel(samples, self.sampling_rate, chosen.n_mels, chosen.frame_ms, chosen.window_ms))
        return Features(spectrum, self.f0(samples)[:, None], np.zeros((len(spectrum), 0), np.float32))

    def synthesise(self, features: Features) -> np.ndarray:
        """Samples from features, (samples,), float32.

        Raises:
            ModelError: the neural vocoder is selected, but has no model
        """
        spectrogram = decoded(features.spectrum)
        if self.params.inversion == "griffin_lim":
            mel = transform(self.params, self.sampling_rate)
            return griffin_lim(spectrogram, mel, self.params.iterations, SEED)
        return self._istft.synthesise(spectrogram, features.f0_hz[:, 0], self.params.istft.iterations)

    def f0(self, samples: np.ndarray) -> np.ndarray:
        """F0 of a clip's frames, estimated by WORLD, (frames,), float32, 0 where unvoiced [Hz].

        Args:
            samples: (samples,)
        """
        hop = self._hop
        f0_hz = World(replace(self.world, frame_ms=self.frame_ms), self.sampling_rate).f0(samples)
        frames = np.arange(1 + len(samples) // hop)
        return f0_hz[np.minimum(frames, len(f0_hz) - 1)]  # WORLD may lack the last frame by rounding

    @cached_property
    def _istft(self) -> "Istft":
        from pipeline.vocoder.istft import Istft

        if self.model is None:
            raise ModelError("vocoder.mel.inversion is 'istft', which needs a model of `train_vocoder`")
        tensors, config = models.load(self.model)
        found, expected = config.get("analysis"), analysis(self.params, self.sampling_rate)
        if found != expected:
            raise ModelError(f"{self.model}: trained with {found}, expected {expected}; `dvc repro` trains it again")
        with models.fitting(self.model):
            return Istft.from_tensors(tensors, config["size"], transform(self.params, self.sampling_rate))


def analysis(params: MelParams, sampling_rate: int) -> dict[str, float]:
    """Parameters of the spectrograms that a network inverts; it cannot invert others."""
    return {
        "n_mels": params.n_mels,
        "frame_ms": params.frame_ms,
        "window_ms": params.window_ms,
        "sampling_rate": sampling_rate,
    }


def coded(log_mel: np.ndarray) -> np.ndarray:
    """Cosine transform over the mel axis, (frames, n_mels), scaled as WORLD's: the 0th coefficient is the mean."""
    code: np.ndarray = dct(log_mel, axis=1, norm="ortho") / np.float32(np.sqrt(log_mel.shape[1]))
    return code


def decoded(code: np.ndarray) -> np.ndarray:
    """Inverse of `coded`."""
    log_mel: np.ndarray = idct(code * np.float32(np.sqrt(code.shape[1])), axis=1, norm="ortho")
    return log_mel


def transform(params: MelParams, sampling_rate: int) -> "MelSpectrogram":
    """Transform from samples to power in mel bands."""
    return mel_power(sampling_rate, params.n_mels, params.frame_ms, params.window_ms)
