"""Log F0 gets the mean and the deviation that are asked for, and stays inside the bounds."""

import numpy as np
import pytest

from pipeline.conversion.prosody.f0 import moved

BOUNDS = (71.0, 600.0)


def test_mean_and_deviation_are_those_asked_for() -> None:
    f0_hz = np.array([120.0, 150.0, 0.0, 200.0])[:, None]
    voiced = f0_hz > 0
    before = np.log(f0_hz[voiced])
    found = moved(f0_hz, 0.3, 1.5, *BOUNDS)
    assert found[2, 0] == 0
    after = np.log(found[voiced])
    np.testing.assert_allclose(after, before.mean() + 0.3 + 1.5 * (before - before.mean()))


@pytest.mark.parametrize(("shift", "ratio"), [(500.0, 1.0), (-500.0, 1.0), (0.0, 9000.0)])
def test_nothing_leaves_the_bounds(shift: float, ratio: float) -> None:
    f0_hz = moved(np.arange(100.0, 109.0)[:, None], shift, ratio, *BOUNDS)
    assert ((f0_hz >= BOUNDS[0]) & (f0_hz <= BOUNDS[1])).all()
