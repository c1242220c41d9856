"""Dynamic time warping equals librosa's."""

import librosa
import numpy as np
import pytest

from pipeline.conversion.alignment import Speech, aligned


@pytest.mark.parametrize(("frames", "others"), [(1, 1), (1, 5), (5, 1), (2, 2), (40, 33)])
@pytest.mark.parametrize("repeats", [1, 4])  # equal frames: several paths cost the same
def test_path_is_that_of_librosa(frames: int, others: int, repeats: int) -> None:
    draw = np.random.default_rng(0)
    timbre = draw.normal(size=(frames, 24)).repeat(repeats, axis=0), draw.normal(size=(others, 24)).repeat(2, axis=0)
    found = aligned(*(Speech(np.arange(len(own)) + 3, own) for own in timbre))
    _, expected = librosa.sequence.dtw(*(own.T for own in timbre))
    np.testing.assert_array_equal(np.transpose(found) - 3, expected[::-1])
