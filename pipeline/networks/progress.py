"""Optimiser with its schedule, and training curve; the state of both can be saved and loaded."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from pipeline.core.console import in_words


class Stateful(Protocol):
    """Has a state that can be saved as plain tensors."""

    def state_dict(self) -> dict[str, Tensor]:
        """Everything that changes in training, by name."""

    def load_state_dict(self, tensors: Mapping[str, Tensor], /) -> object:
        """Inverse of `state_dict`."""


class Optimiser:
    """Adam whose rate is constant over a share of the steps and then falls linearly to 0."""

    def __init__(
        self, adam: torch.optim.Optimizer, steps: int, constant_share: float, largest_gradient: float | None = None
    ) -> None:
        """Set up the schedule.

        Args:
            adam: of the weights that are trained, at the first rate
            steps: of the training
            constant_share: of the steps, before the rate falls, 0 … 1
            largest_gradient: norm to which a larger gradient is scaled down
        """
        self._adam = adam
        self._weights = [weights for group in adam.param_groups for weights in group["params"]]
        self._rate = adam.param_groups[0]["lr"]
        self._steps, self._constant_share, self._largest_gradient = steps, constant_share, largest_gradient
        self._done = 0

    def step(self, loss: Tensor) -> None:
        """Take one step down the gradient of a loss; no other weights get a gradient."""
        self._adam.zero_grad()
        loss.backward(inputs=self._weights)
        if self._largest_gradient is not None:
            nn.utils.clip_grad_norm_(self._weights, self._largest_gradient)
        self._adam.step()
        self._advance(self._done + 1)

    def state_dict(self) -> dict[str, Tensor]:
        """Moments of each weight, by its number, and the count of steps done."""
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


def last_line(losses: Sequence[Mapping[str, float]], steps: int, names: Sequence[str] = ()) -> str:
    """The last row of a training curve in words: `step 100/100, cycle 0.21, parallel 0.33`.

    Args:
        losses: rows of `Curve`
        steps: of the training
        names: of the losses that are named, where they are in the curve; none: all are
    """
    row = losses[-1]
    named = {name: loss for name, loss in row.items() if name in (names or row)}
    return ", ".join(filter(None, [f"step {row['step']:.0f}/{steps}", in_words(named)]))


class Curve:
    """Mean of each loss over a number of steps, one row each time; only a new row waits for the device."""

    def __init__(self, names: Sequence[str], every: int, steps: int, device: torch.device) -> None:
        self.rows: list[dict[str, float]] = []
        self._names, self._every, self._steps = tuple(names), every, steps
        self._sums = torch.zeros(len(names), device=device)
        self._nothing = torch.zeros((), device=device)
        self._since = 0

    def add(self, step: int, losses: Mapping[str, Tensor]) -> None:
        """Add the losses of a step; one that is absent is 0."""
        self._sums += torch.stack([losses.get(name, self._nothing).detach() for name in self._names])
        self._since += 1
        if step % self._every == 0 or step == self._steps:
            means = (self._sums / self._since).tolist()
            self.rows.append({"step": step, **dict(zip(self._names, means, strict=True))})
            self._sums.zero_()
            self._since = 0

    def state_dict(self) -> dict[str, Tensor]:
        """Rows, and sums since the last row."""
        rows = torch.tensor([list(row.values()) for row in self.rows], dtype=torch.float64)
        rows = rows.view(len(self.rows), 1 + len(self._names))
        return {"rows": rows, "sums": self._sums, "since": torch.tensor(self._since)}

    def load_state_dict(self, tensors: Mapping[str, Tensor]) -> None:
        """Inverse of `state_dict`."""
        rows = tensors["rows"].tolist()
        self.rows = [{"step": int(step), **dict(zip(self._names, means, strict=True))} for step, *means in rows]
        self._sums.copy_(tensors["sums"])
        self._since = int(tensors["since"])
