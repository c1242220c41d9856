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
from pipeline.scorers import evaluation_classifier, gate, speakers

VOCODER, CLASSIFIER, SCORERS = (Path("data/features", kind, "demo") for kind in ("vocoder", "classifier", "scorers"))
TABLE = Path("data/corpora/demo.parquet")
Stage = Callable[..., Result]


def ids(folder: Path) -> list[str]:
    return list(pd.read_parquet(folder / "index.parquet")["id"])


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_shards_have_the_clips_and_scorers_their_statistics(project: Path) -> None:
    clips = manifest.read(TABLE, manifest.CLIPS)
    assert len(clips) == 36
    assert ids(VOCODER) == ids(CLASSIFIER) == ids(SCORERS) == list(clips["id"])
    assert set(contents(VOCODER)) == {"index.parquet", "spectrum.npy", "f0_hz.npy", "aperiodicity.npy"}
    assert set(contents(CLASSIFIER)) == {"index.parquet", "log_mel.npy", "functionals.npy"}
    assert set(contents(SCORERS)) == {"index.parquet", "gate.npy", "evaluation_classifier.npy", "speakers.npy"}

    prepared = load(Path("params.yaml"), "audio", AudioParams)
    clip = clips.iloc[5]
    recording = decoding.read(Path(clip["filepath"]))
    samples = preparation.prepare(recording.samples, recording.sampling_rate, prepared)
    for scorer in (gate, evaluation_classifier, speakers):
        row = Shard(SCORERS).array(clip["id"], scorer.NAME)
        np.testing.assert_array_equal(row, [scorer.statistics(samples, prepared.sampling_rate).astype(np.float32)])


def test_frames_fit_the_prepared_clips(project: Path) -> None:
    prepared = load(Path("params.yaml"), "audio", AudioParams)
    of_vocoder, of_classifiers = Shard(VOCODER), Shard(CLASSIFIER)
    lengths = set()
    for clip in manifest.read(TABLE, manifest.CLIPS).itertuples():
        recording = decoding.read(Path(clip.filepath))
        samples = len(preparation.prepare(recording.samples, recording.sampling_rate, prepared))
        assert samples < len(recording.samples)  # of the corpus's silent ends
        spectrum, f0_hz, bands = (of_vocoder.array(clip.id, name) for name in ("spectrum", "f0_hz", "aperiodicity"))
        assert spectrum.shape == (samples // 80 + 1, 16)  # 5 ms, as params.yaml says
        assert f0_hz.shape == (len(spectrum), 1)
        assert bands.shape == (len(spectrum), 1)
        assert of_classifiers.array(clip.id, "log_mel").shape == (samples // 160 + 1, 20)  # 10 ms
        assert of_classifiers.array(clip.id, "functionals").shape[0] == 1
        lengths.add(samples)
        for array in (spectrum, f0_hz, bands, of_classifiers.array(clip.id, "functionals")):
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
    before = contents(VOCODER), contents(CLASSIFIER), contents(SCORERS)
    result = stage("features", corpus="demo")
    assert result.exit_code == 0, result.output
    assert "demo: features of 36 clips, 0.01 hours" in result.output
    assert (contents(VOCODER), contents(CLASSIFIER), contents(SCORERS)) == before


def test_wrong_params_leave_the_features(stage: Stage, params: Callable[..., None]) -> None:
    params({"vocoder.world.f0": "swipe"})
    before = contents(CLASSIFIER)
    result = stage("features", corpus="demo")
    assert result.exit_code == 1
    assert "'vocoder.world.f0' is 'swipe'" in result.output
    assert contents(CLASSIFIER) == before
