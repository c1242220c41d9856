"""Conversion with a trained pair: normalise by the one emotion, generate, undo by the other; and the prosody."""

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
Style = tuple[str, str | None]  # an emotion, and an intensity that was heard often enough to count; or None


@dataclass(frozen=True)
class Normalisation:
    """Mean and deviation of each coefficient over a style's training frames."""

    mean: Tensor  # (order,)
    deviation: Tensor  # (order,)

    @classmethod
    def fit(cls, spectra: Sequence[Tensor]) -> Self:
        """Statistics over all frames of some clips, each (frames, order)."""
        frames = torch.cat(list(spectra))
        return cls(frames.mean(dim=0), frames.std(dim=0).clamp(min=FLAT))

    def apply(self, spectrum: Tensor) -> Tensor:
        """(frames, order), same out."""
        return (spectrum - self.mean) / self.deviation

    def undo(self, spectrum: Tensor) -> Tensor:
        """Inverse of `apply`."""
        return spectrum * self.deviation + self.mean

    def toward(self, other: "Normalisation", share: float) -> "Normalisation":
        """On the line to another one, or beyond it; of deviations, the logarithms are on a line."""
        return Normalisation(
            torch.lerp(self.mean, other.mean, share), self.deviation * (other.deviation / self.deviation) ** share
        )


@dataclass(frozen=True)
class Styles:
    """Normalisation of each emotion, and of each of its intensities of which enough was heard."""

    of: Mapping[Style, Normalisation]

    @classmethod
    def fit(cls, clips: Iterable[tuple[Tensor, str, str | None]], heard: Mapping[str, Collection[str]]) -> Self:
        """Learn from train clips.

        Args:
            clips: of each the frames (frames, order), the emotion and the intensity
            heard: intensities of each emotion of which enough was heard, as `Prosody` has them
        """
        frames: dict[Style, list[Tensor]] = {}
        for spectrum, emotion, intensity in clips:
            frames.setdefault((emotion, None), []).append(spectrum)
            if intensity is not None and intensity in heard.get(emotion, ()):
                frames.setdefault((emotion, intensity), []).append(spectrum)
        return cls({style: Normalisation.fit(own) for style, own in frames.items()})

    def source(self, emotion: str, intensity: str | None) -> Normalisation:
        """What a clip is normalised by: its emotion's statistics, at its intensity where that was heard."""
        return self.of[emotion, self.level(emotion, intensity)]

    def level(self, emotion: str, intensity: str | None) -> str | None:
        """What a clip of this intensity keeps of it as this emotion: itself where enough was heard of it, else None."""
        return intensity if (emotion, intensity) in self.of else None

    def target(self, source: str, emotion: str, intensity: str | None) -> Normalisation:
        """What is undone: statistics of the target at an intensity; of one that was not heard, a share of the way."""
        if intensity is None or (emotion, intensity) in self.of:
            return self.of[emotion, intensity]
        known, share = self._nearest(emotion, intensity)
        return self.of[source, None].toward(self.of.get((emotion, known), self.of[emotion, None]), share)

    def share(self, emotion: str, intensity: str | None) -> float:
        """How far to go: 1, but to an intensity that was not heard as far as it is beside the nearest that was."""
        return 1.0 if intensity is None else self._nearest(emotion, intensity)[1]

    def _nearest(self, emotion: str, intensity: str) -> tuple[str, float]:
        return nearest(intensity, [level for style, level in self.of if style == emotion and level])


@dataclass(frozen=True)
class Converter:
    """Both directions of a pair, ready for use: the spectrum by networks, prosody by statistics."""

    styles: Styles
    generators: Mapping[tuple[str, str], Generator]  # by (source, target)
    prosody: Prosody

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
    ) -> Features:
        """Convert a clip from one emotion to the other.

        Args:
            clip: any number of frames
            source: its emotion
            target: the emotion to make; with `source` itself, the clip comes back unchanged
            bounds_hz: of F0, as the vocoder has them
            source_intensity: of the clip, where it is known
            intensity: to make; None for what the emotion is like on the whole
            by: what converts the spectrum: the network; `statistics`, which are all but the network, so that mean and
                variance move from the one style to the other; or `none`, and the spectrum stays. Prosody is converted
                in any case, where that takes no network.

        Raises:
            KeyError: the pair has not both emotions
            ModelError: the clip is of another vocoder than those that the pair was trained on
        """
        if source == target:
            return clip
        levels = (intensity, source_intensity)
        spectrum = clip.spectrum.copy()
        if by != "none":
            spectrum = self._generated(clip, source, target, *levels, network=by == "network")
        if self.prosody.params.energy != "cyclegan":
            spectrum[:, 0] = self.prosody.energy(clip.spectrum[:, 0], source, target, *levels)
        f0_hz = self.prosody.f0(clip.f0_hz, source, target, intensity, *bounds_hz, source_intensity)
        return stretched(replace(clip, spectrum=spectrum, f0_hz=f0_hz), self.prosody.rate(source, target, *levels))

    def _generated(
        self,
        clip: Features,
        source: str,
        target: str,
        intensity: str | None,
        source_intensity: str | None,
        network: bool,
    ) -> np.ndarray:
        """What the network, or else the identity, makes of a clip's spectrum, (frames, order)."""
        frames = torch.from_numpy(clip.spectrum)
        style = self.styles.source(source, source_intensity)
        if (width := len(style.mean)) != frames.shape[1]:
            raise ModelError(
                f"{source} to {target}: trained on {width} numbers a frame, but the vocoder gives {frames.shape[1]}; "
                "`dvc repro` trains the pair again"
            )
        normalised = style.apply(frames).T[None]  # (T, C) -> (1, C, T)
        if network:
            generator = self.generators[source, target]
            made = generator.convert(normalised.to(next(generator.parameters()).device)).cpu()
            normalised = torch.lerp(normalised, made, self.styles.share(target, intensity))
        return self.styles.target(source, target, intensity).undo(normalised[0].T).numpy()

    def tensors(self) -> dict[str, Tensor]:
        """All weights and statistics of spectra, by name."""
        kept = {}
        for (emotion, intensity), normalisation in self.styles.of.items():
            kept[f"normalisation.{emotion}.{intensity or ''}.mean"] = normalisation.mean
            kept[f"normalisation.{emotion}.{intensity or ''}.deviation"] = normalisation.deviation
        for (source, target), generator in self.generators.items():
            for name, weights in generator.state_dict().items():
                kept[f"generator.{source}.{target}.{name}"] = weights
        return kept

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], config: Mapping[str, Any], device: torch.device) -> Self:
        """Inverse of `tensors`.

        Args:
            tensors: as `tensors` gave them
            config: `emotions` of the pair, its `prosody`, and `size`: arguments of the generators
            device: where to convert
        """
        styles: dict[Style, Normalisation] = {}
        for name in tensors:
            kind, emotion, intensity, *rest = name.split(".")
            if kind == "normalisation" and rest == ["mean"]:
                styles[emotion, intensity or None] = Normalisation(
                    tensors[name], tensors[f"normalisation.{emotion}.{intensity}.deviation"]
                )
        generators = {}
        for source, target in permutations(config["emotions"], 2):
            generator = Generator(**config["size"])
            prefix = f"generator.{source}.{target}."
            generator.load_state_dict(
                {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
            )
            generators[source, target] = generator.to(device).eval()
        return cls(Styles(styles), generators, Prosody.from_config(config["prosody"]))
