"""Random crops of an emotion's training clips."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Domain:
    """All training clips of one emotion, and the probability of drawing each."""

    frames: Tensor  # normalised, of all clips one after another, (frames, order)
    starts: Tensor  # of each clip, (clips,)
    lengths: Tensor  # (clips,)
    probabilities: Tensor  # of each clip, not normalised, (clips,)

    @classmethod
    def of(cls, spectra: Sequence[Tensor], speakers: Sequence[str]) -> "Domain":
        """Domain in which every speaker is drawn equally often, whatever the number of clips.

        Args:
            spectra: normalised frames of each clip, (frames, order)
            speakers: of each clip
        """
        lengths = torch.tensor([len(spectrum) for spectrum in spectra])
        probabilities = torch.tensor([1 / speakers.count(speaker) for speaker in speakers])
        return cls(torch.cat(list(spectra)), lengths.cumsum(0) - lengths, lengths, probabilities)

    def to(self, device: torch.device) -> "Domain":
        """Copy with the frames on a device; clips are drawn on the CPU, so that draws are equal on every device."""
        return Domain(self.frames.to(device), self.starts, self.lengths, self.probabilities)

    def clips(self, count: int, rng: torch.Generator) -> Tensor:
        """Numbers of random clips, (count,)."""
        return torch.multinomial(self.probabilities, count, replacement=True, generator=rng)

    def crops_of(self, clips: Tensor, frames: int, rng: torch.Generator) -> Tensor:
        """A random crop of each of these clips, (clips, order, frames); shorter clips are extended by reflection."""
        lengths = self.lengths[clips, None]
        room = (lengths - frames + 1).clamp(min=1)
        offsets = (torch.rand(len(clips), 1, generator=rng) * room).long() + torch.arange(frames)
        period = (2 * lengths - 2).clamp(min=1)
        offsets = offsets % period
        offsets = torch.minimum(offsets, period - offsets).clamp(min=0)  # reflection at both ends
        index = (self.starts[clips, None] + offsets).to(self.frames.device)
        return self.frames[index].transpose(1, 2)  # (B, T, C) -> (B, C, T)

    def crops(self, count: int, frames: int, rng: torch.Generator) -> Tensor:
        """Random crops of random clips, (count, order, frames)."""
        return self.crops_of(self.clips(count, rng), frames, rng)
