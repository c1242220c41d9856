"""Networks take any number of frames, begin where they should, and no part is cut off."""

import pytest
import torch
from torch import nn

from pipeline.conversion.networks import Discriminator, Generator

ORDER = 5
FRAMES = (1, 7, 8, 9, 127, 128, 333)


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def nonzero(generator: Generator) -> Generator:
    """The same with a last layer that is not zero."""
    nn.init.normal_(generator.leave.weight, std=0.1)
    return generator


@pytest.mark.parametrize(("blocks", "kernel"), [(0, 3), (1, 1), (5, 3), (2, 5)])
def test_generator_begins_as_the_identity_and_keeps_the_shape(blocks: int, kernel: int) -> None:
    generator = Generator(ORDER, 8, blocks, kernel)
    x = torch.randn(2, ORDER, 33)
    assert torch.equal(generator(x), x)
    nonzero(generator)
    for frames in FRAMES:
        x = torch.randn(2, ORDER, frames)
        assert generator(x).shape == x.shape
        assert not torch.equal(generator(x), x)


def test_generator_sees_as_far_as_its_dilations() -> None:
    x = torch.zeros(1, ORDER, 101, requires_grad=True)
    nonzero(Generator(ORDER, 8, 4, 3))(x)[0, :, 50].sum().backward()
    seen = x.grad.abs().sum(dim=(0, 1)).nonzero()
    reach = 1 + 2 * (1 + 2 + 4 + 8) + 1  # entering, two convolutions a block, leaving
    assert (seen.min().item(), seen.max().item()) == (50 - reach, 50 + reach)


def test_discriminator_scores_stretches_of_eight_frames() -> None:
    for frames in FRAMES:
        assert Discriminator(ORDER, 4)(torch.randn(2, ORDER, frames)).shape == (2, 1, -(-frames // 8))


def test_residual_mean_is_removed_in_part() -> None:
    torch.manual_seed(0)
    free = Generator(order=4, channels=8, blocks=2, kernel=3)
    nn.init.normal_(free.leave.weight)
    nn.init.ones_(free.leave.bias)
    bound = Generator(order=4, channels=8, blocks=2, kernel=3, residual_mean_removal=0.75)
    bound.load_state_dict(free.state_dict())
    x = torch.randn(2, 4, 50)
    moved = (free(x) - x).mean(dim=2)
    assert moved.abs().min() > 0.01
    torch.testing.assert_close((bound(x) - x).mean(dim=2), 0.25 * moved)
    torch.testing.assert_close(bound(x).diff(dim=2), free(x).diff(dim=2))


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_global_variance_is_compensated(share: float) -> None:
    torch.manual_seed(0)
    network = Generator(order=4, channels=8, blocks=2, kernel=3, variance_compensation=share)
    x = torch.randn(2, 4, 500) * torch.tensor([0.5, 1.0, 2.0, 1.0])[:, None] + 3
    with torch.no_grad():
        nn.init.normal_(network.leave.weight, std=0.5)
        generated, kept = network(x), network.convert(x)
    deviations = [frames.std(dim=2, correction=0) for frames in (x, generated, kept)]
    torch.testing.assert_close(deviations[2], deviations[0] ** share * deviations[1] ** (1 - share))
    assert not torch.allclose(deviations[0], deviations[1], rtol=0.05)
    torch.testing.assert_close(kept.mean(dim=2), generated.mean(dim=2), rtol=0, atol=1e-4)


@pytest.mark.parametrize("frames", [1, 40])
def test_conversion_of_constant_frames(frames: int) -> None:
    network = Generator(order=4, channels=8, blocks=2, kernel=3, variance_compensation=1.0)
    nn.init.normal_(network.leave.weight, std=0.5)
    generated = network.convert(torch.ones(1, 4, frames))
    assert generated.isfinite().all()
    assert generated.std(dim=2, correction=0).max() < 0.02
