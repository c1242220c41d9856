"""What conversions change in a personal classifier; the commands are tested in tests/cli/test_enrol.py."""

import numpy as np

from pipeline.classification import enrolment
from pipeline.classification.svm import SvmParams, train_svm

GRID = SvmParams(c=(1.0,), gamma=(1.0,))


def clips(seed: int, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    labels = np.repeat([0, 1, 2], 12)
    return np.random.default_rng(seed).standard_normal((36, 5)) + labels[:, None] + shift, labels


def test_conversions_weigh_as_much_as_they_should_and_do_not_standardise() -> None:
    (real, labels), (converted, _), valid, (asked, _) = clips(0), clips(1, 2.0), clips(2), clips(3)
    model = enrolment.train(real, converted, labels, 0.5, valid, GRID)
    weights = np.repeat([1.0, 0.5], 36)
    expected = train_svm(
        np.concatenate([real, converted]), np.concatenate([labels, labels]), weights, weights == 1, valid, GRID
    )
    np.testing.assert_array_equal(model.probabilities(asked), expected.probabilities(asked))
    np.testing.assert_allclose(model.mean, real.mean(axis=0))
    light = enrolment.train(real, converted, labels, 1e-9, valid, GRID)
    plain = train_svm(real, labels, np.ones(36), np.ones(36, bool), valid, GRID)
    np.testing.assert_allclose(light.probabilities(asked), plain.probabilities(asked), atol=1e-4)
    assert np.abs(model.probabilities(asked) - plain.probabilities(asked)).max() > 0.01
