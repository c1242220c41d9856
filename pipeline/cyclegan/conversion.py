"""Conversion with a trained pair: normalise by the one emotion, generate, undo by the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from pipeline.cyclegan.networks import Generator


@dataclass(frozen=True)
class Normalisation:
    """Mean and deviation of each coefficient over an emotion's training frames."""

    mean: Tensor  # (order,)
    deviation: Tensor  # (order,)

    @classmethod
    def fit(cls, spectra: Sequence[Tensor]) -> Self:
        """Statistics over all frames of some clips, each (frames, order)."""
        frames = torch.cat(list(spectra))
        return cls(frames.mean(dim=0), frames.std(dim=0).clamp(min=1e-4))

    def apply(self, spectrum: Tensor) -> Tensor:
        """(frames, order), same out."""
        return (spectrum - self.mean) / self.deviation

    def undo(self, spectrum: Tensor) -> Tensor:
        """Inverse of `apply`."""
        return spectrum * self.deviation + self.mean


@dataclass(frozen=True)
class Converter:
    """Both directions of a pair, ready for use."""

    normalisations: Mapping[str, Normalisation]  # by emotion
    generators: Mapping[tuple[str, str], Generator]  # by (source, target)

    @torch.no_grad()
    def convert(self, spectrum: Tensor, source: str, target: str) -> Tensor:
        """Convert a clip's spectrum from one emotion to the other.

        Args:
            spectrum: (frames, order), any number of frames
            source: its emotion
            target: the emotion to make; with `source` itself, the clip comes back unchanged

        Returns:
            same shape, on the CPU

        Raises:
            KeyError: the pair has not both emotions
        """
        if source == target:
            return spectrum
        generator = self.generators[source, target]
        device = next(generator.parameters()).device
        normalised = self.normalisations[source].apply(spectrum).T[None]  # (T, C) -> (1, C, T)
        converted = generator(normalised.to(device))[0].T.cpu()
        return self.normalisations[target].undo(converted)

    def tensors(self) -> dict[str, Tensor]:
        """All that is to be kept, by name."""
        kept = {}
        for emotion, normalisation in self.normalisations.items():
            kept[f"normalisation.{emotion}.mean"] = normalisation.mean
            kept[f"normalisation.{emotion}.deviation"] = normalisation.deviation
        for (source, target), generator in self.generators.items():
            for name, weights in generator.state_dict().items():
                kept[f"generator.{source}.{target}.{name}"] = weights
        return kept

    @classmethod
    def from_tensors(
        cls,
        tensors: Mapping[str, Tensor],
        emotions: tuple[str, str],
        size: Mapping[str, int],
        device: torch.device,
    ) -> Self:
        """Inverse of `tensors`.

        Args:
            tensors: as `tensors` gave them
            emotions: of the pair
            size: order, channels, blocks and kernel of the generators
            device: where to convert
        """
        normalisations, generators = {}, {}
        for source, target in (emotions, emotions[::-1]):
            normalisations[source] = Normalisation(
                tensors[f"normalisation.{source}.mean"], tensors[f"normalisation.{source}.deviation"]
            )
            generator = Generator(**size)
            prefix = f"generator.{source}.{target}."
            generator.load_state_dict(
                {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
            )
            generators[source, target] = generator.to(device).eval()
        return cls(normalisations, generators)
