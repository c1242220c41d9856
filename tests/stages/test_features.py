"""Features of a tiny corpus: all clips, frames that fit their durations, the same bytes each time."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import Result

from pipeline.audio import recordings
from pipeline.audio.recordings import AudioParams
from pipeline.core import manifest
from pipeline.core.params import load
from pipeline.core.shards import Shard
from pipeline.scorers import evaluation_classifier, gate, speakers

VOCODER, CLASSIFIER, JUDGES = (Path("data/features", whose, "demo") for whose in ("vocoder", "classifier", "scorers"))
TABLE = Path("data/corpora/demo.parquet")
Stage = Callable[..., Result]


def ids(folder: Path) -> list[str]:
    return list(pd.read_parquet(folder / "index.parquet")["id"])


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_shards_have_the_clips(project: Path) -> None:
    clips = manifest.read(TABLE, manifest.CLIPS)
    assert len(clips) == 36
    assert ids(VOCODER) == ids(CLASSIFIER) == ids(JUDGES) == list(clips["id"])
    assert set(contents(VOCODER)) == {"index.parquet", "spectrum.npy", "f0_hz.npy", "aperiodicity.npy"}
    assert set(contents(CLASSIFIER)) == {"index.parquet", "log_mel.npy", "functionals.npy"}
    assert set(contents(JUDGES)) == {"index.parquet", "gate.npy", "examiner.npy", "voice.npy"}


def test_each_judge_goes_by_its_own_statistics_of_the_prepared_clip(project: Path) -> None:
    prepared = load(Path("params.yaml"), "audio", AudioParams)
    clip = manifest.read(TABLE, manifest.CLIPS).iloc[5]
    recording = recordings.read(Path(clip["filepath"]))
    samples = recordings.prepare(recording.samples, recording.sampling_rate, prepared)
    for name, judge in (("gate", gate), ("examiner", evaluation_classifier), ("voice", speakers)):
        row = Shard(JUDGES).array(clip["id"], name)
        np.testing.assert_array_equal(row, [judge.statistics(samples, prepared.sampling_rate).astype(np.float32)])


def test_frames_fit_the_prepared_clips(project: Path) -> None:
    prepared = load(Path("params.yaml"), "audio", AudioParams)
    of_vocoder, of_classifiers = Shard(VOCODER), Shard(CLASSIFIER)
    lengths = set()
    for clip in manifest.read(TABLE, manifest.CLIPS).itertuples():
        recording = recordings.read(Path(clip.filepath))
        samples = len(recordings.prepare(recording.samples, recording.sampling_rate, prepared))
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


def test_each_clip_has_its_own_features(project: Path) -> None:
    """The voices' F0, as the corpus was made."""
    shard = Shard(VOCODER)
    for speaker, f0_hz in (("f01", 150), ("m01", 140)):
        for emotion, level in (("neutral", 1.0), ("angry", 1.18), ("sad", 0.9)):
            track = shard.array(f"demo/{speaker}_s2_{emotion}_medium", "f0_hz")
            assert np.median(track[track > 0]) == pytest.approx(level * f0_hz, rel=0.03)


def test_same_bytes_twice(stage: Stage) -> None:
    before = contents(VOCODER), contents(CLASSIFIER), contents(JUDGES)
    result = stage("features", corpus="demo")
    assert result.exit_code == 0, result.output
    assert "demo: features of 36 clips, 0.01 hours" in result.output
    assert (contents(VOCODER), contents(CLASSIFIER), contents(JUDGES)) == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vocoder.world.f0": "swipe"}, "'vocoder.world.f0' is 'swipe'"),
        ({"audio": {"sampling_rat": 16000, "trim_db": 30, "level_db": -26}}, "did you mean 'sampling_rate'?"),
        ({"acoustics.n_mels": "many"}, "'acoustics.n_mels' is 'many'"),
    ],
)
def test_wrong_params(stage: Stage, params: Callable[..., None], changes: dict[str, Any], message: str) -> None:
    params(changes)
    before = contents(CLASSIFIER)
    result = stage("features", corpus="demo")
    assert result.exit_code == 1
    assert message in result.output
    assert contents(CLASSIFIER) == before


def test_missing_corpus(stage: Stage) -> None:
    result = stage("features", corpus="ravdess")
    assert result.exit_code == 1
    assert "data/corpora/ravdess.parquet: not found; `dvc repro` makes it" in result.output
