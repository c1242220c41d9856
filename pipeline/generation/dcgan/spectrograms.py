"""Log-mel spectrograms to normalised images and back, and synthesis of spectrograms by a trained generator."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from pipeline.generation.dcgan.networks import Generator

FLAT = 1e-2  # smallest standard deviation of a band, against division by 0
BATCH = 64  # spectrograms in a forward pass


@dataclass(frozen=True)
class Normalisation:
    """Mean and standard deviation of each band over the training frames of each emotion, and the level of silence."""

    mean: Tensor  # (emotions, n_mels)
    deviation: Tensor  # (emotions, n_mels)
    floor: Tensor  # lowest value of all, ()

    @classmethod
    def fit(cls, mels: Sequence[Tensor], emotions: Tensor) -> Self:
        """Statistics of train clips.

        Args:
            mels: log-mel spectrogram of each, (frames, n_mels)
            emotions: class number of each, (clips,); every class from 0 on occurs
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
        """Normalised clips; short ones are padded with silence at their end.

        Args:
            mels: of each clip, (frames, n_mels)
            emotions: class number of each, (clips,)
            frames: smallest width of an image

        Returns:
            image of each clip, (n_mels, frames or more)
        """
        images = []
        for mel, emotion in zip(mels, emotions.tolist(), strict=True):
            silence = self.floor.expand(max(0, frames - len(mel)), mel.shape[1])
            images.append(((torch.cat([mel, silence]) - self.mean[emotion]) / self.deviation[emotion]).T)
        return images

    def mels(self, images: Tensor, emotions: Tensor) -> Tensor:
        """Inverse of `images`: (clips, n_mels, frames) → (clips, frames, n_mels), with no value below the floor."""
        rows = images.transpose(1, 2) * self.deviation[emotions][:, None] + self.mean[emotions][:, None]
        return torch.maximum(rows, self.floor)

    def tensors(self) -> dict[str, Tensor]:
        """The statistics, by name."""
        return {"mean": self.mean, "deviation": self.deviation, "floor": self.floor}


@dataclass(frozen=True)
class SpectrogramGenerator:
    """A trained network and the normalisation of its training clips."""

    generator: Generator
    normalisation: Normalisation

    @torch.no_grad()
    def mels(self, emotions: Tensor, seed: int) -> Tensor:
        """Log-mel spectrograms from noise.

        Args:
            emotions: class number of each spectrogram, (clips,)
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
        """All weights and statistics, by name."""
        weights = {f"generator.{name}": tensor for name, tensor in self.generator.state_dict().items()}
        return weights | {f"normalisation.{name}": tensor for name, tensor in self.normalisation.tensors().items()}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], size: Mapping[str, int], device: torch.device) -> Self:
        """Inverse of `tensors`.

        Args:
            tensors: from `tensors`
            size: arguments of `Generator`
            device: of the network
        """
        parts: dict[str, dict[str, Tensor]] = {"generator": {}, "normalisation": {}}
        for key, tensor in tensors.items():
            part, _, name = key.partition(".")
            parts[part][name] = tensor
        generator = Generator(**size)
        generator.load_state_dict(parts["generator"])
        return cls(generator.to(device), Normalisation(**parts["normalisation"]))
