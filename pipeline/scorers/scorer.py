"""Common parts of the scorers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


@dataclass(frozen=True)
class Scorer:
    """A fitted model that predicts emotions from the statistics of clips."""

    model: "Pipeline"

    @property
    def emotions(self) -> tuple[str, ...]:
        """Emotions in alphabetical order, as in the columns of `probabilities`."""
        return tuple(self.model.classes_.tolist())

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Probability of each emotion, (clips, emotions), from `statistics` of clips (clips, features)."""
        found: np.ndarray = self.model.predict_proba(features)
        return found


def discriminants(features: np.ndarray, labels: Sequence[str], solver: str, shrinkage: float) -> "Pipeline":
    """Standardisation and linear discriminant analysis with equal prior probabilities, fitted.

    Args:
        features: of each clip, (clips, features)
        labels: of each clip, at least two different ones
        solver: of scikit-learn; `eigen` can also project, `lsqr` cannot
        shrinkage: of the covariance towards a diagonal one, 0 … 1
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    words = np.asarray(labels, dtype=str)
    count = len(np.unique(words))
    analysis = LinearDiscriminantAnalysis(solver=solver, shrinkage=shrinkage, priors=np.full(count, 1 / count))
    return make_pipeline(StandardScaler(), analysis).fit(features, words)
