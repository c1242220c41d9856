"""Losses of a CycleGAN, each a mean over everything it is given."""

from torch import Tensor


def real_loss(scores: Tensor) -> Tensor:
    """Least squares of a discriminator's scores from 1, "real" (LSGAN, Mao et al. 2017, eq. 2, a = 0, b = c = 1)."""
    return (scores - 1).square().mean()


def fake_loss(scores: Tensor) -> Tensor:
    """Least squares of a discriminator's scores from 0, "made" (same source)."""
    return scores.square().mean()


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
