"""The training loop of a pair, on crops of normalised frames."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from itertools import chain
from typing import NamedTuple

import torch
from torch import Tensor
from torch.optim import Adam

from pipeline.conversion import checkpoints as checkpointing
from pipeline.conversion.checkpoints import Checkpoints
from pipeline.conversion.crops import Domain
from pipeline.conversion.emotion_classifier import ClassifierLoss
from pipeline.conversion.losses import cycle_loss, identity_loss, parallel_loss
from pipeline.conversion.pair import CycleGan, CycleGanParams
from pipeline.core import console
from pipeline.networks.progress import Curve, Optimiser, Stateful

BETAS = (0.5, 0.999)  # of Adam, as in Zhu et al. 2017


class Batch(NamedTuple):
    """Crops of one step, each (batch, order, frames), and the numbers of their clips, (batch,)."""

    clips_a: Tensor
    clips_b: Tensor
    real_a: Tensor
    real_b: Tensor
    targets_of_a: Tensor | None  # parallel targets of `real_a`, in emotion b; None where the loss has weight 0
    targets_of_b: Tensor | None


def train(
    a: Domain,
    b: Domain,
    params: CycleGanParams,
    seed: int,
    device: torch.device,
    autocast: AbstractContextManager[None] | None = None,
    classifier_loss: ClassifierLoss | None = None,
    checkpoints: Checkpoints | None = None,
) -> tuple[CycleGan, list[dict[str, float]]]:
    """Train a pair; equal arguments on the same kind of hardware give equal weights, with or without an interruption.

    Args:
        a: training clips of the one emotion; if the parallel loss has a weight, each frame has its target beside it
        b: of the other
        params: size and training
        seed: of weights and crops
        device: where to train
        autocast: context of the forward passes (mixed precision)
        classifier_loss: towards a and b; used if it has a weight
        checkpoints: where to continue from, and to save; the last one is after the last step

    Returns:
        the networks, and the curve: step, and the mean of each loss since the row before, 0 where it does not apply

    Raises:
        ValueError: `classifier_weight` is not 0, but no `classifier_loss` is given
    """
    if params.classifier_weight and classifier_loss is None:
        raise ValueError("'classifier_weight' is not 0, but no classifier loss is given")
    classifier_loss = classifier_loss.to(device) if classifier_loss and params.classifier_weight else None
    width = a.frames.shape[1]
    networks = untrained(width // 2 if params.parallel_weight else width, params, seed).to(device)
    a, b = a.to(device), b.to(device)
    precision = autocast or nullcontext()
    weights = _weights(params)
    identity_steps = round(params.identity_share * params.steps) if params.identity_weight else 0
    progress = Progress(networks, params, seed, device)
    if checkpoints and (state := checkpoints.load()):
        progress.load_state_dict(state)

    for step in console.steps("steps", params.steps, progress.curve.rows, progress.step):
        batch = drawn(a, b, params, progress.rng)

        # Generator
        with precision:
            losses, fake_a, fake_b = generator_losses(networks, batch, step <= identity_steps, classifier_loss)
        progress.generators.step(torch.stack([weights[name] * loss for name, loss in losses.items()]).sum())

        # Discriminator
        if networks.discriminators and progress.discriminators:
            with precision:
                loss = networks.discriminators.discriminator_loss(batch.real_a, batch.real_b, fake_a, fake_b)
            losses["discriminator"] = loss
            progress.discriminators.step(loss)

        progress.add(step, losses)
        if checkpoints and (checkpoints.due(step) or step == params.steps):
            checkpoints.save(progress.state_dict())
    return networks, progress.curve.rows


def drawn(a: Domain, b: Domain, params: CycleGanParams, rng: torch.Generator) -> Batch:
    """Random crops of both emotions."""
    clips_a = a.clips(params.batch, rng)
    crops_a = a.crops_of(clips_a, params.frames, rng)
    clips_b = b.clips(params.batch, rng)
    crops_b = b.crops_of(clips_b, params.frames, rng)
    if not params.parallel_weight:
        return Batch(clips_a, clips_b, crops_a, crops_b, None, None)
    (real_a, targets_of_a), (real_b, targets_of_b) = crops_a.chunk(2, dim=1), crops_b.chunk(2, dim=1)
    return Batch(clips_a, clips_b, real_a, real_b, targets_of_a, targets_of_b)


def generator_losses(
    networks: CycleGan, batch: Batch, identity: bool, classifier_loss: ClassifierLoss | None
) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """Losses of the generators by name, without their weights, and the fakes.

    Args:
        networks: of the pair
        batch: of the step
        identity: whether the identity loss applies; otherwise it is 0
        classifier_loss: None where it has weight 0

    Returns:
        losses, fake_a, fake_b
    """
    real_a, real_b = batch.real_a, batch.real_b
    fake_a, fake_b, same_a, same_b = networks.conversions(real_a, real_b, identity)
    cycled_a, cycled_b = networks.b_to_a(fake_b).float(), networks.a_to_b(fake_a).float()
    losses = {}
    if networks.discriminators:
        losses["adversarial"] = networks.discriminators.generator_loss(fake_a, fake_b)
    losses["cycle"] = cycle_loss(real_a, cycled_a) + cycle_loss(real_b, cycled_b)
    losses["identity"] = identity_loss(real_a, same_a) + identity_loss(real_b, same_b)
    if batch.targets_of_a is not None and batch.targets_of_b is not None:
        losses["parallel"] = parallel_loss(batch.targets_of_a, fake_b) + parallel_loss(batch.targets_of_b, fake_a)
    if classifier_loss:
        losses["classifier"] = classifier_loss(fake_a, fake_b, batch.clips_b, batch.clips_a)
    return losses, fake_a, fake_b


def untrained(order: int, params: CycleGanParams, seed: int) -> CycleGan:
    """Networks before the first step, on the CPU; arguments as for `train`."""
    torch.manual_seed(seed)
    return CycleGan(order, params)


def training_key(
    a: Domain,
    b: Domain,
    params: CycleGanParams,
    seed: int,
    *hardware: object,
    classifier_loss: ClassifierLoss | None = None,
) -> str:
    """Key of the checkpoints of `train`: a hash of everything that its result depends on.

    Args:
        a: this and the others: as for `train`
        b: …
        params: …
        seed: …
        hardware: other influences on the last digits: device, precision, threads
        classifier_loss: …
    """
    data = (tensor for domain in (a, b) for tensor in (domain.frames, domain.lengths, domain.probabilities))
    weights = classifier_loss.state_dict().values() if classifier_loss else ()
    return checkpointing.key((params, seed, *hardware), chain(data, weights))


class Progress:
    """Everything that changes while a pair trains; saved and loaded, training continues as if uninterrupted."""

    def __init__(self, networks: CycleGan, params: CycleGanParams, seed: int, device: torch.device) -> None:
        generators, discriminators = networks.generator_weights(), networks.discriminator_weights()
        schedule = params.steps, params.constant_share
        self.step = 0
        self.rng = torch.Generator().manual_seed(seed)  # of crops, the only random thing after the first weights
        self.generators = Optimiser(Adam(generators, params.generator_rate, BETAS, fused=True), *schedule)
        self.discriminators = None
        if discriminators:
            adam = Adam(discriminators, params.discriminator_rate, BETAS, fused=True)
            self.discriminators = Optimiser(adam, *schedule)
        self.curve = Curve(_columns(params), params.log_every, params.steps, device)
        parts: dict[str, Stateful | None] = {
            "networks": networks,
            "generators": self.generators,
            "discriminators": self.discriminators,
            "curve": self.curve,
        }
        self._parts = {name: part for name, part in parts.items() if part}

    def add(self, step: int, losses: Mapping[str, Tensor]) -> None:
        """Record a finished step and its losses."""
        self.step = step
        self.curve.add(step, losses)

    def state_dict(self) -> dict[str, Tensor]:
        """The whole state, by name."""
        state = {"step": torch.tensor(self.step), "rng": self.rng.get_state()}
        for name, part in self._parts.items():
            state |= {f"{name}.{key}": tensor for key, tensor in part.state_dict().items()}
        return state

    def load_state_dict(self, tensors: Mapping[str, Tensor]) -> None:
        """Inverse of `state_dict`."""
        self.step = int(tensors["step"])
        self.rng.set_state(tensors["rng"])
        for name, part in self._parts.items():
            prefix = f"{name}."
            part.load_state_dict({key.removeprefix(prefix): tensors[key] for key in tensors if key.startswith(prefix)})


def _weights(params: CycleGanParams) -> dict[str, float]:
    """Weight of each loss of the generators."""
    return {
        "adversarial": params.adversarial_weight,
        "cycle": params.cycle_weight,
        "identity": params.identity_weight,
        "parallel": params.parallel_weight,
        "classifier": params.classifier_weight,
    }


def _columns(params: CycleGanParams) -> list[str]:
    """Columns of the curve: four that are always there, and one for each optional loss with a weight."""
    always = ["adversarial", "cycle", "identity", "discriminator"]
    return always + [name for name, weight in _weights(params).items() if weight and name not in always]
