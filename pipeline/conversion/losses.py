"""Losses of a CycleGAN, each a mean over all elements."""

from torch import Tensor


def real_loss(scores: Tensor) -> Tensor:
    """Mean squared distance of a discriminator's scores from 1, "real" (LSGAN, Mao et al. 2017, a = 0, b = c = 1)."""
    return (scores - 1).square().mean()


def fake_loss(scores: Tensor) -> Tensor:
    """Mean squared distance of a discriminator's scores from 0, "fake" (same source)."""
    return scores.square().mean()


def cycle_loss(real: Tensor, cycled: Tensor) -> Tensor:
    """L1 distance after a round trip A→B→A (Zhu et al. 2017, eq. 2).

    Args:
        real: normalised spectrum, (batch, order, frames)
        cycled: same shape
    """
    return (real - cycled).abs().mean()


def identity_loss(real: Tensor, same: Tensor) -> Tensor:
    """L1 distance between a generator's output and an input of its own target emotion (same source, section 5.2).

    Args:
        real: normalised spectrum, (batch, order, frames)
        same: output of the generator, same shape
    """
    return (real - same).abs().mean()


def parallel_loss(target: Tensor, fake: Tensor) -> Tensor:
    """L1 distance of converted frames from their parallel targets, over frames that have one; 0 without any.

    Args:
        target: (batch, order, frames), NaN for frames without one
        fake: same shape
    """
    known = target.isfinite()
    return ((fake - target.nan_to_num()).abs() * known).sum() / known.sum().clamp(min=1)
