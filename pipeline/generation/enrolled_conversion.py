"""Train clips in the voices of the enrolled speakers, of whom a few neutral clips are known; the emotion stays."""

import pandas as pd

from pipeline.core.params import ParamsError
from pipeline.generation import speaker_statistics
from pipeline.generation.perturbation import Plan, Sources
from pipeline.generation.speaker_statistics import Target
from pipeline.vocoder import VocoderParams
from pipeline.vocoder.world import World


def voices(clips: pd.DataFrame, enrolled: pd.DataFrame) -> dict[str, list[str]]:
    """Enrolled speakers of the gender of each train speaker; all enrolled speakers if none is.

    Args:
        clips: real train clips
        enrolled: real clips of the partition `enrol`

    Raises:
        ParamsError: the split has no enrolled speakers
    """
    if enrolled.empty:
        raise ParamsError("'enrolled_conversion' needs a scenario of kind 'enrolment'")
    genders = speaker_statistics.genders(pd.concat([clips, enrolled]))
    names = list(speaker_statistics.genders(enrolled))
    return {
        speaker: speaker_statistics.same_gender(speaker, names, genders)
        for speaker in speaker_statistics.genders(clips)
    }


def plan(sources: Sources, vocoder: VocoderParams, sampling_rate: int) -> Plan:
    """Each source in each of its voices.

    Args:
        sources: real train clips, and the enrolled ones
        vocoder: of kind WORLD
        sampling_rate: of prepared clips [Hz]

    Raises:
        ParamsError: the split has no enrolled speakers
    """
    targets = {
        speaker: [Target({name: 1.0}) for name in names]
        for speaker, names in voices(sources.clips, sources.enrolled).items()
    }
    changes = speaker_statistics.in_turn(sources.rows, targets)
    reference = pd.concat([sources.clips, sources.enrolled])
    return speaker_statistics.plan(sources, reference, changes, World(vocoder.world, sampling_rate))
