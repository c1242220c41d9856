"""Clips as images of one size, and what a trained generator makes of noise as log-mel spectrograms again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from pipeline.generation.dcgan.networks import Generator

FLAT = 1e-2  # no band is taken to vary less
BATCH = 64  # spectrograms that are made at once


@dataclass(frozen=True)
class Normalisation:
    """Mean and deviation of each band over the training frames of each emotion, and what silence is there."""

    mean: Tensor  # (emotions, n_mels)
    deviation: Tensor  # (emotions, n_mels)
    floor: Tensor  # lowest value of all, ()

    @classmethod
    def fit(cls, mels: Sequence[Tensor], emotions: Tensor) -> Self:
        """Learn from train clips.

        Args:
            mels: log-mel spectrogram of each, (frames, n_mels)
            emotions: number of each one's, (clips,), each number from 0 at least once
        """
        frames = [
            torch.cat([mel for mel, own in zip(mels, emotions, strict=True) if own == emotion])
            for emotion in range(int(emotions.max()) + 1)
        ]
        return cls(
            torch.stack([own.mean(dim=0) for own in frames]),
            torch.stack([own.std(dim=0).clamp(min=FLAT) for own in frames]),
            torch.stack([own.min() for own in frames]).min(),
        )

    def images(self, mels: Sequence[Tensor], emotions: Tensor, frames: int) -> list[Tensor]:
        """Clips, normalised, silence after those that are short.

        Args:
            mels: of each clip, (frames, n_mels)
            emotions: number of each one's, (clips,)
            frames: that each image has at least

        Returns:
            of each clip (n_mels, frames or more)
        """
        made = []
        for mel, emotion in zip(mels, emotions.tolist(), strict=True):
            silence = self.floor.expand(max(0, frames - len(mel)), mel.shape[1])
            made.append(((torch.cat([mel, silence]) - self.mean[emotion]) / self.deviation[emotion]).T)
        return made

    def mels(self, images: Tensor, emotions: Tensor) -> Tensor:
        """Inverse of `images`: (clips, n_mels, frames) → (clips, frames, n_mels), none of it below the floor."""
        rows = images.transpose(1, 2) * self.deviation[emotions][:, None] + self.mean[emotions][:, None]
        return torch.maximum(rows, self.floor)

    def tensors(self) -> dict[str, Tensor]:
        """What to keep of it."""
        return {"mean": self.mean, "deviation": self.deviation, "floor": self.floor}


@dataclass(frozen=True)
class Maker:
    """A trained generator and the normalisation of what it learned from."""

    generator: Generator
    normalisation: Normalisation

    @torch.no_grad()
    def mels(self, emotions: Tensor, seed: int) -> Tensor:
        """Log-mel spectrograms from noise.

        Args:
            emotions: numbers of those wanted, (clips,)
            seed: of the noise

        Returns:
            (clips, frames, n_mels) [natural log of power], on the CPU
        """
        generator = self.generator.eval()
        device = next(generator.parameters()).device
        noise = torch.randn(len(emotions), generator.latent, generator=torch.Generator().manual_seed(seed))
        batches = zip(noise.split(BATCH), emotions.split(BATCH), strict=True)
        images = torch.cat([generator(some.to(device), own.to(device)).cpu() for some, own in batches])
        return self.normalisation.mels(images, emotions)

    def tensors(self) -> dict[str, Tensor]:
        """All that is to be kept, by name."""
        weights = {f"generator.{name}": tensor for name, tensor in self.generator.state_dict().items()}
        return weights | {f"normalisation.{name}": tensor for name, tensor in self.normalisation.tensors().items()}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], size: Mapping[str, int], device: torch.device) -> Self:
        """Inverse of `tensors`.

        Args:
            tensors: as kept
            size: arguments of `Generator`
            device: where to make spectrograms
        """
        parts: dict[str, dict[str, Tensor]] = {"generator": {}, "normalisation": {}}
        for key, tensor in tensors.items():
            part, _, name = key.partition(".")
            parts[part][name] = tensor
        generator = Generator(**size)
        generator.load_state_dict(parts["generator"])
        return cls(generator.to(device), Normalisation(**parts["normalisation"]))
