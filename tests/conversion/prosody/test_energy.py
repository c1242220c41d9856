"""Contrast is multiplied in speech alone."""

import numpy as np
import pytest

from pipeline.conversion.prosody import energy
from pipeline.conversion.prosody.energy import NEPERS, contrasted


@pytest.fixture
def c0() -> np.ndarray:
    """Speech between soft and loud, and silence 60 dB below, (200,) float32."""
    speech = 5 * np.sin(np.linspace(0, 20, 120)) * NEPERS
    return np.concatenate([np.full(40, -60 * NEPERS), speech, np.full(40, -60 * NEPERS)]).astype(np.float32)


def test_deviation_is_that_of_the_speech(c0: np.ndarray) -> None:
    assert energy.deviation(c0) == pytest.approx(c0[40:160].std(), rel=1e-5)
    assert energy.deviation(c0 + 7) == pytest.approx(energy.deviation(c0), rel=1e-5)


@pytest.mark.parametrize("ratio", [0.5, 0.8, 1.3, 2.0])
def test_contrast_of_speech_is_multiplied_about_its_mean(c0: np.ndarray, ratio: float) -> None:
    changed = contrasted(c0, ratio)
    assert changed.dtype == np.float32
    assert changed[40:160].mean() == pytest.approx(c0[40:160].mean(), abs=1e-4)
    assert changed[40:160].std() == pytest.approx(ratio * c0[40:160].std(), rel=1e-4)
    np.testing.assert_array_equal(changed[:40], c0[:40])


@pytest.mark.parametrize(("ratio", "most_db"), [(0.5, 9), (2.0, 0)])
def test_louder_stays_louder_and_silence_is_hardly_raised(ratio: float, most_db: float) -> None:
    c0 = np.linspace(-80, 0, 400) * NEPERS
    changed = contrasted(c0, ratio)
    assert (np.diff(changed) > -1e-9).all()
    raised_db = (changed - c0) / NEPERS
    assert raised_db[c0 < energy.threshold(c0)].max() <= most_db
    assert raised_db[c0 < -60 * NEPERS].max() == 0


@pytest.mark.parametrize("level", [0.0, -36.8, 1e4])
def test_flat_and_short_clips_stay(level: float) -> None:
    for frames in (1, 2, 50):
        np.testing.assert_array_equal(contrasted(np.full(frames, level), 2.0), np.full(frames, level))
        assert energy.deviation(np.full(frames, level)) == 0
