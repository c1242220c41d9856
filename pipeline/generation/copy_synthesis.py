"""Copy-synthesis: clips through the vocoder, otherwise unchanged; the control for the vocoder's artefacts."""

from functools import partial
from pathlib import Path

from pipeline.core import provenance
from pipeline.generation import synthesis
from pipeline.generation.perturbation import Plan, Sources
from pipeline.vocoder import VocoderParams, vocoder


def plan(sources: Sources, params: VocoderParams, sampling_rate: int, trained: Path) -> Plan:
    """Analysis and synthesis of each source.

    Args:
        sources: real train clips
        params: of the vocoder
        sampling_rate: of prepared clips [Hz]
        trained: folder of the split's trained vocoders
    """
    network = params.model(trained)
    metadata = {"vocoder": network.as_posix(), "vocoder_sha256": provenance.fingerprint(network)} if network else {}
    synthesise = partial(synthesis.vocoded, vocoder=vocoder(params, sampling_rate, network))
    return Plan(synthesise, sources.features, metadata=metadata)
