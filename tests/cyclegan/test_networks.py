"""Networks take any number of frames, begin where they should, and no part of them is cut off."""

import pytest
import torch
from torch import nn

from pipeline.cyclegan.networks import Discriminator, Generator

ORDER = 5
FRAMES = (1, 7, 8, 9, 127, 128, 333)


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def awake(generator: Generator) -> Generator:
    """The same with a last layer that is not zero."""
    nn.init.normal_(generator.leave.weight, std=0.1)
    return generator


@pytest.mark.parametrize("frames", FRAMES)
@pytest.mark.parametrize(("blocks", "kernel"), [(0, 3), (1, 1), (5, 3), (2, 5)])
def test_generator_keeps_the_shape(frames: int, blocks: int, kernel: int) -> None:
    x = torch.randn(2, ORDER, frames)
    generator = awake(Generator(ORDER, 8, blocks, kernel))
    assert generator(x).shape == x.shape
    assert not torch.equal(generator(x), x)


def test_generator_begins_as_the_identity() -> None:
    x = torch.randn(2, ORDER, 33)
    assert torch.equal(Generator(ORDER, 8, 2, 3)(x), x)


def test_generator_sees_as_far_as_its_dilations() -> None:
    x = torch.zeros(1, ORDER, 101, requires_grad=True)
    awake(Generator(ORDER, 8, 4, 3))(x)[0, :, 50].sum().backward()
    seen = x.grad.abs().sum(dim=(0, 1)).nonzero()
    reach = 1 + 2 * (1 + 2 + 4 + 8) + 1  # entering, two convolutions a block, leaving
    assert (seen.min().item(), seen.max().item()) == (50 - reach, 50 + reach)


@pytest.mark.parametrize("frames", FRAMES)
def test_discriminator_scores_stretches_of_eight_frames(frames: int) -> None:
    assert Discriminator(ORDER, 4)(torch.randn(2, ORDER, frames)).shape == (2, 1, -(-frames // 8))


@pytest.mark.parametrize("network", [Generator(ORDER, 8, 4, 3), Discriminator(ORDER, 4)], ids=["generator", "judge"])
def test_every_parameter_gets_a_gradient(network: nn.Module) -> None:
    if isinstance(network, Generator):
        awake(network)
    network(torch.randn(4, ORDER, 32)).square().mean().backward()
    for name, weights in network.named_parameters():
        assert weights.grad is not None, name
        assert weights.grad.abs().max() > 0, name
