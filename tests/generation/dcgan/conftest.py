"""Setting of all tests of the DC-GAN, and parameters of a tiny one."""

import pytest

from pipeline.generation.dcgan.training import DcganParams


@pytest.fixture(autouse=True)
def all_on_one_thread(one_thread: None) -> None:
    """Each test."""


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
