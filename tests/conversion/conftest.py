"""Setting of all tests of the CycleGAN, and parameters of a tiny one."""

import pytest

from pipeline.conversion.emotion_classifier import EmotionClassifierParams
from pipeline.conversion.pair import CycleGanParams


@pytest.fixture(autouse=True)
def all_on_one_thread(one_thread: None) -> None:
    """Each test."""


@pytest.fixture
def params() -> CycleGanParams:
    """A tiny CycleGAN of which all that can be switched is off."""
    return CycleGanParams(
        channels=8,
        blocks=2,
        kernel=3,
        residual_mean_removal=0,
        variance_compensation=0,
        discriminator_channels=4,
        normalisation="corpus",
        steps=4,
        batch=2,
        frames=16,
        generator_rate=1e-3,
        discriminator_rate=2e-3,
        constant_share=0.5,
        adversarial_weight=1,
        cycle_weight=2,
        identity_weight=0.5,
        identity_share=1,
        parallel_weight=0,
        classifier_weight=0,
        emotion_classifier=EmotionClassifierParams(channels=4, steps=20, batch=8, learning_rate=1e-2, noise=0.1),
        log_every=2,
    )
