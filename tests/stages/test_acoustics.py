"""Features of classifiers and scorers of a tiny corpus, by each front end."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import Result

from pipeline.audio import preparation
from pipeline.audio.acoustics import FrontEnd
from pipeline.audio.preparation import AudioParams
from pipeline.core import manifest
from pipeline.core.params import load
from pipeline.core.shards import FRONT_END, Shard, ShardError, Shards
from pipeline.scorers import evaluation_classifier, gate, speakers
from pipeline.vocoder import VocoderParams
from tests.tiny_project import DEMO, NEURAL, SPLIT

VOCODER, CLASSIFIER, SCORERS = (Path("data/features", kind, "demo") for kind in ("vocoder", "classifier", "scorers"))
TABLE = Path("data/corpora/demo.parquet")
COPIES = Path("data/synthetic/full-1/copy_synthesis/all")
VOCODED = {"classify.front_end": "vocoded"}
Stage = Callable[..., Result]
Change = Callable[[dict[str, Any]], None]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_shards_have_the_clips_and_scorers_their_statistics(project: Path) -> None:
    clips = manifest.read(TABLE, manifest.CLIPS)
    for folder in (CLASSIFIER, SCORERS):
        assert list(pd.read_parquet(folder / "index.parquet")["id"]) == list(clips["id"])
    assert set(contents(CLASSIFIER)) == {"index.parquet", "log_mel.npy", "functionals.npy"}
    assert set(contents(SCORERS)) == {"index.parquet", "gate.npy", "evaluation_classifier.npy", "speakers.npy"}
    prepared = load(Path("params.yaml"), "audio", AudioParams)
    clip = clips.iloc[5]
    samples = preparation.prepared(Path(clip["filepath"]), prepared)
    for scorer in (gate, evaluation_classifier, speakers):
        row = Shard(SCORERS).array(clip["id"], scorer.NAME)
        np.testing.assert_array_equal(row, [scorer.statistics(samples, prepared.sampling_rate).astype(np.float32)])


def test_frames_fit_the_prepared_clips(project: Path) -> None:
    prepared, shard = load(Path("params.yaml"), "audio", AudioParams), Shard(CLASSIFIER)
    for clip in manifest.read(TABLE, manifest.CLIPS).itertuples():
        samples = len(preparation.prepared(Path(clip.filepath), prepared))
        assert shard.array(clip.id, "log_mel").shape == (samples // 160 + 1, 20)  # 10 ms
        assert shard.array(clip.id, "functionals").shape[0] == 1
        assert np.isfinite(shard.array(clip.id, "functionals")).all()


def test_same_bytes_twice(stage: Stage) -> None:
    before = contents(CLASSIFIER), contents(SCORERS)
    result = stage("acoustics", **DEMO)
    assert result.exit_code == 0, result.output
    assert "acoustics demo: 36 clips, natural front end" in result.output
    assert (contents(CLASSIFIER), contents(SCORERS)) == before


def test_the_preparation_is_recorded(project: Path, params: Change) -> None:
    """What the features depend on, and nothing else: other metadata would run all classifiers again."""

    def recorded() -> dict[str, Any]:
        return load(Path("params.yaml"), "vocoder", VocoderParams).of_front_end(front_end)

    front_end = FrontEnd.NATURAL
    natural = recorded()
    found = Shards([CLASSIFIER]).preparation()
    assert found["vocoder"] == natural and found["acoustics"]["n_mels"] == 20 and found["audio"]["level_db"] == -26
    params({"vocoder.world.order": 20, "vocoder.world.d4c_threshold": 0.5, "vocoder.mel.n_mels": 30})
    assert recorded() == natural
    front_end = FrontEnd.VOCODED
    vocoded = recorded()
    assert vocoded["world"]["order"] == 20 and vocoded["storage"] == "float32" and "mel" not in vocoded
    front_end = FrontEnd.NATURAL
    params({"vocoder.world.f0_floor_hz": 80})
    assert recorded() != natural
    with pytest.raises(ShardError, match="made by an older version"):
        Shards([SCORERS]).preparation()


@pytest.mark.parametrize("kind", ["world", "mel"])
def test_vocoded_features_are_those_of_copy_synthesis(stage: Stage, params: Change, kind: str) -> None:
    """Of real clips and of the control's files; the vocoder's own features stay as they are."""
    if kind == "mel":
        params({"vocoder.kind": kind, "prosody.f0": "none", "vocoder.mel.iterations": 2})
        assert stage("features", **DEMO).exit_code == 0
    natural, analysed = Shard(CLASSIFIER), contents(VOCODER)
    params(VOCODED)
    for name, item in (("acoustics", DEMO), ("perturb", {**SPLIT, "generator": "copy_synthesis"})):
        result = stage(name, **item)
        assert result.exit_code == 0, result.output
    assert contents(VOCODER) == analysed
    assert Shards([CLASSIFIER, SCORERS, COPIES / manifest.SYNTHETIC_FEATURES]).metadata(FRONT_END) == "vocoded"
    real, scored, copies = (Shard(path) for path in (CLASSIFIER, SCORERS, COPIES / manifest.SYNTHETIC_FEATURES))
    rows = manifest.read(COPIES / manifest.SYNTHETIC_TABLE, manifest.SYNTHETIC)
    assert len(rows) == 18
    for row in rows.itertuples():
        for shard, name in ((real, "log_mel"), (real, "functionals"), (scored, "gate"), (scored, "speakers")):
            np.testing.assert_array_equal(shard.array(row.source_id, name), copies.array(row.id, name))
        assert not np.allclose(real.array(row.source_id, "functionals"), natural.array(row.source_id, "functionals"))


def test_a_vocoder_of_each_split_is_no_front_end(stage: Stage, params: Change) -> None:
    params({**NEURAL, **VOCODED})
    before = contents(CLASSIFIER)
    for name, item in (("acoustics", DEMO), ("perturb", {**SPLIT, "generator": "classical"})):
        result = stage(name, **item)
        assert result.exit_code == 1
        assert "'classify.front_end' is 'vocoded', but 'vocoder.mel.inversion' is 'istft'" in result.output
    assert contents(CLASSIFIER) == before


def test_wrong_params_leave_the_features(stage: Stage, params: Change) -> None:
    params({"classify.front_end": "vocodet"})
    before = contents(CLASSIFIER)
    result = stage("acoustics", **DEMO)
    assert result.exit_code == 1
    assert "'classify.front_end' is 'vocodet'" in result.output
    assert contents(CLASSIFIER) == before
