"""Normalisation undoes itself, and a converter that was kept converts as it did."""

from copy import deepcopy
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pipeline.conversion.converter import Converter, Normalisation, Styles
from pipeline.conversion.networks import Generator
from pipeline.conversion.prosody import ClipProsody, Prosody, ProsodyParams
from pipeline.core import models
from pipeline.core.models import ModelError
from pipeline.vocoder import Features

CPU = torch.device("cpu")
BOUNDS = (71.0, 600.0)
SIZE = {"order": 4, "channels": 6, "blocks": 2, "kernel": 3}


def frames(count: int, seed: int = 0) -> Tensor:
    scale = torch.tensor([3.0, 1.0, 0.5, 0.1])
    return torch.randn(count, 4, generator=torch.Generator().manual_seed(seed)) * scale + 5 * scale


def clip(count: int, seed: int = 0, scale: float = 1.0) -> Features:
    """With a spectrum like `frames`, half of it voiced."""
    draw = np.random.default_rng(seed)
    f0_hz = np.where(draw.random((count, 1)) < 0.5, 0, 120 + 30 * draw.random((count, 1)))
    return Features((scale * frames(count, seed)).numpy(), f0_hz.astype(np.float32), np.zeros((count, 1), np.float32))


def trained(f0: str = "log_gaussian", energy: str = "cyclegan", duration: str = "none") -> Converter:
    """A pair with statistics that differ and generators that differ and do something."""
    spoken = [
        ClipProsody(clip(80, seed, 1 + (emotion == "sad")), emotion, speaker, None, intensity)
        for seed, (emotion, speaker, intensity) in enumerate(
            product(("angry", "sad"), ("f01", "m01", "m02"), ("medium", "medium", "high", "high"))
        )
    ]
    prosody = Prosody.fit(spoken, ProsodyParams(f0, energy, duration))
    styles = Styles.fit(
        ((torch.from_numpy(own.features.spectrum), own.emotion, own.intensity) for own in spoken),
        {"angry": ["medium", "high"], "sad": ["medium"]},
    )
    torch.manual_seed(0)
    generators = {pair: Generator(**SIZE) for pair in (("angry", "sad"), ("sad", "angry"))}
    for generator in generators.values():
        nn.init.normal_(generator.leave.weight, std=0.2)
    return Converter(styles, generators, prosody, {})


@pytest.fixture(scope="module")
def fitted() -> Converter:
    return trained()


@pytest.fixture
def converter(fitted: Converter) -> Converter:
    return deepcopy(fitted)


def test_fit() -> None:
    clips = [frames(30), frames(1, seed=1), frames(9, seed=2)]
    fit = Normalisation.fit(clips)
    pooled = np.concatenate([clip.numpy() for clip in clips])
    np.testing.assert_allclose(fit.mean, pooled.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(fit.deviation, pooled.std(axis=0, ddof=1), rtol=1e-5)
    normalised = fit.apply(torch.cat(clips))
    torch.testing.assert_close(normalised.mean(dim=0), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(normalised.std(dim=0), torch.ones(4))
    constant = torch.full((10, 4), 2.0)
    assert torch.equal(Normalisation.fit([constant]).apply(constant), torch.zeros(10, 4))


@pytest.mark.parametrize(("level", "intensity"), [(None, None), ("high", "medium"), ("medium", "low")])
def test_statistics_are_a_conversion_by_networks_that_change_nothing(
    converter: Converter, level: str | None, intensity: str | None
) -> None:
    given = clip(40, seed=4)
    by = {
        name: converter.convert(given, "angry", "sad", BOUNDS, level, intensity, name)
        for name in ("network", "statistics", "none")
    }
    styles = converter.styles
    normalised = styles.source("angry", level).apply(torch.from_numpy(given.spectrum))
    expected = styles.target("angry", "sad", intensity).undo(normalised)
    np.testing.assert_allclose(by["statistics"].spectrum, expected, rtol=1e-5, atol=1e-5)
    for generator in converter.generators.values():
        nn.init.zeros_(generator.leave.weight)
        nn.init.zeros_(generator.leave.bias)
    untrained = converter.convert(given, "angry", "sad", BOUNDS, level, intensity)
    np.testing.assert_allclose(by["statistics"].spectrum, untrained.spectrum, rtol=1e-4, atol=1e-4)
    assert (by["none"].spectrum == given.spectrum).all()
    assert not np.allclose(by["statistics"].spectrum, by["network"].spectrum, atol=0.1)
    assert not np.allclose(by["statistics"].spectrum, given.spectrum, atol=0.1)
    for found in by.values():  # the prosody is the same
        assert (found.f0_hz == by["network"].f0_hz).all() and (found.f0_hz != given.f0_hz).any()


def test_statistics_leave_the_energy_to_the_prosody_where_that_converts_it() -> None:
    given = clip(40, seed=4)
    network, statistics = (
        trained(energy="log_gaussian").convert(given, "angry", "sad", BOUNDS, by=by) for by in ("network", "statistics")
    )
    assert (network.spectrum[:, 0] == statistics.spectrum[:, 0]).all()


def test_statistics_of_an_intensity(converter: Converter) -> None:
    """Those of the intensity where it has enough clips, else a share of the way from the source to the nearest."""
    styles = converter.styles
    assert styles.source("angry", "high") is styles.of["angry", "high"]
    assert styles.source("sad", "high") is styles.of["sad", None]
    assert styles.target("sad", "angry", "high") is styles.of["angry", "high"]
    low = styles.target("angry", "sad", "low")
    angry, sad = styles.of["angry", None], styles.of["sad", "medium"]
    torch.testing.assert_close(low.mean, (angry.mean + sad.mean) / 2)
    torch.testing.assert_close(low.deviation, (angry.deviation * sad.deviation).sqrt())
    further = styles.target("angry", "sad", "high")
    torch.testing.assert_close(further.mean, angry.mean + 1.5 * (sad.mean - angry.mean))
    ungraded = Styles({style: normal for style, normal in styles.of.items() if style[1] is None})
    further = ungraded.target("sad", "angry", "high")
    sad, angry = ungraded.of["sad", None], ungraded.of["angry", None]
    torch.testing.assert_close(further.mean, sad.mean + 1.5 * (angry.mean - sad.mean))


@pytest.mark.parametrize(
    ("count", "intensity", "share"),
    [(1, None, 1.0), (7, None, 1.0), (40, "low", 0.5), (40, "medium", 1.0), (40, "high", 1.5)],
)
def test_networks_go_as_far_as_the_statistics(
    converter: Converter, count: int, intensity: str | None, share: float
) -> None:
    """To intensities of sadness of which `medium` alone has clips."""
    given = clip(count, seed=6)
    copy = {name: array.copy() for name, array in given.arrays().items()}
    own, target = converter.styles.of["angry", None], converter.styles.target("angry", "sad", intensity)
    found = converter.convert(given, "angry", "sad", BOUNDS, intensity=intensity)
    before = own.apply(torch.from_numpy(given.spectrum))
    with torch.no_grad():
        network = converter.generators["angry", "sad"].convert(before.T[None])[0].T
    added = target.apply(torch.from_numpy(found.spectrum)) - before
    torch.testing.assert_close(added, share * (network - before), atol=1e-4, rtol=1e-4)
    assert (network - before).abs().max() > 0.1
    assert all((given.arrays()[name] == copy[name]).all() for name in copy)
    assert not np.allclose(found.spectrum, converter.convert(given, "sad", "angry", BOUNDS).spectrum)


@pytest.mark.parametrize(
    ("f0", "energy", "duration"),
    [("none", "none", "none"), ("log_gaussian", "log_gaussian", "rate"), ("none", "cyclegan", "rate")],
)
def test_every_prosody(f0: str, energy: str, duration: str) -> None:
    given = clip(60, seed=5)
    found = trained(f0, energy, duration).convert(given, "angry", "sad", BOUNDS, "medium", "medium")
    assert len({len(array) for array in found.arrays().values()}) == 1
    assert found.spectrum.shape[1] == 4
    assert all(np.isfinite(array).all() for array in found.arrays().values())
    voiced = found.f0_hz[found.f0_hz > 0]
    assert len(voiced) and voiced.min() >= BOUNDS[0] and voiced.max() <= BOUNDS[1]
    if duration == "none":
        assert (found.spectrum[:, 0] == given.spectrum[:, 0]).all()
        assert (found.f0_hz == given.f0_hz).all()


def test_own_other_and_foreign(converter: Converter) -> None:
    given = clip(9)
    assert converter.convert(given, "sad", "sad", BOUNDS) is given
    for way in (("angry", "happy"), ("happy", "sad")):
        with pytest.raises(KeyError, match="happy"):
            converter.convert(given, *way, BOUNDS)
    fewer = replace(given, spectrum=given.spectrum[:, 1:])
    with pytest.raises(ModelError, match="trained on 4 values a frame, but the vocoder gives 3"):
        converter.convert(fewer, "angry", "sad", BOUNDS)


def test_spectra_relative_to_the_speaker(converter: Converter, tmp_path: Path) -> None:
    """Two speakers who differ by a constant alone are converted alike, and keep their difference; also after a save."""
    mean, shift = np.array([0, 2, -1, 0.5], np.float32), np.array([0, 30, 7, -4], np.float32)
    relative = replace(converter, means={"c_f.1": mean, "c_m1": mean + shift})
    given = clip(33)
    moved = replace(given, spectrum=given.spectrum + shift)
    one, other = (
        relative.convert(own, "angry", "sad", BOUNDS, "medium", mean=of)
        for own, of in ((given, mean), (moved, mean + shift))
    )
    np.testing.assert_allclose(other.spectrum - shift, one.spectrum, atol=1e-4)
    plain = converter.convert(replace(given, spectrum=given.spectrum - mean), "angry", "sad", BOUNDS, "medium")
    np.testing.assert_allclose(one.spectrum, plain.spectrum + mean, atol=1e-4)
    absolute = converter.convert(moved, "angry", "sad", BOUNDS, "medium", mean=mean)  # the mean is ignored
    assert np.abs(absolute.spectrum - other.spectrum).max() > 1
    with pytest.raises(ModelError, match="angry and sad: needs neutral speech of the speaker"):
        relative.convert(given, "angry", "sad", BOUNDS)
    config = {"emotions": ["angry", "sad"], "size": SIZE, "prosody": converter.prosody.to_config()}
    models.save(tmp_path / "model", relative.tensors(), config)
    again = Converter.from_tensors(*models.load(tmp_path / "model"), CPU)
    assert {name: list(own) for name, own in again.means.items()} == {"c_f.1": list(mean), "c_m1": list(mean + shift)}
    found = again.convert(given, "angry", "sad", BOUNDS, "medium", mean=mean)
    np.testing.assert_array_equal(found.spectrum, one.spectrum)


def test_kept_converter_converts_the_same(converter: Converter, tmp_path: Path) -> None:
    config = {"emotions": ["angry", "sad"], "size": SIZE, "prosody": converter.prosody.to_config()}
    models.save(tmp_path / "model", converter.tensors(), config)
    again = Converter.from_tensors(*models.load(tmp_path / "model"), CPU)
    assert again.styles.of.keys() == converter.styles.of.keys()
    for source, target in (("angry", "sad"), ("sad", "angry")):
        for level in (None, "medium", "high"):
            expected = converter.convert(clip(33), source, target, BOUNDS, level, level)
            found = again.convert(clip(33), source, target, BOUNDS, level, level)
            assert all((found.arrays()[name] == array).all() for name, array in expected.arrays().items())
    assert not any(generator.training for generator in again.generators.values())


def test_weights_and_configuration_that_do_not_fit(tmp_path: Path, fitted: Converter) -> None:
    """Also a size for which no memory would suffice."""
    tensors, name = fitted.tensors(), "generator.angry.sad.enter.weight"
    config = {"emotions": ["angry", "sad"], "prosody": fitted.prosody.to_config(), "size": SIZE}
    for wrong_tensors, wrong_config in (
        ({**tensors, name: tensors[name][:-1]}, config),
        ({**tensors, "generator.angry.sad.more": torch.zeros(1)}, config),
        ({**tensors, "normalisation": torch.zeros(1)}, config),
        ({key: value for key, value in tensors.items() if key != name}, config),
        (tensors, {**config, "size": {**SIZE, "channels": 10**9}}),
        (tensors, {**config, "size": {**SIZE, "colour": 1}}),
        (tensors, {**config, "size": 4}),
        (tensors, {**config, "emotions": None}),
        (tensors, {**config, "prosody": {}}),
    ):
        models.save(tmp_path / "pair", wrong_tensors, wrong_config)
        with pytest.raises(ModelError, match="pair: of another version, or changed"), models.fitting(tmp_path / "pair"):
            Converter.from_tensors(*models.load(tmp_path / "pair"), CPU)
