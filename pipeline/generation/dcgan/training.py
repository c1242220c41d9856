"""The training loop of a DC-GAN, on crops of one size."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Annotated, cast

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.optim import Adam
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pipeline.core import console
from pipeline.core.params import section
from pipeline.generation.dcgan.networks import SCALE, Discriminator, Generator
from pipeline.networks.progress import Curve, Optimiser

BETAS = (0.5, 0.999)  # of Adam, as in Radford et al. 2016
STANDING_BATCHES = 50  # for the statistics of batch normalisation


@section
class DcganParams:
    """Size and training of the networks."""

    frames: Annotated[int, Field(ge=SCALE)]  # of a spectrogram; longer clips are cropped, shorter ones padded
    latent: PositiveInt  # values of noise for a spectrogram
    channels: PositiveInt
    discriminator_channels: PositiveInt
    steps: PositiveInt
    batch: Annotated[int, Field(ge=2)]  # batch normalisation needs two
    generator_rate: PositiveFloat  # learning rates
    discriminator_rate: PositiveFloat
    r1_weight: NonNegativeFloat  # of the squared gradient at real spectrograms
    r1_every: PositiveInt  # steps; the penalty is multiplied by their number
    average: Annotated[float, Field(ge=0, lt=1)]  # decay of the moving average of the generator's weights
    log_every: PositiveInt  # steps to a row of the training curve


def generator_size(n_mels: int, emotions: int, params: DcganParams) -> dict[str, int]:
    """Arguments of `Generator`; they are saved beside its weights."""
    return {
        "n_mels": n_mels,
        "frames": params.frames,
        "emotions": emotions,
        "latent": params.latent,
        "channels": params.channels,
    }


def train(
    images: Sequence[Tensor],
    emotions: Tensor,
    params: DcganParams,
    seed: int,
    device: torch.device,
    autocast: AbstractContextManager[None] | None = None,
) -> tuple[Generator, list[dict[str, float]]]:
    """Train a generator; equal arguments on the same kind of hardware give equal weights.

    Every emotion is drawn as often as any other. The loss is the non-saturating one (Goodfellow et al. 2014), with R1.

    Args:
        images: normalised spectrograms, each (n_mels, frames): at least `SCALE` by `params.frames`
        emotions: class number of each, (clips,); every class from 0 on occurs
        params: size and training
        seed: of weights, batches, crops and noise
        device: where to train
        autocast: context of the forward passes (mixed precision)

    Returns:
        the generator with its averaged weights, and the curve: step, and the mean of each loss since the row before
    """
    torch.manual_seed(seed)
    rng = torch.Generator().manual_seed(seed)
    count = int(emotions.max()) + 1
    generator = Generator(**generator_size(len(images[0]), count, params)).to(device)
    discriminator = Discriminator(count, params.discriminator_channels).to(device)
    averaged = AveragedModel(generator, multi_avg_fn=get_ema_multi_avg_fn(params.average))
    generator_steps, discriminator_steps = (
        Optimiser(Adam(network.parameters(), rate, BETAS, fused=True), params.steps, constant_share=1)
        for network, rate in ((generator, params.generator_rate), (discriminator, params.discriminator_rate))
    )
    precision = autocast or nullcontext()
    probabilities = 1 / torch.bincount(emotions)[emotions]
    curve = Curve(("generator", "discriminator"), params.log_every, params.steps, device)

    for step in console.steps("DC-GAN", params.steps, curve.rows):
        picked = torch.multinomial(probabilities, params.batch, replacement=True, generator=rng)
        real = _crops([images[number] for number in picked], params.frames, rng).to(device)
        own = emotions[picked].to(device)
        noise = torch.randn(params.batch, params.latent, generator=rng).to(device)
        with precision:
            fake = generator(noise, own).float()

        # Discriminator
        with precision:
            discriminator_loss = _discriminator_loss(discriminator, real, fake.detach(), own)
        penalty = torch.zeros((), device=device)
        if params.r1_weight and step % params.r1_every == 0:
            penalty = params.r1_every * params.r1_weight * gradient_penalty(discriminator, real, own)
        discriminator_steps.step(discriminator_loss + penalty)

        # Generator
        with precision:
            generator_loss = softplus(-discriminator(fake, own).float()).mean()
        generator_steps.step(generator_loss)
        averaged.update_parameters(generator)
        curve.add(step, {"generator": generator_loss, "discriminator": discriminator_loss})
    trained = cast(Generator, averaged.module)
    _compute_standing_statistics(trained, params, count, rng, device)
    return trained, curve.rows


def _discriminator_loss(discriminator: nn.Module, real: Tensor, fake: Tensor, emotions: Tensor) -> Tensor:
    """Non-saturating loss on real and fake spectrograms of the same emotions."""
    scores = discriminator(torch.cat([real, fake]), torch.cat([emotions, emotions])).float()
    of_real, of_fake = scores.chunk(2)
    loss: Tensor = softplus(-of_real).mean() + softplus(of_fake).mean()
    return loss


def gradient_penalty(discriminator: nn.Module, real: Tensor, emotions: Tensor) -> Tensor:
    """Half the squared gradient of the scores at real spectrograms (R1, Mescheder et al. 2018, eq. 9, γ = 1).

    Args:
        discriminator: one score a spectrogram
        real: (batch, n_mels, frames)
        emotions: class numbers, (batch,)
    """
    real = real.detach().requires_grad_()
    [gradient] = torch.autograd.grad(discriminator(real, emotions).sum(), real, create_graph=True)
    return gradient.square().sum(dim=(1, 2)).mean() / 2


def _crops(images: Sequence[Tensor], frames: int, rng: torch.Generator) -> Tensor:
    """A random crop of each image, (batch, n_mels, frames)."""
    starts = [int(torch.randint(image.shape[1] - frames + 1, (), generator=rng)) for image in images]
    return torch.stack([image[:, start : start + frames] for image, start in zip(images, starts, strict=True)])


@torch.no_grad()
def _compute_standing_statistics(
    generator: Generator, params: DcganParams, emotions: int, rng: torch.Generator, device: torch.device
) -> None:
    """Compute the batch statistics of a generator with averaged weights (standing statistics, Brock et al. 2019)."""
    for module in generator.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # mean over all batches that follow
    generator.train()
    for _ in range(STANDING_BATCHES):
        noise = torch.randn(params.batch, params.latent, generator=rng)
        generator(noise.to(device), torch.randint(emotions, (params.batch,), generator=rng).to(device))
    generator.eval()
