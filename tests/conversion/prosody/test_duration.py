"""Duration of speech, counted by hand; features stretched, back, and at odd lengths."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.conversion.prosody.duration import PAUSE, speech_frames, stretched
from pipeline.vocoder.features import Features

LOUD, SOFT, SILENT = 0.0, -6.0, -8.0  # a frame 30 dB below the loud ones has -6.9


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([(LOUD, 50)], 50),
        ([(SILENT, 30), (LOUD, 50), (SILENT, 9)], 50),
        ([(LOUD, 30), (SOFT, 20)], 50),
        ([(LOUD, 20), (SILENT, 10), (LOUD, 20)], 50),
        ([(LOUD, 20), (SILENT, 500), (LOUD, 520)], 540 + PAUSE - 1),
        ([(LOUD, 1)], 1),
        ([(SILENT, 70)], 70),  # nothing is loud: the loud frames are these
    ],
    ids=["all", "silent ends", "soft end", "short pause", "long pause", "one frame", "flat"],
)
def test_speech_is_counted_from_first_to_last(runs: list[tuple[float, int]], expected: int) -> None:
    assert speech_frames(np.concatenate([np.full(count, level) for level, count in runs])) == expected


@pytest.fixture
def features() -> Features:
    """100 frames that rise, of which 30 to 39 and both ends are unvoiced; float32, as from a shard."""
    rise = np.arange(100.0)[:, None]
    f0_hz = 100 * 2 ** (rise / 100)
    f0_hz[30:40] = f0_hz[:5] = f0_hz[-5:] = 0
    arrays = np.hstack([rise, -rise]), f0_hz, rise - 60
    return Features(*(array.astype(np.float32) for array in arrays))


@pytest.mark.parametrize("factor", [0.5, 0.77, 1.0, 1.3, 2.0])
def test_all_arrays_are_stretched_alike(features: Features, factor: float) -> None:
    """F0 in its logarithm, and only where voiced."""
    longer = stretched(features, factor)
    if factor == 1:
        assert all((array == features.arrays()[name]).all() for name, array in longer.arrays().items())
    assert {len(array) for array in longer.arrays().values()} == {round(100 * factor)}
    assert all(array.dtype == np.float32 for array in longer.arrays().values())
    position = np.clip((np.arange(round(100 * factor)) + 0.5) * 100 / round(100 * factor) - 0.5, 0, 99)
    np.testing.assert_allclose(longer.spectrum, np.stack([position, -position], axis=1), rtol=1e-5)
    np.testing.assert_allclose(longer.aperiodicity[:, 0], position - 60, rtol=1e-5)
    voiced = longer.f0_hz[:, 0] > 0
    assert voiced.sum() == pytest.approx(80 * factor, abs=3)
    assert longer.f0_hz[voiced].min() >= features.f0_hz[features.f0_hz > 0].min()  # never towards 0
    log_position = 100 * np.log2(longer.f0_hz[voiced, 0] / 100)
    np.testing.assert_allclose(log_position, longer.spectrum[voiced, 0], atol=0.51)  # at edges the voiced frame's
    assert np.median(np.abs(log_position - longer.spectrum[voiced, 0])) < 1e-3


@pytest.mark.parametrize("frames", [1, 2, 3])
@pytest.mark.parametrize("factor", [0.01, 0.5, 1.0, 1.7, 2.0])
def test_short_clips(frames: int, factor: float) -> None:
    one = Features(np.ones((frames, 4)), np.full((frames, 1), 150.0), np.zeros((frames, 1)))
    longer = stretched(one, factor)
    assert len(longer.f0_hz) == max(1, round(frames * factor))
    np.testing.assert_allclose(longer.f0_hz, 150)
    np.testing.assert_array_equal(longer.spectrum, 1)


def test_absurd_f0_stays_finite(features: Features) -> None:
    f0_hz = np.tile([[1e-30], [0.0], [1e30], [2000.0]], (25, 1)).astype(np.float32)
    longer = stretched(replace(features, f0_hz=f0_hz), 1.3)
    assert np.isfinite(longer.f0_hz).all()
    assert not stretched(replace(features, f0_hz=np.zeros((100, 1))), 1.3).f0_hz.any()
