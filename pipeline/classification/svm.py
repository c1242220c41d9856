"""The `svm`: a support vector machine on functionals; its penalty and kernel width are chosen on `valid`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Annotated, Self

import numpy as np
import pandas as pd
import torch
from pydantic import Field
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import Tensor

from pipeline.classification.interface import ArmFeatures, Resources, Run, Weights, partitions, stored
from pipeline.core.console import tracked
from pipeline.core.models import ModelError
from pipeline.core.params import section


@section
class SvmParams:
    """The grid, the same in every arm."""

    c: Annotated[tuple[float, ...], Field(min_length=1)]  # penalty of an error
    gamma: Annotated[tuple[float, ...], Field(min_length=1)]  # width of the kernel, times the number of functionals


@dataclass(frozen=True)
class Svm:
    """A fitted model: standardisation, support vector machine, calibrated probabilities; arrays alone.

    Each pair of classes has a machine of its own; all share the support vectors.
    """

    mean: np.ndarray  # of the real train clips, (functionals,)
    scale: np.ndarray  # their deviation, (functionals,)
    support_functionals: np.ndarray  # of the support vectors, before standardisation, (vectors, functionals)
    coefficients: np.ndarray  # of each pair, above 0 for the later class, (vectors, pairs)
    intercepts: np.ndarray  # of each pair, (pairs,)
    gamma: float  # of the kernel
    inverse_temperature: float
    chosen: Mapping[str, float]  # c, gamma and their `valid_nll` by `_calibrated`

    def probabilities(self, functionals: np.ndarray) -> np.ndarray:
        """(clips, functionals) → probability of each class, (clips, classes)."""
        scaled, support = ((some - self.mean) / self.scale for some in (functionals, self.support_functionals))
        distances = _squared_distances(scaled, support)
        scores = _scores(np.exp(-self.gamma * distances), self.coefficients, self.intercepts)
        found: np.ndarray = softmax(self.inverse_temperature * scores, axis=1)
        return found

    def tensors(self) -> dict[str, Tensor]:
        """All that `probabilities` needs, for a model file."""
        names = (*_SHAPES, "gamma", "inverse_temperature")
        return {name: torch.from_numpy(np.array(getattr(self, name))) for name in names}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], classes: int, chosen: Mapping[str, float]) -> Self:
        """Inverse of `tensors`.

        Args:
            tensors: of a model file
            classes: number of classes
            chosen: as of the fitted model

        Raises:
            ModelError: a tensor is missing or has another shape than the others require
        """
        if lacking := {*_SHAPES, "gamma", "inverse_temperature"} - set(tensors):
            raise ModelError(f"the weights of an svm lack {', '.join(sorted(lacking))}")
        arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
        vectors, width = len(arrays["support_functionals"]), arrays["mean"].size
        sizes = {"functionals": width, "vectors": vectors, "pairs": classes * (classes - 1) // 2}
        for name, dimensions in _SHAPES.items():
            expected = tuple(sizes[dimension] for dimension in dimensions)
            if arrays[name].shape != expected:
                raise ModelError(f"weights '{name}' of an svm: shape {arrays[name].shape}, expected {expected}")
        gamma, inverse_temperature = (float(arrays[name]) for name in ("gamma", "inverse_temperature"))
        mean, scale, support, coefficients, intercepts = (arrays[name] for name in _SHAPES)
        return cls(mean, scale, support, coefficients, intercepts, gamma, inverse_temperature, chosen)


_SHAPES: Mapping[str, tuple[str, ...]] = {  # of the arrays of an `Svm`
    "mean": ("functionals",),
    "scale": ("functionals",),
    "support_functionals": ("vectors", "functionals"),
    "coefficients": ("vectors", "pairs"),
    "intercepts": ("pairs",),
}


def features(clips: pd.DataFrame, params: SvmParams, resources: Resources) -> list[np.ndarray]:
    """Functionals of each clip, (1, functionals)."""
    return stored(clips, resources.features, "functionals")


def runs(features: ArmFeatures, params: SvmParams, resources: Resources) -> Iterator[Run]:
    """One run: the model is deterministic."""
    train, valid, held_out = partitions(features)
    model = train_svm(*inputs(train), labelled(valid), params)
    weights = {name: tensor.numpy() for name, tensor in model.tensors().items()}
    found = predict(weights, held_out.arrays, params, resources)
    yield Run(0, found, {"grid": len(params.c) * len(params.gamma)}, [], weights)


def inputs(clips: ArmFeatures) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Functionals, labels and weights of clips to learn from, and which are real."""
    return *labelled(clips), clips.rows["weight"].to_numpy(), ~clips.rows["is_synthetic"].to_numpy()


def labelled(clips: ArmFeatures) -> tuple[np.ndarray, np.ndarray]:
    """Functionals and labels of clips."""
    return np.concatenate(clips.arrays), clips.rows["label"].to_numpy()


def predict(weights: Weights, arrays: Sequence[np.ndarray], params: SvmParams, resources: Resources) -> np.ndarray:
    """Probability of each class by the model of a run, (clips, classes)."""
    tensors = {name: torch.from_numpy(array) for name, array in weights.items()}
    return Svm.from_tensors(tensors, resources.classes, {}).probabilities(np.concatenate(arrays))


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
    models = fits(functionals, labels, weights, is_real, valid, params)
    return min(tracked(models, "svm", len(params.c) * len(params.gamma)), key=lambda model: model.chosen["valid_nll"])


def fits(
    functionals: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    is_real: np.ndarray,
    valid: tuple[np.ndarray, np.ndarray],
    params: SvmParams,
) -> Iterator[Svm]:
    """A model of each point of the grid, calibrated on valid; arguments as of `train_svm`."""
    scaler = StandardScaler().fit(functionals[is_real])
    mean, scale = scaler.mean_, scaler.scale_
    scaled, valid_scaled = ((some - mean) / scale for some in (functionals, valid[0]))
    totals = np.bincount(labels, weights)
    balanced = weights * (weights.sum() / (len(totals) * totals[labels]))
    # The whole grid shares the distances, and the models of one gamma share the kernel; these are most of the work.
    distances, valid_distances = (_squared_distances(some, scaled) for some in (scaled, valid_scaled))
    for gamma in params.gamma:
        width = gamma / functionals.shape[1]
        kernel, valid_kernel = np.exp(-width * distances), np.exp(-width * valid_distances)
        for c in params.c:
            model = SVC(C=c, kernel="precomputed").fit(kernel, labels, sample_weight=balanced)
            of_pairs = _coefficients(model), model.intercept_ * (1 if len(totals) == 2 else -1)
            scores = _scores(valid_kernel[:, model.support_], *of_pairs)
            inverse_temperature, nll = _calibrated(scores, valid[1])
            chosen = {"c": c, "gamma": gamma, "valid_nll": nll}
            yield Svm(mean, scale, functionals[model.support_], *of_pairs, width, inverse_temperature, chosen)


def _squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Squared Euclidean distance of each row of one array to each of another."""
    a, b = a.astype(np.float64), b.astype(np.float64)  # the terms below are far larger than their sum may be
    distances: np.ndarray = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1) - 2 * a @ b.T
    return distances.clip(min=0)


def _coefficients(model: SVC) -> np.ndarray:
    """Dual coefficients of each pair of classes, above 0 for the later class, (vectors, pairs).

    libsvm stores those of class i against each other class in the columns of its support vectors, above 0 for the
    earlier class; scikit-learn changes the sign of two classes.
    """
    classes = len(model.n_support_)
    if classes == 2:
        found: np.ndarray = model.dual_coef_.T
        return found
    of_class = np.split(np.arange(len(model.support_)), np.cumsum(model.n_support_)[:-1])
    columns = []
    for first, second in combinations(range(classes), 2):
        column = np.zeros(len(model.support_))
        column[of_class[first]] = -model.dual_coef_[second - 1, of_class[first]]
        column[of_class[second]] = -model.dual_coef_[first, of_class[second]]
        columns.append(column)
    return np.stack(columns, axis=1)


def _scores(kernel: np.ndarray, coefficients: np.ndarray, intercepts: np.ndarray) -> np.ndarray:
    """Scores, (clips, classes), of which the highest is the prediction; as `SVC.decision_function` with `ovr`.

    With more than two classes: the votes of the pairs, and a part between -1/3 and 1/3 from their decision values, so
    that no two classes are equal.

    Args:
        kernel: of clips and support vectors, (clips, vectors)
        coefficients: (vectors, pairs)
        intercepts: (pairs,)
    """
    decisions = kernel @ coefficients + intercepts  # above 0 for the later class of a pair
    if decisions.shape[1] == 1:
        return np.hstack([-decisions, decisions])
    classes = round((1 + np.sqrt(1 + 8 * decisions.shape[1])) / 2)
    votes, sums = np.zeros((2, len(decisions), classes))
    for (first, second), values in zip(combinations(range(classes), 2), decisions.T, strict=True):
        votes[:, first] += values <= 0
        votes[:, second] += values > 0
        sums[:, first] -= values
        sums[:, second] += values
    scores: np.ndarray = votes + sums / (3 * (np.abs(sums) + 1))
    return scores


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
