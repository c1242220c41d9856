"""Classical augmentation: tempo, pitch and noise (by audiomentations) and a fade; the emotion stays."""

import random
from functools import partial
from typing import Annotated, Self

import numpy as np
from pydantic import Field, PositiveFloat

from pipeline.core.params import section
from pipeline.generation.perturbation import Plan, Sources

CHANGES = ("tempo", "semitones", "snr_db", "gain_db")
FADE = 1  # second part of the seed of a fade, so that it is independent of the draw of changes
FADE_S = (0.2, 1.0)  # duration of a fade [s]
SHARES = (0.25, 0.75)  # of a clip's energy before the middle of a fade; with all on one side it would be a gain
FRAME_S = 0.02
SPEECH_DB = 20  # ends that are further below the loudest frame are not softened by a fade


@section
class ClassicalParams:
    """Bounds of the changes; every clip gets at least one of them."""

    probability: Annotated[float, Field(gt=0, le=1)]  # of each change
    tempo: PositiveFloat  # largest share by which a clip gets faster or slower
    semitones: PositiveFloat  # largest change of pitch, up or down
    snr_db: tuple[float, float]  # of white noise: loudest and softest
    gain_db: PositiveFloat  # largest gain of a fade within the clip; levelling would undo a gain of the complete clip


@section
class Perturbation:
    """The changes of one clip; everything random in them follows from the seed."""

    seed: int
    tempo: float | None = None  # 1.1: faster by a tenth
    semitones: float | None = None
    snr_db: float | None = None
    gain_db: float | None = None  # at the end of the fade

    @classmethod
    def drawn(cls, params: ClassicalParams, seed: int) -> Self:
        """Random changes within the bounds."""
        rng = np.random.default_rng(seed)
        happens = rng.random(len(CHANGES)) < params.probability
        happens[rng.integers(len(CHANGES))] |= not happens.any()
        slowest = -np.log1p(params.tempo)
        values = (
            np.exp(rng.uniform(slowest, -slowest)),
            rng.uniform(-params.semitones, params.semitones),
            rng.uniform(*params.snr_db),
            rng.uniform(-params.gain_db, params.gain_db),
        )
        chosen = zip(CHANGES, values, happens, strict=True)
        return cls(seed, **{name: round(float(value), 4) for name, value, is_on in chosen if is_on})

    def apply(self, samples: np.ndarray, sampling_rate: int) -> np.ndarray:
        """Changed samples (samples,) at the same rate [Hz], float32; their number changes with the tempo."""
        from audiomentations import AddGaussianSNR, PitchShift, TimeStretch

        random.seed(self.seed)  # audiomentations uses both
        np.random.seed(self.seed % 2**32)
        changed = np.asarray(samples, dtype=np.float32)
        if self.gain_db is not None:
            changed = changed * faded(changed, sampling_rate, self.gain_db, np.random.default_rng([self.seed, FADE]))
        steps = []
        if self.tempo is not None:
            steps.append(TimeStretch(self.tempo, self.tempo, leave_length_unchanged=False, p=1.0))
        if self.semitones is not None:
            steps.append(PitchShift(self.semitones, self.semitones, p=1.0))
        if self.snr_db is not None:
            steps.append(AddGaussianSNR(self.snr_db, self.snr_db, p=1.0))
        for step in steps:
            changed = step(changed, sample_rate=sampling_rate)
        return changed


SECTIONS = {"perturb.classical": ClassicalParams}


def plan(sources: Sources, params: ClassicalParams) -> Plan:
    """Each source with random changes."""
    changes = [Perturbation.drawn(params, seed) for seed in sources.seeds]
    synthesise = partial(synthesised, sampling_rate=sources.sampling_rate)
    return Plan(synthesise, changes, vocoded=False, changes=changes)


def synthesised(change: Perturbation, source: np.ndarray, sampling_rate: int) -> np.ndarray:
    """Samples (samples,) of a changed clip."""
    return change.apply(source, sampling_rate)


def faded(samples: np.ndarray, sampling_rate: int, gain_db: float, rng: np.random.Generator) -> np.ndarray:
    """Factors (samples,) of a fade within the speech, which levelling does not undo.

    Before and after the speech, the factors keep the ends from getting softer relative to the loudest frame. So
    trimming keeps the length of the clip, if `audio.trim_db` is larger than `SPEECH_DB` plus the gain.

    Args:
        samples: prepared, (samples,)
        sampling_rate: [Hz]
        gain_db: at the end of the speech, relative to its beginning
        rng: of the fade's place and duration
    """
    frame = min(round(FRAME_S * sampling_rate), len(samples))
    power = np.square(samples[: len(samples) // frame * frame], dtype=np.float64).reshape(-1, frame).mean(axis=1)
    loud = np.flatnonzero(power >= power.max() / 10 ** (SPEECH_DB / 10))
    first, last = loud[0] * frame, (loud[-1] + 1) * frame
    middle = np.searchsorted(np.cumsum(power), rng.uniform(*SHARES) * power.sum()).clip(loud[0], loud[-1]) + 0.5
    middle *= frame
    half = min(rng.uniform(*FADE_S) / 2 * sampling_rate, middle - first, last - middle)
    places = [first - frame, first, middle - half, middle + half, last, last + frame]
    end_db = max(gain_db, 0.0)
    curve_db = np.interp(np.arange(len(samples)), places, [end_db, 0.0, 0.0, gain_db, gain_db, end_db])
    return (10 ** (curve_db / 20)).astype(np.float32)
