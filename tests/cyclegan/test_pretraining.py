"""A generator learns to fill in frames, and what it hands on is the identity with that knowledge below."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from pipeline.cyclegan.crops import Domain, filling_masks
from pipeline.cyclegan.losses import filling_loss
from pipeline.cyclegan.networks import Generator
from pipeline.cyclegan.pair import CycleGanParams, generator_size
from pipeline.cyclegan.pretraining import autoencoder, pretrained
from pipeline.cyclegan.training import train

CPU = torch.device("cpu")
ORDER = 3


def clips(count: int, frames: int = 40, seed: int = 0) -> list[Tensor]:
    """Slow waves over time, whose hidden frames those around them tell."""
    draw = torch.Generator().manual_seed(seed)
    phases = 7 * torch.rand(count, 1, ORDER, generator=draw)
    return list(1.4 * torch.sin(torch.arange(frames)[:, None] / 5 + phases))


DOMAIN = Domain.of(clips(20), ["s1"] * 10 + ["s2"] * 10)


@pytest.fixture
def warm(params: CycleGanParams) -> CycleGanParams:
    return replace(params, warm_start_steps=4, warm_start_mask_frames=6, channels=16)


@pytest.mark.parametrize("mask_frames", [0, 6])
def test_hidden_frames_of_other_clips_are_filled_in(warm: CycleGanParams, mask_frames: int) -> None:
    warm = replace(warm, warm_start_steps=150, mask_frames=mask_frames, batch=8, frames=32, generator_rate=5e-3)
    generator = autoencoder(DOMAIN, warm, 0, CPU)
    draw = torch.Generator().manual_seed(1)
    real = Domain.of(clips(20, seed=2), ["s1"] * 20).crops(64, 32, draw)
    mask = filling_masks(64, 32, 6, draw)
    with torch.no_grad():
        left, filled = (filling_loss(real, made, mask).item() for made in (real * mask, generator(real, mask)))
    assert filled < 0.5 * left


@pytest.mark.parametrize("mask_frames", [0, 6])
def test_what_is_handed_on_is_the_identity_and_below_it_the_autoencoder(warm: CycleGanParams, mask_frames: int) -> None:
    warm = replace(warm, mask_frames=mask_frames)
    weights = pretrained(DOMAIN, warm, 0, CPU)
    learned = autoencoder(DOMAIN, warm, 0, CPU)
    for name, expected in learned.named_parameters():
        assert not weights[name].requires_grad
        assert torch.equal(weights[name], expected) != name.startswith("leave"), name
    generator = Generator(**generator_size(ORDER, warm))
    generator.load_state_dict(weights)
    x = torch.randn(2, ORDER, 33)
    assert torch.equal(generator(x), x)


def test_every_parameter_learns(warm: CycleGanParams) -> None:
    warm = replace(warm, mask_frames=6, constant_share=1)
    torch.manual_seed(0)
    before = Generator(**generator_size(ORDER, warm)).state_dict()
    for name, weights in autoencoder(DOMAIN, warm, 0, CPU).state_dict().items():
        assert not torch.equal(weights, before[name]), name


def test_same_seed_same_weights(warm: CycleGanParams) -> None:
    one, two, other = (pretrained(DOMAIN, warm, seed, CPU) for seed in (3, 3, 4))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["enter.weight"], other["enter.weight"])


@pytest.mark.parametrize("frames", [1, 7, 33])
def test_crops_of_any_length(warm: CycleGanParams, frames: int) -> None:
    weights = pretrained(DOMAIN, replace(warm, frames=frames), 0, CPU)
    assert all(torch.isfinite(tensor).all() for tensor in weights.values())


@pytest.mark.parametrize("mask_frames", [0, 6])
def test_training_starts_from_it(warm: CycleGanParams, mask_frames: int) -> None:
    warm = replace(warm, mask_frames=mask_frames)
    start = pretrained(DOMAIN, warm, 0, CPU, torch.autocast("cpu", torch.bfloat16))
    networks, _ = train(DOMAIN, DOMAIN, replace(warm, generator_rate=1e-30), 5, CPU, start=start)
    for generator in (networks.a_to_b, networks.b_to_a):
        assert torch.equal(generator.enter.weight, start["enter.weight"])
