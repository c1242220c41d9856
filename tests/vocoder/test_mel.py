"""The coding of the mel vocoder is lossless and like WORLD's; copy synthesis is close; odd clips do no harm."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.assessment.distortion import distances, energy_db
from pipeline.audio.intelligibility import intelligibility
from pipeline.core import models
from pipeline.core.models import ModelError
from pipeline.vocoder import VocoderParams, vocoder
from pipeline.vocoder.istft import Network
from pipeline.vocoder.mel import Mel, MelParams, analysis, coded, decoded
from pipeline.vocoder.training import network_size
from pipeline.vocoder.world import World, WorldParams
from tests.vocoder.conftest import spectrogram

RATE = 16_000
WORLD = WorldParams(frame_ms=5, order=36, f0="dio", f0_floor_hz=71, f0_ceil_hz=600, d4c_threshold=0)


@pytest.fixture
def voice(params: MelParams) -> Mel:
    return Mel(params, RATE, WORLD)


@pytest.fixture
def trained(params: MelParams, mel: Any, tmp_path: Path) -> Callable[..., Mel]:
    """Function that builds a neural vocoder with an untrained network."""

    def make(**changes: Any) -> Mel:
        network = Network(**network_size(mel, params.istft))
        config = {"size": network_size(mel, params.istft), "analysis": analysis(params, RATE)}
        models.save(tmp_path / "model", network.state_dict(), config)
        return Mel(replace(params, inversion="istft", **changes), RATE, WORLD, tmp_path / "model")

    return make


def test_code_is_that_of_world() -> None:
    """Orthonormal in log power, but for the number of bands: the 0th coefficient is the mean."""
    spectrogram = np.random.default_rng(0).standard_normal((5, 80)).astype(np.float32)
    code = coded(spectrogram)
    assert code.dtype == np.float32
    np.testing.assert_allclose(code[:, 0], spectrogram.mean(axis=1), atol=1e-6)
    np.testing.assert_allclose((code**2).sum(axis=1), (spectrogram**2).mean(axis=1), rtol=1e-5)
    angles = np.pi * np.arange(80)[:, None] * (np.arange(80) + 0.5) / 80
    decoder = np.where(angles == 0, 1, np.sqrt(2) * np.cos(angles))  # as pipeline/assessment/distortion.py has it
    np.testing.assert_allclose(code @ decoder, spectrogram, atol=1e-5)
    np.testing.assert_allclose(decoded(code), spectrogram, atol=1e-5)


def test_energy_is_the_mean_power_of_the_bands(sound: np.ndarray, voice: Mel, mel: Any) -> None:
    expected = 10 * np.log10(np.exp(spectrogram(sound)).mean(axis=1))
    found = energy_db(voice.analyse(sound).spectrum)
    speech = expected > expected.max() - 30
    assert np.abs(found - expected)[speech].max() < 1


def test_timbre_differs_as_by_world(sound: np.ndarray, voice: Mel) -> None:
    """Two vocoders' distortion between a clip and its filtered copy: of one size."""
    darker = np.convolve(sound, [0.6, 0.4])[: len(sound)].astype(np.float32)
    world = World(WORLD, RATE)
    ours, theirs = (distances(v.analyse(darker), v.analyse(sound))["mcd_db"] for v in (voice, world))
    assert ours == pytest.approx(theirs, rel=0.3)


def test_shapes_and_f0(sound: np.ndarray, voice: Mel) -> None:
    features = voice.analyse(sound)
    assert [array.shape for array in features.arrays().values()] == [(101, 80), (101, 1), (101, 0)]
    assert all(array.dtype == np.float32 for array in features.arrays().values())
    theirs = World(WORLD, RATE).analyse(sound).f0_hz
    assert (theirs > 0).any()
    np.testing.assert_allclose(features.f0_hz, theirs, rtol=1e-3)


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100])
def test_a_frame_of_f0_for_each_of_the_spectrum(sound: np.ndarray, params: MelParams, rate: int) -> None:
    """At 22,050 Hz no whole number of samples lasts 5 ms, so frames are a little shorter."""
    voice = Mel(params, rate, WORLD)
    hop = round(rate * 0.005)
    for samples in (*range(1, 4), *range(10 * hop - 1, 10 * hop + 2), 8000):
        assert len(voice.analyse(sound[:samples]).spectrum) == len(voice.f0(sound[:samples])) == 1 + samples // hop


@pytest.mark.parametrize("inversion", ["griffin_lim", "istft"])
def test_copies_sound_alike(sound: np.ndarray, voice: Mel, trained: Callable[..., Mel], inversion: str) -> None:
    copier = voice if inversion == "griffin_lim" else trained()
    features = copier.analyse(sound)
    copy = copier.synthesise(features)
    assert len(copy) == 101 * 80 - 1
    assert np.std(copy) == pytest.approx(np.std(sound), rel=0.3)
    assert intelligibility(copy, sound, RATE) > 0.8
    assert distances(copier.analyse(copy[: len(sound)]), features)["mcd_db"] < 4
    assert copy.tobytes() == pickle.loads(pickle.dumps(copier)).synthesise(features).tobytes()


def test_f0_of_the_excitation_by_the_network_alone(sound: np.ndarray, voice: Mel, trained: Callable[..., Mel]) -> None:
    features = voice.analyse(sound)
    moved = replace(features, f0_hz=features.f0_hz * 1.1)
    assert voice.synthesise(features).tobytes() == voice.synthesise(moved).tobytes()
    neural = trained()
    assert neural.synthesise(features).tobytes() != neural.synthesise(moved).tobytes()


@pytest.mark.parametrize("samples", [1, 79, 160])
def test_short_and_silent(voice: Mel, trained: Callable[..., Mel], samples: int) -> None:
    for copier in (voice, trained()):
        for level in (0, 0.1):
            features = copier.analyse(np.full(samples, level, np.float32))
            assert all(np.isfinite(array).all() for array in features.arrays().values())
            copy = copier.synthesise(features)
            assert len(copy) >= samples
            assert np.isfinite(copy).all()
            assert level or np.abs(copy).max() < 1e-3


def test_missing_network_or_other_analysis(sound: np.ndarray, trained: Callable[..., Mel], tmp_path: Path) -> None:
    neural = trained()
    features = neural.analyse(sound)
    with pytest.raises(ModelError, match="needs a model of `train_vocoder`"):
        replace(neural, model=None).synthesise(features)
    with pytest.raises(ModelError, match="elsewhere: no model here"):
        replace(neural, model=tmp_path / "elsewhere").synthesise(features)
    with pytest.raises(ModelError, match=r"trained with .*'window_ms': 20.*, expected .*'window_ms': 25"):
        trained(window_ms=25).synthesise(features)


def test_named_vocoder(params: MelParams, tmp_path: Path) -> None:
    chosen = VocoderParams("mel", "uint8", WORLD, params)
    assert vocoder(chosen, 22_050, tmp_path) == Mel(params, 22_050, WORLD, tmp_path)
    assert vocoder(replace(chosen, kind="world"), 22_050) == World(WORLD, 22_050)
    with pytest.raises(ValidationError, match="should be 'world' or 'mel'"):
        VocoderParams("wrold", "uint8", WORLD, params)


def test_learns_and_params_error(params: MelParams) -> None:
    griffin_lim = VocoderParams("mel", "float32", WORLD, params)
    istft = replace(griffin_lim, mel=replace(params, inversion="istft"))
    assert [each.learns for each in (griffin_lim, istft, replace(istft, kind="world"))] == [False, True, False]
    assert griffin_lim.params_error("none") == ""
    assert replace(istft, kind="world").params_error("log_gaussian") == ""
    assert griffin_lim.params_error("log_gaussian").startswith("'prosody.f0' is 'log_gaussian'")


def test_a_window_too_short_for_the_frames(params: MelParams) -> None:
    with pytest.raises(ValidationError, match="window_ms is 9.0: expected at least twice frame_ms, 5.0"):
        replace(params, window_ms=9)


def test_what_features_depend_on(params: MelParams) -> None:
    """What happens in synthesis alone changes no features, so that pairs need not be trained again."""
    mel = VocoderParams("mel", "float32", WORLD, params)
    assert replace(mel, mel=replace(params, iterations=params.iterations + 1)).analysis == mel.analysis
    assert replace(mel, mel=replace(params, n_mels=params.n_mels + 1)).analysis != mel.analysis
    for changes in ({"kind": "world"}, {"storage": "uint8"}, {"world": replace(WORLD, f0_floor_hz=80.0)}):
        assert replace(mel, **changes).analysis != mel.analysis
