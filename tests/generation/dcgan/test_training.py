"""The training of the DC-GAN: it repeats, follows its parameters, and learns what emotions are like."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from pipeline.generation.dcgan import training
from pipeline.generation.dcgan.training import DcganParams, gradient_penalty, train

CPU = torch.device("cpu")
EMOTIONS = torch.tensor([0, 1, 0, 0, 1, 0])


@pytest.fixture
def images() -> list[Tensor]:
    """Six, with energy in the lower half of the bands for the one emotion, in the upper for the other."""
    torch.manual_seed(0)
    synthetic = [0.1 * torch.randn(16, 16 + length) - 1 for length in range(6)]
    for image, emotion in zip(synthetic, EMOTIONS, strict=True):
        image[8 * emotion : 8 * emotion + 8] += 2
    return synthetic


def test_crops_are_of_their_images_and_reach_every_place() -> None:
    ramp = [100 * torch.arange(1, 4.0)[:, None] + torch.arange(10)]
    found = training._crops(ramp * 200, 8, torch.Generator().manual_seed(0))
    assert found.shape == (200, 3, 8)
    starts = found[:, 0, 0] - 100
    assert set(starts.tolist()) == {0, 1, 2}
    torch.testing.assert_close(found, torch.stack([ramp[0][:, int(start) : int(start) + 8] for start in starts]))


def weights(images: list[Tensor], params: DcganParams, seed: int = 1) -> dict[str, Tensor]:
    return train(images, EMOTIONS, params, seed, CPU)[0].state_dict()


def same(one: dict[str, Tensor], two: dict[str, Tensor]) -> bool:
    return all(torch.equal(one[name], two[name]) for name in one)


def test_same_arguments_same_weights_and_each_counts(images: list[Tensor], params: DcganParams) -> None:
    first = weights(images, params)
    torch.rand(3)  # what others have drawn does not matter
    assert same(first, weights(images, params))
    assert not same(first, weights(images, params, seed=2))
    for change in ({"r1_weight": 0.0}, {"r1_every": 1}, {"average": 0.0}, {"steps": 4}, {"discriminator_rate": 1e-2}):
        assert not same(first, weights(images, replace(params, **change))), change


def test_curve(images: list[Tensor], params: DcganParams) -> None:
    curve = train(images, EMOTIONS, params, 1, CPU)[1]
    assert [row["step"] for row in curve] == [2, 4, 5]
    fine = train(images, EMOTIONS, replace(params, log_every=1), 1, CPU)[1]
    for name in ("generator", "discriminator"):
        means = [(fine[0][name] + fine[1][name]) / 2, (fine[2][name] + fine[3][name]) / 2, fine[4][name]]
        assert [row[name] for row in curve] == pytest.approx(means)


def test_average_of_the_weights(images: list[Tensor], params: DcganParams) -> None:
    last = [weights(images, replace(params, steps=steps, average=0.0)) for steps in (1, 2, 3)]
    averaged = weights(images, replace(params, steps=3, average=0.75))
    for name in ("enter.weight", "layers.3.weight"):
        first = torch.lerp(last[1][name], last[0][name], 0.75)
        torch.testing.assert_close(averaged[name], torch.lerp(last[2][name], first, 0.75))


def test_statistics_belong_to_the_averaged_weights(images: list[Tensor], params: DcganParams) -> None:
    """In evaluation the first layer's normalisation is that of many batches of the kept generator."""
    generator, _ = train(images, EMOTIONS, replace(params, steps=20), 1, CPU)
    assert not generator.training
    entered = generator.enter(torch.randn(4000, params.latent)).unflatten(1, (-1, 1))
    norm = generator.norms[0].norm
    torch.testing.assert_close(norm.running_mean, entered.mean(dim=(0, 2)), rtol=0.1, atol=0.1)
    torch.testing.assert_close(norm.running_var, entered.var(dim=(0, 2)), rtol=0.3, atol=0.1)


def test_gradient_penalty_by_hand() -> None:
    class Linear(torch.nn.Module):
        def forward(self, x: Tensor, emotions: Tensor) -> Tensor:
            return (x * (1 + emotions)[:, None, None]).sum(dim=(1, 2))

    penalty = gradient_penalty(Linear(), torch.randn(2, 3, 4), torch.tensor([0, 2]))
    assert penalty.item() == pytest.approx((12 * 1 + 12 * 9) / 2 / 2)


def test_it_learns_what_each_emotion_is_like(images: list[Tensor], params: DcganParams) -> None:
    longer = replace(params, channels=4, discriminator_channels=4, steps=80, batch=8, average=0.9, r1_every=4)
    longer = replace(longer, generator_rate=5e-3, discriminator_rate=5e-3)
    generator, _ = train(images, EMOTIONS, longer, 1, CPU)
    noise = torch.randn(32, params.latent)
    with torch.no_grad():
        for emotion, own, other in ((0, slice(0, 8), slice(8, 16)), (1, slice(8, 16), slice(0, 8))):
            synthetic = generator(noise, torch.full((32,), emotion))
            assert synthetic[:, own].mean() > synthetic[:, other].mean() + 1
