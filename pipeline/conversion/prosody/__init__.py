"""Prosody of emotions (F0, energy, duration): statistics of train clips, and conversion between emotions."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import numpy as np
from pydantic import TypeAdapter

from pipeline.conversion.prosody.duration import stretched
from pipeline.conversion.prosody.energy import contrasted
from pipeline.conversion.prosody.f0 import moved
from pipeline.conversion.prosody.statistics import (
    ClipProsody,
    Statistics,
    measured,
    of_emotions,
    of_intensities,
    toward,
)
from pipeline.core.params import section

__all__ = ["ClipProsody", "Prosody", "ProsodyParams", "Statistics", "nearest", "stretched"]

# Distance of an intensity from the source emotion. An intensity with too few train clips is interpolated between the
# source and the nearest known intensity, or the emotion over all intensities. Corpora call their ordinary intensity
# `medium`; the other two numbers are guesses.
INTENSITIES = {"low": 0.5, "medium": 1.0, "high": 1.5}

# Largest ratios; the smallest are their inverses. Statistics of corpora are inside; those of a few odd clips, or of an
# extrapolated intensity, may not be.
MOST_F0 = 8.0
MOST_ENERGY = 2.0
MOST_RATE = 2.0


@section
class ProsodyParams:
    """Conversion of each part of the prosody; `cyclegan`: the generators convert it as part of the spectrum."""

    f0: Literal["none", "log_gaussian"]
    energy: Literal["none", "log_gaussian", "cyclegan"]
    duration: Literal["none", "rate"]


@dataclass(frozen=True)
class Prosody:
    """Statistics of the prosody of each emotion, and their conversion.

    In all methods, `source` is the emotion of the clip and `target` that of the conversion. `intensity` is the
    target's: one with too few train clips is interpolated (`nearest`); None is the target over all intensities.
    `source_intensity` is the clip's own; if unknown or with too few train clips, the source over all intensities
    counts. All methods raise KeyError for an unknown emotion or intensity.
    """

    params: ProsodyParams
    emotions: Mapping[str, Statistics]
    intensities: Mapping[str, Mapping[str, Statistics]]  # by emotion and intensity, with enough train clips

    @classmethod
    def fit(cls, clips: Iterable[ClipProsody], params: ProsodyParams) -> Self:
        """Statistics of the clips of a train partition, in any order."""
        table = measured(clips)
        return cls(params, of_emotions(table), of_intensities(table))

    def to_config(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        return asdict(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Inverse of `to_config`, also after a round trip through JSON."""
        return TypeAdapter(cls).validate_python(config)

    def f0(
        self,
        f0_hz: np.ndarray,
        source: str,
        target: str,
        intensity: str | None,
        floor_hz: float,
        ceil_hz: float,
        source_intensity: str | None = None,
    ) -> np.ndarray:
        """Converted F0 of a clip, relative to its own mean, which stands for the speaker.

        `log_gaussian` shifts the mean of log F0 by the emotions' difference and scales its deviation by their ratio.

        Args:
            f0_hz: (frames, 1), 0 where unvoiced [Hz]
            source: its emotion
            target: emotion of the conversion
            intensity: of the target
            floor_hz: lower bound of converted F0 [Hz]
            ceil_hz: upper bound [Hz]
            source_intensity: of the clip

        Returns:
            same shape, unvoiced frames still 0
        """
        if self.params.f0 == "none":
            return f0_hz.copy()
        own, other = self._statistics(source, target, intensity, source_intensity)
        ratio = _ratio(own.f0_deviation, other.f0_deviation, MOST_F0)
        return moved(f0_hz, other.f0_shift - own.f0_shift, ratio, floor_hz, ceil_hz)

    def energy(
        self, c0: np.ndarray, source: str, target: str, intensity: str | None, source_intensity: str | None = None
    ) -> np.ndarray:
        """Converted energy of a clip's frames; its mean stays, since clips are levelled afterwards.

        Args:
            c0: 0th mel-cepstral coefficient of the source, (frames,) [nepers of power]
            source: its emotion
            target: emotion of the conversion
            intensity: of the target
            source_intensity: of the clip

        Returns:
            same shape

        Raises:
            ValueError: the generators convert the energy
        """
        if self.params.energy == "cyclegan":
            raise ValueError("energy is 'cyclegan': the generators convert the 0th coefficient")
        if self.params.energy == "none":
            return c0.copy()
        own, other = self._statistics(source, target, intensity, source_intensity)
        return contrasted(c0, _ratio(own.energy_deviation, other.energy_deviation, MOST_ENERGY))

    def rate(self, source: str, target: str, intensity: str | None, source_intensity: str | None = None) -> float:
        """Ratio of converted to source duration, for `stretched`; 1 if duration is not converted."""
        if self.params.duration == "none":
            return 1.0
        own, other = self._statistics(source, target, intensity, source_intensity)
        most = np.log(MOST_RATE)
        return float(np.exp(np.clip(other.duration_shift - own.duration_shift, -most, most)))

    def _statistics(
        self, source: str, target: str, intensity: str | None, source_intensity: str | None
    ) -> tuple[Statistics, Statistics]:
        """Statistics of the source and of the target."""
        start, end = self.emotions[source], self.emotions[target]
        if intensity is not None:
            known = self.intensities.get(target, {})
            level, share = nearest(intensity, known)
            end = known.get(level, end)
            end = end if share == 1 else toward(start, end, share)
        if source_intensity is not None:
            start = self.intensities.get(source, {}).get(source_intensity, start)
        return start, end


def nearest(intensity: str, known: Collection[str]) -> tuple[str, float]:
    """The nearest known intensity, and the distance of `intensity` from the source emotion relative to it.

    Args:
        intensity: low, medium or high
        known: intensities of the target with enough train clips; without any, `medium` is all intensities
    """
    place = INTENSITIES[intensity]
    level = min(known or ["medium"], key=lambda name: (abs(INTENSITIES[name] - place), -INTENSITIES[name]))
    return level, place / INTENSITIES[level]


def _ratio(source: float, target: float, most: float) -> float:
    """Ratio of two deviations; 1 if one of them is unknown."""
    return min(max(target / source, 1 / most), most) if source > 0 and target > 0 else 1.0
