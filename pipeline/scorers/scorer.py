"""Common part of the scorers of emotions."""

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
