"""Train clips in the voices of the enrolled speakers, of whom a few neutral clips are known; the emotion stays."""

import pandas as pd

from pipeline.core.params import ParamsError
from pipeline.generation import targets
from pipeline.generation.perturbation import Plan, Sources
from pipeline.generation.targets import Target
from pipeline.vocoder.world import World

SECTIONS: dict[str, type] = {}


def plan(sources: Sources) -> Plan:
    """Each source in the voice of each enrolled speaker, woman or man; the vocoder is of kind WORLD.

    Raises:
        ParamsError: the split has no enrolled speakers
    """
    if sources.enrolled.empty:
        raise ParamsError("'enrolled_conversion' needs a scenario of kind 'enrolment'")
    persons = [Target({name: 1.0}) for name in sorted(sources.enrolled["speaker"].unique())]
    changes = targets.in_turn(sources.rows, dict.fromkeys(sources.clips["speaker"], persons))
    reference = pd.concat([sources.clips, sources.enrolled])
    return targets.plan(sources, reference, changes, World(sources.vocoder.world, sources.sampling_rate))
