"""Targets of a conversion between speakers: whose voice each synthetic clip gets, and the plan of the clips."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from pipeline.generation import synthesis
from pipeline.generation.perturbation import Plan, Sources
from pipeline.generation.speaker_statistics import SpeakerStatistics, converted, of_speakers
from pipeline.networks import provenance
from pipeline.vocoder.world import World


@dataclass(frozen=True)
class Target:
    """The speaker that a synthetic clip is converted to."""

    targets: Mapping[str, float]  # speaker → share of its statistics


def plan(
    sources: Sources,
    reference: pd.DataFrame,
    changes: Sequence[Target],
    world: World,
    others: Mapping[str, SpeakerStatistics] | None = None,
) -> Plan:
    """Each source converted to its target.

    Args:
        sources: real train clips
        reference: clips that the statistics are of, of all speakers
        changes: target of each synthetic clip
        world: vocoder
        others: statistics of further speakers, by name
    """
    known = dict(others or {}) | of_speakers(reference, sources.stored)
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
    return Plan(partial(synthesis.vocoded, vocoder=world), contents, vocoded=True, changes=changes, metadata=metadata)


def in_random_order(
    speaker: str, others: Sequence[str], seed: int, genders: Mapping[str, str | None] | None = None
) -> list[str]:
    """Other speakers in random order.

    Args:
        speaker: whose clips are converted
        others: possible targets
        seed: of the order
        genders: of all speakers, null where unknown: only targets of the same gender, if there are any; None: all
    """
    candidates = sorted(other for other in others if other != speaker)
    same = [other for other in candidates if genders and genders[other] == genders[speaker]] or candidates
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
