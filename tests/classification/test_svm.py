"""The `svm` against scikit-learn used plainly, and what synthetic clips may change in it."""

import warnings
from itertools import product
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load, save
from scipy.special import softmax
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import balanced_accuracy_score, log_loss
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.class_weight import compute_sample_weight

from pipeline.classification import svm
from pipeline.classification.svm import Svm, SvmParams, train_svm
from pipeline.core.models import ModelError

PARAMS = SvmParams(c=(0.1, 1.0, 10.0), gamma=(0.1, 1.0))
ONE = SvmParams(c=(1.0,), gamma=(1.0,))
COUNTS = {0: 40, 1: 25, 2: 20, 3: 15}  # clips of each class in train
Problem = tuple[np.ndarray, np.ndarray]


def problem(seed: int, counts: dict[int, int] = COUNTS, overlap: float = 1.0) -> Problem:
    """Overlapping clouds in 6 dimensions of very different size."""
    draw = np.random.default_rng(seed)
    labels = np.repeat(list(counts), list(counts.values()))
    centres = np.random.default_rng(99).standard_normal((10, 6))
    return (centres[labels] + overlap * draw.standard_normal((len(labels), 6))) * 10.0 ** np.arange(-3, 3), labels


def fitted(
    train: Problem, valid: Problem, params: SvmParams = ONE, extra: Problem | None = None, weight: Any = 0.3
) -> Svm:
    """A model of real clips, and of `extra` synthetic ones of weight `weight`, or of a weight each."""
    features, labels = train
    is_real = np.ones(len(labels), dtype=bool)
    if extra is not None:
        features, labels = np.concatenate([features, extra[0]]), np.concatenate([labels, extra[1]])
        is_real = np.arange(len(labels)) < len(is_real)
    weights = np.ones(len(labels))
    weights[~is_real] = weight
    return train_svm(features, labels, weights, is_real, valid, params)


def by_sklearn(train: Problem, c: float, gamma: float) -> tuple[StandardScaler, SVC]:
    scaler = StandardScaler().fit(train[0])
    model = SVC(C=c, gamma=gamma / train[0].shape[1], class_weight="balanced", break_ties=True)
    return scaler, model.fit(scaler.transform(train[0]), train[1])


@pytest.fixture
def sample_weights(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """Sample weights of each fitted model."""
    given: list[np.ndarray] = []

    class Spy(SVC):
        def fit(self, features: Any, labels: Any, sample_weight: Any = None) -> SVC:
            given.append(sample_weight)
            return super().fit(features, labels, sample_weight)

    monkeypatch.setattr(svm, "SVC", Spy)
    return given


def test_real_clips_weigh_the_same_with_and_without_synthetic(sample_weights: list[np.ndarray]) -> None:
    """Weights as `extra_clips` gives them: all synthetic clips of a class count 0.3 of its real ones, however many."""
    train, (features, labels) = problem(0), problem(2, {0: 5, 1: 25, 2: 1, 3: 90})
    weights = np.array([0.3 * COUNTS[label] / np.sum(labels == label) for label in labels])
    fitted(train, problem(1))
    fitted(train, problem(1), extra=(features, labels), weight=weights)
    without, with_extra = sample_weights
    np.testing.assert_allclose(with_extra[: len(without)], without, rtol=1e-14)
    for label in COUNTS:
        assert without[train[1] == label].sum() == pytest.approx(25)  # 100 clips, 4 classes
        assert with_extra[len(without) :][labels == label].sum() == pytest.approx(0.3 * 25)


def test_classes_weigh_the_same_where_only_some_have_synthetic_clips(sample_weights: list[np.ndarray]) -> None:
    train, extra = problem(0), problem(2, {1: 15, 2: 20, 3: 25})  # all have 40
    fitted(train, problem(1), extra=extra, weight=0.5)
    (found,) = sample_weights
    labels = np.concatenate([train[1], extra[1]])
    for label in COUNTS:
        assert found[labels == label].sum() == pytest.approx((100 + 0.5 * 60) / 4)
        assert set(found[labels == label] / found[labels == label].max()) <= {1.0, 0.5}


def test_synthetic_clips_do_not_standardise() -> None:
    train, valid, test = problem(0), problem(1), problem(3)
    outlandish = problem(2)[0] * 1e6 + 1e9, problem(2)[1]
    plain, with_extra = fitted(train, valid), fitted(train, valid, extra=outlandish, weight=1e-9)
    np.testing.assert_allclose(with_extra.probabilities(test[0]), plain.probabilities(test[0]), atol=1e-3)
    assert with_extra.chosen == pytest.approx(plain.chosen, abs=1e-3)


def calibrated(model: SVC, valid: Problem) -> CalibratedClassifierCV:
    """By scikit-learn, each class of valid weighing the same."""
    weights = compute_sample_weight("balanced", valid[1])
    with warnings.catch_warnings():  # about weights that the frozen model does not take
        warnings.simplefilter("ignore", UserWarning)
        return CalibratedClassifierCV(FrozenEstimator(model), method="temperature").fit(*valid, sample_weight=weights)


def nll(calibrated: CalibratedClassifierCV, valid: Problem) -> float:
    weights = compute_sample_weight("balanced", valid[1])
    return float(log_loss(valid[1], calibrated.predict_proba(valid[0]), sample_weight=weights))


def test_highest_likelihood_on_valid_is_chosen() -> None:
    train, valid = problem(0), problem(2)
    losses, recalls = {}, {}
    for point in product(PARAMS.c, PARAMS.gamma):
        scaler, model = by_sklearn(train, *point)
        scaled = scaler.transform(valid[0]), valid[1]
        losses[point] = nll(calibrated(model, scaled), scaled)
        recalls[point] = balanced_accuracy_score(valid[1], model.predict(scaled[0]))
    best = min(losses, key=lambda point: losses[point])
    assert best not in (next(iter(losses)), max(recalls, key=lambda point: recalls[point]))
    chosen = fitted(train, valid, PARAMS).chosen
    assert (chosen["c"], chosen["gamma"]) == best
    assert chosen["valid_nll"] == pytest.approx(losses[best], abs=1e-6)


@pytest.mark.parametrize("classes", [2, 4, 8])
def test_probabilities_equal_sklearn(classes: int) -> None:
    counts = {label: 12 for label in range(classes)}
    train, valid, test = problem(0, counts), problem(1, counts), problem(3, counts)
    found = fitted(train, valid).probabilities(test[0])
    assert found.shape == (len(test[1]), classes)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    scaler, model = by_sklearn(train, 1.0, 1.0)
    scaled = scaler.transform(test[0])
    expected = calibrated(model, (scaler.transform(valid[0]), valid[1])).predict_proba(scaled)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_array_equal(found.argmax(axis=1), model.predict(scaled))


def test_ties_are_broken_as_in_sklearn() -> None:
    """With 8 overlapping classes some clips have a tie, which prediction and scores break in the same way."""
    counts = {label: 30 for label in range(8)}
    train, valid = problem(0, counts, overlap=2.0), problem(1, counts, overlap=2.0)
    scaler, plain = by_sklearn(train, 1.0, 1.0)
    scaled = scaler.transform(valid[0])
    winners = plain.predict(scaled)
    assert (winners != plain.set_params(break_ties=False).predict(scaled)).sum() > 3
    np.testing.assert_array_equal(fitted(train, valid).probabilities(valid[0]).argmax(axis=1), winners)


def test_the_first_of_equals_is_chosen() -> None:
    train, valid = problem(0, overlap=0.01), problem(1, overlap=0.01)
    chosen = fitted(train, valid, SvmParams(c=(3.0, 1.0), gamma=(0.5, 1.0))).chosen
    assert chosen == {"c": 3.0, "gamma": 0.5, "valid_nll": 0.0}


@pytest.mark.parametrize("scaled", [(0, 1, 2), (1, 2, 3), (2,)])
def test_valid_without_some_classes(scaled: tuple[int, ...]) -> None:
    features, labels = problem(1)
    kept = np.isin(labels, scaled)
    model = fitted(problem(0), (features[kept], labels[kept]), PARAMS)
    found = model.probabilities(features)
    assert found.shape == (len(labels), 4)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    losses = [-np.log(found[labels == label, label]).mean() for label in scaled]
    assert model.chosen["valid_nll"] == pytest.approx(np.mean(losses))


@pytest.mark.parametrize("classes", [2, 4])
def test_a_loaded_model_has_the_scores_of_sklearn(classes: int) -> None:
    """Among clips far from the others, too, where the votes of the pairs are all that differs."""
    counts = {label: 30 for label in range(classes)}
    train, valid = problem(0, counts, overlap=2.0), problem(1, counts, overlap=2.0)
    clips = np.concatenate([problem(3, counts, overlap=5.0)[0], valid[0]])
    model = fitted(train, valid)
    loaded = Svm.from_tensors(load(save(model.tensors())), classes, model.chosen)
    np.testing.assert_array_equal(loaded.probabilities(clips), model.probabilities(clips))
    scaler, plain = by_sklearn(train, 1.0, 1.0)
    scaled = scaler.transform(clips)
    scores = plain.decision_function(scaled)
    scores = scores if classes > 2 else np.stack([-scores, scores], axis=1)
    expected = softmax(model.inverse_temperature * scores, axis=1)
    np.testing.assert_allclose(loaded.probabilities(clips), expected, atol=1e-6)
    np.testing.assert_array_equal(loaded.probabilities(clips).argmax(axis=1), plain.predict(scaled))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (
            "support_functionals",
            lambda tensor: tensor[:, 1:],
            r"functionals' of an svm: shape \(\d+, 5\), expected",
        ),
        ("coefficients", lambda tensor: tensor[1:], "'coefficients' of an svm"),
        ("intercepts", lambda tensor: tensor[:-1], r"'intercepts' of an svm: shape \(5,\), expected \(6,\)"),
    ],
)
def test_weights_of_another_shape_are_refused(name: str, change: Any, message: str) -> None:
    model = fitted(problem(0), problem(1))
    with pytest.raises(ModelError, match=message):
        Svm.from_tensors(model.tensors() | {name: change(model.tensors()[name])}, 4, model.chosen)
    with pytest.raises(ModelError, match=f"lack {name}"):
        Svm.from_tensors({key: tensor for key, tensor in model.tensors().items() if key != name}, 4, model.chosen)
