"""The judge at the gate, which lets a converted clip join the training set: logistic regression on cepstral statistics.

There is no chance in it. Refit it where it is needed: that takes less than a second, its features 3 ms a clip.
"""

from collections.abc import Sequence

import librosa
import numpy as np
from scipy.fft import dct
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pipeline.scorers import spectra
from pipeline.scorers.scorer import Scorer

NAME = "gate"  # of its statistics in a shard
BANDS = 40
CEPSTRA = 13
DELTA_FRAMES = 9
PENALTY = 0.005  # inverse strength of the L2 penalty; on RAVDESS, 0.003 to 0.01 are as good


def statistics(samples: np.ndarray, sampling_rate: int) -> np.ndarray:
    """Mean and deviation over time of 13 mel-frequency cepstral coefficients and of their slopes.

    Args:
        samples: prepared clip, (samples,)
        sampling_rate: [Hz]

    Returns:
        (52,), finite
    """
    mel = spectra.log_mel(samples, sampling_rate, BANDS)
    cepstrum = dct(mel, axis=1, norm="ortho")[:, :CEPSTRA]
    slopes = librosa.feature.delta(cepstrum, width=DELTA_FRAMES, axis=0, mode="nearest")
    tracks = np.hstack([cepstrum, slopes])
    return np.concatenate([tracks.mean(axis=0), tracks.std(axis=0)])


class Gate(Scorer):
    """A judge that has heard clips of each emotion."""

    @classmethod
    def fit(cls, heard: np.ndarray, emotions: Sequence[str]) -> "Gate":
        """Learn from real clips; every emotion counts the same.

        Args:
            heard: `statistics` of each clip, (clips, features)
            emotions: of each clip, two different ones or more
        """
        regression = LogisticRegression(C=PENALTY, class_weight="balanced", max_iter=1000)
        return cls(make_pipeline(StandardScaler(), regression).fit(heard, np.asarray(emotions, dtype=str)))
