"""Conversions of a tiny corpus: which clips, how they sound, and what is known of them."""

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from click.testing import Result

from pipeline.audio import decoding, preparation
from pipeline.audio.intelligibility import intelligibility
from pipeline.audio.preparation import AudioParams
from pipeline.core import manifest, models
from pipeline.core.params import load
from pipeline.core.shards import Shard, Shards
from pipeline.networks import provenance
from pipeline.stages.generate import Pair, synthetic_rows
from pipeline.vocoder import Features

ITEM = {"scenario": "full", "fold": "1", "generator": "cyclegan"}
MODEL = Path("models/cyclegan/full-1/angry-neutral")
OUT = Path("data/synthetic/full-1/cyclegan/angry-neutral")
TRAIN_SPEAKERS = {"demo_m01", "demo_m02"}
PARAMS = Path("params.yaml")
F0 = -14  # mean log-F0 among the functionals
Stage = Callable[..., Result]


@pytest.fixture(scope="module")
def rows(finished: Path) -> pd.DataFrame:
    return manifest.read(finished / OUT / manifest.SYNTHETIC_TABLE, manifest.SYNTHETIC)


@pytest.fixture(scope="module")
def clips(finished: Path) -> pd.DataFrame:
    """Real ones, by id, with their partition."""
    split = manifest.read(finished / "data/splits/full-1.parquet", manifest.PARTITIONED)
    return manifest.read(finished / "data/manifest.parquet", manifest.CLIPS).merge(split, on="id").set_index("id")


@pytest.fixture
def there(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The finished project, which is only read, as current directory."""
    monkeypatch.chdir(finished)


def test_every_train_clip_of_the_pair_in_both_directions(rows: pd.DataFrame, clips: pd.DataFrame) -> None:
    of_pair = clips[clips["emotion"].isin(("angry", "neutral"))]
    expected = of_pair[of_pair["partition"] == "train"]
    assert len(expected) == 12
    assert sorted(rows["source_id"]) == sorted(expected.index)
    assert set(zip(rows["source_emotion"], rows["emotion"], strict=True)) == {
        ("angry", "neutral"),
        ("neutral", "angry"),
    }
    assert set(rows["speaker"]) == TRAIN_SPEAKERS < set(clips["speaker"])


def test_what_is_kept_and_what_changes(rows: pd.DataFrame, clips: pd.DataFrame) -> None:
    source = clips.loc[rows["source_id"]].reset_index()
    for name in ("speaker", "corpus", "gender", "language", "sentence", "intensity", "license"):
        pd.testing.assert_series_equal(rows[name], source[name])
        assert rows[name].notna().all()
    pd.testing.assert_series_equal(rows["source_emotion"], source["emotion"], check_names=False)
    assert (rows["emotion"] != source["emotion"]).all()
    assert rows["emotion_raw"].isna().all()
    assert not set(rows["sha256"]) & set(clips["sha256"])


@pytest.mark.usefixtures("there")
def test_provenance(rows: pd.DataFrame) -> None:
    metadata = manifest.metadata(OUT / manifest.SYNTHETIC_TABLE)
    assert (metadata["split"], metadata["emotions"]) == ("full-1", "angry-neutral")
    assert metadata["model"] == MODEL.as_posix()
    assert rows["id"].is_unique
    assert rows["id"].is_monotonic_increasing
    assert rows["is_synthetic"].all()
    assert set(rows["generator"]) == {"cyclegan"}
    assert set(rows["generator_sha256"]) == {provenance.fingerprint(MODEL)}
    assert set(rows["seed"]) == {models.load(MODEL)[1]["seed"]}
    assert rows["parameters"].isna().all()
    # Intelligibility needs 0.4 s of speech.
    unknown = ("start", "end", "emotion_raw", "intensity_raw", "parameters", "intelligibility")
    assert rows[[name for name in manifest.SYNTHETIC.names if name not in unknown]].notna().all().all()


def test_names_of_files_that_ids_do_not_fit(clips: pd.DataFrame) -> None:
    """Ids of a table's clips are paths, of any length, in any script."""
    sources = clips.reset_index().query("emotion == 'angry'")[:4]
    ids = ["mine/a/b_c", "mine/a_b/c", "mine/" + "ü" * 300, "mine/x" + "ü" * 300]
    rows = synthetic_rows(sources.assign(id=ids), ("angry", "neutral"), "full-1/cyclegan", OUT, {})
    names = [Path(path).name for path in rows["filepath"]]
    assert len(set(names)) == 4
    assert max(len(name.encode()) for name in names) < 256
    assert all(path.startswith(f"{OUT.as_posix()}/") for path in rows["filepath"])


@pytest.mark.usefixtures("there")
def test_audio(rows: pd.DataFrame) -> None:
    prepared = load(PARAMS, "audio", AudioParams)
    assert {path.suffix for path in OUT.iterdir() if path.is_file()} == {".flac", ".parquet"}
    assert len(list(OUT.glob("*.flac"))) == len(rows) == rows["filepath"].nunique()
    for row in rows.itertuples():
        assert not Path(row.filepath).is_absolute()
        assert Path(row.filepath).parent == OUT
        about = soundfile.info(row.filepath)
        assert (about.format, about.subtype, about.channels) == ("FLAC", "PCM_16", 1)
        recording = decoding.read(Path(row.filepath))
        assert recording.sha256 == row.sha256
        assert recording.sampling_rate == row.sampling_rate == prepared.sampling_rate
        assert recording.duration == pytest.approx(row.duration)
        assert 0.3 < recording.duration < 0.6
        assert np.abs(recording.samples).max() <= preparation.PEAK + 2**-15
        level_db = 20 * np.log10(np.sqrt(np.mean(recording.samples.astype(float) ** 2)))
        assert level_db == pytest.approx(prepared.level_db, abs=0.5)


def test_loud_clips_are_lowered_not_clipped(stage: Stage, params: Callable[..., None]) -> None:
    params({"audio.level_db": 0})
    assert stage("generate", **ITEM).exit_code == 0
    for path in OUT.glob("*.flac"):
        samples = decoding.read(path).samples
        assert np.abs(samples).max() == pytest.approx(preparation.PEAK, abs=2**-15)
        assert np.count_nonzero(np.abs(samples) > 0.98 * preparation.PEAK) < 0.02 * len(samples)


@pytest.mark.usefixtures("there")
def test_conversion_moves_f0_as_the_emotions_differ(rows: pd.DataFrame) -> None:
    """The corpus's angry voices are 1.18 times as high as its neutral ones."""
    voices = Shard(Path("data/features/classifier/demo"))
    converted = Shard(OUT / manifest.SYNTHETIC_FEATURES)
    for row in rows.itertuples():
        before, after = (
            shard.array(id_, "functionals")[0, F0] for shard, id_ in ((voices, row.source_id), (converted, row.id))
        )
        expected = np.log(1.18) * (1 if row.emotion == "angry" else -1)
        assert after - before == pytest.approx(expected, abs=0.03)


@pytest.mark.usefixtures("there")
def test_words_are_compared_with_each_clips_own_source(rows: pd.DataFrame, clips: pd.DataFrame) -> None:
    prepared = load(PARAMS, "audio", AudioParams)
    converted = [decoding.read(Path(path)).samples for path in rows["filepath"]]
    sources = [decoding.read(Path(path)) for path in clips.loc[rows["source_id"], "filepath"]]
    spoken = [preparation.prepare(source.samples, source.sampling_rate, prepared) for source in sources]
    expected = [intelligibility(*pair, prepared.sampling_rate) for pair in zip(converted, spoken, strict=True)]
    assert rows["intelligibility"].tolist() == pytest.approx(expected)


def test_an_intensity_for_all(stage: Stage, params: Callable[..., None], rows: pd.DataFrame) -> None:
    """How far F0 goes is steered by it, and the table names it, though the corpus has nothing of it."""
    params({"generate.intensity": "extreme"})
    result = stage("generate", **ITEM)
    assert result.exit_code == 1
    assert "'generate.intensity' is 'extreme'" in result.output
    params({"generate.intensity": "high"})
    assert stage("generate", **ITEM).exit_code == 0
    converted = manifest.read(OUT / manifest.SYNTHETIC_TABLE, manifest.SYNTHETIC)
    assert set(converted["intensity"]) == {"high"}
    assert set(rows["intensity"]) == {"medium"}
    pd.testing.assert_frame_equal(converted[["id", "emotion", "seed"]], rows[["id", "emotion", "seed"]])
    assert not set(converted["sha256"]) & set(rows["sha256"])
    voices, shard = Shard(Path("data/features/classifier/demo")), Shard(OUT / manifest.SYNTHETIC_FEATURES)
    for row in converted.itertuples():
        before, after = voices.array(row.source_id, "functionals"), shard.array(row.id, "functionals")
        expected = 1.5 * np.log(1.18) * (1 if row.emotion == "angry" else -1)
        assert (after - before)[0, F0] == pytest.approx(expected, abs=0.04)


def test_same_bytes_twice(stage: Stage) -> None:
    def contents() -> dict[str, bytes]:
        return {path.relative_to(OUT).as_posix(): path.read_bytes() for path in OUT.rglob("*") if path.is_file()}

    before = contents()
    (OUT / "left over from before.flac").touch()
    result = stage("generate", **ITEM)
    assert result.exit_code == 0, result.output
    assert "full-1 cyclegan angry-neutral: 12 clips" in result.output and "neutral-sad: 12 clips" in result.output
    assert contents() == before
    assert len(before) == 12 + 1 + 5


def test_licences_of_all_clips_that_the_model_learned_from(stage: Stage) -> None:
    assert models.config(MODEL)["licenses"] == ["CC0-1.0"]
    tensors, config = models.load(MODEL)
    models.save(MODEL, tensors, config | {"licenses": ["CC0-1.0", "no derivatives"]})
    assert stage("generate", **ITEM).exit_code == 0
    rows = manifest.read(OUT / manifest.SYNTHETIC_TABLE, manifest.SYNTHETIC)
    assert set(rows["license"]) == {"CC0-1.0; no derivatives"}


def test_missing_files_leave_the_old_clips(stage: Stage, params: Callable[..., None]) -> None:
    before = sorted(OUT.rglob("*"))
    index = Path("data/features/vocoder/demo/index.parquet").rename("elsewhere")
    result = stage("generate", **ITEM)
    assert result.exit_code == 1
    assert "data/features/vocoder/demo: no features here; `dvc repro` makes them" in result.output
    index.rename("data/features/vocoder/demo/index.parquet")
    params({"pairs": ["angry-neutral", "angry-sad"]})
    result = stage("generate", **ITEM)
    assert result.exit_code == 1
    assert "models/cyclegan/full-1/angry-sad: no model here; `dvc repro` trains it" in result.output
    assert sorted(OUT.rglob("*")) == before
    assert [path.name for path in OUT.parents[1].iterdir() if path.name.startswith(".")] == []
    assert not Path("data/synthetic/full-1/cyclegan/angry-sad").exists()


def test_spectra_relative_to_the_speaker(stage: Stage, params: Callable[..., None], clips: pd.DataFrame) -> None:
    """Each clip is converted relative to its own speaker's mean: minus the mean, then mean and deviation, plus it."""
    params({"train_cyclegan.normalisation": "speaker", "pairs": ["angry-neutral"], "prosody.duration": "none"})
    assert stage("train_cyclegan", scenario="full", fold="1").exit_code == 0
    tensors, _ = models.load(MODEL)
    train, stored = clips[clips["partition"] == "train"].reset_index(), Shards([Path("data/features/vocoder/demo")])
    pair = Pair.load(MODEL, train, "statistics", OUT, "source", torch.device("cpu"))
    shift = tensors["neutral_mean.demo_m01"] - tensors["neutral_mean.demo_m02"]
    assert shift.abs().max() > 0.1
    for row, content in zip(pair.rows.itertuples(), pair.converted(stored, (71, 600)), strict=True):
        own = tensors[f"neutral_mean.{row.speaker}"].numpy()
        (mean, deviation), (target_mean, target_deviation) = (
            [tensors[f"normalisation.{emotion}.medium.{of}"].numpy() for of in ("mean", "deviation")]
            for emotion in (row.source_emotion, row.emotion)
        )
        source = Features.load(stored, row.source_id).spectrum
        expected = (source - own - mean) / deviation * target_deviation + target_mean + own
        np.testing.assert_allclose(content.content.spectrum, expected, atol=1e-3)
    result = stage("generate", **ITEM)
    assert result.exit_code == 0, result.output


def test_controls_have_the_pitch_of_the_conversions_and_another_spectrum(stage: Stage, clips: pd.DataFrame) -> None:
    """`statistics` move mean and variance alone, `f0_only` leave the spectrum to the source."""
    full = manifest.read(OUT / manifest.SYNTHETIC_TABLE, manifest.SYNTHETIC)
    shards, first = {"cyclegan": Shard(OUT / manifest.SYNTHETIC_FEATURES)}, {"cyclegan": full["id"][0]}
    network_f0 = [shards["cyclegan"].array(id_, "functionals")[0, F0] for id_ in full["id"]]
    for generator in ("statistics", "f0_only"):
        out = Path("data/synthetic/full-1") / generator / "angry-neutral"
        result = stage("generate", **{**ITEM, "generator": generator})
        assert result.exit_code == 0, result.output
        own = manifest.read(out / manifest.SYNTHETIC_TABLE, manifest.SYNTHETIC)
        assert set(own["generator"]) == {generator} and set(own["id"]).isdisjoint(full["id"])
        for name in ("source_id", "emotion", "generator_sha256"):
            pd.testing.assert_series_equal(own[name], full[name])
        shards[generator], first[generator] = Shard(out / manifest.SYNTHETIC_FEATURES), own["id"][0]
        f0 = [shards[generator].array(id_, "functionals")[0, F0] for id_ in own["id"]]
        np.testing.assert_allclose(f0, network_f0, atol=0.04)
    spectra = {name: shard.array(first[name], "log_mel") for name, shard in shards.items()}
    for one, other in combinations(spectra, 2):
        assert spectra[one].shape != spectra[other].shape or not np.allclose(spectra[one], spectra[other], atol=0.1)
