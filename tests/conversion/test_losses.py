"""Losses by hand, and as torch has them."""

import pytest
import torch
from torch.nn import functional

from pipeline.conversion.losses import cycle_loss, fake_loss, identity_loss, parallel_loss, real_loss


def test_as_torch_has_them() -> None:
    draw = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, 3, 5, 33, generator=draw)
    torch.testing.assert_close(real_loss(x), functional.mse_loss(x, torch.ones_like(x)))
    torch.testing.assert_close(fake_loss(x), functional.mse_loss(x, torch.zeros_like(x)))
    torch.testing.assert_close(cycle_loss(x, y), functional.l1_loss(x, y))
    torch.testing.assert_close(identity_loss(x, y), functional.l1_loss(x, y))


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
