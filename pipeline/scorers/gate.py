"""The scorer of the quality gate: logistic regression on cepstral statistics.

A fit is deterministic and takes less than a second, the statistics 1 ms a clip. So it is refitted where it is needed.
"""

from collections.abc import Sequence

import numpy as np
from scipy.fft import dct

from pipeline.audio.acoustics import slopes
from pipeline.scorers import spectra
from pipeline.scorers.scorer import Scorer

NAME = "gate"  # of the array in a shard
BANDS = 40
CEPSTRA = 13
DELTA_FRAMES = 9
PENALTY = 0.005  # inverse strength of the L2 penalty; on RAVDESS, 0.003 to 0.01 work as well


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
    tracks = np.hstack([cepstrum, slopes(cepstrum, DELTA_FRAMES)])
    return np.concatenate([tracks.mean(axis=0), tracks.std(axis=0)])


class Gate(Scorer):
    """The fitted scorer of the quality gate."""

    @classmethod
    def fit(cls, features: np.ndarray, emotions: Sequence[str]) -> "Gate":
        """Fit on real clips; all emotions have the same total weight.

        Args:
            features: `statistics` of each clip, (clips, features)
            emotions: of each clip, at least two different ones
        """
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        regression = LogisticRegression(C=PENALTY, class_weight="balanced", max_iter=1000)
        return cls(make_pipeline(StandardScaler(), regression).fit(features, np.asarray(emotions, dtype=str)))
