"""The `cnn`: a convolutional network on log-mel spectrograms."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
import torch
from pydantic import Field, NonNegativeInt
from torch import Tensor, nn

from pipeline.classification.interface import ArmFeatures, Resources, Run, partitions, stored
from pipeline.classification.networks import EmotionCnn
from pipeline.classification.training import Clips, Curve, TrainingParams, fitted
from pipeline.core.params import Odd, section


@section
class CnnParams(TrainingParams):
    """Size and training of the `cnn`."""

    channels: Annotated[int, Field(ge=2)]
    kernel: Odd
    dropout: Annotated[float, Field(ge=0, lt=1)]
    frames: Annotated[int, Field(ge=EmotionCnn.STRIDE)]  # of the crop of a clip in a training step
    frequency_masks: NonNegativeInt  # SpecAugment
    frequency_mask_bins: NonNegativeInt  # each at most
    time_masks: NonNegativeInt
    time_mask_frames: NonNegativeInt  # each at most


@dataclass(frozen=True)
class Scaler:
    """Standardises a spectrogram in two ways: as it is, and without its own mean.

    Without its mean, a spectrogram depends less on speaker and channel. Statistics are of the real training clips.
    """

    mean: Tensor  # (n_mels,)
    deviation: Tensor  # (n_mels,)
    own_deviation: Tensor  # from each clip's own mean, (n_mels,)

    @classmethod
    def fit(cls, mels: Sequence[Tensor]) -> "Scaler":
        """Statistics over all frames of some clips."""
        frames, centred = torch.cat(list(mels)), torch.cat([mel - mel.mean(dim=0) for mel in mels])
        deviation, own = (some.std(dim=0).clamp(min=1e-3) for some in (frames, centred))
        return cls(frames.mean(dim=0), deviation, own)

    def __call__(self, mel: Tensor) -> Tensor:
        """(frames, n_mels) → (frames, 2 · n_mels)."""
        return torch.cat([(mel - self.mean) / self.deviation, (mel - mel.mean(dim=0)) / self.own_deviation], dim=1)


def features(clips: pd.DataFrame, params: CnnParams, resources: Resources) -> list[np.ndarray]:
    """Log-mel spectrogram of each clip, (frames, n_mels)."""
    return stored(clips, resources.features, "log_mel")


def runs(features: ArmFeatures, params: CnnParams, resources: Resources) -> Iterator[Run]:
    """One run for each seed."""
    train, valid, held_out = (clips.for_network() for clips in partitions(features))
    scaler = Scaler.fit(features.among("train").real())
    autocast = resources.autocast()
    for seed, derived in resources.seeds.items():
        given = (scaler, resources.classes, params, derived, resources.device, autocast)
        network, curve = train_cnn(train, valid, *given)
        found = probabilities(network, held_out.inputs, scaler, resources.device)
        yield Run(seed, found.numpy(), params.spent(curve), curve)


def train_cnn(
    train: Clips,
    valid: Clips,
    scaler: Scaler,
    classes: int,
    params: CnnParams,
    seed: int,
    device: torch.device,
    autocast: AbstractContextManager[None] | None = None,
) -> tuple[EmotionCnn, Curve]:
    """Train a network; the same arguments give the same weights.

    Args:
        train: clips to learn from
        valid: clips that choose the checkpoint
        scaler: fitted on real training clips
        classes: number of emotions
        params: budget and size
        seed: of weights, batches, crops and masks
        device: where to train
        autocast: context of the forward passes of training (mixed precision)

    Returns:
        the network that is likeliest on `valid`, in evaluation mode, and the curve
    """
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    network = EmotionCnn(2 * len(scaler.mean), params.channels, params.kernel, params.dropout, classes).to(device)

    def logits(picked: Tensor) -> Tensor:
        batch, lengths = _crops([scaler(train.inputs[index]) for index in picked], params.frames, generator)
        with autocast or nullcontext():
            found: Tensor = network(_masked(batch, params, generator).to(device), lengths.to(device))
        return found.float()

    def valid_probabilities() -> Tensor:
        return probabilities(network, valid.inputs, scaler, device)

    return fitted(network, logits, valid_probabilities, train, valid.labels, params, generator)


@torch.no_grad()
def probabilities(
    network: EmotionCnn, mels: Sequence[Tensor], scaler: Scaler, device: torch.device, batch: int = 64
) -> Tensor:
    """Probability of each class for each whole clip, (clips, classes), on the CPU."""
    network.eval()
    found = []
    for start in range(0, len(mels), batch):
        some = [scaler(mel) for mel in mels[start : start + batch]]
        lengths = torch.tensor([len(mel) for mel in some])
        padded = nn.utils.rnn.pad_sequence(some, batch_first=True).transpose(1, 2)  # (B, T, C) -> (B, C, T)
        padded = nn.functional.pad(padded, (0, max(0, EmotionCnn.STRIDE - padded.shape[2])))
        found.append(network(padded.to(device), lengths.to(device)).softmax(dim=1).cpu())
    return torch.cat(found)


def _crops(mels: Sequence[Tensor], frames: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A random crop of each clip, zero-padded: (batch, bands, frames) and the lengths (batch,)."""
    batch = torch.zeros(len(mels), mels[0].shape[1], frames)
    lengths = torch.tensor([min(len(mel), frames) for mel in mels])
    offsets = torch.rand(len(mels), generator=generator)
    for row, (mel, length, offset) in enumerate(zip(mels, lengths.tolist(), offsets.tolist(), strict=True)):
        start = int(offset * (len(mel) - length + 1))
        batch[row, :, :length] = mel[start : start + length].T
    return batch, lengths


def _masked(batch: Tensor, params: CnnParams, generator: torch.Generator) -> Tensor:
    """SpecAugment (Park et al. 2019) without warping: bands and frames set to the mean, which is zero."""
    for axis, count, widest in (
        (1, params.frequency_masks, params.frequency_mask_bins),
        (2, params.time_masks, params.time_mask_frames),
    ):
        size = batch.shape[axis]
        for _ in range(count):
            width = torch.randint(0, widest + 1, (len(batch), 1), generator=generator)
            start = (torch.rand(len(batch), 1, generator=generator) * (size - width).clamp(min=1)).long()
            places = torch.arange(size)
            hidden = (places >= start) & (places < start + width)  # (batch, size)
            batch = batch.masked_fill(hidden.unsqueeze(3 - axis), 0.0)
    return batch
