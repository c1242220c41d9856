"""The training loop of a pair, on crops of normalised frames."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import chain

import torch
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor

from pipeline.cyclegan.losses import cycle_loss, fake_loss, identity_loss, real_loss
from pipeline.cyclegan.networks import Discriminator, Generator
from pipeline.params import Odd, section


@section
class CycleGanParams:
    """Size and training of a pair's networks."""

    channels: PositiveInt
    blocks: NonNegativeInt
    kernel: Odd
    discriminator_channels: PositiveInt
    steps: PositiveInt
    batch: PositiveInt  # crops of each emotion in a step
    frames: PositiveInt  # of a crop
    generator_rate: PositiveFloat  # learning rates; both fall to nothing, linearly, over the last half of the steps
    discriminator_rate: PositiveFloat
    cycle_weight: NonNegativeFloat
    identity_weight: NonNegativeFloat
    log_every: PositiveInt  # steps to a row of the training curve


@dataclass(frozen=True)
class Domain:
    """All training clips of one emotion, and how to draw from them."""

    frames: Tensor  # normalised, of all clips one after another, (frames, order)
    starts: Tensor  # of each clip, (clips,)
    lengths: Tensor  # (clips,)
    chances: Tensor  # of drawing each clip, (clips,)

    @classmethod
    def of(cls, spectra: Sequence[Tensor], speakers: Sequence[str]) -> "Domain":
        """Domain in which every speaker is drawn equally often, whatever their number of clips.

        Args:
            spectra: normalised frames of each clip, (frames, order)
            speakers: of each clip
        """
        lengths = torch.tensor([len(spectrum) for spectrum in spectra])
        chances = torch.tensor([1 / speakers.count(speaker) for speaker in speakers])
        return cls(torch.cat(list(spectra)), lengths.cumsum(0) - lengths, lengths, chances)

    def to(self, device: torch.device) -> "Domain":
        """The same with its frames on a device; drawing stays on the CPU, so that it is the same everywhere."""
        return Domain(self.frames.to(device), self.starts, self.lengths, self.chances)

    def crops(self, count: int, frames: int, generator: torch.Generator) -> Tensor:
        """Random crops, (count, order, frames); a clip that is shorter runs back and forth."""
        clips = torch.multinomial(self.chances, count, replacement=True, generator=generator)
        lengths = self.lengths[clips, None]
        room = (lengths - frames + 1).clamp(min=1)
        offsets = (torch.rand(count, 1, generator=generator) * room).long() + torch.arange(frames)
        period = (2 * lengths - 2).clamp(min=1)
        offsets = offsets % period
        offsets = torch.minimum(offsets, period - offsets).clamp(min=0)  # reflection at both ends
        index = (self.starts[clips, None] + offsets).to(self.frames.device)
        return self.frames[index].transpose(1, 2)  # (B, T, C) -> (B, C, T)


class CycleGan:
    """The four networks of a pair of emotions, a and b."""

    def __init__(self, order: int, params: CycleGanParams, device: torch.device) -> None:
        size = (order, params.channels, params.blocks, params.kernel)
        self.a_to_b, self.b_to_a = Generator(*size).to(device), Generator(*size).to(device)
        self.judge_a, self.judge_b = (Discriminator(order, params.discriminator_channels).to(device) for _ in range(2))

    def generator_weights(self) -> list[torch.nn.Parameter]:
        """Of both generators."""
        return list(chain(self.a_to_b.parameters(), self.b_to_a.parameters()))

    def discriminator_weights(self) -> list[torch.nn.Parameter]:
        """Of both discriminators."""
        return list(chain(self.judge_a.parameters(), self.judge_b.parameters()))


def train(
    a: Domain,
    b: Domain,
    params: CycleGanParams,
    seed: int,
    device: torch.device,
    autocast: AbstractContextManager[None] | None = None,
) -> tuple[CycleGan, list[dict[str, float]]]:
    """Train a pair; the same arguments on the same kind of machine give the same weights.

    Args:
        a: training clips of the one emotion
        b: of the other
        params: size and training
        seed: of weights and crops
        device: where to train
        autocast: context of the forward passes (mixed precision)

    Returns:
        the networks, and the curve: step, and the mean of each loss since the row before
    """
    torch.manual_seed(seed)
    draw = torch.Generator().manual_seed(seed)
    networks = CycleGan(a.frames.shape[1], params, device)
    a, b = a.to(device), b.to(device)
    precision = autocast or nullcontext()
    generators = Optimiser(networks.generator_weights(), params.generator_rate, params.steps)
    discriminators = Optimiser(networks.discriminator_weights(), params.discriminator_rate, params.steps)
    curve: list[dict[str, float]] = []
    sums = torch.zeros(4, device=device)
    since = 0

    for step in range(1, params.steps + 1):
        real_a = a.crops(params.batch, params.frames, draw)
        real_b = b.crops(params.batch, params.frames, draw)

        # Generator
        for weights in networks.discriminator_weights():
            weights.requires_grad_(False)
        with precision:
            # One call converts the one domain and keeps the other.
            fake_b, kept_b = networks.a_to_b(torch.cat([real_a, real_b])).float().chunk(2)
            kept_a, fake_a = networks.b_to_a(torch.cat([real_a, real_b])).float().chunk(2)
            cycled_a = networks.b_to_a(fake_b).float()
            cycled_b = networks.a_to_b(fake_a).float()
            scores_a, scores_b = networks.judge_a(fake_a).float(), networks.judge_b(fake_b).float()
        adversarial = real_loss(scores_a) + real_loss(scores_b)
        cycle = cycle_loss(real_a, cycled_a) + cycle_loss(real_b, cycled_b)
        identity = identity_loss(real_a, kept_a) + identity_loss(real_b, kept_b)
        generators.step(adversarial + params.cycle_weight * cycle + params.identity_weight * identity)

        # Discriminator
        for weights in networks.discriminator_weights():
            weights.requires_grad_(True)
        with precision:
            true_a, made_a = networks.judge_a(torch.cat([real_a, fake_a.detach()])).float().chunk(2)
            true_b, made_b = networks.judge_b(torch.cat([real_b, fake_b.detach()])).float().chunk(2)
        discrimination = real_loss(true_a) + fake_loss(made_a) + real_loss(true_b) + fake_loss(made_b)
        discriminators.step(discrimination)

        sums += torch.stack([adversarial, cycle, identity, discrimination]).detach()
        since += 1
        if step % params.log_every == 0 or step == params.steps:
            names = ("adversarial", "cycle", "identity", "discriminator")
            curve.append({"step": step, **dict(zip(names, (sums / since).tolist(), strict=True))})
            sums, since = torch.zeros_like(sums), 0
    return networks, curve


class Optimiser:
    """Adam with a rate that is constant over the first half of the steps and falls to nothing over the second."""

    def __init__(self, weights: list[torch.nn.Parameter], rate: float, steps: int) -> None:
        self._adam = torch.optim.Adam(weights, rate, betas=(0.5, 0.999), fused=True)
        self._schedule = torch.optim.lr_scheduler.LambdaLR(self._adam, lambda step: min(1.0, 2 - 2 * step / steps))

    def step(self, loss: Tensor) -> None:
        """One step down the gradient of a loss."""
        self._adam.zero_grad()
        loss.backward()
        self._adam.step()
        self._schedule.step()
