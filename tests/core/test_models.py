"""Models are loaded as they were saved, without pickles."""

import json
import pickle
import struct
from pathlib import Path

import pytest
import safetensors.torch
import torch

from pipeline.core import models
from pipeline.core.files import write_json
from pipeline.core.models import CONFIG, HASH, WEIGHTS, ModelError, load, save
from pipeline.networks.provenance import fingerprint

TENSORS = {
    "generator.weight": torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0)),
    "transposed": torch.arange(6.0).reshape(2, 3).T,
    "trained": torch.nn.Parameter(torch.tensor([1.5, -0.0, 1e-40])),
    "counts": torch.tensor([3], dtype=torch.int64),
}
CONFIGURATION = {"kind": "cyclegan", "emotions": ["angry", "sad"], "f0": {"sad": {"shift": -0.1}}, "seed": 3}


def test_round_trip(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "angry-sad"
    save(folder, TENSORS, CONFIGURATION)
    tensors, config = load(folder)
    assert config == CONFIGURATION
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in tensors.items():
        assert tensor.dtype == TENSORS[name].dtype
        assert torch.equal(tensor, TENSORS[name])


def test_files_are_safetensors_and_json(tmp_path: Path) -> None:
    save(tmp_path / "model", TENSORS, CONFIGURATION)
    assert {path.name for path in (tmp_path / "model").iterdir()} == {WEIGHTS, CONFIG}
    content = (tmp_path / "model" / WEIGHTS).read_bytes()
    (size,) = struct.unpack("<Q", content[:8])  # safetensors: length of a JSON header, the header, the numbers
    header = json.loads(content[8 : 8 + size])
    assert header["generator.weight"]["shape"] == [3, 4, 5]
    assert len(content) == 8 + size + 4 * (60 + 6 + 3) + 8
    config = json.loads((tmp_path / "model" / CONFIG).read_text())
    assert len(config.pop(HASH)) == 64 and config == CONFIGURATION


def test_same_model_same_bytes_and_fingerprint(tmp_path: Path) -> None:
    save(tmp_path / "one", TENSORS, CONFIGURATION)
    save(tmp_path / "two", dict(reversed(TENSORS.items())), CONFIGURATION)
    assert (tmp_path / "one" / WEIGHTS).read_bytes() == (tmp_path / "two" / WEIGHTS).read_bytes()
    assert fingerprint(tmp_path / "one") == fingerprint(tmp_path / "two")
    prints = {fingerprint(tmp_path / "one")}
    for tensors, configuration in (
        ({**TENSORS, "counts": torch.tensor([4])}, CONFIGURATION),
        (TENSORS, {**CONFIGURATION, "f0": 9.0}),
        ({}, CONFIGURATION),
        ({}, {**CONFIGURATION, "seed": 4}),
    ):
        save(tmp_path / "other", tensors, configuration)
        prints.add(fingerprint(tmp_path / "other"))
    assert len(prints) == 5
    assert load(tmp_path / "other") == ({}, {**CONFIGURATION, "seed": 4})  # a model without weights


def test_failed_save_leaves_the_old_model(tmp_path: Path) -> None:
    save(tmp_path / "model", TENSORS, CONFIGURATION)
    before = fingerprint(tmp_path / "model")
    for wild in (float("nan"), float("inf")):
        with pytest.raises(ModelError, match="training diverged, trained is not finite"):
            save(tmp_path / "model", {**TENSORS, "trained": torch.tensor([1.0, wild])}, CONFIGURATION)
    with pytest.raises(ValueError, match="JSON compliant"):
        save(tmp_path / "model", {"weight": torch.zeros(1)}, {"shift": float("nan")})
    assert fingerprint(tmp_path / "model") == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("lost", [WEIGHTS, CONFIG, None])
def test_missing_or_broken(tmp_path: Path, lost: str | None) -> None:
    if lost:
        save(tmp_path / "model", TENSORS, CONFIGURATION)
        weights = tmp_path / "model" / WEIGHTS
        weights.write_bytes(weights.read_bytes()[:-9])
        with pytest.raises(ModelError, match="weights.safetensors: cannot be read"):
            load(tmp_path / "model")
        (tmp_path / "model" / lost).unlink()
    with pytest.raises(ModelError, match="model: no model here"):
        load(tmp_path / "model")


def test_changed_since_it_was_saved(tmp_path: Path) -> None:
    save(tmp_path, TENSORS, CONFIGURATION)
    weights, config = (tmp_path / WEIGHTS).read_bytes(), (tmp_path / CONFIG).read_text()
    (tmp_path / WEIGHTS).write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))
    with pytest.raises(ModelError, match="not as it was saved: .* was changed; `dvc repro --force` trains it again"):
        load(tmp_path)
    (tmp_path / WEIGHTS).write_bytes(weights)
    (tmp_path / CONFIG).write_text(config.replace('"seed": 3', '"seed": 4'))
    with pytest.raises(ModelError, match="not as it was saved"):
        load(tmp_path)
    older = json.loads(config)
    del older[HASH]  # versions before had none
    write_json(tmp_path / CONFIG, older)
    with pytest.raises(ModelError, match=f"older version: {CONFIG} has no '{HASH}'; `dvc repro --force`"):
        load(tmp_path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_of_others(tmp_path: Path, value: float) -> None:
    weights = safetensors.torch.save({"a": torch.tensor([1.0, value])})
    (tmp_path / WEIGHTS).write_bytes(weights)
    write_json(tmp_path / CONFIG, {HASH: models._sha256(weights, {})})
    with pytest.raises(ModelError, match="weights.safetensors: 'a' is not finite"):
        load(tmp_path)


def test_a_pickle_is_not_run(tmp_path: Path) -> None:
    class Touch:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return open, (str(tmp_path / "run"), "w")  # type: ignore[return-value]

    save(tmp_path, {}, {})
    for content in (pickle.dumps(Touch()), b""):
        (tmp_path / WEIGHTS).write_bytes(content)
        with pytest.raises(ModelError, match="weights.safetensors: cannot be read"):
            load(tmp_path)
    torch.save(TENSORS, tmp_path / WEIGHTS)
    with pytest.raises(ModelError, match="weights.safetensors: cannot be read"):
        load(tmp_path)
    assert not (tmp_path / "run").exists()
