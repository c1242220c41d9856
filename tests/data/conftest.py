"""Tables of clips, and their splits."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from pipeline.corpora import esd, ravdess
from pipeline.data.scenarios import Full, LowData, Scenario
from pipeline.data.splits import SplitParams, partitions

FULL = Full("full")
PUBLISHED = {"ravdess": ravdess.FOLDS, "esd": esd.FOLDS}


def clips(
    corpus: str,
    speakers: Iterable[str],
    emotions: Iterable[str] = ("angry", "sad"),
    sentences: Iterable[str | None] = (None,),
    language: str = "en",
) -> pd.DataFrame:
    """Clips of each speaker; the first letter of a speaker, f or m, is the gender."""
    rows = [
        {
            "id": f"{corpus}/{speaker}-{emotion}-{sentence}",
            "emotion": emotion,
            "speaker": f"{corpus}_{speaker}",
            "corpus": corpus,
            "gender": {"f": "female", "m": "male"}.get(speaker[0]),
            "sentence": sentence,
            "language": language,
        }
        for speaker in speakers
        for emotion in emotions
        for sentence in sentences
    ]
    return pd.DataFrame(rows)


def cut(frame: pd.DataFrame, fold: int, scenario: Scenario = FULL, **changes: Any) -> pd.DataFrame:
    """Rows with their partition, by id."""
    params = {"n_folds": 6, "sentence_groups": 1, "train_only": (), "scenarios": {}} | changes
    split = partitions(frame, fold, scenario, SplitParams(**params), PUBLISHED)
    assert split["id"].is_monotonic_increasing
    return split.merge(frame, on="id", validate="1:1").set_index("id")


def speakers(split: pd.DataFrame, part: str) -> set[str]:
    return set(split.loc[split["partition"] == part, "speaker"])


RAVDESS = clips("ravdess", (f"{actor:02}" for actor in range(1, 25)))
DEMO = clips("demo", [f"{gender}{number:02}" for gender in "fm" for number in range(1, 8)])
BOTH = pd.concat([RAVDESS, DEMO])
ALL = ("angry", "happy", "neutral", "sad")
ACTED = clips("ravdess", (f"{actor:02}" for actor in range(1, 25)), ALL, ("kids 1", "kids 2", "dogs 1", "dogs 2"))
ACTED["sentence"] = ACTED["sentence"].str[:4]
ACTED["gender"] = np.where(ACTED["speaker"].str[-2:].astype(int) % 2, "male", "female")
LOW = LowData("low_data", 0.25, seed=1)
