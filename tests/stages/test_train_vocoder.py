"""A neural vocoder is trained by its command from the train partition and nothing else; and then speaks for a pair."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from pipeline.audio import recordings
from pipeline.cli import main
from pipeline.core import manifest, models, workers
from pipeline.core.shards import Shard
from pipeline.leakage import audit

SPLIT = {"scenario": "full", "fold": "1"}
ITEM = {**SPLIT, "pair": "angry-neutral", "generator": "cyclegan"}
MODEL, OTHER = Path("models/vocoder/full-1/istft"), Path("models/vocoder/full-3/istft")
CLIPS, TABLE = Path("data/manifest.parquet"), Path("data/splits/full-1.parquet")
MADE = Path("data/synthetic/full-1/cyclegan/angry-neutral")
Stage = Callable[..., Result]


@pytest.fixture
def project(spoken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it as current directory."""
    shutil.copytree(spoken, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(workers, "cores", lambda: 1)
    return tmp_path


def train_clips() -> Any:
    return manifest.partition(manifest.read(CLIPS, manifest.CLIPS), manifest.read(TABLE, manifest.PARTITIONED), "train")


def is_foreign() -> bool:
    """Whether the guard, asked about the pair's clips as they would stand in a training set, knows the vocoder not."""
    rows = manifest.read(MADE / manifest.SYNTHETIC_TABLE, manifest.SYNTHETIC)
    rows = rows.assign(split="full-1", partition="train", weight=1.0)
    found = {leak.rule for leak in audit.of_augmented(rows, {}, CLIPS, TABLE)}
    return "vocoder of another partition or split" in found


def test_what_it_heard(project: Path) -> None:
    _, config = models.load(MODEL)
    assert config["split"] == "full-1"
    assert config["train_clips"] == 18
    assert config["train_clips_sha256"] == models.clips_sha256(train_clips())
    assert config["heard"] == {"n_mels": 80, "frame_ms": 5, "window_ms": 20, "sampling_rate": 16000}
    assert models.fingerprint(MODEL) != models.fingerprint(OTHER)


def test_train_clips_alone_make_its_weights(stage: Stage) -> None:
    before = models.fingerprint(MODEL)
    kept = set(train_clips()["filepath"])
    for path in Path("data/raw/demo").rglob("*.flac"):
        if path.as_posix() not in kept:
            path.unlink()
    assert stage("train_vocoder", **SPLIT, vocoder="istft").exit_code == 0
    assert models.fingerprint(MODEL) == before
    Path(min(kept)).unlink()
    assert stage("train_vocoder", **SPLIT, vocoder="istft").exit_code != 0


def test_conversions_keep_their_words(project: Path) -> None:
    rows = manifest.read(MADE / manifest.SYNTHETIC_TABLE, manifest.SYNTHETIC)
    assert len(rows) == 12
    clips = manifest.read(CLIPS, manifest.CLIPS).set_index("id")
    for row in rows.itertuples():
        made, source = (recordings.read(Path(path)) for path in (row.filepath, clips.at[row.source_id, "filepath"]))
        assert made.duration == pytest.approx(source.duration, rel=0.5)
        assert np.isfinite(made.samples).all()
        assert np.abs(made.samples).max() > 0.05


def test_spectra_are_stored_in_a_byte_each(project: Path) -> None:
    folder = Path("data/features/vocoder/demo")
    assert np.load(folder / "spectrum.npy", mmap_mode="r").dtype == np.uint8
    assert np.load(folder / "f0_hz.npy", mmap_mode="r").dtype == np.float32
    assert Shard(folder).array("demo/f01_s2_sad_medium", "spectrum").dtype == np.float32


def test_the_guard_sees_a_vocoder_that_was_trained_again(project: Path) -> None:
    assert not is_foreign()
    said = json.loads((MODEL / models.CONFIG).read_text())
    (MODEL / models.CONFIG).write_text(json.dumps(said | {"seed": 9}))
    assert is_foreign()


def test_the_guard_sees_the_vocoder_of_another_split(stage: Stage) -> None:
    result = stage("generate", "--vocoder", OTHER.parent.as_posix(), **ITEM)
    assert result.exit_code == 0, result.output
    assert is_foreign()


def test_f0_cannot_be_converted(stage: Stage, change_params: Callable[[dict[str, Any]], None]) -> None:
    path = Path("models/cyclegan/full-1/angry-neutral") / models.CONFIG
    config = json.loads(path.read_text())
    config["prosody"]["params"]["f0"] = "log_gaussian"
    path.write_text(json.dumps(config))
    result = stage("generate", **ITEM)
    assert result.exit_code == 1
    assert "'prosody.f0' is 'log_gaussian', but with 'vocoder.kind' mel F0 is part of the spectrum" in result.output
    change_params({"prosody.f0": "log_gaussian"})
    checked = CliRunner().invoke(main.main, ["check"])
    assert "params.yaml: 'prosody.f0' is 'log_gaussian', but with 'vocoder.kind' mel" in checked.output


def test_a_vocoder_that_has_nothing_to_learn(finished: Path, tmp_path: Path) -> None:
    options = ["--params", finished / "params.yaml", "--split", "full-1.parquet", "--out", tmp_path / "istft"]
    result = CliRunner().invoke(main.main, ["train-vocoder", *map(str, options)])
    assert result.exit_code == 1
    assert "'vocoder.kind: world' has nothing to train" in result.output
    assert not (tmp_path / "istft").exists()
    assert "vocoder" not in manifest.metadata(finished / MADE / manifest.SYNTHETIC_TABLE)
