"""The neural vocoder is trained on the train partition only, and a pair uses it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from pipeline.audio import decoding
from pipeline.cli import main
from pipeline.core import manifest, models
from pipeline.core.shards import Shard
from pipeline.leakage import audit
from pipeline.networks import provenance
from tests.tiny_project import CYCLEGAN, SPLIT, enter_copy

ITEM = {**SPLIT, **CYCLEGAN}
MODEL, OTHER = Path("models/vocoder/full-1/istft"), Path("models/vocoder/full-3/istft")
CLIPS, TABLE = Path("data/manifest.parquet"), Path("data/splits/full-1.parquet")
SYNTHETIC = Path("data/synthetic/full-1/cyclegan/angry-neutral")
Stage = Callable[..., Result]


@pytest.fixture
def project(spoken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it as current directory."""
    return enter_copy(spoken, tmp_path, monkeypatch)


def train_clips() -> Any:
    return manifest.partition(manifest.read(CLIPS, manifest.CLIPS), manifest.read(TABLE, manifest.PARTITIONED), "train")


def is_reported() -> bool:
    """Whether the leakage audit reports the vocoder of the pair's clips."""
    rows = manifest.read(SYNTHETIC / manifest.SYNTHETIC_TABLE, manifest.SYNTHETIC)
    rows = rows.assign(split="full-1", partition="train", weight=1.0, person=None)
    found = {leak.rule for leak in audit.of_augmented(rows, {}, audit.partitioned(CLIPS, TABLE), TABLE)}
    return "vocoder of another partition or split" in found


def test_config_and_weights_depend_on_train_clips_only(stage: Stage) -> None:
    _, config = models.load(MODEL)
    assert config["split"] == "full-1"
    assert config["train_clips"] == 18
    assert config["train_clips_sha256"] == provenance.clips_sha256(train_clips())
    assert config["analysis"] == {"n_mels": 80, "frame_ms": 5, "window_ms": 20, "sampling_rate": 16000}
    assert provenance.fingerprint(MODEL) != provenance.fingerprint(OTHER)
    before = provenance.fingerprint(MODEL)
    kept = set(train_clips()["filepath"])
    for path in Path("data/raw/demo").rglob("*.flac"):
        if path.as_posix() not in kept:
            path.unlink()
    assert stage("train_vocoder", **SPLIT, vocoder="istft").exit_code == 0
    assert provenance.fingerprint(MODEL) == before
    Path(min(kept)).unlink()
    assert stage("train_vocoder", **SPLIT, vocoder="istft").exit_code != 0


def test_conversions_and_how_spectra_are_stored(project: Path) -> None:
    rows = manifest.read(SYNTHETIC / manifest.SYNTHETIC_TABLE, manifest.SYNTHETIC)
    assert len(rows) == 12
    clips = manifest.read(CLIPS, manifest.CLIPS).set_index("id")
    for row in rows.itertuples():
        synthetic, source = (decoding.read(Path(path)) for path in (row.filepath, clips.at[row.source_id, "filepath"]))
        assert synthetic.duration == pytest.approx(source.duration, rel=0.5)
        assert np.isfinite(synthetic.samples).all()
        assert np.abs(synthetic.samples).max() > 0.05
    folder = Path("data/features/vocoder/demo")
    assert np.load(folder / "spectrum.npy", mmap_mode="r").dtype == np.uint8
    assert np.load(folder / "f0_hz.npy", mmap_mode="r").dtype == np.float32
    assert Shard(folder).array("demo/f01_s2_sad_medium", "spectrum").dtype == np.float32


def test_audit_reports_a_vocoder_trained_again_or_of_another_split(stage: Stage) -> None:
    assert not is_reported()
    text = (MODEL / models.CONFIG).read_text()
    (MODEL / models.CONFIG).write_text(json.dumps(json.loads(text) | {"seed": 9}))
    assert is_reported()
    (MODEL / models.CONFIG).write_text(text)
    result = stage("generate", "--vocoder", OTHER.parent.as_posix(), **ITEM)
    assert result.exit_code == 0, result.output
    assert is_reported()


def test_f0_cannot_be_converted(stage: Stage, change_params: Callable[[dict[str, Any]], None]) -> None:
    folder = Path("models/cyclegan/full-1/angry-neutral")
    tensors, config = models.load(folder)
    config["prosody"]["params"]["f0"] = "log_gaussian"
    models.save(folder, tensors, config)
    result = stage("generate", **ITEM)
    assert result.exit_code == 1
    assert "'prosody.f0' is 'log_gaussian', but with 'vocoder.kind' mel F0 is part of the spectrum" in result.output
    change_params({"prosody.f0": "log_gaussian"})
    checked = CliRunner().invoke(main.main, ["check"])
    assert "params.yaml: 'prosody.f0' is 'log_gaussian', but with 'vocoder.kind' mel" in checked.output


def test_world_has_nothing_to_train(finished: Path, tmp_path: Path) -> None:
    options = ["--params", finished / "params.yaml", "--split", "full-1.parquet", "--out", tmp_path / "istft"]
    result = CliRunner().invoke(main.main, ["train-vocoder", *map(str, options)])
    assert result.exit_code == 1
    assert "'vocoder.kind: world' has nothing to train" in result.output
    assert not (tmp_path / "istft").exists()
    assert "vocoder" not in manifest.metadata(finished / SYNTHETIC / manifest.SYNTHETIC_TABLE)
