"""What conversions change in a personal classifier; the commands are tested in tests/cli/test_enrol.py."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from pipeline.audio.preparation import AudioParams
from pipeline.classification import enrolment
from pipeline.classification.interface import Resources
from pipeline.classification.svm import Svm, SvmParams, train_svm
from pipeline.networks.hardware import HardwareParams

GRID = SvmParams(c=(1.0,), gamma=(1.0,))
RESOURCES = Resources(
    Path(), Path(), AudioParams(16_000, 30, -26), HardwareParams("cpu", 1, "float32"), torch.device("cpu"), 3, {0: 0}
)


def clips(seed: int, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    labels = np.repeat([0, 1, 2], 12)
    return np.random.default_rng(seed).standard_normal((36, 5)) + labels[:, None] + shift, labels


def test_conversions_weigh_as_much_as_they_should_and_do_not_standardise() -> None:
    (real, labels), (converted, _), valid, (asked, _) = clips(0), clips(1, 2.0), clips(2), clips(3)
    rows = pd.DataFrame({"partition": np.repeat(["train", "valid"], 36), "speaker": "a", "label": np.tile(labels, 2)})

    def trained(weight: float) -> Svm:
        both = np.concatenate([real, valid[0]])
        return enrolment.train("svm", rows, both, converted, weight, GRID, RESOURCES)

    model = trained(0.5)
    weights = np.repeat([1.0, 0.5], 36)
    expected = train_svm(
        np.concatenate([real, converted]), np.concatenate([labels, labels]), weights, weights == 1, valid, GRID
    )
    np.testing.assert_array_equal(model.probabilities(asked), expected.probabilities(asked))
    np.testing.assert_allclose(model.mean, real.mean(axis=0))
    light = trained(1e-9)
    plain = train_svm(real, labels, np.ones(36), np.ones(36, bool), valid, GRID)
    np.testing.assert_allclose(light.probabilities(asked), plain.probabilities(asked), atol=1e-4)
    assert np.abs(model.probabilities(asked) - plain.probabilities(asked)).max() > 0.01


def test_relative_to_the_neutral_clips_of_each_speaker() -> None:
    rows = pd.DataFrame(
        [("a", "neutral"), ("a", "sad"), ("b", "neutral"), ("b", "neutral"), ("c", "sad")],
        columns=["speaker", "emotion"],
    )
    found = enrolment.relative(np.array([[1.0], [3.0], [4.0], [7.0], [5.0]]), rows)
    assert found[:, 0] == pytest.approx([0, 2, -1.5, 1.5, 1])  # of c no neutral clip is known: minus the mean of all
