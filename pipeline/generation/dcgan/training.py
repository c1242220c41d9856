"""The training loop of a DC-GAN, on crops of one size."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Annotated, cast

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pipeline.core.params import section
from pipeline.generation.dcgan.networks import SCALE, Discriminator, Generator

BETAS = (0.5, 0.999)  # of Adam, as Radford et al. have them
STANDING_BATCHES = 50  # that the normalisation's statistics are of


@section
class DcganParams:
    """Size and training of the networks."""

    frames: Annotated[
        int, Field(ge=SCALE)
    ]  # of a spectrogram; of a longer clip it is a crop, a shorter one ends in silence
    latent: PositiveInt  # values of noise that a spectrogram is made from
    channels: PositiveInt
    discriminator_channels: PositiveInt
    steps: PositiveInt
    batch: Annotated[int, Field(ge=2)]  # normalisation over a batch needs two
    generator_rate: PositiveFloat  # learning rates
    discriminator_rate: PositiveFloat
    r1_weight: NonNegativeFloat  # of the squared gradient at real spectrograms
    r1_every: PositiveInt  # steps, of which the penalty then weighs as much as of all
    average: Annotated[float, Field(ge=0, lt=1)]  # decay of the moving average of the generator's weights
    log_every: PositiveInt  # steps to a row of the training curve


def generator_size(n_mels: int, emotions: int, params: DcganParams) -> dict[str, int]:
    """Arguments of `Generator`; they go beside kept weights."""
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
    """Train a generator; the same arguments on the same kind of machine give the same weights.

    Every emotion is drawn as often as any other. The loss is the non-saturating one (Goodfellow et al. 2014), with R1.

    Args:
        images: normalised spectrograms, each (n_mels, frames), `SCALE` or more by `params.frames` or more
        emotions: number of each one's, (clips,), each number from 0 at least once
        params: size and training
        seed: of weights, batches, crops and noise
        device: where to train
        autocast: context of the forward passes (mixed precision)

    Returns:
        the generator with its averaged weights, and the curve: step, and the mean of each loss since the row before
    """
    torch.manual_seed(seed)
    draw = torch.Generator().manual_seed(seed)
    count = int(emotions.max()) + 1
    generator = Generator(**generator_size(len(images[0]), count, params)).to(device)
    discriminator = Discriminator(count, params.discriminator_channels).to(device)
    averaged = AveragedModel(generator, multi_avg_fn=get_ema_multi_avg_fn(params.average))
    generator_steps = torch.optim.Adam(generator.parameters(), params.generator_rate, betas=BETAS, fused=True)
    discriminator_steps = torch.optim.Adam(
        discriminator.parameters(), params.discriminator_rate, betas=BETAS, fused=True
    )
    precision = autocast or nullcontext()
    chances = 1 / torch.bincount(emotions)[emotions]
    curve: list[dict[str, float]] = []
    losses = torch.zeros(2, device=device)

    for step in range(1, params.steps + 1):
        drawn = torch.multinomial(chances, params.batch, replacement=True, generator=draw)
        real = _crops([images[index] for index in drawn], params.frames, draw).to(device)
        acted = emotions[drawn].to(device)
        noise = torch.randn(params.batch, params.latent, generator=draw).to(device)
        with precision:
            fake = generator(noise, acted).float()

        # Discriminator
        with precision:
            scores = discriminator(torch.cat([real, fake.detach()]), torch.cat([acted, acted])).float()
        of_real, of_fake = scores.chunk(2)
        mistaken = softplus(-of_real).mean() + softplus(of_fake).mean()
        penalty = torch.zeros((), device=device)
        if params.r1_weight and step % params.r1_every == 0:
            penalty = params.r1_every * params.r1_weight * gradient_penalty(discriminator, real, acted)
        discriminator_steps.zero_grad()
        (mistaken + penalty).backward()
        discriminator_steps.step()

        # Generator
        with precision:
            fooled = softplus(-discriminator(fake, acted).float()).mean()
        generator_steps.zero_grad()
        fooled.backward()
        generator_steps.step()
        averaged.update_parameters(generator)

        losses += torch.stack([fooled.detach(), mistaken.detach()])
        if step % params.log_every == 0 or step == params.steps:
            own, other = (losses / ((step - 1) % params.log_every + 1)).tolist()
            curve.append({"step": step, "generator": own, "discriminator": other})
            losses.zero_()
    made = cast(Generator, averaged.module)
    _stand(made, params, count, draw, device)
    return made, curve


def gradient_penalty(discriminator: nn.Module, real: Tensor, emotions: Tensor) -> Tensor:
    """Half the squared gradient of the scores at real spectrograms (R1, Mescheder et al. 2018, eq. 9, γ = 1).

    Args:
        discriminator: one score a spectrogram
        real: (batch, n_mels, frames)
        emotions: numbers of theirs, (batch,)
    """
    real = real.detach().requires_grad_()
    [gradient] = torch.autograd.grad(discriminator(real, emotions).sum(), real, create_graph=True)
    return gradient.square().sum(dim=(1, 2)).mean() / 2


def _crops(images: Sequence[Tensor], frames: int, draw: torch.Generator) -> Tensor:
    """A random stretch of each, (batch, n_mels, frames)."""
    starts = [int(torch.randint(image.shape[1] - frames + 1, (), generator=draw)) for image in images]
    return torch.stack([image[:, start : start + frames] for image, start in zip(images, starts, strict=True)])


@torch.no_grad()
def _stand(
    generator: Generator, params: DcganParams, emotions: int, draw: torch.Generator, device: torch.device
) -> None:
    """Give a generator of averaged weights the statistics that belong to them (standing ones, Brock et al. 2019)."""
    for module in generator.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # the mean over all that follows
    generator.train()
    for _ in range(STANDING_BATCHES):
        noise = torch.randn(params.batch, params.latent, generator=draw)
        generator(noise.to(device), torch.randint(emotions, (params.batch,), generator=draw).to(device))
    generator.eval()
