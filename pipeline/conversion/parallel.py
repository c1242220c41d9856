"""Targets from parallel utterances: in acted corpora each speaker says the same sentences in each emotion."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pipeline.conversion.alignment import Speech, aligned


@dataclass(frozen=True)
class ParallelUtterance:
    """A training clip of one of the two emotions."""

    speech: Speech
    normalised: Tensor  # input of the networks, (frames, order)
    speaker: str
    sentence: str | None
    intensity: str | None


def with_parallel_targets(
    sources: Sequence[ParallelUtterance], targets: Sequence[ParallelUtterance]
) -> tuple[list[Tensor], list[ParallelUtterance]]:
    """Frames of sources, each with its parallel target beside it: the mean of the target frames aligned with it.

    A parallel utterance has the same speaker, sentence and intensity in the other emotion; if there is none, any
    intensity counts. A source occurs once for each parallel utterance, or once without targets if it has none.

    Args:
        sources: clips of one emotion
        targets: clips of the other

    Returns:
        frames of each occurrence, (frames, 2 · order), the second half NaN where there is no target; and its source
    """
    frames, occurrences = [], []
    for source in sources:
        parallel = [target for target in targets if _same_words(source, target)]
        parallel = [target for target in parallel if target.intensity == source.intensity] or parallel
        aligned_targets = [_parallel_target(source, target) for target in parallel]
        for target in aligned_targets or [torch.full_like(source.normalised, torch.nan)]:
            frames.append(torch.cat([source.normalised, target], dim=1))
            occurrences.append(source)
    return frames, occurrences


def _same_words(one: ParallelUtterance, other: ParallelUtterance) -> bool:
    return one.sentence is not None and (one.speaker, one.sentence) == (other.speaker, other.sentence)


def _parallel_target(source: ParallelUtterance, target: ParallelUtterance) -> Tensor:
    """Target of each frame of the source, (frames, order); NaN in its pauses."""
    ours, theirs = aligned(source.speech, target.speech)
    sums = np.zeros_like(source.normalised.numpy())
    np.add.at(sums, ours, target.normalised.numpy()[theirs])  # where cores are busy, the threads of index_add_ wait
    return torch.from_numpy(sums) / torch.from_numpy(np.bincount(ours, minlength=len(sums)))[:, None]  # 0 / 0 is NaN
