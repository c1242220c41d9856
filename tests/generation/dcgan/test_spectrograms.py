"""Clips as images, and spectrograms from noise."""

import pytest
import torch

from pipeline.generation.dcgan.networks import Generator
from pipeline.generation.dcgan.spectrograms import BATCH, Normalisation, SpectrogramGenerator

EMOTIONS = torch.tensor([0, 1, 0])
CPU = torch.device("cpu")
SIZE = {"n_mels": 3, "frames": 8, "emotions": 2, "latent": 8, "channels": 8}


@pytest.fixture
def mels() -> list[torch.Tensor]:
    """Three clips of other lengths; the one of the second emotion is louder."""
    torch.manual_seed(0)
    return [torch.randn(30, 3) - 9, 2 * torch.randn(10, 3) - 5, torch.randn(20, 3) - 9]


def test_statistics_are_each_emotions(mels: list[torch.Tensor]) -> None:
    found = Normalisation.fit(mels, EMOTIONS)
    quiet = torch.cat([mels[0], mels[2]])
    torch.testing.assert_close(found.mean, torch.stack([quiet.mean(dim=0), mels[1].mean(dim=0)]))
    torch.testing.assert_close(found.deviation, torch.stack([quiet.std(dim=0), mels[1].std(dim=0)]))
    assert found.floor == torch.cat(mels).min()


def test_short_clips_end_in_silence_and_nothing_is_below_it(mels: list[torch.Tensor]) -> None:
    normalisation = Normalisation.fit(mels, EMOTIONS)
    images = normalisation.images(mels, EMOTIONS, frames=20)
    assert [image.shape for image in images] == [(3, 30), (3, 20), (3, 20)]
    restored = [normalisation.mels(image[None], EMOTIONS[[n]])[0] for n, image in enumerate(images)]
    for found, mel in zip(restored, mels, strict=True):
        torch.testing.assert_close(found[: len(mel)], mel, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(restored[1][10:], normalisation.floor.expand(10, 3))
    assert (normalisation.mels(torch.full((3, 3, 4), -99.0), EMOTIONS) == normalisation.floor).all()


def test_a_band_that_never_changes() -> None:
    constant = [torch.full((5, 2), -18.0)] * 2
    images = Normalisation.fit(constant, torch.tensor([0, 1])).images(constant, torch.tensor([0, 1]), 5)
    assert all((image == 0).all() for image in images)


@pytest.fixture
def generator(mels: list[torch.Tensor]) -> SpectrogramGenerator:
    torch.manual_seed(1)
    return SpectrogramGenerator(Generator(**SIZE), Normalisation.fit(mels, EMOTIONS))


def test_a_seed_decides(generator: SpectrogramGenerator) -> None:
    emotions = torch.tensor([0, 1] * BATCH)  # more than one batch
    synthetic = generator.mels(emotions, seed=1)
    assert synthetic.shape == (len(emotions), 8, 3)
    assert torch.equal(synthetic, generator.mels(emotions, seed=1))
    assert not torch.equal(synthetic, generator.mels(emotions, seed=2))
    assert len(synthetic.flatten(1).unique(dim=0)) == len(emotions)
    assert not torch.equal(synthetic, generator.mels(1 - emotions, seed=1))


def test_a_loaded_generator_is_equal(generator: SpectrogramGenerator) -> None:
    again = SpectrogramGenerator.from_tensors(generator.tensors(), SIZE, CPU)
    assert torch.equal(again.mels(EMOTIONS, seed=1), generator.mels(EMOTIONS, seed=1))
