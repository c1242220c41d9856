"""A compact neural vocoder: a network predicts magnitude and phase of each frame, followed by an inverse STFT.

As in iSTFTNet (Kaneko et al. 2022) and Vocos (Siuzdak 2024), it works at the frame rate with ConvNeXt blocks. It
predicts corrections, so that little training is enough: of magnitudes with the given mel bands (as in FreeV, Lv et al.
2024), and of the phases of an excitation at the clip's F0 (as in HiFTNet, Li et al. 2023). The excitation is needed
because the spectrogram of a steady tone is constant and does not determine its phases.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.vocoder.excitation import excitation
from pipeline.vocoder.griffin_lim import log_magnitude, refined, spectrum, waveform

if TYPE_CHECKING:
    from torchaudio.transforms import MelSpectrogram

EXPANSION = 3  # of the channels inside a block
LAYER_SCALE = 0.2  # at the start
SEED = 0  # of the noise in the excitation


class Block(nn.Module):
    """ConvNeXt block in one dimension (Liu et al. 2022; as in Vocos)."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.along = nn.Conv1d(channels, channels, kernel, padding=kernel // 2, groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.wider = nn.Linear(channels, EXPANSION * channels)
        self.narrower = nn.Linear(EXPANSION * channels, channels)
        self.scale = nn.Parameter(torch.full((channels,), LAYER_SCALE))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, frames) → same shape."""
        y = self.norm(self.along(x).transpose(1, 2))  # (B, C, T) -> (B, T, C)
        y = self.scale * self.narrower(nn.functional.gelu(self.wider(y)))
        return x + y.transpose(1, 2)


class Network(nn.Module):
    """Predicts corrections of magnitudes and phases; zero before training."""

    def __init__(self, n_mels: int, frequencies: int, channels: int, blocks: int, kernel: int) -> None:
        super().__init__()
        self.enter = nn.Conv1d(n_mels, channels, kernel, padding=kernel // 2)
        self.norm = nn.LayerNorm(channels)
        self.blocks = nn.Sequential(*(Block(channels, kernel) for _ in range(blocks)))
        self.last_norm = nn.LayerNorm(channels)
        self.leave = nn.Linear(channels, 2 * frequencies)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, log_mel: Tensor) -> tuple[Tensor, Tensor]:
        """Corrections for a log-mel spectrogram.

        Args:
            log_mel: natural log of power, (batch, frames, n_mels), any number of frames

        Returns:
            of the log magnitude and of the phase [rad], (batch, frequencies, frames) each
        """
        x = self.enter(log_mel.transpose(1, 2))  # (B, T, C) -> (B, C, T)
        x = self.blocks(self.norm(x.transpose(1, 2)).transpose(1, 2))
        y = self.leave(self.last_norm(x.transpose(1, 2))).transpose(1, 2)  # (B, T, C) -> (B, C, T)
        magnitude, phase = y.float().chunk(2, dim=1)
        return magnitude, phase


@dataclass(frozen=True)
class Istft:
    """A network, and the transform to its input spectrograms, on the same device."""

    network: Network
    mel: "MelSpectrogram"

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], size: Mapping[str, int], mel: "MelSpectrogram") -> Self:
        """Vocoder from the weights and arguments of a trained network."""
        network = Network(**size)
        network.load_state_dict(dict(tensors))
        return cls(network.eval(), mel)

    def spectrum(
        self,
        log_mel: Tensor,
        f0_hz: Tensor,
        rng: torch.Generator,
        autocast: AbstractContextManager[None],
    ) -> Tensor:
        """Complex spectrum of clips, (batch, frequencies, frames).

        Args:
            log_mel: natural log of power, (batch, frames, n_mels)
            f0_hz: (batch, frames), 0 where unvoiced [Hz]
            rng: for the noise in the excitation, on the CPU
            autocast: precision of the network
        """
        source = excitation(f0_hz, self.mel.hop_length, self.mel.sample_rate, rng)
        with autocast:
            magnitudes, phases = self.network(log_mel)
        magnitude = torch.exp(log_magnitude(log_mel, self.mel) + magnitudes)
        return torch.polar(magnitude, spectrum(source, self.mel).angle() + phases)

    @torch.no_grad()
    def synthesise(self, log_mel: np.ndarray, f0_hz: np.ndarray, iterations: int) -> np.ndarray:
        """Samples (frames * hop - 1,), float32, of a clip.

        Args:
            log_mel: (frames, n_mels)
            f0_hz: (frames,)
            iterations: of Griffin-Lim, starting from the predicted phases
        """
        rng = torch.Generator().manual_seed(SEED)
        spectrogram, f0 = (torch.from_numpy(array).float()[None] for array in (log_mel, f0_hz))
        start = self.spectrum(spectrogram, f0, rng, nullcontext())
        samples: np.ndarray = waveform(refined(start, self.mel, iterations), self.mel)[0].numpy()
        return samples
