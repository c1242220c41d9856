"""Draws and scores of training."""

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, log_loss
from sklearn.utils.class_weight import compute_sample_weight

from pipeline.classification.training import class_balanced, nll, uar


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
