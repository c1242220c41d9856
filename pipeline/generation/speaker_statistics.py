"""Statistics of a speaker's speech, and the conversion of clips from one speaker to another by them.

Mean and deviation of each mel-cepstral coefficient except the 0th, and the mean of log F0. Emotion, words and timing of
a clip stay.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

import numpy as np
import pandas as pd

from pipeline.audio.speech import is_speech
from pipeline.core import provenance
from pipeline.core.manifest import NEUTRAL
from pipeline.core.shards import Shards
from pipeline.generation import synthesis
from pipeline.generation.perturbation import Plan, Sources
from pipeline.vocoder.features import Features
from pipeline.vocoder.world import World

RATIO = (0.7, 1.4)  # bounds of the ratio of two speakers' deviations; beyond, the estimates are in doubt


@dataclass(frozen=True)
class SpeakerStatistics:
    """Of a speaker's speech frames; each frame has the same weight."""

    mean: np.ndarray  # of the mel-cepstrum without its 0th coefficient, (order - 1,)
    deviation: np.ndarray  # likewise, (order - 1,)
    log_f0: float  # mean over voiced frames [log Hz]; NaN without any

    @classmethod
    def of(cls, clips: Iterable[Features]) -> Self:
        """Statistics of a speaker's clips."""
        speech, log_f0 = [], []
        for features in clips:
            speech.append(features.spectrum[is_speech(np.exp(features.spectrum[:, 0])), 1:].astype(np.float64))
            log_f0.append(np.log(features.f0_hz[features.f0_hz > 0].astype(np.float64)))
        frames, voiced = np.concatenate(speech), np.concatenate(log_f0)
        deviation = np.maximum(frames.std(axis=0), 1e-6)
        return cls(frames.mean(axis=0), deviation, float(voiced.mean()) if len(voiced) else np.nan)

    @classmethod
    def mixed(cls, speakers: Sequence[Self], shares: Sequence[float]) -> Self:
        """Weighted mean of the statistics; of deviations, of their logarithms."""
        weights = np.array(shares)[:, None]
        mean = (weights * [speaker.mean for speaker in speakers]).sum(axis=0)
        deviation = np.exp((weights * np.log([speaker.deviation for speaker in speakers])).sum(axis=0))
        return cls(mean, deviation, float(np.dot(shares, [speaker.log_f0 for speaker in speakers])))


@dataclass(frozen=True)
class Target:
    """The speaker that a synthetic clip is converted to."""

    targets: Mapping[str, float]  # speaker → share of its statistics


def plan(sources: Sources, reference: pd.DataFrame, changes: Sequence[Target], world: World) -> Plan:
    """Each source converted to its target.

    Args:
        sources: real train clips
        reference: clips that the statistics are of, of all speakers
        changes: target of each synthetic clip
        world: vocoder
    """
    known = of_speakers(reference, sources.stored)
    bounds = (world.params.f0_floor_hz, world.params.f0_ceil_hz)
    contents = (
        converted(
            features,
            known[speaker],
            SpeakerStatistics.mixed([known[name] for name in change.targets], list(change.targets.values())),
            bounds,
        )
        for features, speaker, change in zip(sources.features, sources.rows["speaker"], changes, strict=True)
    )
    metadata = {"train_clips_sha256": provenance.clips_sha256(reference)}
    return Plan(partial(synthesis.vocoded, vocoder=world), contents, changes, metadata)


def of_speakers(clips: pd.DataFrame, stored: Shards) -> dict[str, SpeakerStatistics]:
    """Statistics of each speaker's neutral clips, or of all clips if none is neutral.

    Of neutral ones, so that the difference of an emotion from neutral stays in a converted clip.

    Args:
        clips: real clips
        stored: their vocoder features
    """
    return {
        str(speaker): SpeakerStatistics.of(Features.load(stored, id_) for id_ in _neutral(own)["id"])
        for speaker, own in clips.groupby("speaker")
    }


def converted(
    features: Features, source: SpeakerStatistics, target: SpeakerStatistics, f0_bounds_hz: tuple[float, float]
) -> Features:
    """Features of a clip with the target's statistics in place of the source's.

    Args:
        features: of WORLD
        source: speaker of the clip
        target: speaker of the result
        f0_bounds_hz: lowest and highest F0 of the result [Hz]
    """
    ratio = np.clip(target.deviation / source.deviation, *RATIO)
    spectrum = features.spectrum.copy()
    spectrum[:, 1:] = (spectrum[:, 1:] - source.mean) * ratio + target.mean
    shift = np.nan_to_num(target.log_f0 - source.log_f0)
    f0_hz = np.where(features.f0_hz > 0, np.clip(features.f0_hz * np.exp(shift), *f0_bounds_hz), 0)
    return replace(features, spectrum=spectrum, f0_hz=f0_hz.astype(np.float32))


def alike(speaker: str, others: Sequence[str], genders: Mapping[str, str | None], seed: int) -> list[str]:
    """Other speakers in random order: of the same gender, or all if none is.

    Args:
        speaker: whose clips are converted
        others: possible targets
        genders: of all speakers; null where unknown
        seed: of the order
    """
    candidates = sorted(other for other in others if other != speaker)
    same = [other for other in candidates if genders[other] == genders[speaker]] or candidates
    order = np.random.default_rng(provenance.derived_seed(seed, speaker)).permutation(len(same))
    return [same[number] for number in order]


def genders(clips: pd.DataFrame) -> dict[str, str | None]:
    """Gender of each speaker; null where unknown."""
    return {str(speaker): own["gender"].iloc[0] for speaker, own in clips.groupby("speaker")}


def in_turn(rows: pd.DataFrame, targets: Mapping[str, Sequence[Target]]) -> list[Target]:
    """Target of each synthetic clip: the copies of a source use the targets of its speaker in turn.

    Args:
        rows: of the synthetic clips
        targets: of each speaker
    """
    copies = rows.groupby("source_id").cumcount()
    of_speaker = rows["speaker"].map(targets)
    return [own[copy % len(own)] for own, copy in zip(of_speaker, copies, strict=True)]


def _neutral(clips: pd.DataFrame) -> pd.DataFrame:
    neutral = clips[clips["emotion"] == NEUTRAL]
    return neutral if len(neutral) else clips
