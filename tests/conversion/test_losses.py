"""The parallel loss by hand; test_training.py writes down the others once more."""

import pytest
import torch

from pipeline.conversion.losses import parallel_loss


def test_parallel_loss_by_hand() -> None:
    nan = torch.nan
    target, fake = (
        torch.tensor([[[1.0, nan, 3.0]], [[nan, nan, 5.0]]]),
        torch.tensor([[[2.0, 9.0, 3.0]], [[9.0, 9.0, 0.0]]]),
    )
    assert parallel_loss(target, fake).item() == pytest.approx((1 + 0 + 5) / 3)
    assert parallel_loss(torch.full_like(fake, nan), fake).item() == 0


def test_frames_without_a_target_get_no_gradient() -> None:
    fake = torch.ones(1, 2, 3, requires_grad=True)
    target = torch.zeros(1, 2, 3)
    target[..., 1] = torch.nan
    parallel_loss(target, fake).backward()
    torch.testing.assert_close(fake.grad, torch.tensor([[[1, 0, 1], [1, 0, 1]]]) / 4)
