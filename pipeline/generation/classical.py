"""Classical augmentation: tempo, pitch, noise (by audiomentations) and level of a clip change, its emotion stays."""

import random
from typing import Annotated, Self

import numpy as np
from pydantic import Field, PositiveFloat

from pipeline.core.params import section

CHANGES = ("tempo", "semitones", "snr_db", "gain_db")
FADE = 1  # beside the seed: where a fade lies has nothing to do with which changes happen
FADE_S = (0.2, 1.0)  # length of a change of level [s]
SHARES = (0.25, 0.75)  # of a clip's energy before the middle of a fade; with all of it on one side it would be a gain
FRAME_S = 0.02
SPEECH_DB = 20  # a fade does not make the ends softer, which are at least so far below the loudest frame


@section
class ClassicalParams:
    """How far each change goes; every clip gets one of them at least."""

    probability: Annotated[float, Field(gt=0, le=1)]  # of each change
    tempo: PositiveFloat  # share by which a clip gets faster or slower, at most
    semitones: PositiveFloat  # up or down, at most
    snr_db: tuple[float, float]  # of white noise: loudest and softest
    gain_db: PositiveFloat  # of a fade within the clip, at most; a gain of the whole clip would be levelled away


@section
class Perturbation:
    """What is done to one clip; all that is random in it follows from the seed."""

    seed: int
    tempo: float | None = None  # 1.1: faster by a tenth
    semitones: float | None = None
    snr_db: float | None = None
    gain_db: float | None = None  # where the fade ends

    @classmethod
    def drawn(cls, params: ClassicalParams, seed: int) -> Self:
        """One of the changes that `params` allow."""
        draw = np.random.default_rng(seed)
        happens = draw.random(len(CHANGES)) < params.probability
        happens[draw.integers(len(CHANGES))] |= not happens.any()
        slowest = -np.log1p(params.tempo)
        values = (
            np.exp(draw.uniform(slowest, -slowest)),
            draw.uniform(-params.semitones, params.semitones),
            draw.uniform(*params.snr_db),
            draw.uniform(-params.gain_db, params.gain_db),
        )
        chosen = zip(CHANGES, values, happens, strict=True)
        return cls(seed, **{name: round(float(value), 4) for name, value, is_on in chosen if is_on})

    def apply(self, samples: np.ndarray, sampling_rate: int) -> np.ndarray:
        """Samples (samples,), another number of them where the tempo changes; same rate [Hz], float32."""
        from audiomentations import AddGaussianSNR, PitchShift, TimeStretch

        random.seed(self.seed)  # audiomentations draws from both
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


def faded(samples: np.ndarray, sampling_rate: int, gain_db: float, draw: np.random.Generator) -> np.ndarray:
    """Factors (samples,) that lead from one level to another within the speech, where no levelling takes them away.

    Before the speech and behind it, they keep the ends from getting softer against the loudest frame, so that trimming
    leaves the clip as long as it was (as long as `audio.trim_db` is more than `SPEECH_DB` and the gain together).

    Args:
        samples: prepared, (samples,)
        sampling_rate: [Hz]
        gain_db: at the end of the speech, against its beginning
        draw: says where it lies and how long it takes
    """
    frame = min(round(FRAME_S * sampling_rate), len(samples))
    power = np.square(samples[: len(samples) // frame * frame], dtype=np.float64).reshape(-1, frame).mean(axis=1)
    loud = np.flatnonzero(power >= power.max() / 10 ** (SPEECH_DB / 10))
    first, last = loud[0] * frame, (loud[-1] + 1) * frame
    middle = np.searchsorted(np.cumsum(power), draw.uniform(*SHARES) * power.sum()).clip(loud[0], loud[-1]) + 0.5
    middle *= frame
    half = min(draw.uniform(*FADE_S) / 2 * sampling_rate, middle - first, last - middle)
    places = [first - frame, first, middle - half, middle + half, last, last + frame]
    end_db = max(gain_db, 0.0)
    curve_db = np.interp(np.arange(len(samples)), places, [end_db, 0.0, 0.0, gain_db, gain_db, end_db])
    return (10 ** (curve_db / 20)).astype(np.float32)
