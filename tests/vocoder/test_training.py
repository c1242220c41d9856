"""Training lowers the loss, repeats exactly, and does not change the global random state."""

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.vocoder import training
from pipeline.vocoder.istft import Network
from pipeline.vocoder.mel import Mel, MelParams
from pipeline.vocoder.training import Clip, spectral_loss, train
from pipeline.vocoder.world import WorldParams

CPU = torch.device("cpu")


@pytest.fixture
def clips(sound: np.ndarray, params: MelParams) -> list[Clip]:
    """A clip, and one that is shorter than a crop."""
    voice = Mel(
        params, 16_000, WorldParams(frame_ms=5, order=36, f0="dio", f0_floor_hz=71, f0_ceil_hz=600, d4c_threshold=0)
    )
    return [(samples, voice.f0(samples)) for samples in (sound, sound[3000:4000])]


def trained(clips: list[Clip], mel: Any, params: MelParams, seed: int = 0) -> tuple[Network, list[dict[str, float]]]:
    return train(clips, mel, params.istft, seed, CPU, nullcontext())


def test_it_learns(clips: list[Clip], mel: Any, params: MelParams, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "LOG_EVERY", 4)
    _, curve = trained(clips[:1], mel, params)
    assert len(curve) == 5
    assert curve[-1]["loss"] < 0.95 * curve[0]["loss"]


def test_same_seed_same_weights(clips: list[Clip], mel: Any, params: MelParams) -> None:
    few = replace(params, istft=replace(params.istft, steps=3))
    before = torch.get_rng_state()
    one, again, other = (trained(clips, mel, few, seed)[0].state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["enter.weight"], other["enter.weight"])


def test_crops_are_of_the_clips_with_their_f0(mel: Any, params: MelParams) -> None:
    """Samples and F0 of these clips encode their position."""
    long = np.arange(8001, dtype=np.float32), np.arange(101, dtype=np.float32) * 80
    short = -np.arange(1001, dtype=np.float32), -np.arange(13, dtype=np.float32) * 80
    numbers = replace(params.istft, steps=40)
    rng = torch.Generator().manual_seed(0)
    starts = set()
    for samples, f0_hz in training._crops([long, short], 80, numbers, rng):
        assert samples.shape == (4, 32 * 80 - 1)
        assert f0_hz.shape == (4, 32)
        for wave, contour in zip(samples, f0_hz, strict=True):
            is_long = wave[1] > 0
            starts.add(float(contour[0]) if is_long else -1.0)
            assert torch.equal(wave[::80], contour)
            assert (contour != 0).sum() == (32 if is_long and contour[0] else 31 if is_long else 12)
    assert -1.0 in starts
    assert min(starts - {-1.0}) == 0
    assert max(starts) == (101 - 32) * 80
    assert len(starts) > 40


def test_spectral_loss(sound: np.ndarray) -> None:
    """Of a copy at half the strength: half of the norm, and ln 2 where magnitudes are not tiny."""
    draw = np.random.default_rng(0).standard_normal((2, 4000)).astype(np.float32)
    real = torch.from_numpy(draw)
    assert spectral_loss(real, real) == 0
    assert spectral_loss(real, real / 2).item() == pytest.approx(0.5 + np.log(2), rel=1e-3)
    silent = torch.zeros_like(real)
    assert torch.isfinite(spectral_loss(silent, real))
