"""The `svm`: a support vector machine on functionals, its two numbers chosen on `valid`."""

from itertools import product

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
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

    def __init__(self, scaler: StandardScaler, calibrated: CalibratedClassifierCV, chosen: dict[str, float]) -> None:
        self._scaler = scaler
        self._calibrated = calibrated
        self.chosen = chosen  # c, gamma and their UAR on `valid`

    def probabilities(self, functionals: np.ndarray) -> np.ndarray:
        """(clips, functionals) → probability of each class, (clips, classes)."""
        found: np.ndarray = self._calibrated.predict_proba(self._scaler.transform(functionals))
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
    for c, gamma in product(params.c, params.gamma):
        machine = SVC(C=c, gamma=gamma / functionals.shape[1]).fit(scaled, labels, sample_weight=balanced)
        uar = float(recall_score(valid[1], machine.predict(heard), average="macro"))
        if best is None or uar > best[0]:
            best = (uar, machine, {"c": c, "gamma": gamma, "valid_uar": uar})
    if best is None:
        raise ValueError("the grid of the svm is empty")
    # One number scales the scores, so that the most probable class stays the machine's choice (Guo et al. 2017).
    calibrated = CalibratedClassifierCV(FrozenEstimator(best[1]), method="temperature").fit(heard, valid[1])
    return Svm(scaler, calibrated, best[2])
