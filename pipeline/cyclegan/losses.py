"""Losses of a CycleGAN, each a mean over everything it is given."""

import torch
from torch import Tensor, nn


def real_loss(scores: Tensor) -> Tensor:
    """Least squares of a discriminator's scores from 1, "real" (LSGAN, Mao et al. 2017, eq. 2, a = 0, b = c = 1)."""
    return (scores - 1).square().mean()


def fake_loss(scores: Tensor) -> Tensor:
    """Least squares of a discriminator's scores from 0, "made" (same source)."""
    return scores.square().mean()


def gradient_penalty(judge: nn.Module, real: Tensor) -> Tensor:
    """Half the squared gradient of a crop's scores, summed, at real crops (R1, Mescheder et al. 2018, eq. 9, γ = 1).

    Args:
        judge: one or more scores a crop
        real: normalised spectrum, (batch, order, frames)
    """
    real = real.detach().requires_grad_()
    [gradient] = torch.autograd.grad(judge(real).sum(), real, create_graph=True)
    return gradient.square().sum(dim=(1, 2)).mean() / 2


def cycle_loss(real: Tensor, cycled: Tensor) -> Tensor:
    """L1 distance after a round trip A→B→A (Zhu et al. 2017, eq. 2).

    Args:
        real: normalised spectrum, (batch, order, frames)
        cycled: same shape
    """
    return (real - cycled).abs().mean()


def identity_loss(real: Tensor, kept: Tensor) -> Tensor:
    """L1 distance that a generator puts between its output and an input that already is of its target (ibid., 5.2).

    Args:
        real: normalised spectrum, (batch, order, frames)
        kept: same shape
    """
    return (real - kept).abs().mean()


def parallel_loss(aim: Tensor, fake: Tensor) -> Tensor:
    """L1 distance of converted frames from those of a real take, over the frames that have one; without any it is 0.

    Args:
        aim: (batch, order, frames), NaN where there is none
        fake: same shape
    """
    known = aim.isfinite()
    return ((fake - aim.nan_to_num()).abs() * known).sum() / known.sum().clamp(min=1)
