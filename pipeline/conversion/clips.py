"""Train clips of a pair, normalised and ready for training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from pipeline.conversion.alignment import Speech
from pipeline.conversion.converter import Normalisation, Styles
from pipeline.conversion.crops import Domain
from pipeline.conversion.parallel import ParallelUtterance, with_parallel_targets
from pipeline.conversion.prosody import ClipProsody, Prosody, ProsodyParams
from pipeline.core.shards import Shards
from pipeline.vocoder.features import Features


@dataclass(frozen=True)
class TrainingData:
    """Everything that is learned or drawn from the train clips of a pair, a and b."""

    styles: Styles
    prosody: Prosody
    domains: tuple[Domain, Domain]  # of a and b
    undone: tuple[list[Normalisation], list[Normalisation]]  # after converting each clip of a to b, and of b to a

    @property
    def order(self) -> int:
        """Coefficients of a frame."""
        return len(next(iter(self.styles.of.values())).mean)

    @classmethod
    def fit(
        cls,
        clips: Sequence[ClipProsody],
        emotions: tuple[str, str],
        params: ProsodyParams,
        parallel: bool,
        means: Mapping[str, np.ndarray],
    ) -> Self:
        """Fit the statistics and normalise the clips.

        Args:
            clips: train clips of both emotions
            emotions: a and b
            params: conversion of prosody
            parallel: whether each frame gets its parallel target beside it
            means: as of `relative`
        """
        a, b = emotions
        prosody = Prosody.fit(clips, params)
        frames = relative(clips, means)
        labelled = [(own, clip.emotion, clip.intensity) for own, clip in zip(frames, clips, strict=True)]
        styles = Styles.fit(labelled, prosody.intensities)
        utterances: dict[str, list[ParallelUtterance]] = {a: [], b: []}
        for own, clip in zip(frames, clips, strict=True):
            normalised = styles.source(clip.emotion, clip.intensity).apply(own)
            speech = Speech.of(clip.features.spectrum)
            utterances[clip.emotion].append(
                ParallelUtterance(speech, normalised, clip.speaker, clip.sentence, clip.intensity)
            )
        domain_a, undone_a = _domain(utterances[a], utterances[b], styles, (a, b), parallel)
        domain_b, undone_b = _domain(utterances[b], utterances[a], styles, (b, a), parallel)
        return cls(styles, prosody, (domain_a, domain_b), (undone_a, undone_b))


def train_clips(rows: pd.DataFrame, stored: Shards) -> list[ClipProsody]:
    """Features and labels of clips, in the order of the rows.

    Args:
        rows: of `manifest.CLIPS`
        stored: vocoder features
    """
    known = rows[["id", "emotion", "speaker", "sentence", "intensity"]].astype(object)
    return [
        ClipProsody(Features.load(stored, id_), *labels)
        for id_, *labels in known.where(known.notna(), None).itertuples(index=False)
    ]


def relative(clips: Sequence[ClipProsody], means: Mapping[str, np.ndarray]) -> list[Tensor]:
    """Spectra that the networks learn from, each (frames, order).

    Args:
        clips: of train
        means: of each speaker's neutral speech, which is subtracted; empty: nothing is
    """
    return [
        torch.from_numpy(clip.features.spectrum - means[clip.speaker] if means else clip.features.spectrum)
        for clip in clips
    ]


def _domain(
    own: list[ParallelUtterance],
    others: list[ParallelUtterance],
    styles: Styles,
    direction: tuple[str, str],
    parallel: bool,
) -> tuple[Domain, list[Normalisation]]:
    """Clips to draw from, and the normalisation to undo after converting each of them in this direction."""
    source, target = direction
    if parallel:
        spectra, own = with_parallel_targets(own, others)
    else:
        spectra = [clip.normalised for clip in own]
    undone = [styles.target(source, target, styles.level(target, clip.intensity)) for clip in own]
    return Domain.of(spectra, [clip.speaker for clip in own]), undone
