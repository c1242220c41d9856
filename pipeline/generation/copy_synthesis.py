"""Copy-synthesis: clips through the vocoder, otherwise unchanged; the control for the vocoder's artefacts."""

from functools import partial

from pipeline.generation import synthesis
from pipeline.generation.perturbation import Plan, Sources

SECTIONS: dict[str, type] = {}


def plan(sources: Sources) -> Plan:
    """Analysis and synthesis of each source."""
    own, metadata = synthesis.vocoder_of(sources.vocoder, sources.sampling_rate, sources.trained)
    return Plan(partial(synthesis.vocoded, vocoder=own), sources.features, vocoded=True, metadata=metadata)
