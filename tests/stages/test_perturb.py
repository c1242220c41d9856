"""Perturbed clips of a tiny corpus: rows, audio and provenance."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import Result

from pipeline.audio import decoding, preparation
from pipeline.audio.acoustics import pitch
from pipeline.audio.preparation import AudioParams
from pipeline.classification import budget
from pipeline.core import manifest, predictions
from pipeline.core.params import load
from pipeline.core.shards import FRONT_END, Shard, Shards
from pipeline.evaluation import pooling
from pipeline.generation.classical import Perturbation
from pipeline.generation.vtlp import Vtlp
from pipeline.leakage import audit
from pipeline.networks import provenance
from pipeline.vocoder import Features
from pipeline.vocoder.world import World, WorldParams
from tests.tiny_project import SPLIT

CLASSICAL, COPIES, VTLP, CONVERTED = (
    {**SPLIT, "generator": name} for name in ("classical", "copy_synthesis", "vtlp", "speaker_conversion")
)
CHANGED, COPIED, VTLP_CLIPS, CONVERTED_CLIPS = (
    Path(f"data/synthetic/full-1/{item['generator']}/all") for item in (CLASSICAL, COPIES, VTLP, CONVERTED)
)
Stage = Callable[..., Result]


@pytest.fixture
def train(project: Path) -> pd.DataFrame:
    """Real train clips, by id; the split is cut down to those of one sentence."""
    path = Path("data/splits/full-1.parquet")
    split = manifest.read(path, manifest.PARTITIONED)
    split = split[(split["partition"] != "train") | split["id"].str.contains("_s3_")]
    manifest.write(split, path, manifest.PARTITIONED, "")
    clips = manifest.read(Path("data/manifest.parquet"), manifest.CLIPS)
    return manifest.partition(clips, split, "train").set_index("id")


def rows(folder: Path) -> pd.DataFrame:
    return manifest.read(folder / manifest.SYNTHETIC_TABLE, manifest.SYNTHETIC)


def test_classical_changes_of_each_train_clip(stage: Stage, train: pd.DataFrame, params: Callable[..., None]) -> None:
    """The recorded parameters reproduce a clip; the same seed gives the same bytes, and another one others."""

    def contents() -> dict[Path, bytes]:
        result = stage("perturb", **CLASSICAL)
        assert result.exit_code == 0, result.output
        assert "full-1 classical: 12 clips" in result.output
        return {path: path.read_bytes() for path in CHANGED.rglob("*") if path.is_file()}

    params({"perturb.copies": 2})
    before = contents()
    written = rows(CHANGED)
    assert written["source_id"].value_counts().to_dict() == dict.fromkeys(train.index, 2)
    source = train.loc[written["source_id"]].reset_index()
    for name in ("emotion", "intensity", "speaker", "corpus", "gender", "sentence", "license"):
        pd.testing.assert_series_equal(written[name], source[name])
    pd.testing.assert_series_equal(written["source_emotion"], source["emotion"], check_names=False)
    assert written["id"].is_unique and written["sha256"].is_unique and not set(written["sha256"]) & set(train["sha256"])
    assert written["intelligibility"].median() > 0.5
    prepared = load(Path("params.yaml"), "audio", AudioParams)
    for row in written.head(6).itertuples():
        samples = preparation.prepared(Path(train.loc[row.source_id, "filepath"]), prepared)
        again = Perturbation(**json.loads(row.parameters)).apply(samples, prepared.sampling_rate)
        found = decoding.read(Path(row.filepath)).samples
        np.testing.assert_allclose(found, preparation.level(again, prepared.level_db), atol=2**-15)
    assert contents() == before
    params({"seed": 12})
    assert contents() != before


def test_classical_changes_pass_the_vocoder_if_real_clips_do(
    stage: Stage, train: pd.DataFrame, params: Callable[..., None]
) -> None:
    assert stage("perturb", **CLASSICAL).exit_code == 0
    usual = rows(CHANGED)
    assert Shards([CHANGED / manifest.SYNTHETIC_FEATURES]).metadata(FRONT_END) == "natural"
    params({"classify.front_end": "vocoded"})
    result = stage("perturb", **CLASSICAL)
    assert result.exit_code == 0, result.output
    written = rows(CHANGED)
    assert Shards([CHANGED / manifest.SYNTHETIC_FEATURES]).metadata(FRONT_END) == "vocoded"
    assert set(written["generator_sha256"]).isdisjoint(usual["generator_sha256"])
    prepared = load(Path("params.yaml"), "audio", AudioParams)
    world = World(load(Path("params.yaml"), "vocoder.world", WorldParams), prepared.sampling_rate)
    for row in written.head(4).itertuples():
        samples = preparation.prepared(Path(train.loc[row.source_id, "filepath"]), prepared)
        changed = Perturbation(**json.loads(row.parameters)).apply(samples, prepared.sampling_rate)
        changed = preparation.prepare(changed, prepared.sampling_rate, prepared)
        copy = preparation.level(world.synthesise(world.analyse(changed)), prepared.level_db)
        np.testing.assert_allclose(decoding.read(Path(row.filepath)).samples, copy, atol=2**-15)


def test_the_vocoder_alone(stage: Stage, train: pd.DataFrame) -> None:
    """One copy of each clip, that sounds much like it and is not it."""
    result = stage("perturb", **COPIES)
    assert result.exit_code == 0, result.output
    written = rows(COPIED)
    assert sorted(written["source_id"]) == sorted(train.index)
    assert written["parameters"].isna().all() and set(written["generator"]) == {"copy_synthesis"}
    copies, originals = Shard(COPIED / manifest.SYNTHETIC_FEATURES), Shard(Path("data/features/classifier/demo"))
    for row in written.head(4).itertuples():
        copied, real = copies.array(row.id, "log_mel"), originals.array(row.source_id, "log_mel")
        frames = min(len(copied), len(real))
        assert abs(len(copied) - len(real)) < 8
        assert np.corrcoef(copied[:frames].ravel(), real[:frames].ravel())[0, 1] > 0.8
        assert not np.allclose(copied[:frames], real[:frames], atol=0.1)


def test_vtlp_records_a_change_of_its_own_for_each_clip(
    stage: Stage, train: pd.DataFrame, params: Callable[..., None]
) -> None:
    params({"perturb.copies": 2})
    result = stage("perturb", **VTLP)
    assert result.exit_code == 0, result.output
    written = rows(VTLP_CLIPS)
    assert written["source_id"].value_counts().to_dict() == dict.fromkeys(train.index, 2)
    assert (written["emotion"] == written["source_emotion"]).all() and written["parameters"].is_unique
    prepared = load(Path("params.yaml"), "audio", AudioParams)
    world = World(load(Path("params.yaml"), "vocoder.world", WorldParams), prepared.sampling_rate)
    real = Shards([Path("data/features/vocoder/demo")])
    for row in written.head(4).itertuples():
        features = Features.load(real, row.source_id)
        again = Vtlp(**json.loads(row.parameters)).synthesise(features, world)
        found = decoding.read(Path(row.filepath)).samples
        np.testing.assert_allclose(found, preparation.level(again, prepared.level_db), atol=2**-15)


def test_speaker_conversion_records_the_voices(stage: Stage, train: pd.DataFrame, params: Callable[..., None]) -> None:
    """One voice for all clips of a speaker in a copy: that of the other man in train."""
    params({"perturb.copies": 2, "speaker_conversion.targets": ["train"]})
    result = stage("perturb", **CONVERTED)
    assert result.exit_code == 0, result.output
    written = rows(CONVERTED_CLIPS)
    assert written["source_id"].value_counts().to_dict() == dict.fromkeys(train.index, 2)
    for name in ("emotion", "speaker", "sentence"):
        pd.testing.assert_series_equal(written[name], train.loc[written["source_id"]].reset_index()[name])
    targets = written["parameters"].map(lambda text: list(json.loads(text)["targets"]))
    assert targets.tolist() == [["demo_m02" if who == "demo_m01" else "demo_m01"] for who in written["speaker"]]
    recorded = manifest.metadata(CONVERTED_CLIPS / manifest.SYNTHETIC_TABLE)["train_clips_sha256"]
    assert recorded == provenance.clips_sha256(train.reset_index())
    found = Shard(CONVERTED_CLIPS / manifest.SYNTHETIC_FEATURES)
    real = Shard(Path("data/features/classifier/demo"))
    median = {
        who: np.median([pitch(shard.array(id_, "functionals"))["f0_median_hz"] for id_ in ids])
        for who, shard, ids in (
            ("m01", real, train.index[train["speaker"] == "demo_m01"]),
            ("m02", real, train.index[train["speaker"] == "demo_m02"]),
            ("m01 as m02", found, written.loc[written["speaker"] == "demo_m01", "id"]),
        )
    }
    assert abs(median["m01 as m02"] - median["m02"]) < 0.3 * abs(median["m01"] - median["m02"])


def test_enrolled_speakers_are_targets(stage: Stage, train: pd.DataFrame, params: Callable[..., None]) -> None:
    item = {"scenario": "enrolment", "fold": "1", "generator": "enrolled_conversion"}
    result = stage("perturb", **item | {"scenario": "full"})
    assert result.exit_code == 1 and "needs a scenario of kind 'enrolment'" in result.output
    params({"split.scenarios.enrolment.share": 1, "scenarios": ["enrolment"], "folds": [1]})
    assert "enrol 2" in stage("split").output  # of f01 in test and f02 in valid
    result = stage("perturb", **item)
    assert result.exit_code == 0, result.output
    written = rows(Path("data/synthetic/enrolment-1/enrolled_conversion/all"))
    targets = {name for text in written["parameters"] for name in json.loads(text)["targets"]}
    assert targets == {"demo_f01", "demo_f02"} and set(written["speaker"]) == {"demo_m01", "demo_m02"}

    sources = written["source_id"].nunique()
    arms = ["none", "enrolled_conversion", "personal_conversion", "other_person", "enrolled_clips", "personal_clips"]
    params({"arms": arms, "classify.classifiers": ["svm"], "classify.normalisations": ["train", "neutral"]})
    result = stage("augment", scenario="enrolment", fold="1")
    assert result.exit_code == 0, result.output
    tables = {arm: manifest.read(Path(f"data/augmented/enrolment-1/{arm}.parquet"), manifest.AUGMENTED) for arm in arms}
    for arm, other in (("personal_conversion", False), ("other_person", True)):
        extra = tables[arm][tables[arm]["is_synthetic"]]
        voices = extra["parameters"].map(lambda text: next(iter(json.loads(text)["targets"])))
        assert ((extra["person"] != voices) == other).all()
        assert extra.groupby("person").size().to_dict() == {"demo_f01": sources, "demo_f02": sources}
    for arm in ("enrolled_clips", "personal_clips"):
        repeats = tables[arm][tables[arm]["is_synthetic"]]
        assert set(repeats["speaker"]) == {"demo_f01", "demo_f02"} and set(repeats["emotion"]) == {"neutral"}
    assert (repeats["person"] == repeats["speaker"]).all()
    assert tables["enrolled_clips"]["person"].isna().all()
    budgets = {}
    for arm in arms:
        result = stage("classify", scenario="enrolment", fold="1", arm=arm)
        assert result.exit_code == 0, result.output
        table = Path(f"data/predictions/enrolment-1/{arm}.parquet")
        assert set(predictions.read(table)["classifier"]) == {"svm", "svm+neutral_norm"}
        budgets[arm] = budget.stated(manifest.metadata(table))
        places = audit.Places(
            Path("data/manifest.parquet"),
            *(Path("data", name) for name in ("splits", "augmented", "predictions")),
            Path("models/classifiers"),
        )
        assert audit.of_arm(places, "enrolment-1", arm) == []
    extra_clips = [budgets[arm]["extra_clips"] for arm in arms]
    assert extra_clips[:4] == [0, sources, sources, sources] and 0 < extra_clips[5] < extra_clips[4] < sources
    assert budget.unequal(budgets, pooling.BASELINES) == []


@pytest.mark.usefixtures("train")
def test_numbers_of_one_generator_change_no_other(stage: Stage, params: Callable[..., None]) -> None:
    def digests() -> list[str]:
        for item in (CLASSICAL, COPIES, VTLP):
            assert stage("perturb", **item).exit_code == 0
        return [rows(folder)["generator_sha256"].iloc[0] for folder in (CHANGED, COPIED, VTLP_CLIPS)]

    first = digests()
    params({"vtlp.formants": 0.2})
    second = digests()
    assert [one == other for one, other in zip(first, second, strict=True)] == [True, True, False]
    params({"perturb.classical.semitones": 3})
    assert [one == other for one, other in zip(second, digests(), strict=True)] == [False, True, True]


def test_missing_sources_and_another_vocoder_are_named(
    stage: Stage, train: pd.DataFrame, params: Callable[..., None]
) -> None:
    path = Path(train["filepath"].iloc[0])
    path.unlink()
    result = stage("perturb", **CLASSICAL)
    assert result.exit_code == 1
    assert str(path) in result.output
    assert not CHANGED.exists()
    params({"vocoder.kind": "mel", "prosody.f0": "none"})
    result = stage("perturb", **VTLP)
    assert result.exit_code == 1
    assert "'vtlp' needs an envelope without F0; expected 'world'" in result.output
    assert not VTLP_CLIPS.exists()
