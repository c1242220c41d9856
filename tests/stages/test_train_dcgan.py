"""A DC-GAN is trained by its command, from the train partition and nothing else."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import Result

from pipeline.core import manifest, models
from pipeline.core.shards import Shard, Writer
from pipeline.networks import provenance

ITEM = {"scenario": "full", "fold": "1"}
OUT, CURVE = Path("models/dcgan/full-1"), Path("metrics/plots/train_dcgan/full-1.csv")
FEATURES = Path("data/features/classifier/demo")
SPLIT = Path("data/splits/full-1.parquet")


@pytest.fixture
def train(stage: Callable[..., Result]) -> Callable[[], Result]:
    """The stage on full-1."""
    return lambda: stage("train_dcgan", **ITEM)


def train_clips() -> pd.DataFrame:
    clips = manifest.read(Path("data/manifest.parquet"), manifest.CLIPS)
    return manifest.partition(clips, manifest.read(SPLIT, manifest.PARTITIONED), "train")


def written() -> dict[str, bytes]:
    return {path.as_posix(): path.read_bytes() for path in (*sorted(OUT.iterdir()), CURVE)}


def spoil(ids: set[str]) -> None:
    """Make some clips' spectrograms no numbers."""
    clips = manifest.read(Path("data/manifest.parquet"), manifest.CLIPS)
    stored = {id_: np.array(Shard(FEATURES).array(id_, "log_mel")) for id_ in clips["id"]}
    with Writer(FEATURES) as writer:
        for id_, mel in stored.items():
            writer.add(id_, {"log_mel": np.full_like(mel, np.nan) if id_ in ids else mel})


def test_model_is_written(train: Callable[[], Result]) -> None:
    result = train()
    assert result.exit_code == 0, result.output
    assert "full-1 dcgan: 18 clips, step 4/4, " in result.output
    tensors, config = models.load(OUT)
    assert all(torch.isfinite(tensor).all() for tensor in tensors.values())
    assert {name.split(".")[0] for name in tensors} == {"generator", "normalisation"}
    assert (config["kind"], config["split"]) == ("dcgan", "full-1")
    assert config["emotions"] == ["angry", "neutral", "sad"]
    assert config["train_clips"] == {"angry": 6, "neutral": 6, "sad": 6}
    assert config["train_clips_sha256"] == provenance.clips_sha256(train_clips())
    assert config["licenses"] == sorted(train_clips()["license"].unique())
    curve = pd.read_csv(CURVE)
    assert list(curve.columns) == ["step", "generator", "discriminator"]


def test_nothing_of_valid_or_test_is_read(train: Callable[[], Result]) -> None:
    train()
    before = written()
    clips = manifest.read(Path("data/manifest.parquet"), manifest.CLIPS)
    others = set(clips["id"]) - set(train_clips()["id"])
    assert len(others) == 18
    spoil(others)
    assert train().exit_code == 0
    assert written() == before
    spoil({train_clips()["id"].iloc[0]})  # or the above could not fail
    assert train().exit_code == 1 or not all(torch.isfinite(own).all() for own in models.load(OUT)[0].values())


def test_each_split_has_a_seed_of_its_own(train: Callable[[], Result], stage: Callable[..., Result]) -> None:
    train()
    split = manifest.read(SPLIT, manifest.PARTITIONED)
    manifest.write(split, SPLIT.with_name("full-9.parquet"), manifest.PARTITIONED, "")
    assert stage("train_dcgan", **{**ITEM, "fold": "9"}).exit_code == 0
    one, other = (models.load(OUT.with_name(name))[0] for name in ("full-1", "full-9"))
    assert torch.equal(one["normalisation.mean"], other["normalisation.mean"])
    assert not torch.equal(one["generator.enter.weight"], other["generator.enter.weight"])


def test_without_train_clips_or_with_too_few_bands(train: Callable[[], Result]) -> None:
    with Writer(FEATURES) as writer:
        for id_ in train_clips()["id"]:
            writer.add(id_, {"log_mel": np.zeros((30, 15))})
    result = train()
    assert result.exit_code == 1
    assert f"{SPLIT}: log-mel of 15 bands, expected 16 or more" in result.output
    split = manifest.read(SPLIT, manifest.PARTITIONED)
    manifest.write(split.assign(partition="valid"), SPLIT, manifest.PARTITIONED, "")
    result = train()
    assert result.exit_code == 1
    assert f"{SPLIT}: no train clip" in result.output
    assert not OUT.exists()
