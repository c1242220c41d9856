"""What the judges of emotions have in common once they have heard some."""

from dataclasses import dataclass

import numpy as np
from sklearn.pipeline import Pipeline


@dataclass(frozen=True)
class Scorer:
    """A judge that has heard clips of each emotion."""

    machine: Pipeline

    @property
    def emotions(self) -> tuple[str, ...]:
        """What it tells apart, alphabetical: the columns of `probabilities`."""
        return tuple(self.machine.classes_.tolist())

    def probabilities(self, heard: np.ndarray) -> np.ndarray:
        """Of each emotion, (clips, emotions), from its `statistics` of clips (clips, features)."""
        found: np.ndarray = self.machine.predict_proba(heard)
        return found
