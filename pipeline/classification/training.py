"""Training of networks: a fixed number of steps whatever the training set, so that every arm has the same budget."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from dataclasses import dataclass
from typing import Annotated, TypeVar

import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor, nn

from pipeline.classification.networks import EmotionCnn
from pipeline.core.params import Odd, section

Network = TypeVar("Network", bound=nn.Module)
Curve = list[dict[str, float]]  # of each checkpoint: step, mean loss since the one before, valid_uar, valid_nll


@section
class TrainingParams:
    """The budget of a network, the same in every arm."""

    steps: PositiveInt
    batch: Annotated[int, Field(ge=2)]  # normalisation over a batch needs two
    learning_rate: PositiveFloat  # highest, reached after a tenth of the steps, then down to nothing
    weight_decay: NonNegativeFloat
    label_smoothing: Annotated[float, Field(ge=0, lt=1)]
    checkpoints: PositiveInt  # at equal distances; the one is kept that is likeliest on `valid`


@section
class CnnParams(TrainingParams):
    """Size and training of the `cnn`."""

    channels: Annotated[int, Field(ge=2)]
    kernel: Odd
    dropout: Annotated[float, Field(ge=0, lt=1)]
    frames: Annotated[int, Field(ge=EmotionCnn.STRIDE)]  # of the crop that a training step sees of a clip
    frequency_masks: NonNegativeInt  # SpecAugment
    frequency_mask_bins: NonNegativeInt  # each at most
    time_masks: NonNegativeInt
    time_mask_frames: NonNegativeInt  # each at most


@dataclass(frozen=True)
class Clips:
    """What a network is given of some clips, and what is known of them."""

    inputs: Sequence[Tensor]  # spectrograms, each (frames, n_mels); of the `ssl` features, each (layers, width)
    labels: Tensor  # class of each, (clips,)
    weights: Tensor  # of each in training, (clips,)


@dataclass(frozen=True)
class Scaler:
    """Two views of a spectrogram: as it is, and less its own mean, in which voice and channel show least.

    Each band is standardised by the real training clips.
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


def uar(probabilities: Tensor, labels: Tensor) -> float:
    """Unweighted average recall: the mean over the classes that occur of the share found.

    Args:
        probabilities: or logits, (clips, classes)
        labels: (clips,)
    """
    hits = (probabilities.argmax(dim=1) == labels).float()
    return float(torch.stack([hits[labels == label].mean() for label in labels.unique()]).mean())


def nll(probabilities: Tensor, labels: Tensor) -> float:
    """Minus the log probability of the true class [nat], every class that occurs weighing the same.

    Args:
        probabilities: (clips, classes)
        labels: (clips,)
    """
    surprise = -probabilities.gather(1, labels[:, None])[:, 0].clamp(min=1e-30).log()
    return float(torch.stack([surprise[labels == label].mean() for label in labels.unique()]).mean())


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

    def chances() -> Tensor:
        return probabilities(network, valid.inputs, scaler, device)

    return fitted(network, logits, chances, train, valid.labels, params, generator)


def fitted(
    network: Network,
    logits: Callable[[Tensor], Tensor],
    chances: Callable[[], Tensor],
    train: Clips,
    valid_labels: Tensor,
    params: TrainingParams,
    generator: torch.Generator,
) -> tuple[Network, Curve]:
    """Train for as many steps as are asked for, whatever there is to learn from, and keep the likeliest checkpoint.

    Every class is drawn as often as any other; the clips of a class by their weights. A checkpoint is chosen by `nll`
    and not by UAR, which knows only right and wrong: where valid is a single speaker, that picks by chance.

    Args:
        network: to be trained, on its device
        logits: what the network says of the clips with some numbers (batch,); (batch, classes)
        chances: of each class for the valid clips, by the network as it is, (clips, classes)
        train: clips to draw from
        valid_labels: classes of the valid clips, (clips,)
        params: budget
        generator: of the draws

    Returns:
        the first of the likeliest networks, in evaluation mode, and the curve
    """
    optimiser = torch.optim.AdamW(network.parameters(), params.learning_rate, weight_decay=params.weight_decay)
    warm_up = 0.1 if params.steps > 10 else 0.0  # OneCycleLR divides by zero where it is a single step
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, params.learning_rate, total_steps=params.steps, pct_start=warm_up
    )
    likely = class_balanced(train.labels, train.weights)
    curve: Curve = []
    best = (float("inf"), deepcopy(network))
    total = 0.0
    every = max(params.steps // params.checkpoints, 1)
    for step in range(1, params.steps + 1):
        network.train()
        picked = torch.multinomial(likely, params.batch, replacement=True, generator=generator)
        found = logits(picked)
        labels = train.labels[picked].to(found.device)
        loss = nn.functional.cross_entropy(found, labels, label_smoothing=params.label_smoothing)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        total += loss.item()
        if step % every == 0 or step == params.steps:
            found = chances()
            reached = {"valid_uar": uar(found, valid_labels), "valid_nll": nll(found, valid_labels)}
            curve.append({"step": step, "loss": total / ((step - 1) % every + 1), **reached})
            total = 0.0
            if reached["valid_nll"] < best[0]:
                best = (reached["valid_nll"], deepcopy(network))
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
    """Chance of drawing each clip: each class with any weight the same in all, its clips by their weight; (clips,)."""
    totals = torch.zeros(int(labels.max()) + 1).index_add_(0, labels, weights)[labels]
    return torch.where(totals > 0, weights / totals, 0.0)


def _crops(mels: Sequence[Tensor], frames: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A random stretch of each clip, zero-padded: (batch, bands, frames) and the lengths (batch,)."""
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
