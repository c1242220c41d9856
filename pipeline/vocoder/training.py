"""Training of the neural vocoder on random crops of clips, by copy synthesis."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from copy import deepcopy

import numpy as np
import torch
from torch import Tensor
from torchaudio.transforms import MelSpectrogram

from pipeline.audio.mel_bands import FLOOR
from pipeline.core import console
from pipeline.networks.progress import Optimiser
from pipeline.vocoder.griffin_lim import spectrum, waveform
from pipeline.vocoder.istft import Istft, Network
from pipeline.vocoder.mel import IstftParams

Clip = tuple[np.ndarray, np.ndarray]  # samples (samples,), and F0 of the frames (frames,), 0 where unvoiced [Hz]

WINDOWS = (256, 512, 1024)  # of the spectra in the loss, samples; the hop is a quarter
SMALLEST = 1e-4  # lowest magnitude in the loss
BETAS = (0.8, 0.99)  # of Adam, as in HiFi-GAN (Kong et al. 2020)
LARGEST_GRADIENT = 5.0  # norm
CONSTANT_SHARE = 0.5  # of the steps, before the learning rate falls to 0, linearly
LOG_EVERY = 100


def train(
    clips: Sequence[Clip],
    mel: MelSpectrogram,
    params: IstftParams,
    seed: int,
    device: torch.device,
    autocast: AbstractContextManager[None],
) -> tuple[Network, list[dict[str, float]]]:
    """Train the network of a neural vocoder.

    Args:
        clips: prepared, each with its F0 at the frames of `mel`
        mel: transform to the spectrograms that the network inverts
        params: of network and training
        seed: of weights, crops and noise
        device: for training
        autocast: precision of the network's forward pass

    Returns:
        the network, on the CPU, and the curve: step, and the mean loss of 100 steps
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Network(**network_size(mel, params)).to(device)
    mel = deepcopy(mel).to(device)
    istft = Istft(network, mel)
    rng = torch.Generator().manual_seed(seed)
    adam = torch.optim.AdamW(network.parameters(), params.learning_rate, BETAS)
    optimiser = Optimiser(adam, params.steps, CONSTANT_SHARE, LARGEST_GRADIENT)
    losses: list[Tensor] = []
    curve: list[dict[str, float]] = []
    steps = console.steps("vocoder", params.steps, curve)
    for step, (samples, f0_hz) in zip(steps, _crops(clips, mel.hop_length, params, rng), strict=True):
        real = samples.to(device)
        fake = istft.spectrum(log_power(mel, real), f0_hz.to(device), rng, autocast)
        loss = magnitude_loss(spectrum(real, mel).abs(), fake.abs()) + spectral_loss(real, waveform(fake, mel))
        optimiser.step(loss)
        losses.append(loss.detach())
        if step % LOG_EVERY == 0 or step == params.steps:
            curve.append({"step": step, "loss": float(torch.stack(losses).mean())})
            losses.clear()
    return network.cpu().eval(), curve


def network_size(mel: MelSpectrogram, params: IstftParams) -> dict[str, int]:
    """Arguments of the network."""
    return {
        "n_mels": mel.n_mels,
        "frequencies": mel.n_fft // 2 + 1,
        "channels": params.channels,
        "blocks": params.blocks,
        "kernel": params.kernel,
    }


def log_power(mel: MelSpectrogram, samples: Tensor) -> Tensor:
    """(batch, samples) → natural log of power in mel bands, (batch, frames, n_mels)."""
    return torch.log(mel(samples) + FLOOR).transpose(1, 2)  # (B, C, T) -> (B, T, C)


def spectral_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Multi-resolution STFT loss (Yamamoto et al. 2020, eq. 6): mean of `magnitude_loss` over `WINDOWS`.

    Args:
        real: (batch, samples)
        fake: same shape
    """
    losses = [magnitude_loss(_magnitude(real, window), _magnitude(fake, window)) for window in WINDOWS]
    return torch.stack(losses).mean()


def magnitude_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Spectral convergence and mean difference of logarithms (same source, eqs. 4 and 5), of magnitudes."""
    real, fake = real.clamp(min=SMALLEST), fake.clamp(min=SMALLEST)
    return (real - fake).norm() / real.norm() + (real.log() - fake.log()).abs().mean()


def _magnitude(samples: Tensor, window: int) -> Tensor:
    shape = torch.hann_window(window, device=samples.device)
    return torch.stft(samples, window, window // 4, window=shape, pad_mode="constant", return_complex=True).abs()


def _crops(
    clips: Sequence[Clip], hop: int, params: IstftParams, rng: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of random crops: samples (batch, frames * hop - 1), F0 (batch, frames); short clips are padded."""
    length = params.frames * hop - 1
    starts = np.cumsum([0] + [max(1, len(f0_hz) - params.frames + 1) for _, f0_hz in clips])  # of each clip's crops
    for _ in range(params.steps):
        drawn = torch.randint(int(starts[-1]), (params.batch,), generator=rng).numpy()
        numbers = np.searchsorted(starts, drawn, side="right") - 1
        samples, f0_hz = (np.zeros((params.batch, width), np.float32) for width in (length, params.frames))
        for row, (number, start) in enumerate(zip(numbers, drawn - starts[numbers], strict=True)):
            wave, f0 = clips[number]
            crop, contour = wave[start * hop :][:length], f0[start:][: params.frames]
            samples[row, : len(crop)], f0_hz[row, : len(contour)] = crop, contour
        yield torch.from_numpy(samples), torch.from_numpy(f0_hz)
