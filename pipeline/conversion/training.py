"""The training loop of a pair, on crops of normalised frames."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from itertools import chain

import torch
from torch import Tensor

from pipeline.conversion import checkpoints as checkpointing
from pipeline.conversion.checkpoints import Checkpoints
from pipeline.conversion.crops import Domain
from pipeline.conversion.emotion_classifier import ClassifierLoss
from pipeline.conversion.losses import cycle_loss, identity_loss, parallel_loss
from pipeline.conversion.pair import CycleGan, CycleGanParams
from pipeline.conversion.progress import Curve, Optimiser, Stateful


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
    """Train a pair; the same arguments on the same kind of machine give the same weights, killed in between or not.

    Args:
        a: training clips of the one emotion; where the parallel loss has a weight, each frame is followed by its aim
        b: of the other
        params: size and training
        seed: of weights and crops
        device: where to train
        autocast: context of the forward passes (mixed precision)
        classifier_loss: towards a and b; used if it has a weight
        checkpoints: where to go on from, and to save; to be deleted once what comes of the training is kept

    Returns:
        the networks, and the curve: step, and the mean of each loss since the row before, 0 where it does not apply

    Raises:
        ValueError: classifier_loss is not given, but has a weight
    """
    width = a.frames.shape[1]
    networks = untrained(width // 2 if params.parallel_weight else width, params, seed).to(device)
    a, b = a.to(device), b.to(device)
    if not params.classifier_weight:
        classifier_loss = None
    elif classifier_loss is None:
        raise ValueError("'classifier_weight' is not 0, but no classifier loss is given")
    else:
        classifier_loss = classifier_loss.to(device)
    precision = autocast or nullcontext()
    weights = _weights(params)
    identity_steps = round(params.identity_share * params.steps) if params.identity_weight else 0
    progress = Progress(networks, params, seed, device)
    if checkpoints and (state := checkpoints.load()):
        progress.load_state_dict(state)

    for step in range(progress.step + 1, params.steps + 1):
        of_a = a.clips(params.batch, progress.draw)
        real_a = a.crops_of(of_a, params.frames, progress.draw)
        of_b = b.clips(params.batch, progress.draw)
        real_b = b.crops_of(of_b, params.frames, progress.draw)
        if params.parallel_weight:
            (real_a, aim_of_a), (real_b, aim_of_b) = real_a.chunk(2, dim=1), real_b.chunk(2, dim=1)

        # Generator
        with precision:
            fake_a, fake_b, kept_a, kept_b = networks.converted(real_a, real_b, keep=step <= identity_steps)
            cycled_a, cycled_b = networks.b_to_a(fake_b).float(), networks.a_to_b(fake_a).float()
            losses = {}
            if networks.judges:
                losses["adversarial"] = networks.judges.fooled(fake_a, fake_b)
            losses["cycle"] = cycle_loss(real_a, cycled_a) + cycle_loss(real_b, cycled_b)
            losses["identity"] = identity_loss(real_a, kept_a) + identity_loss(real_b, kept_b)
            if params.parallel_weight:
                losses["parallel"] = parallel_loss(aim_of_a, fake_b) + parallel_loss(aim_of_b, fake_a)
            if classifier_loss:
                losses["classifier"] = classifier_loss(fake_a, fake_b, of_b, of_a)
        progress.generators.step(torch.stack([weights[name] * loss for name, loss in losses.items()]).sum())

        # Discriminator
        if networks.judges and progress.discriminators:
            with precision:
                losses["discriminator"] = networks.judges.mistaken(real_a, real_b, fake_a, fake_b)
            progress.discriminators.step(losses["discriminator"])

        progress.note(step, losses)
        if checkpoints and checkpoints.due(step):
            checkpoints.save(progress.state_dict())
    return networks, progress.curve.rows


def untrained(order: int, params: CycleGanParams, seed: int) -> CycleGan:
    """Networks before the first step, on the CPU; arguments as for `train`."""
    torch.manual_seed(seed)
    return CycleGan(order, params)


def training_key(
    a: Domain,
    b: Domain,
    params: CycleGanParams,
    seed: int,
    *machine: object,
    classifier_loss: ClassifierLoss | None = None,
) -> str:
    """Key of the checkpoints of `train`: all on which it depends.

    Args:
        a: this and the others as for `train`
        b: …
        params: …
        seed: …
        machine: what else changes the last digits: device, precision, threads
        classifier_loss: …
    """
    data = (tensor for domain in (a, b) for tensor in (domain.frames, domain.lengths, domain.chances))
    weights = classifier_loss.state_dict().values() if classifier_loss else ()
    return checkpointing.key((params, seed, *machine), chain(data, weights))


class Progress:
    """All that changes while a pair trains; where it is kept and loaded again, nothing shows that training stopped."""

    def __init__(self, networks: CycleGan, params: CycleGanParams, seed: int, device: torch.device) -> None:
        generators, discriminators = networks.generator_weights(), networks.discriminator_weights()
        schedule = params.steps, params.constant_share
        self.step = 0
        self.draw = torch.Generator().manual_seed(seed)  # of crops; nothing else is left to chance
        self.generators = Optimiser(generators, params.generator_rate, *schedule)
        judging = (discriminators, params.discriminator_rate, *schedule)
        self.discriminators = Optimiser(*judging) if discriminators else None
        self.curve = Curve(_columns(params), params.log_every, params.steps, device)
        parts: dict[str, Stateful | None] = {
            "networks": networks,
            "generators": self.generators,
            "discriminators": self.discriminators,
            "curve": self.curve,
        }
        self._parts = {name: part for name, part in parts.items() if part}

    def note(self, step: int, losses: Mapping[str, Tensor]) -> None:
        """A step is done."""
        self.step = step
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


def _weights(params: CycleGanParams) -> dict[str, float]:
    """Of each loss of the generators."""
    return {
        "adversarial": params.adversarial_weight,
        "cycle": params.cycle_weight,
        "identity": params.identity_weight,
        "parallel": params.parallel_weight,
        "classifier": params.classifier_weight,
    }


def _columns(params: CycleGanParams) -> list[str]:
    """Of the curve: four that are always there, and those of the parts that are switched on."""
    switched = {
        "parallel": params.parallel_weight > 0,
        "classifier": params.classifier_weight > 0,
    }
    return ["adversarial", "cycle", "identity", "discriminator", *(name for name, on in switched.items() if on)]
