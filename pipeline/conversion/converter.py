"""Conversion with a trained pair.

The spectrum is normalised by the source style, passed through a generator, and denormalised by the target style.
Prosody is converted by statistics.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any, Literal, Self

import numpy as np
import torch
from torch import Tensor

from pipeline.conversion.networks import FLAT, Generator
from pipeline.conversion.prosody import Prosody, nearest, stretched
from pipeline.core.models import ModelError
from pipeline.vocoder.features import Features

Spectrum = Literal["network", "statistics", "none"]
SPECTRA: Mapping[str, Spectrum] = {"cyclegan": "network", "statistics": "statistics", "f0_only": "none"}  # by generator
MEAN_OF = "neutral_mean."  # before the name of a speaker, in names of tensors
Style = tuple[str, str | None]  # an emotion, and an intensity with enough train clips; None for all intensities


@dataclass(frozen=True)
class Normalisation:
    """Mean and standard deviation of each coefficient over a style's training frames."""

    mean: Tensor  # (order,)
    deviation: Tensor  # (order,)

    @classmethod
    def fit(cls, spectra: Sequence[Tensor]) -> Self:
        """Statistics over all frames of the clips, each (frames, order)."""
        frames = torch.cat(list(spectra))
        return cls(frames.mean(dim=0), frames.std(dim=0).clamp(min=FLAT))

    def apply(self, spectrum: Tensor) -> Tensor:
        """Normalised spectrum, from and to (frames, order)."""
        return (spectrum - self.mean) / self.deviation

    def undo(self, spectrum: Tensor) -> Tensor:
        """Inverse of `apply`."""
        return spectrum * self.deviation + self.mean

    def toward(self, other: "Normalisation", share: float) -> "Normalisation":
        """Interpolation to another one, or extrapolation beyond it; deviations are interpolated in their logarithm."""
        return Normalisation(
            torch.lerp(self.mean, other.mean, share), self.deviation * (other.deviation / self.deviation) ** share
        )


@dataclass(frozen=True)
class Styles:
    """Normalisation of each emotion, and of each of its intensities that has enough train clips."""

    of: Mapping[Style, Normalisation]

    @classmethod
    def fit(cls, clips: Iterable[tuple[Tensor, str, str | None]], intensities: Mapping[str, Collection[str]]) -> Self:
        """Statistics of train clips.

        Args:
            clips: of each the frames (frames, order), the emotion and the intensity
            intensities: of each emotion, those with enough train clips, as `Prosody` has them
        """
        frames: dict[Style, list[Tensor]] = {}
        for spectrum, emotion, intensity in clips:
            frames.setdefault((emotion, None), []).append(spectrum)
            if intensity is not None and intensity in intensities.get(emotion, ()):
                frames.setdefault((emotion, intensity), []).append(spectrum)
        return cls({style: Normalisation.fit(own) for style, own in frames.items()})

    def source(self, emotion: str, intensity: str | None) -> Normalisation:
        """Normalisation of a source clip: that of its emotion, at its intensity if that has enough train clips."""
        return self.of[emotion, self.level(emotion, intensity)]

    def level(self, emotion: str, intensity: str | None) -> str | None:
        """The intensity itself, if this emotion has enough train clips of it; else None."""
        return intensity if (emotion, intensity) in self.of else None

    def target(self, source: str, emotion: str, intensity: str | None) -> Normalisation:
        """Normalisation to undo after conversion; of an unknown intensity, interpolated to the nearest."""
        if intensity is None or (emotion, intensity) in self.of:
            return self.of[emotion, intensity]
        known, share = self._nearest(emotion, intensity)
        return self.of[source, None].toward(self.of.get((emotion, known), self.of[emotion, None]), share)

    def share(self, emotion: str, intensity: str | None) -> float:
        """Share of the residual to add: 1; for an unknown intensity, its distance relative to the nearest known one."""
        return 1.0 if intensity is None else self._nearest(emotion, intensity)[1]

    def _nearest(self, emotion: str, intensity: str) -> tuple[str, float]:
        return nearest(intensity, [level for style, level in self.of if style == emotion and level])


@dataclass(frozen=True)
class Converter:
    """Both directions of a trained pair: spectrum by generators, prosody by statistics."""

    styles: Styles
    generators: Mapping[tuple[str, str], Generator]  # by (source, target)
    prosody: Prosody
    means: Mapping[str, np.ndarray]  # of the train speakers' neutral speech; empty: spectra are not relative to it

    @torch.no_grad()
    def convert(
        self,
        clip: Features,
        source: str,
        target: str,
        bounds_hz: tuple[float, float],
        source_intensity: str | None = None,
        intensity: str | None = None,
        by: Spectrum = "network",
        mean: np.ndarray | None = None,
    ) -> Features:
        """Convert a clip from one emotion to the other.

        Args:
            clip: any number of frames
            source: its emotion
            target: emotion of the conversion; if it is `source`, the clip is returned unchanged
            bounds_hz: lowest and highest F0 of the vocoder
            source_intensity: of the clip; None if unknown
            intensity: of the conversion; None for the target emotion over all intensities
            by: conversion of the spectrum. `network`: normalise, generate, denormalise. `statistics`: the same without
                the generator, so that mean and variance alone change. `none`: the spectrum stays. Prosody is
                converted in every case.
            mean: of the speaker's neutral speech, (order,), as of `speaker_means.mean`; ignored where `means` is empty

        Raises:
            KeyError: the pair lacks one of the emotions
            ModelError: the features are of another vocoder than those of the training, or `mean` is missing
        """
        if source == target:
            return clip
        levels = (intensity, source_intensity)
        spectrum = clip.spectrum.copy()
        if by != "none":
            own = self._own_mean(mean)
            normalised = self._normalised(spectrum, own, source, source_intensity)
            if by == "network":
                normalised = self._generated(normalised, source, target, intensity)
            spectrum = self.styles.target(source, target, intensity).undo(normalised).numpy() + own
        if self.prosody.params.energy != "cyclegan":
            spectrum[:, 0] = self.prosody.energy(clip.spectrum[:, 0], source, target, *levels)
        f0_hz = self.prosody.f0(clip.f0_hz, source, target, intensity, *bounds_hz, source_intensity)
        return stretched(replace(clip, spectrum=spectrum, f0_hz=f0_hz), self.prosody.rate(source, target, *levels))

    def _own_mean(self, mean: np.ndarray | None) -> np.ndarray | np.float32:
        """What is subtracted before the conversion and added after it."""
        if not self.means:
            return np.float32(0)
        if mean is None:
            pair = " and ".join(sorted({emotion for emotion, _ in self.styles.of}))
            raise ModelError(f"conversion between {pair}: needs neutral speech of the speaker, and none is known")
        return mean

    def _normalised(
        self, spectrum: np.ndarray, own: np.ndarray | np.float32, source: str, intensity: str | None
    ) -> Tensor:
        """Spectrum minus the speaker's own mean, normalised by the source style, from and to (frames, order)."""
        style = self.styles.source(source, intensity)
        if (width := len(style.mean)) != spectrum.shape[1]:
            raise ModelError(
                f"conversion of '{source}': trained on {width} values a frame, but the vocoder gives "
                f"{spectrum.shape[1]}; `dvc repro` trains the pair again"
            )
        return style.apply(torch.from_numpy(spectrum - own))

    def _generated(self, normalised: Tensor, source: str, target: str, intensity: str | None) -> Tensor:
        """Output of the generator at an intensity, from and to (frames, order)."""
        generator = self.generators[source, target]
        frames = normalised.T[None]  # (T, C) -> (1, C, T)
        generated = generator.convert(frames.to(next(generator.parameters()).device)).cpu()
        return torch.lerp(frames, generated, self.styles.share(target, intensity))[0].T

    def tensors(self) -> dict[str, Tensor]:
        """All weights, and statistics of spectra, by name."""
        kept = {}
        for (emotion, intensity), normalisation in self.styles.of.items():
            kept[f"normalisation.{emotion}.{intensity or ''}.mean"] = normalisation.mean
            kept[f"normalisation.{emotion}.{intensity or ''}.deviation"] = normalisation.deviation
        for (source, target), generator in self.generators.items():
            for name, weights in generator.state_dict().items():
                kept[f"generator.{source}.{target}.{name}"] = weights
        for speaker, mean in self.means.items():
            kept[f"{MEAN_OF}{speaker}"] = torch.from_numpy(mean)
        return kept

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], config: Mapping[str, Any], device: torch.device) -> Self:
        """Inverse of `tensors`.

        Args:
            tensors: from `tensors`
            config: `emotions` of the pair, its `prosody`, and `size`: arguments of the generators
            device: of the generators
        """
        styles: dict[Style, Normalisation] = {}
        for name in tensors:
            kind, emotion, *rest = name.split(".")
            if kind == "normalisation" and rest[1:] == ["mean"]:
                intensity = rest[0]
                styles[emotion, intensity or None] = Normalisation(
                    tensors[name], tensors[f"normalisation.{emotion}.{intensity}.deviation"]
                )
        generators = {}
        for source, target in permutations(config["emotions"], 2):
            with torch.device("meta"):  # no memory for weights that are replaced: the size may be a wrong one
                generator = Generator(**config["size"])
            prefix = f"generator.{source}.{target}."
            own = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
            generator.load_state_dict(own, assign=True)
            generators[source, target] = generator.to(device, torch.float32).eval()
        means = {name.removeprefix(MEAN_OF): own.numpy() for name, own in tensors.items() if name.startswith(MEAN_OF)}
        return cls(Styles(styles), generators, Prosody.from_config(config["prosody"]), means)
