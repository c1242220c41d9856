"""The learning rate follows its schedule, and a step changes the optimiser's own weights alone."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam

from pipeline.networks.progress import Optimiser, last_line


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0.5, [1, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2, 0]),
        (0.8, [1, 1, 1, 1, 1, 1, 1, 1, 1, 0.5, 0]),
        (0.0, [1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0]),
        (1.0, [1] * 11),
    ],
)
def test_rate_is_constant_and_then_falls_to_nothing(share: float, expected: list[float]) -> None:
    weights = nn.Parameter(torch.zeros(1))
    optimiser = Optimiser(Adam([weights], 0.1), steps=10, constant_share=share)
    path = [0.0]
    for _ in range(11):
        optimiser.step(weights.sum())  # of constant gradient, where Adam moves by its rate
        path.append(-weights.item())
    np.testing.assert_allclose(np.diff(path) / 0.1, expected, atol=1e-4)


def test_optimiser_leaves_other_weights_without_gradients() -> None:
    own, other = (nn.Parameter(torch.ones(2)) for _ in range(2))
    Optimiser(Adam([own], 0.1), steps=10, constant_share=1).step((own * other).sum())
    assert other.grad is None and own.tolist() == pytest.approx([0.9, 0.9])


@pytest.mark.parametrize(("largest", "norm"), [(None, 50.0), (5.0, 5.0), (80.0, 50.0)])
def test_large_gradients_are_scaled_down(largest: float | None, norm: float) -> None:
    weights = nn.Parameter(torch.zeros(2))
    Optimiser(SGD([weights], 1.0), steps=10, constant_share=1, largest_gradient=largest).step(
        weights @ torch.tensor([30.0, 40.0])
    )
    assert float(weights.detach().norm()) == pytest.approx(norm)


def test_last_line_of_a_curve() -> None:
    rows = [{"step": 50.0, "cycle": 0.5}, {"step": 100.0, "cycle": 0.2149, "parallel": 12.0}]
    assert last_line(rows, 100) == "step 100/100, cycle 0.21, parallel 12.00"
    assert last_line(rows, 100, ["cycle", "classifier"]) == "step 100/100, cycle 0.21"
