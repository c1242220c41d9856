"""Training of the `cnn`: a fixed number of steps whatever the training set, so that every arm has the same budget."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor, nn

from pipeline.classifier.networks import EmotionCnn
from pipeline.params import Odd, section


@section
class CnnParams:
    """Size and training of the `cnn`."""

    channels: Annotated[int, Field(ge=2)]
    kernel: Odd
    dropout: Annotated[float, Field(ge=0, lt=1)]
    steps: PositiveInt
    batch: Annotated[int, Field(ge=2)]  # normalisation over a batch needs two
    frames: Annotated[int, Field(ge=EmotionCnn.STRIDE)]  # of the crop that a training step sees of a clip
    learning_rate: PositiveFloat  # highest, reached after a tenth of the steps, then down to nothing
    weight_decay: NonNegativeFloat
    label_smoothing: Annotated[float, Field(ge=0, lt=1)]
    frequency_masks: NonNegativeInt  # SpecAugment
    frequency_mask_bins: NonNegativeInt  # each at most
    time_masks: NonNegativeInt
    time_mask_frames: NonNegativeInt  # each at most
    checkpoints: PositiveInt  # evaluated on `valid` at equal distances; the best one is kept


@dataclass(frozen=True)
class Clips:
    """Spectrograms and what is known of them."""

    mels: Sequence[Tensor]  # each (frames, n_mels)
    labels: Tensor  # class of each, (clips,)
    weights: Tensor  # of each in training, (clips,)


@dataclass(frozen=True)
class Scaler:
    """Mean and deviation of each mel band over the real training clips."""

    mean: Tensor  # (n_mels,)
    deviation: Tensor  # (n_mels,)

    @classmethod
    def fit(cls, mels: Sequence[Tensor]) -> "Scaler":
        """Statistics over all frames of some clips."""
        frames = torch.cat(list(mels))
        return cls(frames.mean(dim=0), frames.std(dim=0).clamp(min=1e-3))

    def __call__(self, mel: Tensor) -> Tensor:
        """(frames, n_mels), same out."""
        return (mel - self.mean) / self.deviation


def uar(probabilities: Tensor, labels: Tensor) -> float:
    """Unweighted average recall: the mean over the classes that occur of the share found.

    Args:
        probabilities: or logits, (clips, classes)
        labels: (clips,)
    """
    hits = (probabilities.argmax(dim=1) == labels).float()
    return float(torch.stack([hits[labels == label].mean() for label in labels.unique()]).mean())


def train_cnn(
    train: Clips,
    valid: Clips,
    scaler: Scaler,
    classes: int,
    params: CnnParams,
    seed: int,
    device: torch.device,
) -> tuple[EmotionCnn, list[dict[str, float]]]:
    """Train a network; the same arguments give the same weights.

    Every class is drawn as often as any other; the clips of a class by their weights.

    Args:
        train: clips to learn from
        valid: clips that choose the checkpoint
        scaler: fitted on real training clips
        classes: number of emotions
        params: budget and size
        seed: of weights, batches, crops and masks
        device: where to train

    Returns:
        the best network on `valid`, in evaluation mode, and the curve: step, loss, valid_uar
    """
    torch.manual_seed(seed)
    network = EmotionCnn(len(scaler.mean), params.channels, params.kernel, params.dropout, classes).to(device)
    optimiser = torch.optim.AdamW(network.parameters(), params.learning_rate, weight_decay=params.weight_decay)
    warm_up = 0.1 if params.steps > 10 else 0.0  # OneCycleLR divides by zero where it is a single step
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, params.learning_rate, total_steps=params.steps, pct_start=warm_up
    )
    mels = [scaler(mel) for mel in train.mels]
    chances = class_balanced(train.labels, train.weights)
    generator = torch.Generator().manual_seed(seed)
    curve: list[dict[str, float]] = []
    best = (-1.0, deepcopy(network))
    total = 0.0
    every = max(params.steps // params.checkpoints, 1)
    for step in range(1, params.steps + 1):
        picked = torch.multinomial(chances, params.batch, replacement=True, generator=generator)
        batch, lengths = _crops([mels[index] for index in picked], params.frames, generator)
        batch = _masked(batch, params, generator)
        logits = network(batch.to(device), lengths.to(device))
        loss = nn.functional.cross_entropy(
            logits, train.labels[picked].to(device), label_smoothing=params.label_smoothing
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        total += loss.item()
        if step % every == 0 or step == params.steps:
            score = uar(probabilities(network, valid.mels, scaler, device), valid.labels)
            curve.append({"step": step, "loss": total / ((step - 1) % every + 1), "valid_uar": score})
            total = 0.0
            if score > best[0]:
                best = (score, deepcopy(network))
            network.train()
    return best[1].eval(), curve


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


def class_balanced(labels: Tensor, weights: Tensor) -> Tensor:
    """Chance of drawing each clip: each class the same in all, clips of a class by their weight; (clips,)."""
    totals = torch.zeros(int(labels.max()) + 1).index_add_(0, labels, weights)
    return weights / totals[labels]


def _crops(mels: Sequence[Tensor], frames: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A random stretch of each clip, zero-padded: (batch, n_mels, frames) and the lengths (batch,)."""
    batch = torch.zeros(len(mels), mels[0].shape[1], frames)
    lengths = torch.tensor([min(len(mel), frames) for mel in mels])
    offsets = torch.rand(len(mels), generator=generator)
    for row, (mel, length, offset) in enumerate(zip(mels, lengths.tolist(), offsets.tolist(), strict=True)):
        start = int(offset * (len(mel) - length + 1))
        batch[row, :, :length] = mel[start : start + length].T
    return batch, lengths


def _masked(batch: Tensor, params: CnnParams, generator: torch.Generator) -> Tensor:
    """SpecAugment (Park et al. 2019) without warping: bands and stretches set to the mean, which is zero."""
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
