"""The `svm`: a support vector machine on functionals, its two numbers chosen by the likelihood of `valid`."""

from itertools import product

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from pipeline.core.params import section


@section
class SvmParams:
    """The grid, the same in every arm."""

    c: tuple[float, ...]  # penalty of an error
    gamma: tuple[float, ...]  # width of the kernel, times the number of functionals


class Svm:
    """A fitted machine: standardisation, kernel machine, calibrated probabilities."""

    def __init__(
        self, scaler: StandardScaler, machine: SVC, inverse_temperature: float, chosen: dict[str, float], tried: int
    ) -> None:
        self._scaler = scaler
        self._machine = machine
        self._inverse_temperature = inverse_temperature
        self.chosen = chosen  # c, gamma and `valid_nll`, what `_calibrated` says of them
        self.tried = tried  # machines from which it was chosen

    def probabilities(self, functionals: np.ndarray) -> np.ndarray:
        """(clips, functionals) → probability of each class, (clips, classes)."""
        scores = _scores(self._machine, self._scaler.transform(functionals))
        found: np.ndarray = softmax(self._inverse_temperature * scores, axis=1)
        return found


def train_svm(
    functionals: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    is_real: np.ndarray,
    valid: tuple[np.ndarray, np.ndarray],
    params: SvmParams,
) -> Svm:
    """Fit on train; choose from the grid, and the temperature of the probabilities, by the likelihood of valid.

    By likelihood and not by UAR, which knows only right and wrong and picks at random where valid is a single speaker.
    All classes weigh the same, and together as much as the clips: where each class has the same share of synthetic
    clips, its real ones weigh what they would weigh without them; where only some classes have any, these do not weigh
    more than the others for that.

    Args:
        functionals: of the training clips, (clips, functionals)
        labels: their classes, 0 … classes − 1, (clips,)
        weights: of each in its class, 1 for a real clip, (clips,)
        is_real: which are real; they alone set the standardisation, (clips,)
        valid: functionals and labels of the validation clips
        params: the grid
    """
    scaler = StandardScaler().fit(functionals[is_real])
    scaled, heard = scaler.transform(functionals), scaler.transform(valid[0])
    totals = np.bincount(labels, weights)
    balanced = weights * (weights.sum() / (len(totals) * totals[labels]))
    best: Svm | None = None
    grid = list(product(params.c, params.gamma))
    for c, gamma in grid:
        machine = SVC(C=c, gamma=gamma / functionals.shape[1], break_ties=True)
        machine.fit(scaled, labels, sample_weight=balanced)
        inverse_temperature, nll = _calibrated(_scores(machine, heard), valid[1])
        if best is None or nll < best.chosen["valid_nll"]:
            best = Svm(scaler, machine, inverse_temperature, {"c": c, "gamma": gamma, "valid_nll": nll}, len(grid))
    if best is None:
        raise ValueError("the grid of the svm is empty")
    return best


def _scores(machine: SVC, scaled: np.ndarray) -> np.ndarray:
    """Decision values, (clips, classes); the highest is the machine's choice."""
    scores: np.ndarray = machine.decision_function(scaled)
    return scores if scores.ndim == 2 else np.stack([-scores, scores], axis=1)


def _calibrated(scores: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Inverse temperature at which the softmax of the scores is likeliest (Guo et al. 2017), and how likely it is then.

    One number scales all scores, so that the most probable class stays the machine's choice. Not all classes need
    occur among the labels, as scikit-learn's calibration would have it; those that do count the same.

    Args:
        scores: (clips, classes)
        labels: (clips,)

    Returns:
        the inverse temperature, and minus the mean log probability of the true class [nat]
    """
    shares = 1 / np.bincount(labels)[labels]

    def loss(log_inverse_temperature: float) -> float:
        chances = log_softmax(np.exp(log_inverse_temperature) * scores, axis=1)
        return -float(np.average(chances[np.arange(len(labels)), labels], weights=shares))

    found = minimize_scalar(loss, bounds=(-10, 10), method="bounded", options={"xatol": 1e-9})
    return float(np.exp(found.x)), float(found.fun)
