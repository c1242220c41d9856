"""Setting of all tests of the DC-GAN, and parameters of a tiny one."""

from collections.abc import Iterator

import pytest
import torch

from pipeline.dcgan.training import DcganParams


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny networks are faster on one thread, and on busy cores a hundred times so."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def params() -> DcganParams:
    """A tiny DC-GAN."""
    return DcganParams(
        frames=16,
        latent=4,
        channels=2,
        discriminator_channels=2,
        steps=5,
        batch=4,
        generator_rate=1e-3,
        discriminator_rate=1e-3,
        r1_weight=0.5,
        r1_every=2,
        average=0.5,
        log_every=2,
    )
