"""Speaker conversion: train clips in the voices of other train speakers; the emotion stays.

All clips of a speaker get the same voice in the same copy, so that each voice has clips of all emotions.
"""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from pipeline.core import provenance
from pipeline.core.params import ParamsError, section
from pipeline.generation import speaker_statistics
from pipeline.generation.perturbation import Plan, Sources
from pipeline.generation.speaker_statistics import Target
from pipeline.vocoder import VocoderParams
from pipeline.vocoder.world import World


@section
class SpeakerConversionParams:
    """Whose voices the clips get."""

    targets: Annotated[tuple[Literal["train", "virtual"], ...], Field(min_length=1)]  # copies use them in turn


def plan(sources: Sources, params: SpeakerConversionParams, vocoder: VocoderParams, sampling_rate: int) -> Plan:
    """Each source in the voice of another train speaker, or of a mixture of two.

    Args:
        sources: real train clips
        params: whose voices
        vocoder: of kind WORLD
        sampling_rate: of prepared clips [Hz]

    Raises:
        ParamsError: train has a single speaker
    """
    genders = speaker_statistics.genders(sources.clips)
    copies = int(sources.rows["source_id"].value_counts().max())
    targets = {
        speaker: _targets(
            speaker,
            speaker_statistics.alike(speaker, list(genders), genders, sources.seed),
            copies,
            params,
            sources.seed,
        )
        for speaker in sorted(genders)
    }
    changes = speaker_statistics.in_turn(sources.rows, targets)
    return speaker_statistics.plan(sources, sources.clips, changes, World(vocoder.world, sampling_rate))


def _targets(speaker: str, others: list[str], copies: int, params: SpeakerConversionParams, seed: int) -> list[Target]:
    """Target of each copy of a speaker's clips."""
    if not others:
        raise ParamsError(f"'speaker_conversion' needs another speaker than {speaker} in train")
    rng = np.random.default_rng(provenance.derived_seed(seed, speaker, "virtual"))
    mixable = others if len(others) > 1 else [*others, speaker]
    found = []
    for copy in range(copies):
        turn, kind = divmod(copy, len(params.targets))
        if params.targets[kind] == "train":
            found.append(Target({others[turn % len(others)]: 1.0}))
        else:
            share = round(float(rng.uniform()), 4)
            first, second = (mixable[number] for number in rng.permutation(len(mixable))[:2])
            found.append(Target({first: share, second: round(1 - share, 4)}))
    return found
