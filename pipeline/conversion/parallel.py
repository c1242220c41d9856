"""Real takes of the other emotion as aims: acted corpora have each speaker say the same sentences in each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pipeline.conversion.alignment import Speech, aligned


@dataclass(frozen=True)
class Take:
    """A training clip of one of the two emotions."""

    speech: Speech
    normalised: Tensor  # what the networks see of it, (frames, order)
    speaker: str
    sentence: str | None
    intensity: str | None


def with_aims(sources: Sequence[Take], targets: Sequence[Take]) -> tuple[list[Tensor], list[Take]]:
    """Frames of sources, each followed by its aim: the mean of those that belong to it in a take of the other emotion.

    A source is there once for each take of its sentence by its speaker in its intensity or, where there is none, in any
    intensity; once without aims where there is no such take.

    Args:
        sources: of the one emotion
        targets: of the other

    Returns:
        frames of each, (frames, 2 · order), the second half NaN where there is no aim; and whose they are
    """
    frames, whose = [], []
    for source in sources:
        takes = [take for take in targets if _same_words(source, take)]
        takes = [take for take in takes if take.intensity == source.intensity] or takes
        for aim in (_aim(source, take) for take in takes) if takes else [torch.full_like(source.normalised, torch.nan)]:
            frames.append(torch.cat([source.normalised, aim], dim=1))
            whose.append(source)
    return frames, whose


def _same_words(one: Take, other: Take) -> bool:
    return one.sentence is not None and (one.speaker, one.sentence) == (other.speaker, other.sentence)


def _aim(source: Take, target: Take) -> Tensor:
    """(frames, order) of the source's frames; NaN in its pauses."""
    ours, theirs = aligned(source.speech, target.speech)
    sums = np.zeros_like(source.normalised.numpy())
    np.add.at(sums, ours, target.normalised.numpy()[theirs])  # where cores are busy, the threads of index_add_ wait
    return torch.from_numpy(sums) / torch.from_numpy(np.bincount(ours, minlength=len(sums)))[:, None]  # 0 / 0 is NaN
