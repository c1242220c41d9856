"""Listeners that are made here: they judge converted clips, and are none of the classifiers under test."""

import numpy as np

from pipeline.scorers import evaluation_classifier, gate, speakers


def scorer_features(samples: np.ndarray, sampling_rate: int) -> dict[str, np.ndarray]:
    """What each judge goes by, of a prepared clip (samples,), as a shard keeps it: one row (1, features) each."""
    made = {judge.NAME: judge.statistics(samples, sampling_rate) for judge in (gate, evaluation_classifier, speakers)}
    return {name: row[None].astype(np.float32) for name, row in made.items()}
