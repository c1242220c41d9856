"""The `svm`: a support vector machine on functionals; its penalty and kernel width are chosen on `valid`."""

from collections.abc import Iterator
from itertools import product

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from pipeline.classification.interface import ArmFeatures, Resources, Run, partitions, stored
from pipeline.core.params import section


@section
class SvmParams:
    """The grid, the same in every arm."""

    c: tuple[float, ...]  # penalty of an error
    gamma: tuple[float, ...]  # width of the kernel, times the number of functionals


class Svm:
    """A fitted model: standardisation, support vector machine, calibrated probabilities."""

    def __init__(
        self, scaler: StandardScaler, model: SVC, inverse_temperature: float, chosen: dict[str, float], tried: int
    ) -> None:
        self._scaler = scaler
        self._model = model
        self._inverse_temperature = inverse_temperature
        self.chosen = chosen  # c, gamma and their `valid_nll` by `_calibrated`
        self.tried = tried  # number of models that it was chosen from

    def probabilities(self, functionals: np.ndarray) -> np.ndarray:
        """(clips, functionals) → probability of each class, (clips, classes)."""
        scores = _scores(self._model, self._scaler.transform(functionals))
        found: np.ndarray = softmax(self._inverse_temperature * scores, axis=1)
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
    yield Run(0, model.probabilities(np.concatenate(held_out.arrays)), {"grid": model.tried}, [])


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
    best: Svm | None = None
    grid = list(product(params.c, params.gamma))
    for c, gamma in grid:
        model = SVC(C=c, gamma=gamma / functionals.shape[1], break_ties=True)
        model.fit(scaled, labels, sample_weight=balanced)
        inverse_temperature, nll = _calibrated(_scores(model, valid_scaled), valid[1])
        if best is None or nll < best.chosen["valid_nll"]:
            best = Svm(scaler, model, inverse_temperature, {"c": c, "gamma": gamma, "valid_nll": nll}, len(grid))
    if best is None:
        raise ValueError("the grid of the svm is empty")
    return best


def _scores(model: SVC, scaled: np.ndarray) -> np.ndarray:
    """Decision values, (clips, classes); the highest is the predicted class."""
    scores: np.ndarray = model.decision_function(scaled)
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
