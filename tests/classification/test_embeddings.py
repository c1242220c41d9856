"""The cache of what frozen networks compute: by clip, preparation and network."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from pipeline.audio import preparation
from pipeline.audio.preparation import AudioParams
from pipeline.classification import embeddings

Run = Callable[..., tuple[list[np.ndarray], int]]
AUDIO = AudioParams(sampling_rate=16_000, trim_db=30, level_db=-26)


@pytest.fixture
def clips(tmp_path: Path) -> pd.DataFrame:
    """Two clips, one of which is a segment."""
    path = tmp_path / "noise.flac"
    soundfile.write(path, 0.1 * np.random.default_rng(0).standard_normal(16_000), 16_000)
    rows = [(path.as_posix(), None, None, "ab" * 32), (path.as_posix(), 0.25, 0.5, "cd" * 32)]
    return pd.DataFrame(rows, columns=["filepath", "start", "end", "sha256"])


@pytest.fixture
def of_clips(clips: pd.DataFrame, tmp_path: Path) -> Run:
    """Function that gives the arrays, and how many of them were computed."""

    def run(
        audio: AudioParams = AUDIO, network: str = "one", some: pd.DataFrame = clips
    ) -> tuple[list[np.ndarray], int]:
        passed: list[np.ndarray] = []

        def computed(samples: np.ndarray) -> np.ndarray:
            passed.append(samples)
            return samples

        return embeddings.of_clips(some, audio, tmp_path / "cache" / network, computed), len(passed)

    return run


def test_prepared_samples(clips: pd.DataFrame, of_clips: Run) -> None:
    whole, part = of_clips()[0]
    path = Path(clips["filepath"].iloc[0])
    np.testing.assert_array_equal(whole, preparation.prepared(path, AUDIO))
    np.testing.assert_array_equal(part, preparation.prepared(path, AUDIO, 0.25, 0.5))
    assert len(part) < len(whole) / 2


def test_computed_once(clips: pd.DataFrame, of_clips: Run) -> None:
    first, again = of_clips(), of_clips()
    assert (first[1], again[1]) == (2, 0)
    for one, other in zip(first[0], again[0], strict=True):
        np.testing.assert_array_equal(one, other)
    assert of_clips(network="two")[1] == 2
    assert of_clips(replace(AUDIO, level_db=-20))[1] == 2
    assert of_clips(some=clips.assign(sha256=["ef" * 32, "cd" * 32]))[1] == 1  # another recording


def test_processes_side_by_side_compute_different_clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    starts = np.arange(50.0)
    clips = pd.DataFrame({"filepath": "", "start": starts, "end": None, "sha256": [f"{start:064}" for start in starts]})
    monkeypatch.setattr(preparation, "prepared", lambda path, audio, start, end: np.array([start]))
    orders: list[list[float]] = [[], []]
    for process, order in enumerate(orders):

        def computed(samples: np.ndarray, order: list[float] = order) -> np.ndarray:
            order.append(float(samples[0]))
            return samples

        found = embeddings.of_clips(clips, AUDIO, tmp_path / f"{process}", computed)
        assert [array.item() for array in found] == list(starts)
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1]) == list(starts)
