"""Statistics of the prosody of emotions, relative to speaker and sentence."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.conversion.prosody import energy
from pipeline.conversion.prosody.duration import speech_frames
from pipeline.vocoder.features import Features

ENOUGH_CLIPS = 5  # smallest number of clips of an emotion and intensity for statistics of their own
ENOUGH_SPEAKERS = 2  # likewise, of speakers

DEVIATIONS = ["f0_deviation", "energy_deviation"]


@dataclass(frozen=True)
class ClipProsody:
    """A train clip."""

    features: Features  # spectrum: WORLD's mel-cepstrum, whose 0th coefficient is the frame's energy [nepers of power]
    emotion: str
    speaker: str
    sentence: str | None
    intensity: str | None


@dataclass(frozen=True)
class Statistics:
    """Of an emotion, or of an emotion and intensity; every speaker has the same weight.

    A shift is relative to the mean over emotions of the same speaker (F0), or of the same speaker and sentence
    (duration). Each emotion has the same weight, so that numbers of clips do not matter. It is 0 if no speaker has
    several emotions. A deviation is that within a clip, or 0 if no clip has one.
    """

    f0_shift: float  # of the mean of log F0 [log Hz]
    f0_deviation: float  # of log F0 [log Hz]
    energy_deviation: float  # over speech frames [nepers of power]
    duration_shift: float  # of the mean of log duration of speech


def measured(clips: Iterable[ClipProsody]) -> pd.DataFrame:
    """One row for each clip, NaN for what is unknown; sorted, so that sums do not depend on the order of the clips."""
    table = pd.DataFrame([_row(clip) for clip in clips])
    return table.sort_values(["f0_mean", "log_duration", *DEVIATIONS], ignore_index=True)


def of_emotions(table: pd.DataFrame) -> dict[str, Statistics]:
    """Statistics of every emotion of `measured` clips."""
    found = _found(table, ["emotion"]).fillna(0.0)
    return {str(emotion): _statistics(row) for emotion, row in found.iterrows()}


def of_intensities(table: pd.DataFrame) -> dict[str, dict[str, Statistics]]:
    """Statistics by emotion and intensity of `measured` clips, for those with enough clips and speakers.

    Shifts are relative to the same means as in `of_emotions`; unknown values are those of the emotion.
    """
    cells = table.groupby(["emotion", "intensity"])["speaker"].agg(["size", "nunique"])
    enough = cells.index[(cells["size"] >= ENOUGH_CLIPS) & (cells["nunique"] >= ENOUGH_SPEAKERS)]
    overall, graded = _found(table, ["emotion"]), _found(table, ["emotion", "intensity"])
    found: dict[str, dict[str, Statistics]] = {}
    for emotion, intensity in enough:
        row = graded.loc[(emotion, intensity)].fillna(overall.loc[emotion]).fillna(0.0)
        found.setdefault(emotion, {})[intensity] = _statistics(row)
    return found


def toward(source: Statistics, target: Statistics, share: float) -> Statistics:
    """Interpolation from one emotion to another, or extrapolation; deviations are interpolated in their logarithm."""

    def shift(start: float, end: float) -> float:
        return start + share * (end - start)

    def deviation(start: float, end: float) -> float:
        return float(start * (end / start) ** share) if start > 0 and end > 0 else end

    return Statistics(
        f0_shift=shift(source.f0_shift, target.f0_shift),
        f0_deviation=deviation(source.f0_deviation, target.f0_deviation),
        energy_deviation=deviation(source.energy_deviation, target.energy_deviation),
        duration_shift=shift(source.duration_shift, target.duration_shift),
    )


def _row(clip: ClipProsody) -> dict[str, object]:
    f0_hz, c0 = clip.features.f0_hz, clip.features.spectrum[:, 0]
    voiced = f0_hz[:, 0] > 0
    log_f0 = np.log(f0_hz[voiced, 0].astype(np.float64))
    is_voiced = len(log_f0) > 1
    return {
        "emotion": clip.emotion,
        "intensity": clip.intensity,
        "speaker": clip.speaker,
        "sentence": clip.sentence or "",  # clips of unknown sentences are compared with each other
        "f0_mean": log_f0.mean() if is_voiced else np.nan,
        "f0_deviation": log_f0.std() if is_voiced else np.nan,
        "energy_deviation": energy.deviation(c0),
        "log_duration": np.log(speech_frames(c0)),
    }


def _found(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Statistics of each group of clips with equal `by`, one row each; NaN for what is unknown."""
    own = table.groupby([*by, "speaker"])[DEVIATIONS].mean()
    return (
        own.groupby(by)
        .mean()
        .assign(
            f0_shift=_shift(table, "f0_mean", by, ["speaker"]),
            duration_shift=_shift(table, "log_duration", by, ["speaker", "sentence"]),
        )
    )


def _shift(table: pd.DataFrame, column: str, by: list[str], group: list[str]) -> pd.Series:
    """Mean of a column relative to that of all emotions in the same group; groups of one emotion are left out."""
    known = table.dropna(subset=column)
    emotions = known.groupby([*group, "emotion"])[column].mean().groupby(group)
    middle = emotions.mean()[emotions.count() > 1].rename("middle")
    known = known.join(middle, on=group).assign(relative=lambda rows: rows[column] - rows["middle"])
    cells = known.groupby([*by, *group])["relative"].mean()
    return cells.groupby([*by, "speaker"]).mean().groupby(by).mean()


def _statistics(row: pd.Series) -> Statistics:
    return Statistics(
        f0_shift=float(row["f0_shift"]),
        f0_deviation=float(row["f0_deviation"]),
        energy_deviation=float(row["energy_deviation"]),
        duration_shift=float(row["duration_shift"]),
    )
