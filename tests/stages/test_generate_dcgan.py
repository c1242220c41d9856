"""Clips from noise: how many, how they sound, what is known of them, and that they train an arm and leak nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import Result

from pipeline.audio import decoding, preparation
from pipeline.audio.acoustics import AcousticsParams
from pipeline.audio.mel_bands import log_mel
from pipeline.audio.preparation import AudioParams
from pipeline.core import manifest
from pipeline.core.params import load
from pipeline.core.shards import FRONT_END, Shard, Shards
from pipeline.networks import provenance
from pipeline.stages import generate_dcgan
from tests.tiny_project import SPLIT as ITEM
from tests.tiny_project import enter_copy

MODEL = Path("models/dcgan/full-1")
OUT = Path("data/synthetic/full-1/dcgan/all")
TABLE = OUT / manifest.SYNTHETIC_TABLE
TRAINING_SET = Path("data/augmented/full-1/dcgan.parquet")
Stage = Callable[..., Result]


@pytest.fixture(autouse=True)
def project(with_dcgan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it as current directory."""
    return enter_copy(with_dcgan, tmp_path, monkeypatch)


def rows() -> pd.DataFrame:
    return manifest.read(TABLE, manifest.SYNTHETIC)


@pytest.fixture
def augment(stage: Stage, params: Callable[..., None]) -> Callable[[], Result]:
    """The stage for the arm."""
    params({"arms": ["dcgan"]})
    return lambda: stage("augment", **ITEM)


def test_clips_and_their_provenance() -> None:
    found = rows()
    assert found["emotion"].value_counts().to_dict() == {"angry": 6, "neutral": 6, "sad": 6}
    assert list(found["id"]) == sorted(found["id"])
    assert found["id"].iloc[0] == "full-1/dcgan/angry/00001"
    assert found["sha256"].is_unique  # no two are the same sound
    clips = manifest.read(Path("data/manifest.parquet"), manifest.CLIPS)
    assert found["is_synthetic"].all()
    for column in ("generator", "speaker", "corpus"):
        assert set(found[column]) == {"dcgan"}
    assert not set(found["speaker"]) & set(clips["speaker"])
    assert found[["source_id", "source_emotion", "intensity", "sentence", "gender"]].isna().all().all()
    assert set(found["license"]) == set(clips["license"])
    assert set(found["generator_sha256"]) == {provenance.fingerprint(MODEL)}
    metadata = manifest.metadata(TABLE)
    assert (metadata["split"], metadata["emotions"], metadata["model"]) == ("full-1", "all", MODEL.as_posix())


def test_audio_begins_and_ends_with_sound() -> None:
    prepared = load(Path("params.yaml"), "audio", AudioParams)
    shard = Shard(OUT / manifest.SYNTHETIC_FEATURES)
    for row in rows().itertuples():
        recording = decoding.read(Path(row.filepath))
        assert (recording.sha256, recording.sampling_rate) == (row.sha256, prepared.sampling_rate)
        again = preparation.prepare(recording.samples, recording.sampling_rate, prepared)
        assert len(again) == pytest.approx(len(recording.samples), abs=512)
        assert np.isfinite(shard.array(row.id, "log_mel")).all()


def test_a_spectrogram_is_synthesised_without_its_silent_end() -> None:
    """A vowel that ends in the middle of the spectrogram."""
    prepared = load(Path("params.yaml"), "audio", AudioParams)
    acoustics = load(Path("params.yaml"), "acoustics", AcousticsParams)
    time = np.arange(8000) / prepared.sampling_rate
    vowel = np.sin(2 * np.pi * 220 * time) + np.sin(2 * np.pi * 660 * time)
    frames = acoustics.n_mels, acoustics.frame_ms, acoustics.window_ms
    mel = log_mel(np.concatenate([vowel, np.zeros(8000)]), prepared.sampling_rate, *frames)
    samples = generate_dcgan.synthesised(mel, None, prepared, acoustics, iterations=4, seed=1)
    assert len(samples) == pytest.approx(8000, abs=800)
    assert preparation.level(samples, prepared.level_db) == pytest.approx(samples, rel=1e-3)


def test_same_bytes_twice_and_an_arm(stage: Stage, augment: Callable[[], Result]) -> None:
    before = {path: path.read_bytes() for path in OUT.rglob("*") if path.is_file()}
    assert stage("generate_dcgan", **ITEM).exit_code == 0
    assert {path: path.read_bytes() for path in OUT.rglob("*") if path.is_file()} == before
    result = augment()
    assert result.exit_code == 0, result.output
    assert "full-1 dcgan: 36 real clips, 18 synthetic" in result.output
    found = manifest.read(TRAINING_SET, manifest.AUGMENTED)
    extra = found[found["is_synthetic"]]
    assert list(extra["id"]) == list(rows()["id"])
    assert set(extra["partition"]) == {"train"}
    assert stage("classify", **ITEM, arm="dcgan").exit_code == 0


def test_generator_trained_on_test_speakers(stage: Stage, augment: Callable[[], Result]) -> None:
    """On all clips, under the split's own name: its clips say nothing of it, but its model does."""
    split = Path("data/splits/full-1.parquet")
    partitioned = manifest.read(split, manifest.PARTITIONED)
    manifest.write(partitioned.assign(partition="train"), Path("leaky", split.name), manifest.PARTITIONED, "")
    assert stage("train_dcgan", "--split", f"leaky/{split.name}", **ITEM).exit_code == 0
    assert stage("generate_dcgan", **ITEM).exit_code == 0
    result = augment()
    assert result.exit_code == 1
    assert "full-1: leakage: generator of another partition or split: full-1/dcgan/angry/00001" in result.output
    assert not TRAINING_SET.exists()


@pytest.mark.parametrize(
    "changes",
    [{"speaker": "demo_f01"}, {"speaker": "demo_m01"}, {"source_id": "demo/f01_s1_angry_medium"}],
    ids=["test speaker", "train speaker", "test source"],
)
def test_clip_from_noise_in_the_name_of_a_real_one(augment: Callable[[], Result], changes: dict[str, Any]) -> None:
    metadata = manifest.metadata(TABLE)
    kept = {name: metadata[name] for name in ("split", "emotions", "model")}
    found = rows()
    found.loc[0, list(changes)] = list(changes.values())
    manifest.write(found, TABLE, manifest.SYNTHETIC, metadata["params"], **kept)
    result = augment()
    assert result.exit_code == 1
    assert "source outside train: full-1/dcgan/angry/00001" in result.output
    assert not TRAINING_SET.exists()


def test_clips_pass_the_vocoder_if_real_clips_do(stage: Stage, params: Callable[..., None]) -> None:
    before = [decoding.read(Path(row.filepath)).sha256 for row in rows().itertuples()]
    assert Shards([OUT / manifest.SYNTHETIC_FEATURES]).metadata(FRONT_END) == "natural"
    params({"classify.front_end": "vocoded"})
    result = stage("generate_dcgan", **ITEM)
    assert result.exit_code == 0, result.output
    assert Shards([OUT / manifest.SYNTHETIC_FEATURES]).metadata(FRONT_END) == "vocoded"
    assert not set(before) & {decoding.read(Path(row.filepath)).sha256 for row in rows().itertuples()}
