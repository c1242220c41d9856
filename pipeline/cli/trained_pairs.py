"""Trained CycleGANs of a split, for `emocycle convert`."""

from dataclasses import dataclass, field
from pathlib import Path

import click
import torch

from pipeline.cli.workspace import PARAMS
from pipeline.conversion.converter import Converter
from pipeline.core import models, params


class ConvertError(click.ClickException):
    """The conversion is not possible with these models or files."""


@dataclass(frozen=True)
class Pairs:
    """Trained CycleGANs of a split, loaded on first use."""

    folder: Path
    listed: tuple[str, ...]  # in params.yaml; models of other pairs may be left from earlier runs
    device: torch.device
    _loaded: dict[str, Converter] = field(default_factory=dict)

    def names(self) -> list[str]:
        """Trained pairs, in alphabetical order."""
        return sorted(name for name in self.listed if (self.folder / name / models.CONFIG).is_file())

    def is_relative(self, name: str) -> bool:
        """Whether a pair needs neutral speech of the speaker."""
        return bool(models.config(self.folder / name).get("means_of"))

    def converter(self, source: str, target: str) -> Converter:
        """Converter of one emotion to another.

        Raises:
            ConvertError: their pair was not trained
        """
        name = "-".join(sorted((source, target)))
        if name not in self.names():
            raise ConvertError(f"{self.folder}: pair {name} was not trained, only {', '.join(self.names())}")
        if name not in self._loaded:
            with models.fitting(self.folder / name):
                self._loaded[name] = Converter.from_tensors(*models.load(self.folder / name), self.device)
        return self._loaded[name]

    def check(self, source: str | None, target: str, features: str) -> None:
        """Check that these emotions can be converted.

        Args:
            source: emotion; None: not known yet
            target: emotion
            features: params hash of the vocoder's features

        Raises:
            ConvertError: an emotion or pair was not trained, or was trained on other features
        """
        emotions = {emotion for name in self.names() for emotion in name.split("-")}
        if not emotions:
            raise ConvertError(f"{self.folder}: no pair was trained; `dvc repro` trains the pairs of params.yaml")
        for option, emotion in (("--to", target), ("--from", source)):
            if emotion not in (*emotions, None):
                hint = params.nearest(str(emotion), emotions)
                raise ConvertError(f"{option} {emotion}: no pair of {self.folder} has it{hint}")
        if source not in (None, target):
            self.converter(str(source), target)
        for pair in (self.folder / name for name in self.names()):
            if models.config(pair).get("features") != features:
                other = f"was trained with another 'audio' or 'vocoder' than in {PARAMS}"
                raise ConvertError(f"{pair}: {other}; `dvc repro` trains it again")
