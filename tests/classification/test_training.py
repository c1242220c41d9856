"""Draws and scores of training."""

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, log_loss
from sklearn.utils.class_weight import compute_sample_weight
from torch import Tensor, nn

from pipeline.classification.training import Clips, TrainingParams, class_balanced, fitted, nll, uar


def test_class_balanced_by_hand() -> None:
    labels = torch.tensor([0, 0, 0, 1, 2, 2])
    found = class_balanced(labels, torch.tensor([1.0, 1.0, 0.5, 7.0, 1.0, 3.0]))
    torch.testing.assert_close(found, torch.tensor([0.4, 0.4, 0.2, 1.0, 0.25, 0.75]))
    without_one = class_balanced(torch.tensor([0, 2]), torch.ones(2))  # no clip of class 1
    torch.testing.assert_close(without_one, torch.ones(2))


@pytest.mark.parametrize("seed", range(3))
def test_uar_and_nll_equal_sklearns(seed: int) -> None:
    draw = np.random.default_rng(seed)
    probabilities = draw.dirichlet(np.ones(4), 40)
    labels = draw.choice(4, 40, p=[0.6, 0.2, 0.1, 0.1])
    found = [measure(torch.from_numpy(probabilities), torch.from_numpy(labels)) for measure in (uar, nll)]
    loss = log_loss(labels, probabilities, sample_weight=compute_sample_weight("balanced", labels), labels=range(4))
    assert found == pytest.approx([balanced_accuracy_score(labels, probabilities.argmax(axis=1)), loss])


def test_of_classes_that_do_not_occur_and_of_probability_zero() -> None:
    probabilities = torch.eye(4)[[0, 1, 3, 3]]
    assert uar(probabilities, torch.tensor([0, 0, 3, 3])) == pytest.approx((0.5 + 1) / 2)  # 1 is predicted, never true
    assert 50 < nll(torch.eye(2), torch.tensor([1, 0])) < 100


@pytest.mark.parametrize(("share", "averaged"), [(0.5, 4), (0.75, 6), (1, 8)])
def test_weights_of_the_last_steps_are_averaged(share: float, averaged: int) -> None:
    """Not those of a checkpoint, however likely; and batch normalisation gets the statistics of the new weights."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    inputs, labels = torch.randn(20, 3), torch.arange(20) % 2
    steps: list[Tensor] = []  # weights before each step
    batches: list[Tensor] = []

    def logits(picked: Tensor) -> Tensor:
        steps.append(network[0].weight.detach().clone())
        batches.append(inputs[picked])
        found: Tensor = network(inputs[picked])
        return found

    params = TrainingParams(8, 5, 0.1, 0.0, 0.0, checkpoints=8, averaged_share=share)
    train = Clips(list(inputs), labels, torch.ones(20))
    generator = torch.Generator().manual_seed(0)
    found, curve = fitted(network, logits, lambda: torch.full((2, 2), 0.5), train, labels[:2], params, generator)
    after = [*steps[1:8], None]  # of each step; the last one's are not seen
    assert len(curve) == 8 and len(steps) == 8 + 20 and not found.training
    last = averaged * found[0].weight.detach() - sum(after[8 - averaged : 7], torch.zeros(2, 3))
    assert (last - steps[7]).abs().max() < 0.11  # one step of Adam from the weights before it
    assert (found[0].weight - steps[7]).abs().max() > 1e-3
    with torch.no_grad():
        hidden = torch.stack([found[0](batch) for batch in batches[8:]])
    torch.testing.assert_close(found[1].running_mean, hidden.mean(dim=(0, 1)))
    torch.testing.assert_close(found[1].running_var, hidden.var(dim=1).mean(dim=0))


def test_a_small_share_averages_at_least_the_last_step() -> None:
    """Not the weights from before training."""
    torch.manual_seed(0)
    network = nn.Linear(3, 2)
    before = network.weight.detach().clone()
    inputs, labels = torch.randn(20, 3), torch.arange(20) % 2
    params = TrainingParams(8, 5, 0.1, 0.0, 0.0, checkpoints=8, averaged_share=0.01)
    train = Clips(list(inputs), labels, torch.ones(20))
    generator = torch.Generator().manual_seed(0)
    given = (lambda picked: network(inputs[picked]), lambda: torch.full((2, 2), 0.5), train, labels[:2], params)
    found, _ = fitted(network, *given, generator)
    assert (found.weight - before).abs().max() > 0.1
