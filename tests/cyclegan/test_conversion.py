"""Normalisation undoes itself, and a converter that was kept converts as it did."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pipeline import models
from pipeline.cyclegan.conversion import Converter, Normalisation
from pipeline.cyclegan.networks import Generator

CPU = torch.device("cpu")
SIZE = {"order": 4, "channels": 6, "blocks": 2, "kernel": 3}


def frames(count: int, seed: int = 0) -> Tensor:
    scale = torch.tensor([3.0, 1.0, 0.5, 0.01])
    return torch.randn(count, 4, generator=torch.Generator().manual_seed(seed)) * scale + 5 * scale


@pytest.fixture
def converter() -> Converter:
    """A pair with normalisations that differ and generators that differ and do something."""
    torch.manual_seed(0)
    generators = {pair: Generator(**SIZE) for pair in (("angry", "sad"), ("sad", "angry"))}
    for generator in generators.values():
        nn.init.normal_(generator.leave.weight, std=0.2)
    fits = {"angry": Normalisation.fit([frames(50)]), "sad": Normalisation.fit([2 * frames(50, seed=1)])}
    return Converter(fits, generators)


def test_fit() -> None:
    clips = [frames(30), frames(1, seed=1), frames(9, seed=2)]
    fit = Normalisation.fit(clips)
    pooled = np.concatenate([clip.numpy() for clip in clips])
    np.testing.assert_allclose(fit.mean, pooled.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(fit.deviation, pooled.std(axis=0, ddof=1), rtol=1e-5)
    normalised = fit.apply(torch.cat(clips))
    torch.testing.assert_close(normalised.mean(dim=0), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(normalised.std(dim=0), torch.ones(4))


def test_undo_is_the_inverse_of_apply() -> None:
    fit = Normalisation.fit([frames(50)])
    other = frames(20, seed=3)
    torch.testing.assert_close(fit.undo(fit.apply(other)), other)
    torch.testing.assert_close(fit.apply(fit.undo(other)), other)


def test_constant_coefficient() -> None:
    fit = Normalisation.fit([torch.full((10, 4), 2.0)])
    assert torch.equal(fit.apply(torch.full((3, 4), 2.0)), torch.zeros(3, 4))


@pytest.mark.parametrize("count", [1, 7, 64])
def test_conversion_by_hand(converter: Converter, count: int) -> None:
    spectrum = frames(count, seed=4)
    given = spectrum.clone()
    angry, sad = converter.normalisations["angry"], converter.normalisations["sad"]
    normalised = (spectrum - angry.mean) / angry.deviation
    with torch.no_grad():
        generated = converter.generators["angry", "sad"](normalised.T.reshape(1, 4, count)).squeeze(0).T
    converted = converter.convert(spectrum, "angry", "sad")
    torch.testing.assert_close(converted, generated * sad.deviation + sad.mean)
    assert not converted.requires_grad
    assert torch.equal(spectrum, given)
    assert not torch.allclose(converted, converter.convert(spectrum, "sad", "angry"))


def test_identity_moves_mean_and_deviation() -> None:
    angry, sad = frames(50), 2 * frames(40, seed=1) - 1
    fits = {"angry": Normalisation.fit([angry]), "sad": Normalisation.fit([sad])}
    converted = Converter(fits, {("angry", "sad"): Generator(**SIZE)}).convert(angry, "angry", "sad")
    torch.testing.assert_close(converted.mean(dim=0), sad.mean(dim=0), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(converted.std(dim=0), sad.std(dim=0))


def test_own_emotion_comes_back_unchanged(converter: Converter) -> None:
    spectrum = frames(9)
    assert torch.equal(converter.convert(spectrum, "sad", "sad"), spectrum)


@pytest.mark.parametrize(("source", "target"), [("angry", "happy"), ("happy", "sad")])
def test_unknown_emotion(converter: Converter, source: str, target: str) -> None:
    with pytest.raises(KeyError, match="happy"):
        converter.convert(frames(9), source, target)


def test_kept_converter_converts_the_same(converter: Converter, tmp_path: Path) -> None:
    models.save(tmp_path / "model", converter.tensors(), {"size": SIZE})
    tensors, config = models.load(tmp_path / "model")
    for again in (
        Converter.from_tensors(converter.tensors(), ("angry", "sad"), SIZE, CPU),
        Converter.from_tensors(tensors, ("angry", "sad"), config["size"], CPU),
    ):
        for source, target in (("angry", "sad"), ("sad", "angry")):
            expected = converter.convert(frames(33), source, target)
            assert torch.equal(again.convert(frames(33), source, target), expected)
        assert not any(generator.training for generator in again.generators.values())


def test_converter_of_another_size_is_refused(converter: Converter) -> None:
    with pytest.raises(RuntimeError, match="size mismatch"):
        Converter.from_tensors(converter.tensors(), ("angry", "sad"), {**SIZE, "channels": 8}, CPU)
