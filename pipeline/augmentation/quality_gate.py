"""The quality gate: scores of synthetic clips by models of real train clips, and the selection of clips for training.

Scores are cross-fitted: no model scores clips that it was fitted on, nor clips generated from these. Emotion is scored
by a model fitted on other speakers; speaker similarity is to other clips of the speaker. Real train clips are scored in
the same way, and their quantiles are the limits for synthetic clips.
"""

from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from pipeline.audio.speech import is_speech
from pipeline.core.manifest import STANDARD_SCORES
from pipeline.core.params import section
from pipeline.scorers import speakers
from pipeline.scorers.gate import Gate
from pipeline.scorers.speakers import SpeakerSpace
from pipeline.standard_scorers.scoring import Scoring

FOLDS = 5  # of speakers, or of the clips of each speaker
LIMITED = [
    "emotion_confidence",
    "speaker_similarity",
    "f0_median_hz",
    "f0_range_st",
    "silence",
]  # by quantiles of real clips
STANDARD = dict(zip(("distillmos", "dnsmos", "ge2e"), STANDARD_SCORES, strict=True))  # standard scorer → score
NO_FOLD = -1  # of clips without a real speaker or source; they are scored by models of all real clips


@section
class GateParams:
    """Selection of synthetic clips for training."""

    keep: Literal["all", "passed", "best"]
    quantile: Annotated[float, Field(ge=0, lt=0.5)]  # share of the real train clips of an emotion beyond each limit
    min_intelligibility: Annotated[float, Field(ge=-1, le=1)]
    max_clipping: Annotated[float, Field(ge=0, le=1)]  # share of samples at the maximum of the clip
    min_level_db: float  # of the speech in the file [dB re full scale]
    min_scores: dict[Literal["distillmos", "dnsmos", "ge2e_similarity"], float]
    share: Annotated[float, Field(gt=0, le=1)]  # of an emotion's clips, for `best`

    def needed(self) -> set[str]:
        """Standard scorers whose scores decide."""
        return {name for name, score in STANDARD.items() if score in self.min_scores and self.keep == "passed"}


def silence(log_mel: np.ndarray) -> float:
    """Share of a clip's frames that are more than 30 dB below its loudest.

    Args:
        log_mel: natural log of power, (frames, bands)
    """
    return float(1 - is_speech(np.exp(log_mel - log_mel.max()).sum(axis=1)).mean())


def emotion_confidences(clips: pd.DataFrame, statistics: np.ndarray) -> pd.Series:
    """Probability of each clip's emotion, by a model fitted on the real clips of other speakers.

    Args:
        clips: real train clips and synthetic ones; columns is_synthetic, speaker, emotion
        statistics: `scorers.gate.statistics` of each, (clips, features)

    Returns:
        0 … 1; NaN where the other speakers have no clip of that emotion, or of only one emotion
    """
    is_real = ~clips["is_synthetic"]
    fold = _folds(clips["speaker"], sorted(clips.loc[is_real, "speaker"].unique()))
    found = pd.Series(np.nan, clips.index)
    for number in fold.unique():
        fitted_on, scored = is_real & (fold != number), fold == number
        if clips.loc[fitted_on, "emotion"].nunique() < 2:
            continue
        model = Gate.fit(statistics[fitted_on], list(clips.loc[fitted_on, "emotion"]))
        for column, emotion in enumerate(model.emotions):
            own = scored & (clips["emotion"] == emotion)
            if own.any():
                found[own] = model.probabilities(statistics[own])[:, column]
    return found


def speaker_similarities(clips: pd.DataFrame, statistics: np.ndarray) -> pd.Series:
    """Cosine between the speaker embedding of each clip and that of other real clips of its speaker.

    Args:
        clips: real train clips and synthetic ones; columns is_synthetic, id, source_id, speaker
        statistics: `scorers.speakers.statistics` of each, (clips, features)

    Returns:
        −1 … 1; NaN without a source, or with too few other clips and speakers
    """
    is_real = ~clips["is_synthetic"]
    ids = clips["source_id"].where(clips["is_synthetic"], clips["id"])
    fold = _folds(ids, clips[is_real].sort_values(["speaker", "id"])["id"])
    found = pd.Series(np.nan, clips.index)
    for number in set(fold) - {NO_FOLD}:
        fitted_on, scored = is_real & (fold != number), fold == number
        names = list(clips.loc[fitted_on, "speaker"])
        if not 1 < len(set(names)) < len(names):  # one speaker, or one clip a speaker: no space can be fitted
            continue
        space = SpeakerSpace.fit(statistics[fitted_on], names)
        enrolled = speakers.enrolled(space.embeddings(statistics[fitted_on]), names)
        scored &= clips["speaker"].isin(enrolled)
        if scored.any():
            own = np.stack([enrolled[speaker] for speaker in clips.loc[scored, "speaker"]])
            found[scored] = (space.embeddings(statistics[scored]) * own).sum(axis=1)
    return found


def standard_scores(synthetic: pd.DataFrame, train: pd.DataFrame, scoring: Scoring, label: str) -> pd.DataFrame:
    """Predicted opinion scores of synthetic clips, and cosine between their GE2E embeddings and those of their sources.

    Args:
        synthetic: their rows
        train: rows of all sources
        scoring: with standard scorers
        label: of the progress bars

    Returns:
        columns of `STANDARD`, only of the scorers in `scoring`; NaN without a source
    """
    numbers = scoring.of_clips(synthetic, label)
    found = pd.DataFrame({STANDARD[name]: numbers[name][:, 0] for name in numbers}, synthetic.index)
    if "ge2e" in numbers:
        of_train = replace(scoring, names=("ge2e",)).of_clips(train, f"{label} sources")["ge2e"]
        sources = pd.DataFrame(of_train, train["id"]).reindex(synthetic["source_id"])
        found[STANDARD["ge2e"]] = (numbers["ge2e"] * sources.to_numpy()).sum(axis=1)
    return found


def selected(clips: pd.DataFrame, params: GateParams) -> tuple["pd.Series[bool]", dict[str, int]]:
    """Synthetic clips that pass, and the number of rejected ones by reason.

    A clip may have several reasons. An unknown score is no reason.

    Args:
        clips: real train clips and synthetic ones, with emotion and all scores
        params: of the gate

    Returns:
        for each synthetic clip whether it passes; number of rejected clips by column
    """
    rejected = _rejected(clips, params)
    counts = {str(reason): int(number) for reason, number in rejected.sum().items() if number}
    return ~rejected.any(axis=1), counts


def _rejected(clips: pd.DataFrame, params: GateParams) -> pd.DataFrame:
    """Reasons against each synthetic clip, bool columns."""
    synthetic, real = clips[clips["is_synthetic"]], clips[~clips["is_synthetic"]]
    if params.keep == "all":
        return pd.DataFrame(index=synthetic.index)
    if params.keep == "best":
        worse = synthetic.groupby("emotion")["emotion_confidence"].rank(
            ascending=False, method="first", na_option="top"
        )
        places = synthetic.groupby("emotion")["emotion"].transform("size") * params.share
        return pd.DataFrame({"emotion_confidence": worse > np.maximum(places, 1)})
    usual = real.groupby("emotion")[LIMITED]
    low, high = (
        usual.quantile(share).reindex(synthetic["emotion"]).set_index(synthetic.index)
        for share in (params.quantile, 1 - params.quantile)
    )
    too_low, too_high = synthetic[LIMITED] < low, synthetic[LIMITED] > high
    found = pd.DataFrame(
        {
            "emotion_confidence": too_low["emotion_confidence"],
            "speaker_similarity": too_low["speaker_similarity"],
            "f0_median_hz": too_low["f0_median_hz"] | too_high["f0_median_hz"],
            "f0_range_st": too_low["f0_range_st"] | too_high["f0_range_st"],
            "silence": too_high["silence"],
            "intelligibility": synthetic["intelligibility"] < params.min_intelligibility,
            "clipping": synthetic["clipping"] > params.max_clipping,
            "level_db": synthetic["level_db"] < params.min_level_db,
        }
    )
    return found.assign(**{name: synthetic[name] < least for name, least in params.min_scores.items()})


def _folds(words: "pd.Series[str]", known: "list[str] | pd.Series[str]") -> "pd.Series[int]":
    """Fold of each word: the known ones are assigned to folds in turn."""
    return words.map({word: number % FOLDS for number, word in enumerate(known)}).fillna(NO_FOLD).astype(int)
