"""Predictions that the tests of scores and gains share."""

import numpy as np
import pandas as pd
import pytest

EMOTIONS = ["angry", "happy", "neutral", "sad"]


@pytest.fixture
def table():
    """Function that gives random predictions."""
    return random_predictions


def random_predictions(speakers=5, clips=40, seeds=2, correct=0.5, random_seed=0, lost=("s1", "sad")):
    """Random predictions; the same clips for every `random_seed`; speaker and emotion `lost` do not occur together."""
    actual = np.random.default_rng(7).choice(EMOTIONS, (speakers, clips))
    rng = np.random.default_rng(random_seed)
    rows = [
        ("svm", seed, speaker % 3 + 1, f"s{speaker}_{clip}", f"s{speaker}", str(actual[speaker, clip]))
        for seed in range(seeds)
        for speaker in range(speakers)
        for clip in range(clips)
    ]
    frame = pd.DataFrame(rows, columns=["classifier", "seed", "fold", "id", "speaker", "label"])
    right = rng.random(len(frame)) < correct
    frame["predicted"] = np.where(right, frame["label"], rng.choice(EMOTIONS, len(frame)))
    frame["confidence"] = rng.uniform(0.25, 1, len(frame)).astype(np.float32)
    return frame[(frame["speaker"] != lost[0]) | (frame["label"] != lost[1])].reset_index(drop=True)
