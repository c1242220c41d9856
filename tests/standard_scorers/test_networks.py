"""The standard scorers with their real weights: they are what their packages compute, and hear what they should."""

import json
import subprocess
import sys
import warnings
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.audio.preparation import AudioParams, level, prepared
from pipeline.stages.demo_corpus import ESPEAK
from pipeline.standard_scorers import distillmos, dnsmos, ge2e, scoring, swift_f0
from pipeline.standard_scorers.scoring import Scoring
from pipeline.vocoder.world import World

RATE = 16_000
NAMES = ("distillmos", "dnsmos", "ge2e", "swift_f0")
TEXTS = ("The train will be here at nine", "Put the blue cup on the table")
pytestmark = [
    pytest.mark.skipif(scoring.installed(NAMES, "assess")[0] != NAMES, reason="the extra `scorers` is not installed"),
    pytest.mark.usefixtures("one_thread"),
]
LENGTHS = pytest.mark.parametrize("seconds", [0.1, 2.5, 8.3, 11.0])


def noise(seconds: float, deviation: float = 0.05) -> np.ndarray:
    samples = round(seconds * RATE)
    return (deviation * np.random.default_rng(samples).standard_normal(samples)).astype(np.float32)


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int], np.ndarray]:
    """Two sentences by each of two voices, prepared, (samples,)."""
    pytest.importorskip("espeakng_loader", reason="the extra `demo` is not installed")
    folder, found = tmp_path_factory.mktemp("speech"), {}
    for variant in ("f3", "m3"):
        spoken = [
            {"file": f"{variant}{n}.wav", "text": text, "rate": 175, "pitch": 50, "range": 50}
            for n, text in enumerate(TEXTS)
        ]
        request = {"language": "en-us", "variant": variant, "seed": 1, "utterances": spoken}
        subprocess.run(ESPEAK, input=json.dumps(request), text=True, check=True, cwd=folder)
        for number, each in enumerate(spoken):
            path = folder / str(each["file"])
            found[variant, number] = prepared(path, AudioParams(sampling_rate=RATE, trim_db=30, level_db=-26))
    return found


@LENGTHS
def test_distillmos_equals_the_package(seconds: float) -> None:
    package: Any = import_module("distillmos").ConvTransformerSQAModel().eval()
    with torch.no_grad():
        expected = package(torch.from_numpy(noise(seconds))[None])[0].numpy()
    np.testing.assert_allclose(distillmos.Network()(noise(seconds)), expected, atol=1e-5)


@LENGTHS
def test_dnsmos_equals_the_package(seconds: float) -> None:
    """The package doubles a short clip until it is long enough, and then scores more of it."""
    package: Any = import_module("speechmos.dnsmos")
    expected = package.run(noise(seconds), RATE)["ovrl_mos"]
    found = dnsmos.Network()(noise(seconds))
    assert found.shape == (1,)
    np.testing.assert_allclose(found[0], expected, atol=1e-4 if seconds > 9.01 else 0.01)


@LENGTHS
def test_ge2e_equals_the_package(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "webrtcvad", ModuleType("webrtcvad"))  # used for pauses alone
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scipy.ndimage.morphology
        package: Any = import_module("resemblyzer").VoiceEncoder("cpu", verbose=False)
    expected = package.embed_utterance(level(noise(seconds), ge2e.LEVEL_DB))
    found = ge2e.Network()(noise(seconds))
    assert found.shape == (256,)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("network", [distillmos.Network, dnsmos.Network], ids=["distillmos", "dnsmos"])
def test_noise_is_not_natural(network: Any, speech: dict[tuple[str, int], np.ndarray]) -> None:
    clean = speech["f3", 0]
    scores = [float(network()(clean + 0.05 * share * noise(len(clean) / RATE, 1))[0]) for share in (0, 1)]
    assert 5 > scores[0] > scores[1] + 0.5 > 1.5


def test_a_voice_is_nearest_to_itself(speech: dict[tuple[str, int], np.ndarray]) -> None:
    network = ge2e.Network()
    found = {key: network(samples) for key, samples in speech.items()}
    same = min(found[name, 0] @ found[name, 1] for name in ("f3", "m3"))
    other = max(found["f3", one] @ found["m3", two] for one in (0, 1) for two in (0, 1))
    assert same > other + 0.05
    louder = network(3 * speech["f3", 0])
    np.testing.assert_allclose(louder, found["f3", 0], atol=1e-4)


@pytest.mark.parametrize("f0_hz", [100.0, 220.0, 380.0])
def test_f0_agrees_with_world(f0_hz: float, world: World) -> None:
    time = np.arange(2 * RATE) / RATE
    phase = 2 * np.pi * f0_hz * time + 2 * np.sin(2 * np.pi * 2 * time)
    tone = (0.05 * sum(np.sin(n * phase) / n for n in range(1, 11))).astype(np.float32)
    analysed = world.f0(tone)
    semitones = 12 * np.log2(analysed[analysed > 0])
    mean, deviation = swift_f0.Network()(tone)
    assert abs(mean - 12 * np.log2(f0_hz)) < 0.2
    assert abs(mean - semitones.mean()) < 0.2
    assert abs(deviation - semitones.std()) < 0.1
    assert np.isnan(swift_f0.Network()(noise(1))).all()


@pytest.fixture
def world() -> World:
    """WORLD as in params.yaml."""
    from pipeline.core import params
    from pipeline.vocoder import VocoderParams

    chosen = params.load(Path(__file__).parents[2] / "params.yaml", "vocoder", VocoderParams)
    return World(chosen.world, RATE)


@pytest.mark.parametrize("samples", [np.zeros(RATE), np.zeros(1), np.array([0.5]), np.zeros(500)])
def test_clips_without_speech(samples: np.ndarray) -> None:
    found = Scoring(NAMES, AudioParams(sampling_rate=RATE, trim_db=30, level_db=-26)).of_samples(samples)
    assert np.isnan(found.pop("swift_f0")).all()
    assert all(np.isfinite(numbers).all() for numbers in found.values())


def test_prepared_clips_have_any_rate(speech: dict[tuple[str, int], np.ndarray]) -> None:
    """A wrong rate would move F0 by half an octave."""
    import soxr

    clip = speech["m3", 0]
    found = [
        Scoring(NAMES, AudioParams(sampling_rate=rate, trim_db=30, level_db=-26)).of_samples(
            soxr.resample(clip, RATE, rate)
        )
        for rate in (RATE, 24_000)
    ]
    assert abs(found[0]["swift_f0"] - found[1]["swift_f0"]).max() < 0.1
    assert found[0]["ge2e"] @ found[1]["ge2e"] > 0.99
    assert abs(found[0]["distillmos"] - found[1]["distillmos"]) < 0.2
    again = Scoring(NAMES, AudioParams(sampling_rate=RATE, trim_db=30, level_db=-26)).of_samples(clip)
    assert all((again[name] == found[0][name]).all() for name in NAMES)
