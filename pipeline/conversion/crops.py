"""What a training draws: crops of an emotion's clips."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Domain:
    """All training clips of one emotion, and how to draw from them."""

    frames: Tensor  # normalised, of all clips one after another, (frames, order)
    starts: Tensor  # of each clip, (clips,)
    lengths: Tensor  # (clips,)
    chances: Tensor  # of drawing each clip, (clips,)

    @classmethod
    def of(cls, spectra: Sequence[Tensor], speakers: Sequence[str]) -> "Domain":
        """Domain in which every speaker is drawn equally often, whatever their number of clips.

        Args:
            spectra: normalised frames of each clip, (frames, order)
            speakers: of each clip
        """
        lengths = torch.tensor([len(spectrum) for spectrum in spectra])
        chances = torch.tensor([1 / speakers.count(speaker) for speaker in speakers])
        return cls(torch.cat(list(spectra)), lengths.cumsum(0) - lengths, lengths, chances)

    def to(self, device: torch.device) -> "Domain":
        """The same with its frames on a device; drawing stays on the CPU, so that it is the same everywhere."""
        return Domain(self.frames.to(device), self.starts, self.lengths, self.chances)

    def clips(self, count: int, generator: torch.Generator) -> Tensor:
        """Numbers of random clips, (count,)."""
        return torch.multinomial(self.chances, count, replacement=True, generator=generator)

    def crops_of(self, clips: Tensor, frames: int, generator: torch.Generator) -> Tensor:
        """A random crop of each of these clips, (clips, order, frames); one that is shorter runs back and forth."""
        lengths = self.lengths[clips, None]
        room = (lengths - frames + 1).clamp(min=1)
        offsets = (torch.rand(len(clips), 1, generator=generator) * room).long() + torch.arange(frames)
        period = (2 * lengths - 2).clamp(min=1)
        offsets = offsets % period
        offsets = torch.minimum(offsets, period - offsets).clamp(min=0)  # reflection at both ends
        index = (self.starts[clips, None] + offsets).to(self.frames.device)
        return self.frames[index].transpose(1, 2)  # (B, T, C) -> (B, C, T)

    def crops(self, count: int, frames: int, generator: torch.Generator) -> Tensor:
        """Random crops of random clips, (count, order, frames)."""
        return self.crops_of(self.clips(count, generator), frames, generator)
