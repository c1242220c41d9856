"""Excitation of the neural vocoder: harmonics of F0 in voiced frames, noise in unvoiced ones."""

import math

import torch
from torch import Tensor

NOISE = 0.1  # in voiced frames, relative to the harmonics' root mean square
UNVOICED_HZ = 100.0  # any value above 0
SMALLEST = 1e-6  # angle [rad] whose sine is still exact enough


def excitation(f0_hz: Tensor, hop: int, sampling_rate: int, rng: torch.Generator) -> Tensor:
    """All harmonics of F0 below half the sampling rate, in equal strength and of one phase, with a little noise.

    A harmonic-plus-noise source (Wang et al. 2019) of power 1. The sum of cosines is the Dirichlet kernel.

    Args:
        f0_hz: (batch, frames), 0 where unvoiced [Hz]
        hop: samples from frame to frame
        sampling_rate: [Hz]
        rng: for the noise, on the CPU

    Returns:
        (batch, frames * hop - 1), on the device of F0; a sample has the F0 of the nearest frame
    """
    frames = f0_hz.shape[1]
    places = torch.arange(frames * hop - 1)
    nearest = ((places + hop // 2) // hop).clamp(max=frames - 1)
    each_hz = f0_hz.double()[:, nearest]
    is_voiced = each_hz > 0
    each_hz = torch.where(is_voiced, each_hz, UNVOICED_HZ)
    cycles = torch.cumsum(each_hz / sampling_rate, dim=1) % 1
    angle = (2 * math.pi * cycles).clamp(SMALLEST, 2 * math.pi - SMALLEST)
    count = torch.floor(sampling_rate / 2 / each_hz).clamp(min=1)
    harmonics = (torch.sin((count + 0.5) * angle) / torch.sin(angle / 2) - 1) / torch.sqrt(2 * count)
    noise = torch.randn(each_hz.shape, generator=rng).to(f0_hz.device)
    return torch.where(is_voiced, harmonics.float() + NOISE * noise, noise)
