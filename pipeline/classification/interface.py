"""The interface of classifiers: features of an arm's clips go in, runs with predicted probabilities come out."""

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
import torch
from torch import Tensor

from pipeline.audio.acoustics import FrontEnd
from pipeline.audio.preparation import AudioParams
from pipeline.classification.training import Clips, Curve
from pipeline.core import manifest, memory
from pipeline.core.shards import FRONT_END, Shards
from pipeline.core.workers import in_parallel
from pipeline.networks import hardware
from pipeline.networks.hardware import HardwareParams

HELD_OUT = ("valid", "test")

Weights = Mapping[str, np.ndarray]  # all that a trained model predicts with, by name


@dataclass(frozen=True)
class Resources:
    """Inputs that all classifiers share."""

    features: Path  # folder of the corpora's stored features
    cache: Path  # folder for features that a classifier computes itself
    audio: AudioParams
    hardware: HardwareParams
    device: torch.device
    classes: int  # number of emotions
    seeds: Mapping[int, int]  # of the runs: seed of params.yaml → seed derived from it for the split

    def autocast(self) -> AbstractContextManager[None]:
        """Mixed precision for forward passes."""
        return hardware.autocast(self.hardware, self.device)

    def for_each_seed(self, run: Callable[[int], "Run"], label: str) -> Iterator["Run"]:
        """A run of each seed: on a CPU side by side in processes of one thread, if a training uses one thread."""
        if self.device.type == "cpu" and self.hardware.threads == 1:
            importlib.import_module(
                "torch._dynamo"
            )  # torch.optim does, and takes 2 s: better once than in each process
            yield from in_parallel(run, list(self.seeds), label, name=lambda seed: f"seed {seed}", chunk=1)
        else:
            yield from map(run, self.seeds)


@dataclass(frozen=True)
class ArmFeatures:
    """Features of all clips of an arm."""

    rows: pd.DataFrame  # partition, weight, is_synthetic, and label, the index of the class
    arrays: Sequence[np.ndarray]  # one a clip

    def among(self, *partitions: str) -> "ArmFeatures":
        """Clips of some partitions."""
        return self.where(self.rows["partition"].isin(partitions))

    def where(self, chosen: "pd.Series[bool]") -> "ArmFeatures":
        """Clips whose rows are chosen."""
        return ArmFeatures(self.rows[chosen], list(compress(self.arrays, chosen)))

    def real(self) -> list[Tensor]:
        """Arrays of the real clips."""
        is_real = ~self.rows["is_synthetic"]
        return [torch.from_numpy(array) for array in compress(self.arrays, is_real)]

    def for_network(self) -> Clips:
        """The same as tensors."""
        columns = (torch.tensor(self.rows[name].to_numpy()) for name in ("label", "weight"))
        return Clips([torch.from_numpy(array) for array in self.arrays], *columns)


@dataclass(frozen=True)
class Run:
    """Predictions of one run for the valid and test clips, and its budget."""

    seed: int
    probabilities: np.ndarray  # (clips, classes)
    spent: dict[str, int]  # as in `pipeline.classification.budget`
    curve: Curve
    weights: Weights  # of the model that predicted; empty where there were several


@dataclass(frozen=True)
class Classifier:
    """One row of `pipeline.classification.classifiers.CLASSIFIERS`.

    `features` gives an array of each clip, (rows, …); speaker normalisation standardises over rows. `runs` learns from
    the train partition, selects on valid, and predicts valid and test. `predict` gives the probabilities of any clips,
    (clips, classes), by the weights of a run. All take the classifier's own params.
    """

    params: type[Any]  # its section of params.yaml
    features: Callable[[pd.DataFrame, Any, Resources], Sequence[np.ndarray]]
    runs: Callable[[ArmFeatures, Any, Resources], Iterable[Run]]
    predict: Callable[[Weights, Sequence[np.ndarray], Any, Resources], np.ndarray]
    reads_audio: bool = False  # besides the stored features


def partitions(features: ArmFeatures) -> tuple[ArmFeatures, ArmFeatures, ArmFeatures]:
    """Clips to train on, to select on, and to predict (valid and test)."""
    return features.among("train"), features.among("valid"), features.among(*HELD_OUT)


def packed(**groups: Mapping[str, Tensor]) -> Weights:
    """Tensors of some groups as arrays, named `group.tensor`."""
    return {
        f"{group}.{name}": tensor.cpu().contiguous().numpy()
        for group, tensors in groups.items()
        for name, tensor in tensors.items()
    }


def unpacked(weights: Weights, group: str) -> dict[str, Tensor]:
    """Tensors of one group of `packed`, by name."""
    prefix = f"{group}."
    return {
        name.removeprefix(prefix): torch.from_numpy(array) for name, array in weights.items() if name.startswith(prefix)
    }


def stored(clips: pd.DataFrame, features: Path, name: str) -> list[np.ndarray]:
    """A stored array of each clip.

    Args:
        clips: rows of `manifest.AUGMENTED`
        features: folder of the corpora's shards of real clips; those of synthetic clips lie beside them
        name: of the arrays
    """
    shards, ids = Shards(sorted(set().union(*_folders(clips, features)))), manifest.feature_ids(clips)
    memory.check(f"{name} of {len(ids):,} clips", sum(shards.array(id_, name).nbytes for id_ in ids))
    return [np.array(shards.array(id_, name)) for id_ in ids]


def preparation(clips: pd.DataFrame, features: Path) -> dict[str, Any]:
    """`Shards.preparation` of the real clips; arguments as of `stored`."""
    return Shards(sorted(_folders(clips, features)[0])).preparation()


class FrontEndError(click.ClickException):
    """Some of the stored features are of another front end."""


def check_front_end(clips: pd.DataFrame, features: Path, expected: FrontEnd) -> None:
    """Check that features have the front end of params.yaml, so that no clip differs from the others by the vocoder.

    With `natural`, synthetic clips may have passed the vocoder, because generators need it.

    Args:
        clips: as of `stored`
        features: as of `stored`
        expected: front end of the classifiers

    Raises:
        FrontEndError: names a folder of other features
    """
    real, synthetic = _folders(clips, features)
    for folder in sorted(real | synthetic if expected == FrontEnd.VOCODED else real):
        found = Shards([folder]).metadata(FRONT_END)
        if found != expected:
            raise FrontEndError(
                f"{folder}: features of front end '{found}', but 'classify.front_end' is '{expected}'; "
                "`dvc repro` makes them again"
            )


def _folders(clips: pd.DataFrame, features: Path) -> tuple[set[Path], set[Path]]:
    """Shards of the real clips, and those of the synthetic ones."""
    is_new = clips["is_synthetic"] & ~clips["generator"].isin(manifest.REPEATS)
    beside = {Path(path).parent / manifest.SYNTHETIC_FEATURES for path in clips.loc[is_new, "filepath"]}
    return {features / corpus for corpus in clips.loc[~is_new, "corpus"]}, beside
