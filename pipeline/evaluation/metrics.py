"""Scores of a classifier: UAR, accuracy, macro F1, recall and calibration error.

Scores are computed from confusion matrices, (..., true class, predicted class). Leading axes (speakers, seeds) stay.
Scores are fractions: 0.021 is 2.1 points.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

BINS = 15  # of the calibration error


def confusion(frame: pd.DataFrame, labels: Sequence[str], by: list[str]) -> tuple[pd.Index, np.ndarray]:
    """Confusion matrices of groups of clips.

    Args:
        frame: columns `label` (true), `predicted` and those of `by`
        labels: all emotions that occur, in the order of the matrices
        by: columns whose values make a group

    Returns:
        the groups, sorted, and counts of clips, (groups, true class, predicted class)
    """
    groups = frame.groupby(by, sort=True)
    shape = (groups.ngroups, len(labels), len(labels))
    position = pd.Index(labels)
    actual, guessed = (position.get_indexer(pd.Index(frame[name])) for name in ("label", "predicted"))
    cells = np.ravel_multi_index((groups.ngroup().to_numpy(), actual, guessed), shape)
    return groups.size().index, np.bincount(cells, minlength=int(np.prod(shape))).reshape(shape)


def recall(counts: np.ndarray) -> np.ndarray:
    """Share of each class's clips that were recognised, (..., classes); NaN for a class without clips."""
    return _share(_hits(counts), counts.sum(axis=-1))


def uar(counts: np.ndarray) -> np.ndarray:
    """Unweighted average recall: mean recall over the classes that have clips (Schuller et al. 2009)."""
    return np.nanmean(recall(counts), axis=-1)


def accuracy(counts: np.ndarray) -> np.ndarray:
    """Share of all clips that were recognised."""
    return _share(_hits(counts).sum(axis=-1), counts.sum(axis=(-2, -1)))


def macro_f1(counts: np.ndarray) -> np.ndarray:
    """Mean over classes of F1 = 2·hits / (clips + predictions), as in scikit-learn.

    Classes that have neither clips nor predictions are left out; one that was only predicted counts as 0.
    """
    return np.nanmean(_share(2 * _hits(counts), counts.sum(axis=-1) + counts.sum(axis=-2)), axis=-1)


Score = Callable[[np.ndarray], np.ndarray]
SCORES: dict[str, Score] = {"uar": uar, "accuracy": accuracy, "macro_f1": macro_f1}


def speaker_scores(frame: pd.DataFrame) -> pd.DataFrame:
    """One row a speaker, one column for each of `SCORES`: by seed, then averaged over seeds."""
    return _scores(frame, ["speaker", "seed"]).groupby("speaker").mean()


def pooled_scores(frame: pd.DataFrame) -> pd.Series:
    """`SCORES` over all clips of all speakers together, averaged over seeds."""
    return _scores(frame, ["seed"]).mean()


def speaker_recalls(frame: pd.DataFrame) -> pd.DataFrame:
    """One row a speaker, one column an emotion: by seed, then averaged; NaN where a speaker has no clip of it."""
    labels = _labels(frame)
    groups, counts = confusion(frame, labels, ["speaker", "seed"])
    return pd.DataFrame(recall(counts), groups, pd.Index(labels, name="emotion")).groupby("speaker").mean()


def pooled_recall(frame: pd.DataFrame) -> pd.Series:
    """Recall of each emotion that has clips, over all speakers together, averaged over seeds."""
    labels = _labels(frame)
    _, counts = confusion(frame, labels, ["seed"])
    return pd.Series(recall(counts).mean(axis=0), pd.Index(labels, name="emotion")).dropna()


def calibration_error(confidence: np.ndarray, is_right: np.ndarray) -> float:
    """Expected calibration error: mean distance of confidence and accuracy, over clips (Guo et al. 2017, eq. 3).

    Args:
        confidence: probability of the predicted emotion, (clips,); cut into `BINS` of equal width, closed above
        is_right: whether that emotion is the true one, (clips,)
    """
    bins = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    return float(np.abs(np.bincount(bins, weights=is_right - confidence)).sum() / len(bins))


def pooled_calibration_error(frame: pd.DataFrame) -> float:
    """Calibration error over all clips of all speakers together, averaged over seeds."""
    errors = [
        calibration_error(rows["confidence"].to_numpy(np.float64), (rows["label"] == rows["predicted"]).to_numpy())
        for _, rows in frame.groupby("seed")
    ]
    return float(np.mean(errors))


@dataclass(frozen=True, eq=False)
class Performance:
    """Scores of one arm with one classifier."""

    clips: int
    seeds: int  # different trainings
    speakers: pd.DataFrame  # one row a speaker, one column for each of SCORES
    recalls: pd.DataFrame  # one row a speaker, one column an emotion
    folds: pd.Series | None  # the fold of each speaker; None where some are in several
    pooled: pd.Series  # SCORES
    recall: pd.Series  # of each emotion, pooled
    calibration_error: float  # pooled

    def in_numbers(self) -> dict[str, float]:
        """Mean over speakers of each score, and the calibration error as `ece`."""
        return {name: self.speakers[name].mean() for name in SCORES} | {"ece": self.calibration_error}


def performances(rows: pd.DataFrame) -> dict[str, Performance]:
    """Scores of an arm, by classifier.

    Args:
        rows: test rows of all folds, with columns classifier, seed, fold, id, speaker, label, predicted, confidence
    """
    return {str(classifier): _performance(of_one) for classifier, of_one in rows.groupby("classifier")}


def _performance(rows: pd.DataFrame) -> Performance:
    folds = rows.groupby("speaker")["fold"].agg(["nunique", "first"])
    return Performance(
        clips=len(rows[["fold", "id"]].drop_duplicates()),
        seeds=_trainings(rows),
        speakers=speaker_scores(rows),
        recalls=speaker_recalls(rows),
        folds=folds["first"] if (folds["nunique"] == 1).all() else None,
        pooled=pooled_scores(rows),
        recall=pooled_recall(rows),
        calibration_error=pooled_calibration_error(rows),
    )


def _trainings(rows: pd.DataFrame) -> int:
    """Number of different trainings: seeds whose predictions differ.

    Runs with other generator seeds train an arm without generated clips in the same way; such a training counts once.
    """
    columns = ["fold", "id", "predicted", "confidence"]
    ordered = rows.sort_values(["fold", "id"])
    hashes = {pd.util.hash_pandas_object(one[columns], index=False).sum() for _, one in ordered.groupby("seed")}
    return len(hashes)


def _scores(frame: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    groups, counts = confusion(frame, _labels(frame), by)
    return pd.DataFrame({name: score(counts) for name, score in SCORES.items()}, groups)


def _labels(frame: pd.DataFrame) -> list[str]:
    return sorted({*frame["label"].unique(), *frame["predicted"].unique()})


def _hits(counts: np.ndarray) -> np.ndarray:
    return np.diagonal(counts, axis1=-2, axis2=-1)


def _share(part: np.ndarray, total: np.ndarray) -> np.ndarray:
    return np.divide(part, total, out=np.full(np.shape(total), np.nan), where=total > 0)
