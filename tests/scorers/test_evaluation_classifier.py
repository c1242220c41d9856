"""F0 in the evaluation classifier; its predictions are tested in test_scorer.py."""

from collections.abc import Callable

import numpy as np
import pytest

from pipeline.scorers import evaluation_classifier

RATE = 16_000


@pytest.mark.parametrize("f0_hz", [90.0, 150.0, 280.0, 450.0])
def test_pitch(f0_hz: float, speak: Callable[..., np.ndarray]) -> None:
    power, _ = evaluation_classifier._power_spectra(speak(f0_hz, syllables_hz=0.0), RATE)
    found, harmonicity = evaluation_classifier._pitch(power, RATE)
    spoken = f0_hz * 2 ** (np.random.default_rng(0).normal(0, 0.5) / 12)
    assert np.median(found) == pytest.approx(spoken, rel=0.03)
    assert np.mean(harmonicity > evaluation_classifier.HARMONIC) > 0.9


def test_noise_has_no_pitch() -> None:
    power, _ = evaluation_classifier._power_spectra(np.random.default_rng(0).standard_normal(RATE), RATE)
    assert np.mean(evaluation_classifier._pitch(power, RATE)[1] > evaluation_classifier.HARMONIC) < 0.05
