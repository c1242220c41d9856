"""Models that score converted clips; none of them is a classifier under test."""

import numpy as np

from pipeline.scorers import evaluation_classifier, gate, speakers


def scorer_features(samples: np.ndarray, sampling_rate: int) -> dict[str, np.ndarray]:
    """Statistics of a prepared clip (samples,) for each scorer, as stored in a shard, one row (1, features) each."""
    scorers = (gate, evaluation_classifier, speakers)
    return {scorer.NAME: scorer.statistics(samples, sampling_rate)[None].astype(np.float32) for scorer in scorers}
