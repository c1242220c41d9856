"""Scores of a classifier, speaker by speaker, and what an arm gains over the baseline.

Every score is computed from confusion matrices, (..., true class, predicted class), whose leading axes
(speakers, seeds) stay. Scores are fractions: 0.021 is 2.1 points.

A **gain** is the mean over speakers of the paired differences between an arm and the baseline, with a
Student t interval. Speakers are the unit, not clips: clips of one voice resemble each other, and counting
them as independent promises far more certainty than there is. And t, not a bootstrap: over four speakers a
95 % percentile bootstrap, simulated without any effect, excludes zero 20 % of the time instead of 5 % (over
eight, 11 %), while t keeps 5 %. An interval speaks of one comparison; it is not corrected for how many arms
were tried.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import click
import numpy as np
import pandas as pd
from scipy import stats

ROW = ["classifier", "seed", "fold", "id"]  # what makes a row unique
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


def pooled_recall(frame: pd.DataFrame) -> pd.Series:
    """Recall of each emotion that has clips, over all speakers together, averaged over seeds."""
    labels = _labels(frame)
    _, counts = confusion(frame, labels, ["seed"])
    return pd.Series(recall(counts).mean(axis=0), pd.Index(labels, name="emotion")).dropna()


@dataclass(frozen=True)
class Gain:
    """Mean paired difference over speakers, with its interval; one speaker has none."""

    mean: float
    low: float | None
    high: float | None
    speakers: int


def paired_gain(arm: pd.Series, baseline: pd.Series, confidence: float) -> Gain:
    """Gain d̄ ± t(n−1)·s/√n of the n speakers' differences d (Student 1908); why t, the module says.

    Args:
        arm: one score a speaker
        baseline: the same speakers
        confidence: of the interval, 0.95 for 95 %

    Raises:
        ScoringError: the speakers are not the same
    """
    if set(arm.index) != set(baseline.index):
        odd = sorted(set(arm.index) ^ set(baseline.index))
        raise ScoringError(f"speakers without a partner: {_some(odd)}")
    differences = (arm - baseline.reindex(arm.index)).to_numpy(np.float64)
    mean, speakers = float(differences.mean()), len(differences)
    if speakers < 2:
        return Gain(mean, None, None, speakers)
    quantile = stats.t.ppf((1 + confidence) / 2, speakers - 1)
    half = float(quantile * differences.std(ddof=1) / np.sqrt(speakers))
    return Gain(mean, mean - half, mean + half, speakers)


@dataclass(frozen=True)
class Comparison:
    """What an arm scored with one classifier, beside the baseline; the baseline beside itself gains 0."""

    clips: int
    seeds: int
    speakers: pd.DataFrame  # one row a speaker, one column for each of SCORES
    baseline: pd.DataFrame  # likewise
    gains: dict[str, Gain]  # of each of SCORES
    pooled: pd.Series  # SCORES
    recall: pd.Series  # of each emotion, pooled

    def in_numbers(self) -> dict[str, dict[str, float]]:
        """Mean, baseline, gain, ci_low and ci_high of each score; without the last two for one speaker."""
        numbers = {}
        for name, gain in self.gains.items():
            mean, baseline = self.speakers[name].mean(), self.baseline[name].mean()
            numbers[name] = {"mean": mean, "baseline": baseline, "gain": gain.mean}
            if gain.low is not None and gain.high is not None:
                numbers[name] |= {"ci_low": gain.low, "ci_high": gain.high}
        return numbers


def compare(arm: pd.DataFrame, baseline: pd.DataFrame, confidence: float) -> dict[str, Comparison]:
    """Score an arm, classifier by classifier, and its gain over the baseline.

    Args:
        arm: test rows of all folds, with columns classifier, seed, fold, id, speaker, label, predicted
        baseline: likewise, of the same clips, speakers, classifiers and seeds
        confidence: of the interval, 0.95 for 95 %

    Raises:
        ScoringError: the two are not paired; names what differs
    """
    _check_paired(arm, baseline)
    theirs = dict(list(baseline.groupby("classifier")))
    return {
        str(classifier): _compare(ours, theirs[classifier], confidence)
        for classifier, ours in arm.groupby("classifier")
    }


def too_few(speakers: int, least: int) -> str:
    """`too few speakers (4 of at least 8)`, or nothing where they are enough."""
    return f"too few speakers ({speakers} of at least {least})" if speakers < least else ""


def in_words(arm: str, baseline: str, result: Comparison, confidence: float, least: int) -> str:
    """UAR and its gain: `cyclegan 0.612, none 0.598: no detectable effect: +1.4 points UAR, 95 % interval …`.

    Args:
        arm: its name
        baseline: its name
        result: what `arm` scored beside `baseline`
        confidence: of the interval, 0.95 for 95 %
        least: fewer speakers than this are called too few
    """
    gain, speakers = result.gains["uar"], len(result.speakers)
    mean, reference = result.speakers["uar"].mean(), result.baseline["uar"].mean()
    few = too_few(speakers, least)
    caution = f": {few}" if few else ""
    if arm == baseline:
        return f"{arm} {mean:.3f} UAR, {speakers} speaker{'s' if speakers > 1 else ''}{caution}"
    scores, points = f"{arm} {mean:.3f}, {baseline} {reference:.3f}", f"{_signed(gain.mean)} points UAR"
    if gain.low is None or gain.high is None:
        return f"{scores}: {points}, of one speaker no interval can be made{caution}"
    effect = "no detectable effect: "
    if gain.low > 0:
        effect = "gain of "
    elif gain.high < 0:
        effect, points = "loss of ", points.removeprefix("−")
    interval = f"{100 * confidence:g} % interval {_signed(gain.low)} … {_signed(gain.high)}"
    return f"{scores}: {effect}{points}, {interval}, {speakers} speakers{caution}"


def _compare(arm: pd.DataFrame, baseline: pd.DataFrame, confidence: float) -> Comparison:
    ours, theirs = speaker_scores(arm), speaker_scores(baseline)
    return Comparison(
        clips=len(arm[["fold", "id"]].drop_duplicates()),
        seeds=arm["seed"].nunique(),
        speakers=ours,
        baseline=theirs,
        gains={name: paired_gain(ours[name], theirs[name], confidence) for name in SCORES},
        pooled=pooled_scores(arm),
        recall=pooled_recall(arm),
    )


def _scores(frame: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    groups, counts = confusion(frame, _labels(frame), by)
    return pd.DataFrame({name: score(counts) for name, score in SCORES.items()}, groups)


def _labels(frame: pd.DataFrame) -> list[str]:
    return sorted({*frame["label"].unique(), *frame["predicted"].unique()})


def _hits(counts: np.ndarray) -> np.ndarray:
    return np.diagonal(counts, axis1=-2, axis2=-1)


def _share(part: np.ndarray, total: np.ndarray) -> np.ndarray:
    return np.divide(part, total, out=np.full(np.shape(total), np.nan), where=total > 0)


def _check_paired(arm: pd.DataFrame, baseline: pd.DataFrame) -> None:
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


def _some(items: set | list) -> str:
    """First three of `items`, and how many more."""
    words = [" ".join(map(str, item)) if isinstance(item, tuple) else str(item) for item in sorted(items)]
    more = f" and {len(words) - 3} more" if len(words) > 3 else ""
    return ", ".join(words[:3]) + more if words else "nothing"


def _signed(fraction: float) -> str:
    """Points with a sign: `+1.4`, `−0.8` (a real minus), `0.0`."""
    points = round(100 * fraction, 1)
    return f"{points:+.1f}".replace("-", "−") if points else "0.0"
