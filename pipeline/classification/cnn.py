"""The `cnn`: a convolutional network on log-mel spectrograms."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import numpy as np
import pandas as pd
import torch
from pydantic import Field, NonNegativeInt
from torch import Tensor

from pipeline.classification.interface import ArmFeatures, Resources, Run, Weights, packed, partitions, stored, unpacked
from pipeline.classification.networks import EmotionCnn
from pipeline.classification.training import Clips, Curve, TrainingParams, fitted
from pipeline.core.params import Odd, section

SCALED = 64  # clips that are scaled at a time


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

    def __call__(self, mels: Sequence[Tensor]) -> Tensor:
        """Some spectrograms, each (frames, n_mels) → the frames of all, (frames, 2 · n_mels)."""
        frames, lengths = torch.cat(list(mels)), torch.tensor([len(mel) for mel in mels])
        own = torch.stack([mel.mean(dim=0) for mel in mels]).repeat_interleave(lengths, dim=0)
        return torch.cat([(frames - self.mean) / self.deviation, (frames - own) / self.own_deviation], dim=1)


def features(clips: pd.DataFrame, params: CnnParams, resources: Resources) -> list[np.ndarray]:
    """Log-mel spectrogram of each clip, (frames, n_mels)."""
    return stored(clips, resources.features, "log_mel")


def runs(features: ArmFeatures, params: CnnParams, resources: Resources) -> Iterator[Run]:
    """One run for each seed."""
    return resources.for_each_seed(partial(_run, features=features, params=params, resources=resources), "cnn")


def _run(seed: int, features: ArmFeatures, params: CnnParams, resources: Resources) -> Run:
    *learned, held_out = partitions(features)
    train, valid = (clips.for_network() for clips in learned)
    scaler = Scaler.fit(features.among("train").real())
    autocast = resources.autocast()
    given = (scaler, resources.classes, params, resources.seeds[seed], resources.device, autocast)
    network, curve = train_cnn(train, valid, *given)
    weights = packed(network=network.state_dict(), scaler=vars(scaler))
    found = predict(weights, held_out.arrays, params, resources)
    return Run(seed, found, params.spent(curve), curve, weights)


def predict(weights: Weights, arrays: Sequence[np.ndarray], params: CnnParams, resources: Resources) -> np.ndarray:
    """Probability of each class by the network of a run, (clips, classes)."""
    scaler = Scaler(**unpacked(weights, "scaler"))
    network = _network(scaler, params, resources.classes, resources.device)
    network.load_state_dict(unpacked(weights, "network"))
    autocast = resources.autocast()
    inputs = Spectrograms.of(list(map(torch.from_numpy, arrays)), scaler, _dtype(resources.device, autocast))
    return probabilities(network, inputs, resources.device, autocast).numpy()


def _network(scaler: Scaler, params: CnnParams, classes: int, device: torch.device) -> EmotionCnn:
    network = EmotionCnn(2 * len(scaler.mean), params.channels, params.kernel, params.dropout, classes)
    # Channels last, as the clips are, or each step converts weights
    return network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


@dataclass(frozen=True)
class Spectrograms:
    """Scaled spectrograms of some clips, one after the other in one table, after a row of zeros."""

    frames: Tensor  # (1 + frames of all clips, bands)
    starts: Tensor  # row of each clip's first frame, (clips,)
    lengths: Tensor  # frames of each, (clips,)

    @classmethod
    def of(cls, mels: Sequence[Tensor], scaler: Scaler, dtype: torch.dtype = torch.float32) -> "Spectrograms":
        """Scale some spectrograms, each (frames, n_mels); `dtype` is that of the network's first layer.

        They are scaled a few at a time, as the scaled ones in float32 need several times the memory of the result.
        """
        lengths = torch.tensor([len(mel) for mel in mels])
        starts = 1 + lengths.cumsum(0) - lengths
        frames = torch.zeros(1 + int(lengths.sum()), 2 * len(scaler.mean), dtype=dtype)
        for first in range(0, len(mels), SCALED):
            some = scaler(mels[first : first + SCALED])
            frames[starts[first] : starts[first] + len(some)] = some.to(dtype)
        return cls(frames, starts, lengths)

    def padded(self, clips: Tensor, offsets: Tensor, frames: int) -> tuple[Tensor, Tensor]:
        """Stretches of some clips, filled up with zeros.

        Args:
            clips: their numbers, (batch,)
            offsets: first frame of each stretch, (batch,)
            frames: of each stretch, at most

        Returns:
            (batch, frames, bands), and the length of each stretch, (batch,)
        """
        lengths = (self.lengths[clips] - offsets).clamp(max=frames)
        places = torch.arange(frames)
        rows = torch.where(places < lengths[:, None], (self.starts[clips] + offsets)[:, None] + places, 0)
        return self.frames[rows], lengths

    def crops(self, clips: Tensor, frames: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """A random crop of each of some clips; arguments and result as of `padded`."""
        room = (self.lengths[clips] - frames).clamp(min=0) + 1
        offsets = (torch.rand(len(clips), generator=generator) * room).long()
        return self.padded(clips, offsets, frames)


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
        autocast: context of the forward passes (mixed precision)

    Returns:
        the network that is likeliest on `valid`, in evaluation mode, and the curve
    """
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    network = _network(scaler, params, classes, device)
    dtype = _dtype(device, autocast)
    to_learn, to_select = (Spectrograms.of(clips.inputs, scaler, dtype) for clips in (train, valid))

    def logits(picked: Tensor) -> Tensor:
        crops, lengths = to_learn.crops(picked, params.frames, generator)
        with autocast or nullcontext():
            found: Tensor = network(_masked(crops, params, generator).to(device), lengths.to(device))
        return found.float()

    def valid_probabilities() -> Tensor:
        return probabilities(network, to_select, device, autocast)

    return fitted(network, logits, valid_probabilities, train, valid.labels, params, generator)


@torch.no_grad()
def probabilities(
    network: EmotionCnn,
    clips: Spectrograms,
    device: torch.device,
    autocast: AbstractContextManager[None] | None = None,
    batch: int = 32,
) -> Tensor:
    """Probability of each class for each whole clip, (clips, classes), on the CPU.

    A batch has clips of about one length, so that little of it is padding.
    """
    network.eval()
    order = clips.lengths.argsort()
    found = []
    for some in order.split(batch):
        frames = max(int(clips.lengths[some].max()), EmotionCnn.STRIDE)
        padded, lengths = clips.padded(some, torch.zeros_like(some), frames)
        with autocast or nullcontext():
            logits = network(padded.to(device), lengths.to(device))
        found.append(logits.float().softmax(dim=1).cpu())
    return torch.cat(found)[order.argsort()]


def _dtype(device: torch.device, autocast: AbstractContextManager[None] | None) -> torch.dtype:
    """Number type to which the first layer converts its input."""
    with autocast or nullcontext():
        mixed = torch.is_autocast_enabled(device.type)
        return torch.get_autocast_dtype(device.type) if mixed else torch.float32


def _masked(batch: Tensor, params: CnnParams, generator: torch.Generator) -> Tensor:
    """SpecAugment (Park et al. 2019) without warping: bands and frames set to the mean, which is zero.

    Args:
        batch: (batch, frames, bands); changed in place
        params: number and size of the masks
        generator: of the draws
    """
    for axis, count, widest in (
        (2, params.frequency_masks, params.frequency_mask_bins),
        (1, params.time_masks, params.time_mask_frames),
    ):
        size = batch.shape[axis]
        widths = torch.randint(0, widest + 1, (len(batch), count, 1), generator=generator)
        starts = (torch.rand(len(batch), count, 1, generator=generator) * (size - widths).clamp(min=1)).long()
        places = torch.arange(size)
        seen = ((places < starts) | (places >= starts + widths)).all(dim=1)  # (batch, size)
        batch *= seen.unsqueeze(3 - axis).to(batch.dtype)
    return batch
