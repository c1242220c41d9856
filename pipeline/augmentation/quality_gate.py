"""The quality gate: what judges of real train clips say of synthetic ones, and which of these may train.

A judge scores nothing that it has heard, nor what was made from it: emotions are judged by a gate that does not know
the speaker, voices by speakers as they sound in other clips (cross-fitting). Real train clips are scored in the same
way, and what is rare among them is the limit for synthetic ones.
"""

from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from pipeline.audio.speech import is_speech
from pipeline.core.params import section
from pipeline.scorers import speakers
from pipeline.scorers.gate import Gate
from pipeline.scorers.speakers import SpeakerSpace

FOLDS = 5  # of speakers, or of each speaker's clips
LIMITED = ["emotion_confidence", "speaker_similarity", "f0_median_hz", "f0_range_st", "silence"]  # as real clips are
NOBODY = -1  # fold of what is like no real speaker or clip, and may be judged by all that is real


@section
class GateParams:
    """Which synthetic clips may join a training set."""

    keep: Literal["all", "passed", "best"]
    quantile: Annotated[float, Field(ge=0, lt=0.5)]  # of real train clips of an emotion that are beyond each limit
    min_intelligibility: Annotated[float, Field(ge=-1, le=1)]
    max_clipping: Annotated[float, Field(ge=0, le=1)]  # share of samples that are as loud as the loudest
    min_level_db: float  # of the speech in the file [dB re full scale]
    share: Annotated[float, Field(gt=0, le=1)]  # of an emotion's clips, for `best`


def silence(log_mel: np.ndarray) -> float:
    """Share of a clip's frames that are more than 30 dB below its loudest.

    Args:
        log_mel: natural log of power, (frames, bands)
    """
    return float(1 - is_speech(np.exp(log_mel - log_mel.max()).sum(axis=1)).mean())


def emotion_confidences(clips: pd.DataFrame, heard: np.ndarray) -> pd.Series:
    """Probability of each clip's emotion, by a gate that learned from the real clips of other speakers.

    Args:
        clips: real train clips and synthetic ones; columns is_synthetic, speaker, emotion
        heard: `judges.gate.statistics` of each, (clips, features)

    Returns:
        0 … 1; NaN where the other speakers have not shown that emotion, or no second one
    """
    is_real = ~clips["is_synthetic"]
    fold = _dealt(clips["speaker"], sorted(clips.loc[is_real, "speaker"].unique()))
    found = pd.Series(np.nan, clips.index)
    for number in fold.unique():
        known, asked = is_real & (fold != number), fold == number
        if clips.loc[known, "emotion"].nunique() < 2:
            continue
        judge = Gate.fit(heard[known], list(clips.loc[known, "emotion"]))
        for column, emotion in enumerate(judge.emotions):
            own = asked & (clips["emotion"] == emotion)
            if own.any():
                found[own] = judge.probabilities(heard[own])[:, column]
    return found


def speaker_similarities(clips: pd.DataFrame, heard: np.ndarray) -> pd.Series:
    """Cosine between each clip's voice and its speaker's, as that sounds in other real clips.

    Args:
        clips: real train clips and synthetic ones; columns is_synthetic, id, source_id, speaker
        heard: `judges.speakers.statistics` of each, (clips, features)

    Returns:
        −1 … 1; NaN where there is no source, or there are too few other clips and speakers to compare with
    """
    is_real = ~clips["is_synthetic"]
    ids = clips["source_id"].where(clips["is_synthetic"], clips["id"])
    fold = _dealt(ids, clips[is_real].sort_values(["speaker", "id"])["id"])
    found = pd.Series(np.nan, clips.index)
    for number in set(fold) - {NOBODY}:
        known, asked = is_real & (fold != number), fold == number
        names = list(clips.loc[known, "speaker"])
        if not 1 < len(set(names)) < len(names):  # nobody to tell apart, or nothing to say what of a voice varies
            continue
        space = SpeakerSpace.fit(heard[known], names)
        voices = speakers.enrolled(space.embeddings(heard[known]), names)
        asked &= clips["speaker"].isin(voices)
        if asked.any():
            own = np.stack([voices[speaker] for speaker in clips.loc[asked, "speaker"]])
            found[asked] = (space.embeddings(heard[asked]) * own).sum(axis=1)
    return found


def selected(clips: pd.DataFrame, params: GateParams) -> tuple["pd.Series[bool]", dict[str, int]]:
    """Which clips may train, and how many may not for which reason; a clip may have several, an unknown score is none.

    Args:
        clips: real train clips and synthetic ones, with emotion and all scores
        params: of the gate

    Returns:
        of the synthetic clips whether they may; numbers by the column that speaks against them
    """
    refused = _refused(clips, params)
    counts = {str(reason): int(number) for reason, number in refused.sum().items() if number}
    return ~refused.any(axis=1), counts


def _refused(clips: pd.DataFrame, params: GateParams) -> pd.DataFrame:
    """Of each synthetic clip what speaks against it, bool columns."""
    made, real = clips[clips["is_synthetic"]], clips[~clips["is_synthetic"]]
    if params.keep == "all":
        return pd.DataFrame(index=made.index)
    if params.keep == "best":
        worse = made.groupby("emotion")["emotion_confidence"].rank(ascending=False, method="first", na_option="top")
        places = made.groupby("emotion")["emotion"].transform("size") * params.share
        return pd.DataFrame({"emotion_confidence": worse > np.maximum(places, 1)})
    usual = real.groupby("emotion")[LIMITED]
    low, high = (
        usual.quantile(share).reindex(made["emotion"]).set_index(made.index)
        for share in (params.quantile, 1 - params.quantile)
    )
    too_low, too_high = made[LIMITED] < low, made[LIMITED] > high
    return pd.DataFrame(
        {
            "emotion_confidence": too_low["emotion_confidence"],
            "speaker_similarity": too_low["speaker_similarity"],
            "f0_median_hz": too_low["f0_median_hz"] | too_high["f0_median_hz"],
            "f0_range_st": too_low["f0_range_st"] | too_high["f0_range_st"],
            "silence": too_high["silence"],
            "intelligibility": made["intelligibility"] < params.min_intelligibility,
            "clipping": made["clipping"] > params.max_clipping,
            "level_db": made["level_db"] < params.min_level_db,
        }
    )


def _dealt(words: "pd.Series[str]", known: "list[str] | pd.Series[str]") -> "pd.Series[int]":
    """Fold of each word: the known ones are dealt in their order."""
    return words.map({word: number % FOLDS for number, word in enumerate(known)}).fillna(NOBODY).astype(int)
