"""The training loop of a pair, on crops of normalised frames."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import chain
from typing import Annotated, Literal, Protocol, TypeVar

import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor, nn

from pipeline.cyclegan import checkpoints as checkpointing
from pipeline.cyclegan.checkpoints import Checkpoints
from pipeline.cyclegan.crops import Domain, filling_masks
from pipeline.cyclegan.guidance import Guidance, GuideParams
from pipeline.cyclegan.losses import cycle_loss, fake_loss, gradient_penalty, identity_loss, real_loss
from pipeline.cyclegan.networks import Discriminator, Generator
from pipeline.params import Odd, section

Share = Annotated[float, Field(ge=0, le=1)]
Part = TypeVar("Part")


@section
class CycleGanParams:
    """Size and training of a pair's networks; a part with a weight, a length or a decay of 0 is not there."""

    channels: PositiveInt
    blocks: NonNegativeInt
    kernel: Odd
    discriminator_channels: PositiveInt
    steps: PositiveInt
    batch: PositiveInt  # crops of each emotion in a step
    frames: PositiveInt  # of a crop
    generator_rate: PositiveFloat  # learning rates
    discriminator_rate: PositiveFloat
    constant_share: Share  # of the steps before both rates begin to fall to nothing, linearly
    cycle_weight: NonNegativeFloat
    identity_weight: NonNegativeFloat
    identity_share: Share  # of the steps in which it applies
    second_adversarial_weight: NonNegativeFloat  # of discriminators that judge cycled crops
    mask_frames: NonNegativeInt  # longest stretch that is hidden from a generator that converts
    guidance_weight: NonNegativeFloat
    guide: GuideParams
    regularisation: Literal["none", "spectral_norm", "r1"]  # of the discriminators
    r1_weight: NonNegativeFloat
    r1_every: PositiveInt  # steps, of which the penalty then weighs as much as of all
    average: Annotated[float, Field(ge=0, lt=1)]  # decay of the moving average of the generators' weights
    warm_start_steps: NonNegativeInt
    warm_start_mask_frames: PositiveInt
    log_every: PositiveInt  # steps to a row of the training curve


class Judges(nn.Module):
    """A discriminator of each emotion of a pair."""

    def __init__(self, order: int, params: CycleGanParams) -> None:
        super().__init__()
        size = order, params.discriminator_channels, params.regularisation == "spectral_norm"
        self.a, self.b = Discriminator(*size), Discriminator(*size)

    def fooled(self, made_a: Tensor, made_b: Tensor) -> Tensor:
        """What the generators lose where made crops, (batch, order, frames), are taken for made."""
        return real_loss(self.a(made_a).float()) + real_loss(self.b(made_b).float())

    def mistaken(self, real_a: Tensor, real_b: Tensor, made_a: Tensor, made_b: Tensor) -> Tensor:
        """What the judges lose where they take real crops for made or made ones for real; the makers learn nothing."""
        true_a, false_a = self.a(torch.cat([real_a, made_a.detach()])).float().chunk(2)
        true_b, false_b = self.b(torch.cat([real_b, made_b.detach()])).float().chunk(2)
        return real_loss(true_a) + fake_loss(false_a) + real_loss(true_b) + fake_loss(false_b)

    def penalty(self, real_a: Tensor, real_b: Tensor) -> Tensor:
        """R1 of both."""
        return gradient_penalty(self.a, real_a) + gradient_penalty(self.b, real_b)


class CycleGan(nn.Module):
    """The networks of a pair of emotions, a and b."""

    def __init__(self, order: int, params: CycleGanParams) -> None:
        super().__init__()
        size = generator_size(order, params)
        self.a_to_b, self.b_to_a = Generator(**size), Generator(**size)
        self.judges = Judges(order, params)
        # Of what has been to the other emotion and back: CycleGAN-VC2's second adversarial loss (Kaneko et al. 2019).
        self.second_judges = Judges(order, params) if params.second_adversarial_weight else None

    def converted(
        self, real_a: Tensor, real_b: Tensor, masks: tuple[Tensor, Tensor] | None, keep: bool
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Crops as the other emotion and, where asked, as the one that they are, both by one call of a generator.

        Args:
            real_a: (batch, order, frames)
            real_b: same shape
            masks: what is hidden of a and b where they are converted, (batch, 1, frames); where kept, nothing is
            keep: without it the kept ones are the real ones themselves, whose identity loss is 0

        Returns:
            fake_a, fake_b, kept_a, kept_b, each (batch, order, frames)
        """
        mask_a, mask_b = masks or (None, None)
        if not keep:
            return self.b_to_a(real_b, mask_b).float(), self.a_to_b(real_a, mask_a).float(), real_a, real_b
        if mask_a is not None and mask_b is not None:
            mask_a, mask_b = torch.cat([mask_a, torch.ones_like(mask_a)]), torch.cat([torch.ones_like(mask_b), mask_b])
        real = torch.cat([real_a, real_b])
        fake_b, kept_b = self.a_to_b(real, mask_a).float().chunk(2)
        kept_a, fake_a = self.b_to_a(real, mask_b).float().chunk(2)
        return fake_a, fake_b, kept_a, kept_b

    def penalty(self, real_a: Tensor, real_b: Tensor) -> Tensor:
        """R1 of all judges, at real crops."""
        second = self.second_judges
        own = self.judges.penalty(real_a, real_b)
        return own + second.penalty(real_a, real_b) if second else own

    def generator_weights(self) -> list[nn.Parameter]:
        """Of both generators."""
        return list(chain(self.a_to_b.parameters(), self.b_to_a.parameters()))

    def discriminator_weights(self) -> list[nn.Parameter]:
        """Of all discriminators."""
        second = self.second_judges.parameters() if self.second_judges else ()
        return list(chain(self.judges.parameters(), second))


def generator_size(order: int, params: CycleGanParams) -> dict[str, int]:
    """Arguments of `Generator`; they go beside kept weights."""
    return {
        "order": order,
        "channels": params.channels,
        "blocks": params.blocks,
        "kernel": params.kernel,
        "mask_channels": int(params.mask_frames > 0),
    }


def train(
    a: Domain,
    b: Domain,
    params: CycleGanParams,
    seed: int,
    device: torch.device,
    autocast: AbstractContextManager[None] | None = None,
    guidance: Guidance | None = None,
    start: Mapping[str, Tensor] | None = None,
    checkpoints: Checkpoints | None = None,
) -> tuple[CycleGan, list[dict[str, float]]]:
    """Train a pair; the same arguments on the same kind of machine give the same weights, killed in between or not.

    Args:
        a: training clips of the one emotion
        b: of the other
        params: size and training
        seed: of weights and crops
        device: where to train
        autocast: context of the forward passes (mixed precision)
        guidance: towards a and b; used if it has a weight
        start: what both generators begin with, from `pretrained`; used if there are steps of a warm start
        checkpoints: where to go on from, and to save; to be deleted once what comes of the training is kept

    Returns:
        the networks, and the curve: step, and the mean of each loss since the row before, 0 where it does not apply

    Raises:
        ValueError: guidance or start is not given, but has a weight or steps
    """
    networks = untrained(a.frames.shape[1], params, seed, start).to(device)
    a, b = a.to(device), b.to(device)
    guide = _given(guidance, "guidance").to(device) if params.guidance_weight else None
    precision = autocast or nullcontext()
    weights = _weights(params)
    identity_steps = round(params.identity_share * params.steps) if params.identity_weight else 0
    progress = Progress(networks, params, seed, device)
    if checkpoints and (state := checkpoints.load()):
        progress.load_state_dict(state)

    for step in range(progress.step + 1, params.steps + 1):
        real_a = a.crops(params.batch, params.frames, progress.draw)
        real_b = b.crops(params.batch, params.frames, progress.draw)
        masks = _masks(params, progress.draw, device)

        # Generator
        with precision:
            fake_a, fake_b, kept_a, kept_b = networks.converted(real_a, real_b, masks, keep=step <= identity_steps)
            cycled_a, cycled_b = networks.b_to_a(fake_b).float(), networks.a_to_b(fake_a).float()
            losses = {
                "adversarial": networks.judges.fooled(fake_a, fake_b),
                "cycle": cycle_loss(real_a, cycled_a) + cycle_loss(real_b, cycled_b),
                "identity": identity_loss(real_a, kept_a) + identity_loss(real_b, kept_b),
            }
            if networks.second_judges:
                losses["second_adversarial"] = networks.second_judges.fooled(cycled_a, cycled_b)
            if guide:
                losses["guidance"] = guide(fake_a, fake_b)
        progress.generators.step(torch.stack([weights[name] * loss for name, loss in losses.items()]).sum())

        # Discriminator
        with precision:
            mistaken = networks.judges.mistaken(real_a, real_b, fake_a, fake_b)
            if networks.second_judges:
                mistaken = mistaken + networks.second_judges.mistaken(real_a, real_b, cycled_a, cycled_b)
        losses["discriminator"] = mistaken
        if params.regularisation == "r1" and step % params.r1_every == 0:
            losses["r1"] = params.r1_every * networks.penalty(real_a, real_b)
            mistaken = mistaken + params.r1_weight * losses["r1"]
        progress.discriminators.step(mistaken)

        progress.note(step, losses)
        if checkpoints and checkpoints.due(step):
            checkpoints.save(progress.state_dict())
    if progress.average:
        progress.average.apply()
    return networks, progress.curve.rows


def untrained(order: int, params: CycleGanParams, seed: int, start: Mapping[str, Tensor] | None) -> CycleGan:
    """Networks before the first step, on the CPU; arguments as for `train`."""
    torch.manual_seed(seed)
    networks = CycleGan(order, params)
    if params.warm_start_steps:
        for generator in (networks.a_to_b, networks.b_to_a):
            generator.load_state_dict(_given(start, "start"))
    return networks


def training_key(
    a: Domain,
    b: Domain,
    params: CycleGanParams,
    seed: int,
    *machine: object,
    guidance: Guidance | None = None,
    start: Mapping[str, Tensor] | None = None,
) -> str:
    """Key of the checkpoints of `train`: all on which it depends.

    Args:
        a: this and the others as for `train`
        b: …
        params: …
        seed: …
        machine: what else changes the last digits: device, precision, threads
        guidance: …
        start: …
    """
    data = (tensor for domain in (a, b) for tensor in (domain.frames, domain.lengths, domain.chances))
    weights = chain(guidance.state_dict().values() if guidance else (), start.values() if start else ())
    return checkpointing.key((params, seed, *machine), chain(data, weights))


class Stateful(Protocol):
    """What can be kept and loaded again, as plain tensors."""

    def state_dict(self) -> dict[str, Tensor]:
        """All that changes, by name."""

    def load_state_dict(self, tensors: Mapping[str, Tensor], /) -> object:
        """Be as `state_dict` was."""


class Progress:
    """All that changes while a pair trains; where it is kept and loaded again, nothing shows that training stopped."""

    def __init__(self, networks: CycleGan, params: CycleGanParams, seed: int, device: torch.device) -> None:
        generators, discriminators = networks.generator_weights(), networks.discriminator_weights()
        schedule = params.steps, params.constant_share
        self.step = 0
        self.draw = torch.Generator().manual_seed(seed)  # of crops and masks; nothing else is left to chance
        self.generators = Optimiser(generators, params.generator_rate, *schedule)
        self.discriminators = Optimiser(discriminators, params.discriminator_rate, *schedule)
        self.average = Average(generators, params.average) if params.average else None
        self.curve = Curve(_columns(params), params.log_every, params.steps, device)
        self._parts: dict[str, Stateful] = {
            "networks": networks,
            "generators": self.generators,
            "discriminators": self.discriminators,
            "curve": self.curve,
        }
        if self.average:
            self._parts["average"] = self.average

    def note(self, step: int, losses: Mapping[str, Tensor]) -> None:
        """A step is done."""
        self.step = step
        if self.average:
            self.average.update()
        self.curve.add(step, losses)

    def state_dict(self) -> dict[str, Tensor]:
        """Everything, by name."""
        state = {"step": torch.tensor(self.step), "draw": self.draw.get_state()}
        for name, part in self._parts.items():
            state |= {f"{name}.{key}": tensor for key, tensor in part.state_dict().items()}
        return state

    def load_state_dict(self, tensors: Mapping[str, Tensor]) -> None:
        """Inverse of `state_dict`."""
        self.step = int(tensors["step"])
        self.draw.set_state(tensors["draw"])
        for name, part in self._parts.items():
            prefix = f"{name}."
            part.load_state_dict({key.removeprefix(prefix): tensors[key] for key in tensors if key.startswith(prefix)})


class Optimiser:
    """Adam with a rate that is constant over a share of the steps and then falls to nothing, linearly."""

    def __init__(self, weights: list[nn.Parameter], rate: float, steps: int, constant_share: float) -> None:
        self._weights = weights
        self._adam = torch.optim.Adam(weights, rate, betas=(0.5, 0.999), fused=True)
        self._rate, self._steps, self._constant_share = rate, steps, constant_share
        self._done = 0

    def step(self, loss: Tensor) -> None:
        """One step down the gradient of a loss; no other weights get a gradient."""
        self._adam.zero_grad()
        loss.backward(inputs=self._weights)
        self._adam.step()
        self._advance(self._done + 1)

    def state_dict(self) -> dict[str, Tensor]:
        """Moments of each weight, by its number, and how many steps are done."""
        moments = self._adam.state_dict()["state"]
        kept = {f"{number}.{name}": tensor for number, own in moments.items() for name, tensor in own.items()}
        return kept | {"done": torch.tensor(self._done)}

    def load_state_dict(self, tensors: Mapping[str, Tensor]) -> None:
        """Inverse of `state_dict`."""
        moments: defaultdict[int, dict[str, Tensor]] = defaultdict(dict)
        for key, tensor in tensors.items():
            number, _, name = key.partition(".")
            if name:
                moments[int(number)][name] = tensor.clone()
        self._adam.load_state_dict({**self._adam.state_dict(), "state": dict(moments)})
        self._advance(int(tensors["done"]))

    def _advance(self, done: int) -> None:
        self._done = done
        falling = 1 - self._constant_share
        share = min(1.0, (1 - done / self._steps) / falling) if falling else 1.0
        for group in self._adam.param_groups:
            group["lr"] = self._rate * share


class Average:
    """Exponential moving average of weights (as of a GAN's generator by Yazıcı et al. 2019).

    The nth update decays by (1 + n) / (10 + n) where that is less, so that the first weights are soon forgotten.
    """

    def __init__(self, weights: Sequence[Tensor], decay: float) -> None:
        self._weights = [own.detach() for own in weights]  # the same memory
        self._averages = [own.clone() for own in self._weights]
        self._decay = decay
        self._updates = 0

    def update(self) -> None:
        """Take in the weights as they are."""
        self._updates += 1
        decay = min(self._decay, (1 + self._updates) / (10 + self._updates))
        torch._foreach_lerp_(self._averages, self._weights, 1 - decay)

    def apply(self) -> None:
        """Put the averages in the place of the weights."""
        torch._foreach_copy_(self._weights, self._averages)

    def state_dict(self) -> dict[str, Tensor]:
        """Averages, by number, and the number of updates."""
        averages = {str(number): own for number, own in enumerate(self._averages)}
        return averages | {"updates": torch.tensor(self._updates)}

    def load_state_dict(self, tensors: Mapping[str, Tensor]) -> None:
        """Inverse of `state_dict`."""
        for number, own in enumerate(self._averages):
            own.copy_(tensors[str(number)])
        self._updates = int(tensors["updates"])


class Curve:
    """Mean of each loss over so many steps, a row each time; only then does it wait for the device."""

    def __init__(self, names: Sequence[str], every: int, steps: int, device: torch.device) -> None:
        self.rows: list[dict[str, float]] = []
        self._names, self._every, self._steps = tuple(names), every, steps
        self._sums = torch.zeros(len(names), device=device)
        self._nothing = torch.zeros((), device=device)
        self._since = 0

    def add(self, step: int, losses: Mapping[str, Tensor]) -> None:
        """Losses of a step; one that is not there is 0."""
        self._sums += torch.stack([losses.get(name, self._nothing).detach() for name in self._names])
        self._since += 1
        if step % self._every == 0 or step == self._steps:
            means = (self._sums / self._since).tolist()
            self.rows.append({"step": step, **dict(zip(self._names, means, strict=True))})
            self._sums.zero_()
            self._since = 0

    def state_dict(self) -> dict[str, Tensor]:
        """Rows, and sums since the last."""
        rows = torch.tensor([list(row.values()) for row in self.rows], dtype=torch.float64)
        rows = rows.view(len(self.rows), 1 + len(self._names))
        return {"rows": rows, "sums": self._sums, "since": torch.tensor(self._since)}

    def load_state_dict(self, tensors: Mapping[str, Tensor]) -> None:
        """Inverse of `state_dict`."""
        rows = tensors["rows"].tolist()
        self.rows = [{"step": int(step), **dict(zip(self._names, means, strict=True))} for step, *means in rows]
        self._sums.copy_(tensors["sums"])
        self._since = int(tensors["since"])


def _given(part: Part | None, name: str) -> Part:
    if part is None:
        raise ValueError(f"`{name}` is not given, but params ask for it")
    return part


def _weights(params: CycleGanParams) -> dict[str, float]:
    """Of each loss of the generators."""
    return {
        "adversarial": 1.0,
        "cycle": params.cycle_weight,
        "identity": params.identity_weight,
        "second_adversarial": params.second_adversarial_weight,
        "guidance": params.guidance_weight,
    }


def _columns(params: CycleGanParams) -> list[str]:
    """Of the curve: four that are always there, and those of the parts that are switched on."""
    switched = {
        "second_adversarial": params.second_adversarial_weight > 0,
        "guidance": params.guidance_weight > 0,
        "r1": params.regularisation == "r1",
    }
    return ["adversarial", "cycle", "identity", "discriminator", *(name for name, on in switched.items() if on)]


def _masks(params: CycleGanParams, draw: torch.Generator, device: torch.device) -> tuple[Tensor, Tensor] | None:
    """What is hidden of the crops of a and of b."""
    if not params.mask_frames:
        return None
    both = filling_masks(2 * params.batch, params.frames, params.mask_frames, draw).to(device)
    mask_a, mask_b = both.chunk(2)
    return mask_a, mask_b
