"""Copy-synthesis: clips through the vocoder, otherwise unchanged; the control for the vocoder's artefacts."""

from functools import partial
from pathlib import Path

from pipeline.generation import synthesis
from pipeline.generation.perturbation import Plan, Sources
from pipeline.vocoder import VocoderParams


def plan(sources: Sources, params: VocoderParams, sampling_rate: int, trained: Path) -> Plan:
    """Analysis and synthesis of each source.

    Args:
        sources: real train clips
        params: of the vocoder
        sampling_rate: of prepared clips [Hz]
        trained: folder of the split's trained vocoders
    """
    own, metadata = synthesis.vocoder_of(params, sampling_rate, trained)
    return Plan(partial(synthesis.vocoded, vocoder=own), sources.features, metadata=metadata)
