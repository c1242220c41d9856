"""Features of a tiny corpus: all clips, numbers of frames, same bytes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import Result

from pipeline.audio import decoding, preparation
from pipeline.audio.preparation import AudioParams
from pipeline.core import manifest
from pipeline.core.params import load
from pipeline.core.shards import Shard

VOCODER, RECORDINGS = (Path("data/features", kind, "demo") for kind in ("vocoder", "recordings"))
TABLE = Path("data/corpora/demo.parquet")
Stage = Callable[..., Result]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_shard_has_the_clips(project: Path) -> None:
    clips = manifest.read(TABLE, manifest.CLIPS)
    assert len(clips) == 36
    assert list(pd.read_parquet(VOCODER / "index.parquet")["id"]) == list(clips["id"])
    assert set(contents(VOCODER)) == {"index.parquet", "spectrum.npy", "f0_hz.npy", "aperiodicity.npy"}


def test_frames_fit_the_prepared_clips(project: Path) -> None:
    prepared = load(Path("params.yaml"), "audio", AudioParams)
    of_vocoder = Shard(VOCODER)
    lengths = set()
    for clip in manifest.read(TABLE, manifest.CLIPS).itertuples():
        recording = decoding.read(Path(clip.filepath))
        samples = len(preparation.prepare(recording.samples, recording.sampling_rate, prepared))
        assert samples < len(recording.samples)  # of the corpus's silent ends
        spectrum, f0_hz, bands = (of_vocoder.array(clip.id, name) for name in ("spectrum", "f0_hz", "aperiodicity"))
        assert spectrum.shape == (samples // 80 + 1, 16)  # 5 ms, as params.yaml says
        assert f0_hz.shape == (len(spectrum), 1)
        assert bands.shape == (len(spectrum), 1)
        lengths.add(samples)
        for array in (spectrum, f0_hz, bands):
            assert np.isfinite(array).all()
    assert len(lengths) > 1


def test_each_clip_has_its_own_features(finished: Path) -> None:
    """The median F0 is that of the synthetic voice."""
    shard = Shard(finished / VOCODER)
    for speaker, f0_hz in (("f01", 150), ("m01", 140)):
        for emotion, level in (("neutral", 1.0), ("angry", 1.18), ("sad", 0.9)):
            track = shard.array(f"demo/{speaker}_s2_{emotion}_medium", "f0_hz")
            assert np.median(track[track > 0]) == pytest.approx(level * f0_hz, rel=0.03)


def test_same_bytes_twice(stage: Stage) -> None:
    before = contents(VOCODER), contents(RECORDINGS)
    result = stage("features", corpus="demo")
    assert result.exit_code == 0, result.output
    assert "features demo: 36 clips, 0.01 hours" in result.output
    assert (contents(VOCODER), contents(RECORDINGS)) == before


def test_wrong_params_leave_the_features(stage: Stage, params: Callable[..., None]) -> None:
    params({"vocoder.world.f0": "swipe"})
    before = contents(VOCODER)
    result = stage("features", corpus="demo")
    assert result.exit_code == 1
    assert "'vocoder.world.f0' is 'swipe'" in result.output
    assert contents(VOCODER) == before
