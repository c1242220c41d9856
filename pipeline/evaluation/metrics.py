"""Scores of a classifier, speaker by speaker, and what an arm gains over another.

Every score is computed from confusion matrices, (..., true class, predicted class), whose leading axes
(speakers, seeds) stay. Scores are fractions: 0.021 is 2.1 points.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import click
import numpy as np
import pandas as pd

from pipeline.evaluation.significance import POWER, Gain, Interval

ROW = ["classifier", "seed", "fold", "id"]  # what makes a row unique
BINS = 15  # of the calibration error
PAIRED = (["classifier"], ["classifier", "seed"], ["speaker"], [*ROW, "speaker", "label"])  # coarse to fine


class ScoringError(click.ClickException):
    """Predictions that cannot be scored or compared."""


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
    """Mean over classes of F1 = 2·hits / (clips + predictions), as scikit-learn means it.

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
    """What an arm scored with one classifier."""

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
    """What an arm scored, by classifier.

    Args:
        rows: test rows of all folds, with columns classifier, seed, fold, id, speaker, label, predicted, confidence
    """
    return {str(classifier): _performance(of_one) for classifier, of_one in rows.groupby("classifier")}


@dataclass(frozen=True, eq=False)
class Comparison:
    """An arm beside a reference, with one classifier; an arm beside itself gains 0."""

    arm: Performance
    reference: Performance
    confidence: float  # of the intervals, 0.95 for 95 %

    @cached_property
    def gains(self) -> dict[str, Gain]:
        """Of each of SCORES."""
        return self._gains(self.arm.speakers, self.reference.speakers)

    @cached_property
    def recall_gains(self) -> dict[str, Gain]:
        """Of the recall of each emotion."""
        return self._gains(self.arm.recalls, self.reference.recalls)

    def _gains(self, ours: pd.DataFrame, theirs: pd.DataFrame) -> dict[str, Gain]:
        differences = (ours - theirs).dropna(axis="columns", how="all")  # without emotions of which there is no clip
        return {str(name): Gain(differences[name], self.arm.folds, self.confidence) for name in differences}

    def in_numbers(self) -> dict[str, dict[str, float]]:
        """Of each score the gain and its intervals over speakers (`ci_…`) and folds (`fold_…`); of UAR also p and mde.

        What cannot be said is not there.
        """
        numbers = {name: gain_in_numbers(gain) for name, gain in self.gains.items()}
        uar_gain = self.gains["uar"]
        if uar_gain.p is not None and uar_gain.detectable is not None:
            numbers["uar"] |= {"p": uar_gain.p, "mde": uar_gain.detectable}
        return numbers


def gain_in_numbers(gain: Gain) -> dict[str, float]:
    """gain, ci_low, ci_high, fold_low, fold_high, as far as there are."""
    numbers = {"gain": gain.mean}
    for name, interval in (("ci", gain.interval), ("fold", gain.fold_interval)):
        if interval is not None:
            numbers |= {f"{name}_low": interval[0], f"{name}_high": interval[1]}
    return numbers


def signed(fraction: float) -> str:
    """Points with a sign: `+1.4`, `−0.8` (a real minus), `0.0`."""
    points = round(100 * fraction, 1)
    return f"{points:+.1f}".replace("-", "−") if points else "0.0"


def signed_range(interval: Interval) -> str:
    """An interval in points: `−0.8 … +1.4`."""
    return f"{signed(interval[0])} … {signed(interval[1])}"


def too_few(speakers: int, least: int) -> str:
    """`too few speakers (4 of at least 8)`, or nothing where they are enough."""
    return f"too few speakers ({speakers} of at least {least})" if speakers < least else ""


def score_in_words(arm: str, found: Performance, least: int) -> str:
    """UAR of an arm: `none 0.598 UAR, 8 speakers`.

    Args:
        arm: its name
        found: what it scored
        least: fewer speakers than this are called too few
    """
    speakers = len(found.speakers)
    words = f"{arm} {found.speakers['uar'].mean():.3f} UAR, {speakers} speaker{'s' if speakers > 1 else ''}"
    return ": ".join(filter(None, [words, too_few(speakers, least)]))


def gain_in_words(arm: str, reference: str, found: Comparison, holm: float | None, least: int) -> str:
    """UAR and its gain: `cyclegan 0.612, none 0.598: no detectable effect: +1.4 points UAR, 95 % interval …`.

    There is an effect where the interval over speakers excludes zero and p, in the primary family Holm's, does not
    speak against it. Where no interval over folds excludes zero too, it is one of these folds' models alone. Of too few
    speakers nothing is said but the numbers.

    Args:
        arm: its name
        reference: name of what it is compared with
        found: the comparison
        holm: adjusted p, for a comparison of the primary family
        least: fewer speakers than this are called too few
    """
    gain, few = found.gains["uar"], too_few(len(found.arm.speakers), least)
    scores = ", ".join(
        f"{name} {performance.speakers['uar'].mean():.3f}"
        for name, performance in ((arm, found.arm), (reference, found.reference))
    )
    points, caution = f"{signed(gain.mean)} points UAR", f": {few}" if few else ""
    if gain.interval is None or gain.p is None or gain.detectable is None:
        return f"{scores}: {points}, of one speaker no interval can be made{caution}"
    over_folds = ""
    effect = "" if few else "no detectable effect: "
    p = gain.p if holm is None else holm
    if not few and _excludes_zero(gain.interval) and p <= 1 - gain.confidence:
        effect = "gain of " if gain.mean > 0 else "loss of "
        points = points.removeprefix("−")
        if gain.fold_interval is None or not _excludes_zero(gain.fold_interval):
            points += " by these folds' models"
    if gain.fold_interval is not None:
        over_folds = f" (over folds {signed_range(gain.fold_interval)})"
    family = "exploratory" if holm is None else f"{holm:.3f} by Holm"
    return (
        f"{scores}: {effect}{points}, {100 * gain.confidence:g} % interval {signed_range(gain.interval)}{over_folds}, "
        f"{len(gain.values)} speakers, p {gain.p:.3f} ({family}), "
        f"{100 * POWER:g} % power for {100 * gain.detectable:.1f}{caution}"
    )


def check_paired(arm: pd.DataFrame, baseline: pd.DataFrame) -> None:
    """Refuse to compare rows that are not of the same clips, speakers, classifiers and seeds.

    Raises:
        ScoringError: names what differs
    """
    for frame in (arm, baseline):
        twice = frame.loc[frame.duplicated(ROW), "id"]
        if len(twice):
            raise ScoringError(f"clip '{twice.iloc[0]}' is there twice for one classifier, seed and fold")
    for columns in PAIRED:
        ours, theirs = (set(frame[columns].itertuples(index=False, name=None)) for frame in (arm, baseline))
        if ours != theirs:
            raise ScoringError(
                f"not the same {', '.join(columns)}: "
                f"only in the arm: {_some(ours - theirs)}; only in the baseline: {_some(theirs - ours)}"
            )


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
    """How many trainings there were: seeds whose predictions differ.

    Runs that differ in the seed of their generators have the same training of an arm without generated clips each.
    """
    columns = ["fold", "id", "predicted", "confidence"]
    ordered = rows.sort_values(["fold", "id"])
    digests = {pd.util.hash_pandas_object(one[columns], index=False).sum() for _, one in ordered.groupby("seed")}
    return len(digests)


def _scores(frame: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    groups, counts = confusion(frame, _labels(frame), by)
    return pd.DataFrame({name: score(counts) for name, score in SCORES.items()}, groups)


def _labels(frame: pd.DataFrame) -> list[str]:
    return sorted({*frame["label"].unique(), *frame["predicted"].unique()})


def _hits(counts: np.ndarray) -> np.ndarray:
    return np.diagonal(counts, axis1=-2, axis2=-1)


def _share(part: np.ndarray, total: np.ndarray) -> np.ndarray:
    return np.divide(part, total, out=np.full(np.shape(total), np.nan), where=total > 0)


def _some(items: set | list) -> str:
    """First three of `items`, and how many more."""
    words = [" ".join(map(str, item)) if isinstance(item, tuple) else str(item) for item in sorted(items)]
    more = f" and {len(words) - 3} more" if len(words) > 3 else ""
    return ", ".join(words[:3]) + more if words else "nothing"


def _excludes_zero(interval: Interval) -> bool:
    return interval[0] > 0 or interval[1] < 0
