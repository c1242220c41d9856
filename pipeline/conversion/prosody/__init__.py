"""Prosody of emotions, learned from train clips: F0, energy, duration; and how to move a clip from one to another."""

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

# How far an intensity is from the source emotion. Where too little was heard of one, it is on the line to the nearest
# that was heard, or to the emotion as a whole. Corpora that grade emotions call their ordinary one `medium`; how much
# less and more the others are is a guess.
INTENSITIES = {"low": 0.5, "medium": 1.0, "high": 1.5}

# A ratio is at most this, and at least its inverse. What corpora show stays inside; only statistics of a few odd clips,
# or an intensity beyond what was heard, come near.
MOST_F0 = 8.0
MOST_ENERGY = 2.0
MOST_RATE = 2.0


@section
class ProsodyParams:
    """What is done to each part of the prosody; `cyclegan`: the networks convert it together with the spectrum."""

    f0: Literal["none", "log_gaussian"]
    energy: Literal["none", "log_gaussian", "cyclegan"]
    duration: Literal["none", "rate"]


@dataclass(frozen=True)
class Prosody:
    """What is known of the prosody of each emotion, and how it is to be converted.

    In all methods, `source` is the emotion of the clip and `target` the one to move to. `intensity` is the target's:
    what was heard of it counts if that was enough, otherwise a share of the way (`nearest`); None is the target as a
    whole. `source_intensity` is the clip's own, where that is to count and enough was heard of it; otherwise the clip
    is taken for one of its emotion as a whole. All raise KeyError for an emotion or intensity that is not known.
    """

    params: ProsodyParams
    emotions: Mapping[str, Statistics]
    intensities: Mapping[str, Mapping[str, Statistics]]  # by emotion and intensity, where enough was heard

    @classmethod
    def fit(cls, clips: Iterable[ClipProsody], params: ProsodyParams) -> Self:
        """Learn from the clips of a train partition, in any order."""
        table = measured(clips)
        return cls(params, of_emotions(table), of_intensities(table))

    def to_config(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        return asdict(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Inverse of `to_config`, also of what JSON made of it."""
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
        """F0 of a clip, converted; the clip's own mean stands for the speaker.

        `log_gaussian` moves the mean of log F0 by the emotions' difference and its deviation by their ratio.

        Args:
            f0_hz: (frames, 1), 0 where unvoiced [Hz]
            source: its emotion
            target: the emotion to move to
            intensity: of the target
            floor_hz: what comes out is not lower [Hz]; with `none` it is what came in
            ceil_hz: nor higher [Hz]
            source_intensity: of the clip

        Returns:
            same shape, unvoiced frames still 0
        """
        if self.params.f0 == "none":
            return f0_hz.copy()
        own, wanted = self._statistics(source, target, intensity, source_intensity)
        ratio = _ratio(own.f0_deviation, wanted.f0_deviation, MOST_F0)
        return moved(f0_hz, wanted.f0_shift - own.f0_shift, ratio, floor_hz, ceil_hz)

    def energy(
        self, c0: np.ndarray, source: str, target: str, intensity: str | None, source_intensity: str | None = None
    ) -> np.ndarray:
        """Energy of a clip's frames, converted; the clip's mean stays, for clips are levelled in the end anyway.

        Args:
            c0: the source's 0th mel-cepstral coefficient, (frames,) [nepers of power]
            source: its emotion
            target: the emotion to move to
            intensity: of the target
            source_intensity: of the clip

        Returns:
            same shape

        Raises:
            ValueError: the energy is the networks' affair
        """
        if self.params.energy == "cyclegan":
            raise ValueError("energy is 'cyclegan': keep what the networks made of the 0th coefficient")
        if self.params.energy == "none":
            return c0.copy()
        own, wanted = self._statistics(source, target, intensity, source_intensity)
        return contrasted(c0, _ratio(own.energy_deviation, wanted.energy_deviation, MOST_ENERGY))

    def rate(self, source: str, target: str, intensity: str | None, source_intensity: str | None = None) -> float:
        """Duration of a converted clip over its source's, for `stretched`; 1 where duration is not converted."""
        if self.params.duration == "none":
            return 1.0
        own, wanted = self._statistics(source, target, intensity, source_intensity)
        most = np.log(MOST_RATE)
        return float(np.exp(np.clip(wanted.duration_shift - own.duration_shift, -most, most)))

    def _statistics(
        self, source: str, target: str, intensity: str | None, source_intensity: str | None
    ) -> tuple[Statistics, Statistics]:
        """Statistics to move from, and to move to."""
        start, end = self.emotions[source], self.emotions[target]
        if intensity is not None:
            heard = self.intensities.get(target, {})
            known, share = nearest(intensity, heard)
            end = heard.get(known, end)
            end = end if share == 1 else toward(start, end, share)
        if source_intensity is not None:
            start = self.intensities.get(source, {}).get(source_intensity, start)
        return start, end


def nearest(intensity: str, heard: Collection[str]) -> tuple[str, float]:
    """The intensity to go by for one, and the share of the way to it from the source emotion.

    Args:
        intensity: low, medium or high
        heard: those of the target of which enough was heard; without any, `medium` stands for the emotion as a whole
    """
    place = INTENSITIES[intensity]
    known = min(heard or ["medium"], key=lambda level: (abs(INTENSITIES[level] - place), -INTENSITIES[level]))
    return known, place / INTENSITIES[known]


def _ratio(source: float, target: float, most: float) -> float:
    """Of two deviations; 1 where one of them is not known."""
    return min(max(target / source, 1 / most), most) if source > 0 and target > 0 else 1.0
