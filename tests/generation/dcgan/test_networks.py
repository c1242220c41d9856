"""Networks of the DC-GAN: sizes, what depends on what, and that all of it learns."""

import pytest
import torch

from pipeline.generation.dcgan.networks import ConditionalNorm, Discriminator, Generator


@pytest.mark.parametrize(("n_mels", "frames"), [(16, 16), (64, 48), (20, 33)])
def test_images_have_the_size_that_is_asked_for(n_mels: int, frames: int) -> None:
    generator = Generator(n_mels, frames, emotions=3, latent=5, channels=2)
    emotions = torch.tensor([0, 2, 1, 1])
    images = generator(torch.randn(4, 5), emotions)
    assert images.shape == (4, n_mels, frames)
    assert Discriminator(3, 2)(images, emotions).shape == (4,)


def test_conditional_norm_is_each_emotions_own() -> None:
    norm = ConditionalNorm(channels=3, emotions=2)
    with torch.no_grad():
        norm.gain.weight[1], norm.bias.weight[1] = 2.0, 5.0
    x = 7 + 3 * torch.randn(400, 3, 4, 4)
    emotions = torch.arange(400) % 2
    plain = (x - x.mean(dim=(0, 2, 3), keepdim=True)) / x.std(dim=(0, 2, 3), keepdim=True)
    found = norm(x, emotions)
    torch.testing.assert_close(found[::2], plain[::2], rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(found[1::2], 2 * plain[1::2] + 5, rtol=1e-3, atol=1e-3)


def test_score_of_an_emotion_is_a_projection() -> None:
    """Where emotions are as likely as each other, realness alone counts (Miyato & Koyama 2018, eq. 3)."""
    discriminator = Discriminator(emotions=2, channels=2)
    image = torch.randn(1, 16, 16).expand(2, -1, -1)
    both = torch.tensor([0, 1])
    features = discriminator.layers(image[:, None]).sum(dim=(2, 3))
    of_each = discriminator(image, both)
    expected = features @ (discriminator.similarity.weight[0] - discriminator.similarity.weight[1])
    torch.testing.assert_close(of_each[0] - of_each[1], expected[0])
    torch.nn.init.zeros_(discriminator.similarity.weight)
    torch.testing.assert_close(discriminator(image, both), discriminator.realness(features)[:, 0])


def test_every_weight_gets_a_gradient() -> None:
    torch.manual_seed(0)
    generator, discriminator = Generator(16, 16, 2, 4, 2), Discriminator(2, 2)
    emotions = torch.tensor([0, 1, 0, 1])
    discriminator(generator(torch.randn(4, 4), emotions), emotions).square().sum().backward()
    for name, weights in (*generator.named_parameters(), *discriminator.named_parameters()):
        assert weights.grad is not None, name
        assert weights.grad.abs().sum() > 0 or name.startswith("enter.bias"), name
