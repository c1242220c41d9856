"""The `svm`: a support vector machine on functionals; its penalty and kernel width are chosen on `valid`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from pipeline.classification.interface import ArmFeatures, Resources, Run, partitions, stored
from pipeline.core.params import section


@section
class SvmParams:
    """The grid, the same in every arm."""

    c: tuple[float, ...]  # penalty of an error
    gamma: tuple[float, ...]  # width of the kernel, times the number of functionals


@dataclass(frozen=True)
class Svm:
    """A fitted model: standardisation, support vector machine, calibrated probabilities."""

    scaler: StandardScaler
    train: np.ndarray  # standardised functionals of the training clips, (clips, functionals)
    model: SVC  # of a precomputed kernel
    gamma: float  # of the kernel
    inverse_temperature: float
    chosen: Mapping[str, float]  # c, gamma and their `valid_nll` by `_calibrated`

    def probabilities(self, functionals: np.ndarray) -> np.ndarray:
        """(clips, functionals) → probability of each class, (clips, classes)."""
        distances = _squared_distances(self.scaler.transform(functionals), self.train)
        scores = _scores(self.model, np.exp(-self.gamma * distances))
        found: np.ndarray = softmax(self.inverse_temperature * scores, axis=1)
        return found


def features(clips: pd.DataFrame, params: SvmParams, resources: Resources) -> list[np.ndarray]:
    """Functionals of each clip, (1, functionals)."""
    return stored(clips, resources.features, "functionals")


def runs(features: ArmFeatures, params: SvmParams, resources: Resources) -> Iterator[Run]:
    """One run: the model is deterministic."""
    train, valid, held_out = partitions(features)
    model = train_svm(
        np.concatenate(train.arrays),
        train.rows["label"].to_numpy(),
        train.rows["weight"].to_numpy(),
        ~train.rows["is_synthetic"].to_numpy(),
        (np.concatenate(valid.arrays), valid.rows["label"].to_numpy()),
        params,
    )
    yield Run(0, model.probabilities(np.concatenate(held_out.arrays)), {"grid": len(params.c) * len(params.gamma)}, [])


def train_svm(
    functionals: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    is_real: np.ndarray,
    valid: tuple[np.ndarray, np.ndarray],
    params: SvmParams,
) -> Svm:
    """Fit on train; choose c, gamma and the temperature of the probabilities by the likelihood of valid.

    UAR is not used: it counts only right and wrong, and its choice is random where valid is a single speaker. All
    classes weigh the same, and together as much as the clips. So real clips weigh the same with and without synthetic
    clips where each class has the same share of these, and a class with more synthetic clips weighs no more.

    Args:
        functionals: of the training clips, (clips, functionals)
        labels: their classes, 0 … classes − 1, (clips,)
        weights: of each in its class, 1 for a real clip, (clips,)
        is_real: which are real; they alone set the standardisation, (clips,)
        valid: functionals and labels of the valid clips
        params: the grid
    """
    scaler = StandardScaler().fit(functionals[is_real])
    scaled, valid_scaled = scaler.transform(functionals), scaler.transform(valid[0])
    totals = np.bincount(labels, weights)
    balanced = weights * (weights.sum() / (len(totals) * totals[labels]))
    # The whole grid shares the distances, and the models of one gamma share the kernel; these are most of the work.
    distances, valid_distances = (_squared_distances(some, scaled) for some in (scaled, valid_scaled))
    best: Svm | None = None
    for gamma in params.gamma:
        width = gamma / functionals.shape[1]
        kernel, valid_kernel = np.exp(-width * distances), np.exp(-width * valid_distances)
        for c in params.c:
            model = SVC(C=c, kernel="precomputed", break_ties=True).fit(kernel, labels, sample_weight=balanced)
            inverse_temperature, nll = _calibrated(_scores(model, valid_kernel), valid[1])
            if best is None or nll < best.chosen["valid_nll"]:
                chosen = {"c": c, "gamma": gamma, "valid_nll": nll}
                best = Svm(scaler, scaled, model, width, inverse_temperature, chosen)
    if best is None:
        raise ValueError("the grid of the svm is empty")
    return best


def _squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Squared Euclidean distance of each row of one array to each of another, by one thread for repeatable digits."""
    a, b = a.astype(np.float64), b.astype(np.float64)  # the terms below are far larger than their sum may be
    with threadpool_limits(1):
        distances: np.ndarray = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1) - 2 * a @ b.T
    return distances.clip(min=0)


def _scores(model: SVC, kernel: np.ndarray) -> np.ndarray:
    """Decision values, (clips, classes), from the kernel of clips and training clips; the highest is the prediction."""
    scores: np.ndarray = model.decision_function(kernel)
    return scores if scores.ndim == 2 else np.stack([-scores, scores], axis=1)


def _calibrated(scores: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Inverse temperature with the highest likelihood of the labels (Guo et al. 2017), and its loss.

    One number scales all scores, so the most probable class stays the predicted one. Unlike scikit-learn's calibration,
    this works where some classes have no labels; the classes that have labels count the same.

    Args:
        scores: (clips, classes)
        labels: (clips,)

    Returns:
        the inverse temperature, and minus the mean log probability of the true class [nat]
    """
    shares = 1 / np.bincount(labels)[labels]

    def loss(log_inverse_temperature: float) -> float:
        log_probabilities = log_softmax(np.exp(log_inverse_temperature) * scores, axis=1)
        return -float(np.average(log_probabilities[np.arange(len(labels)), labels], weights=shares))

    found = minimize_scalar(loss, bounds=(-10, 10), method="bounded", options={"xatol": 1e-9})
    return float(np.exp(found.x)), float(found.fun)
