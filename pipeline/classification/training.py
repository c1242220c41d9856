"""Training of networks: a fixed number of steps for every training set, so that all arms have the same budget."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Annotated, TypeVar

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor, nn

from pipeline.core import console
from pipeline.core.params import section

Network = TypeVar("Network", bound=nn.Module)
Curve = list[dict[str, float]]  # of each checkpoint: step, mean loss since the one before, valid_uar, valid_nll
STATISTICS_BATCHES = 20  # for the statistics of batch normalisation of averaged weights


@section
class TrainingParams:
    """The budget of a network, the same in every arm."""

    steps: PositiveInt
    batch: Annotated[int, Field(ge=2)]  # normalisation over a batch needs two
    learning_rate: PositiveFloat  # the highest; reached after a tenth of the steps, then it falls to zero
    weight_decay: NonNegativeFloat
    label_smoothing: Annotated[float, Field(ge=0, lt=1)]
    checkpoints: PositiveInt  # at equal distances, scored on `valid`
    averaged_share: Annotated[float, Field(ge=0, le=1)]  # of the steps, at the end, whose weights are averaged;
    # 0: the checkpoint with the highest likelihood on `valid` is kept

    def spent(self, curve: Curve) -> dict[str, int]:
        """Budget that a run used, for `pipeline.classification.budget`."""
        return {"steps": int(curve[-1]["step"]), "batch": self.batch, "checkpoints": len(curve)}


@dataclass(frozen=True)
class Clips:
    """Inputs, classes and weights of some clips, for a network."""

    inputs: Sequence[Tensor]  # spectrograms, each (frames, n_mels); of the `ssl` features, each (layers, width)
    labels: Tensor  # class of each, (clips,)
    weights: Tensor  # of each in training, (clips,)


def uar(probabilities: Tensor, labels: Tensor) -> float:
    """Unweighted average recall: the mean over the classes that occur of the share recognised.

    Args:
        probabilities: or logits, (clips, classes)
        labels: (clips,)
    """
    hits = (probabilities.argmax(dim=1) == labels).float()
    return float(torch.stack([hits[labels == label].mean() for label in labels.unique()]).mean())


def nll(probabilities: Tensor, labels: Tensor) -> float:
    """Minus the log probability of the true class [nat], every class that occurs weighing the same.

    Args:
        probabilities: (clips, classes)
        labels: (clips,)
    """
    losses = -probabilities.gather(1, labels[:, None])[:, 0].clamp(min=1e-30).log()
    return float(torch.stack([losses[labels == label].mean() for label in labels.unique()]).mean())


def fitted(
    network: Network,
    logits: Callable[[Tensor], Tensor],
    valid_probabilities: Callable[[], Tensor],
    train: Clips,
    valid_labels: Tensor,
    params: TrainingParams,
    generator: torch.Generator,
) -> tuple[Network, Curve]:
    """Train for a fixed number of steps; then average the weights of the last steps, or choose a checkpoint on valid.

    Every class is drawn with the same probability; the clips of a class in proportion to their weights. Averaging
    (Izmailov et al. 2018) needs no valid clips. A checkpoint is chosen by `nll` and not by UAR: UAR counts only right
    and wrong, and its choice is random where valid is a single speaker.

    Args:
        network: to be trained, on its device
        logits: of the training clips with given indices (batch,); (batch, classes)
        valid_probabilities: of each class for the valid clips, by the network in its present state, (clips, classes)
        train: clips to draw from
        valid_labels: classes of the valid clips, (clips,)
        params: budget
        generator: of the draws

    Returns:
        the network with averaged weights, or of the best checkpoint, the first of equals, in evaluation mode; and the
        curve of the network before averaging
    """
    optimiser = torch.optim.AdamW(
        network.parameters(), params.learning_rate, weight_decay=params.weight_decay, fused=True
    )
    warm_up = 0.1 if params.steps > 10 else 0.0  # OneCycleLR divides by zero where it is a single step
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, params.learning_rate, total_steps=params.steps, pct_start=warm_up
    )
    likely = class_balanced(train.labels, train.weights)
    curve: Curve = []
    best = (float("inf"), deepcopy(network))
    average = torch.optim.swa_utils.AveragedModel(network) if params.averaged_share else None
    first_averaged = min(round(params.steps * (1 - params.averaged_share)) + 1, params.steps)  # at least one step
    total = 0.0
    every = max(params.steps // params.checkpoints, 1)
    for step in console.steps("steps", params.steps, curve):
        network.train()
        picked = torch.multinomial(likely, params.batch, replacement=True, generator=generator)
        found = logits(picked)
        labels = train.labels[picked].to(found.device)
        loss = nn.functional.cross_entropy(found, labels, label_smoothing=params.label_smoothing)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if average and step >= first_averaged:
            average.update_parameters(network)
        total += loss.item()
        if step % every == 0 or step == params.steps:
            found = valid_probabilities()
            reached = {"valid_uar": uar(found, valid_labels), "valid_nll": nll(found, valid_labels)}
            curve.append({"step": step, "loss": total / ((step - 1) % every + 1), **reached})
            total = 0.0
            if not average and reached["valid_nll"] < best[0]:
                best = (reached["valid_nll"], deepcopy(network))
    if not average:
        return best[1].eval(), curve
    network.load_state_dict(average.module.state_dict())
    _renew_statistics(
        network, lambda: logits(torch.multinomial(likely, params.batch, replacement=True, generator=generator))
    )
    return network.eval(), curve


@torch.no_grad()
def _renew_statistics(network: nn.Module, forward: Callable[[], object]) -> None:
    """Replace the statistics of batch normalisation by their mean over some training batches."""
    layers = [layer for layer in network.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]
    network.train()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # the mean over all batches
    for _ in range(STATISTICS_BATCHES if layers else 0):
        forward()


def class_balanced(labels: Tensor, weights: Tensor) -> Tensor:
    """Probability of drawing each clip, (clips,): equal for all classes with any weight, by weight within a class."""
    totals = torch.zeros(int(labels.max()) + 1).index_add_(0, labels, weights)[labels]
    return torch.where(totals > 0, weights / totals, 0.0)
