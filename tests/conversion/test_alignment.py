"""Dynamic time warping equals the textbook's, cell by cell."""

import numpy as np
import pytest

from pipeline.conversion.alignment import Speech, aligned


def cheapest_path(one: np.ndarray, other: np.ndarray) -> list[tuple[int, int]]:
    """Of equally cheap ways into a cell, the diagonal is taken, then a step of the other, as librosa does."""
    cost = np.full((len(one) + 1, len(other) + 1), np.inf)
    cost[0, 0] = 0
    came: dict[tuple[int, int], tuple[int, int]] = {}
    for i, j in np.ndindex(len(one), len(other)):
        ways = (i, j), (i + 1, j), (i, j + 1)
        came[i + 1, j + 1] = min(ways, key=lambda way: cost[way])
        cost[i + 1, j + 1] = np.sqrt(((one[i] - other[j]) ** 2).sum()) + cost[came[i + 1, j + 1]]
    path = [(len(one), len(other))]
    while path[-1] != (1, 1):
        path.append(came[path[-1]])
    return [(i - 1, j - 1) for i, j in path[::-1]]


@pytest.mark.parametrize(("frames", "others"), [(1, 1), (1, 5), (5, 1), (2, 2), (40, 33)])
@pytest.mark.parametrize("repeats", [1, 4])  # equal frames: several paths cost the same
def test_path_is_the_cheapest(frames: int, others: int, repeats: int) -> None:
    draw = np.random.default_rng(0)
    timbre = draw.normal(size=(frames, 24)).repeat(repeats, axis=0), draw.normal(size=(others, 24)).repeat(2, axis=0)
    found = aligned(*(Speech(np.arange(len(own)) + 3, own) for own in timbre))
    np.testing.assert_array_equal(np.transpose(found) - 3, cheapest_path(*timbre))
