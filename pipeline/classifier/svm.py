"""The `svm`: a support vector machine on functionals, its two numbers chosen on `valid`."""

from itertools import product

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.metrics import recall_score
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from pipeline.params import section


@section
class SvmParams:
    """The grid, the same in every arm."""

    c: tuple[float, ...]  # penalty of an error
    gamma: tuple[float, ...]  # width of the kernel, times the number of functionals


class Svm:
    """A fitted machine: standardisation, kernel machine, calibrated probabilities."""

    def __init__(
        self, scaler: StandardScaler, machine: SVC, sharpness: float, chosen: dict[str, float], tried: int
    ) -> None:
        self._scaler = scaler
        self._machine = machine
        self._sharpness = sharpness
        self.chosen = chosen  # c, gamma and their UAR on `valid`
        self.tried = tried  # machines from which it was chosen

    def probabilities(self, functionals: np.ndarray) -> np.ndarray:
        """(clips, functionals) → probability of each class, (clips, classes)."""
        scores = _scores(self._machine, self._scaler.transform(functionals))
        found: np.ndarray = softmax(self._sharpness * scores, axis=1)
        return found


def train_svm(
    functionals: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    is_real: np.ndarray,
    valid: tuple[np.ndarray, np.ndarray],
    params: SvmParams,
) -> Svm:
    """Fit on train; choose from the grid, and the temperature of the probabilities, on valid.

    The real clips of each class weigh the same in all, and exactly as much as they would without the synthetic clips.

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
    counts = np.bincount(labels[is_real])
    balanced = weights * (is_real.sum() / (len(counts) * counts[labels]))
    best: tuple[float, SVC, dict[str, float]] | None = None
    tried = 0
    for c, gamma in product(params.c, params.gamma):
        machine = SVC(C=c, gamma=gamma / functionals.shape[1], break_ties=True)
        machine.fit(scaled, labels, sample_weight=balanced)
        tried += 1
        uar = float(recall_score(valid[1], machine.predict(heard), labels=np.unique(valid[1]), average="macro"))
        if best is None or uar > best[0]:
            best = (uar, machine, {"c": c, "gamma": gamma, "valid_uar": uar})
    if best is None:
        raise ValueError("the grid of the svm is empty")
    return Svm(scaler, best[1], _sharpness(_scores(best[1], heard), valid[1]), best[2], tried)


def _scores(machine: SVC, scaled: np.ndarray) -> np.ndarray:
    """Decision values, (clips, classes); the highest is the machine's choice."""
    scores: np.ndarray = machine.decision_function(scaled)
    return scores if scores.ndim == 2 else np.stack([-scores, scores], axis=1)


def _sharpness(scores: np.ndarray, labels: np.ndarray) -> float:
    """Inverse temperature at which the softmax of the scores is likeliest (Guo et al. 2017).

    One number scales all scores, so that the most probable class stays the machine's choice. Not all classes need
    occur among the labels, as scikit-learn's calibration would have it.

    Args:
        scores: (clips, classes)
        labels: (clips,)
    """

    def loss(log_sharpness: float) -> float:
        chances = log_softmax(np.exp(log_sharpness) * scores, axis=1)
        return -float(chances[np.arange(len(labels)), labels].mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-10, 10), method="bounded", options={"xatol": 1e-9}).x))
