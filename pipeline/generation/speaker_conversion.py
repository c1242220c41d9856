"""Speaker conversion: train clips in the voices of other train speakers, or of a voice bank; the emotion stays.

All clips of a speaker get the same voice in the same copy, so that each voice has clips of all emotions.
"""

import json
from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from pipeline.core import bank
from pipeline.core.params import ParamsError, section
from pipeline.generation import speaker_statistics, targets
from pipeline.generation.perturbation import Plan, Sources
from pipeline.generation.targets import Target
from pipeline.networks import provenance
from pipeline.vocoder.world import World


@section
class SpeakerConversionParams:
    """Whose voices the clips get."""

    targets: Annotated[tuple[Literal["train", "virtual", "bank"], ...], Field(min_length=1)]  # copies use them in turn
    same_gender: bool  # of `train` and `virtual`, where the gender is known


SECTIONS = {"speaker_conversion": SpeakerConversionParams}


def plan(sources: Sources, params: SpeakerConversionParams) -> Plan:
    """Each source in the voice of another train speaker, of a mixture of two, or of a speaker of a voice bank.

    Args:
        sources: real train clips, voice banks, and a vocoder of kind WORLD
        params: whose voices

    Raises:
        ParamsError: train has a single speaker, or there is no voice bank, and targets need them
        ManifestError: a bank has no tables
    """
    used = sources.banks if "bank" in params.targets else ()
    if "bank" in params.targets and not used:
        raise ParamsError("'speaker_conversion.targets' has 'bank', but 'banks' is empty")
    unlabelled = {name: own for folder in used for name, own in speaker_statistics.of_bank(folder).items()}
    genders = targets.genders(sources.clips)
    copies = int(sources.rows["source_id"].value_counts().max())
    of_speakers = {
        speaker: _targets(
            speaker,
            targets.in_random_order(speaker, list(genders), sources.seed, genders if params.same_gender else None),
            targets.in_random_order(speaker, list(unlabelled), sources.seed),
            copies,
            params,
            sources.seed,
        )
        for speaker in sorted(genders)
    }
    changes = targets.in_turn(sources.rows, of_speakers)
    world = World(sources.vocoder.world, sources.sampling_rate)
    planned = targets.plan(sources, sources.clips, changes, world, unlabelled)
    recorded = {"banks": json.dumps({folder.as_posix(): bank.fingerprint(folder) for folder in used})} if used else {}
    return replace(planned, metadata={**planned.metadata, **recorded})


def _targets(
    speaker: str, others: list[str], unlabelled: list[str], copies: int, params: SpeakerConversionParams, seed: int
) -> list[Target]:
    """Target of each copy of a speaker's clips."""
    if not others and {"train", "virtual"} & {*params.targets}:
        raise ParamsError(f"'speaker_conversion' needs another speaker than {speaker} in train")
    rng = np.random.default_rng(provenance.derived_seed(seed, speaker, "virtual"))
    mixable = others if len(others) > 1 else [*others, speaker]
    found = []
    for copy in range(copies):
        turn, kind = divmod(copy, len(params.targets))
        if params.targets[kind] == "virtual":
            share = round(float(rng.uniform()), 4)
            first, second = (mixable[number] for number in rng.permutation(len(mixable))[:2])
            found.append(Target({first: share, second: round(1 - share, 4)}))
        else:
            names = others if params.targets[kind] == "train" else unlabelled
            found.append(Target({names[turn % len(names)]: 1.0}))
    return found
