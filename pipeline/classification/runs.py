"""One run of each classifier: learn from train, choose on valid, say how probable each emotion is in held-out clips."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import compress

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from pipeline.classification import ssl, svm, training
from pipeline.classification.training import Clips, Curve, TrainingParams

HELD_OUT = ("valid", "test")


@dataclass(frozen=True)
class ArmFeatures:
    """All clips of an arm as a classifier hears them."""

    rows: pd.DataFrame  # partition, weight, is_synthetic, and label, the number of the class
    arrays: Sequence[np.ndarray]  # of each clip

    def among(self, *partitions: str) -> "ArmFeatures":
        """Clips of some partitions."""
        chosen = self.rows["partition"].isin(partitions).to_numpy()
        return ArmFeatures(self.rows[chosen], list(compress(self.arrays, chosen)))

    def real(self) -> list[Tensor]:
        """Arrays of the real clips."""
        synthetic = self.rows["is_synthetic"]
        return [torch.from_numpy(array) for array, made in zip(self.arrays, synthetic, strict=True) if not made]

    def clips(self) -> Clips:
        """The same for a network."""
        columns = (torch.tensor(self.rows[name].to_numpy()) for name in ("label", "weight"))
        return Clips([torch.from_numpy(array) for array in self.arrays], *columns)


@dataclass(frozen=True)
class Run:
    """What a run says of the valid and test clips, and what it took."""

    seed: int
    probabilities: np.ndarray  # (clips, classes)
    spent: dict[str, int]  # as `pipeline.classification.budget` has it
    curve: Curve


def of_svm(heard: ArmFeatures, params: svm.SvmParams) -> Run:
    """The only run of the `svm`, which has no chance in it; arrays are functionals, (1, functionals)."""
    train, valid, held_out = (heard.among(*parts) for parts in (("train",), ("valid",), HELD_OUT))
    machine = svm.train_svm(
        np.concatenate(train.arrays),
        train.rows["label"].to_numpy(),
        train.rows["weight"].to_numpy(),
        ~train.rows["is_synthetic"].to_numpy(),
        (np.concatenate(valid.arrays), valid.rows["label"].to_numpy()),
        params,
    )
    return Run(0, machine.probabilities(np.concatenate(held_out.arrays)), {"grid": machine.tried}, [])


def of_cnn(
    heard: ArmFeatures,
    classes: int,
    params: training.CnnParams,
    seeds: Mapping[int, int],
    device: torch.device,
    autocast: AbstractContextManager[None],
) -> Iterator[Run]:
    """A run of the `cnn` for each seed, by what it is called; arrays are spectrograms, (frames, n_mels)."""
    train, valid, held_out = (heard.among(*parts).clips() for parts in (("train",), ("valid",), HELD_OUT))
    scaler = training.Scaler.fit(heard.among("train").real())
    for called, seed in seeds.items():
        given = (scaler, classes, params, seed, device, autocast)
        network, curve = training.train_cnn(train, valid, *given)
        chances = training.probabilities(network, held_out.inputs, scaler, device)
        yield Run(called, chances.numpy(), _spent(curve, params), curve)


def of_ssl(
    heard: ArmFeatures,
    classes: int,
    params: ssl.SslParams,
    seeds: Mapping[int, int],
    device: torch.device,
) -> Iterator[Run]:
    """A run of the `ssl` for each seed, by what it is called; arrays are features, (layers, width)."""
    train, valid, held_out = (heard.among(*parts).clips() for parts in (("train",), ("valid",), HELD_OUT))
    scaler = ssl.Standardisation.fit(heard.among("train").real())
    for called, seed in seeds.items():
        head, curve = ssl.train_ssl(train, valid, scaler, classes, params, seed, device)
        chances = ssl.probabilities(head, held_out.inputs, scaler, device)
        yield Run(called, chances.numpy(), _spent(curve, params), curve)


def _spent(curve: Curve, params: TrainingParams) -> dict[str, int]:
    return {"steps": int(curve[-1]["step"]), "batch": params.batch, "checkpoints": len(curve)}
