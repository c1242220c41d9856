"""Classical augmentation: tempo, pitch, noise and level of a clip change, its emotion stays; by audiomentations."""

import random
from typing import Annotated, Self

import numpy as np
from pydantic import Field, PositiveFloat

from pipeline.params import section

CHANGES = ("tempo", "semitones", "snr_db", "gain_db")
GAIN_S = (0.2, 1.0)  # length of a change of level [s]


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
        from audiomentations import AddGaussianSNR, GainTransition, PitchShift, TimeStretch

        random.seed(self.seed)  # audiomentations draws from both
        np.random.seed(self.seed % 2**32)
        changed = np.asarray(samples, dtype=np.float32)
        steps = []
        if self.gain_db is not None:
            fade = GainTransition(self.gain_db, self.gain_db, *GAIN_S, p=1.0)
            fade.randomize_parameters(changed, sampling_rate)
            fade.parameters["start_gain_db"] = 0.0
            fade.freeze_parameters()
            steps.append(fade)
        if self.tempo is not None:
            steps.append(TimeStretch(self.tempo, self.tempo, leave_length_unchanged=False, p=1.0))
        if self.semitones is not None:
            steps.append(PitchShift(self.semitones, self.semitones, p=1.0))
        if self.snr_db is not None:
            steps.append(AddGaussianSNR(self.snr_db, self.snr_db, p=1.0))
        for step in steps:
            changed = step(changed, sample_rate=sampling_rate)
        return changed
