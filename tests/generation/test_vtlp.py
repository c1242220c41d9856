"""Changes are drawn within their bounds, up as often as down, and move formants and F0 of a clip."""

from dataclasses import astuple

import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.generation.vtlp import Vtlp, VtlpParams
from pipeline.vocoder import Features
from pipeline.vocoder.world import World, WorldParams

WORLD = World(WorldParams(frame_ms=5, order=36, f0="dio", f0_floor_hz=71, f0_ceil_hz=600, d4c_threshold=0), 16_000)
PARAMS = VtlpParams(formants=0.12, semitones=2)


@pytest.fixture(scope="module")
def features() -> Features:
    """A buzz of 150 Hz."""
    time = np.arange(8000) / 16_000
    return WORLD.analyse(sum(np.sin(2 * np.pi * 150 * number * time) / number for number in range(1, 40)))


@pytest.mark.parametrize(("formants", "semitones"), [(-0.1, 2), (1, 2), (0.1, -1)])
def test_numbers_that_cannot_be(formants: float, semitones: float) -> None:
    with pytest.raises(ValidationError):
        VtlpParams(formants=formants, semitones=semitones)


def test_drawn_within_bounds_up_as_often_as_down() -> None:
    changes = np.array([astuple(Vtlp.drawn(PARAMS, seed)) for seed in range(2000)])
    for values, most in ((np.log(changes[:, 0]), np.log(1.12)), (changes[:, 1], 2)):
        assert np.abs(values).max() == pytest.approx(most, rel=0.01)
        assert values.mean() == pytest.approx(0, abs=0.05 * most)
    assert np.corrcoef(changes.T)[0, 1] == pytest.approx(0, abs=0.06)
    assert Vtlp.drawn(PARAMS, 7) == Vtlp.drawn(PARAMS, 7) != Vtlp.drawn(PARAMS, 8)


def test_bounds_of_0_change_nothing(features: Features) -> None:
    change = Vtlp.drawn(VtlpParams(formants=0, semitones=0), 1)
    assert change == Vtlp(1.0, 0.0)
    np.testing.assert_array_equal(change.synthesise(features, WORLD), WORLD.synthesise(features))


def test_f0_moves_by_semitones(features: Features) -> None:
    def f0_hz(samples: np.ndarray) -> float:
        found = WORLD.analyse(samples).f0_hz
        return float(np.median(found[found > 0]))

    plain = f0_hz(WORLD.synthesise(features))
    for semitones in (-2.0, 1.5):
        moved = f0_hz(Vtlp(1.0, semitones).synthesise(features, WORLD))
        assert 12 * np.log2(moved / plain) == pytest.approx(semitones, abs=0.1)


def test_formants_are_moved_by_the_vocoder(features: Features) -> None:
    """tests/vocoder/test_world.py tests the result."""
    synthesised = Vtlp(1.1, 0.0).synthesise(features, WORLD)
    np.testing.assert_array_equal(synthesised, WORLD.synthesise(features, 1.1))
    assert not np.allclose(synthesised, WORLD.synthesise(features))
