"""Conversions of a tiny corpus's test speaker: clips, references and scorers."""

import json
import shutil
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import Result

from pipeline.assessment import figures
from pipeline.assessment.figures import ASSESSED, DISTANCES
from pipeline.conversion import speaker_means
from pipeline.core import manifest
from pipeline.core.shards import Shards
from pipeline.networks.weights import Weights
from pipeline.stages import assess
from pipeline.stages.assess import converted
from pipeline.standard_scorers import scoring
from pipeline.vocoder import Features
from tests.tiny_project import SPLIT, run_all, working_in

OUT = Path("data/assessed/full-1.parquet")
CLIPS, TABLE = Path("data/manifest.parquet"), Path("data/splits/full-1.parquet")
DIRECTIONS = {("angry", "neutral"), ("neutral", "angry"), ("neutral", "sad"), ("sad", "neutral")}
Stage = Callable[..., Result]


@pytest.fixture(scope="module")
def assessed(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Project with fold 1 assessed; do not change it."""
    with working_in(tmp_path_factory.mktemp("assessed"), finished) as folder:
        run_all([("assess", SPLIT)])
    return folder


@pytest.fixture
def table(assessed: Path) -> pd.DataFrame:
    """Of fold 1, whose test speaker speaks three sentences, in each of three emotions once."""
    return manifest.read(assessed / OUT, ASSESSED)


def of(table: pd.DataFrame, what: str) -> pd.DataFrame:
    return table[table["what"] == what]


def change(path: Path, schema: Any, **columns: Any) -> None:
    manifest.write(manifest.read(path, schema).assign(**columns), path, schema, "")


def test_each_clip_of_the_test_speaker_in_each_direction(table: pd.DataFrame) -> None:
    assert set(table["speaker"]) == {"demo_f01"}
    assert table["id"].str.startswith("demo/f01").all()
    assert not table.duplicated(["source", "target", "what", "id"]).any()
    counts = table.groupby(["source", "target", "what"]).size().unstack()
    assert set(counts.index) == DIRECTIONS
    for row in counts.to_dict("records"):
        assert row == {"unconverted": 3, "converted": 3, "resynthesised": 3, "copy_synthesis": 6, "second_reference": 3}
    for what, emotion in (("unconverted", "source"), ("converted", "source"), ("second_reference", "target")):
        rows = of(table, what)
        assert all(emotion_ in id_ for id_, emotion_ in zip(rows["id"], rows[emotion], strict=True))


def test_references_are_parallel_utterances_of_the_target(table: pd.DataFrame) -> None:
    """Each utterance is spoken once in each emotion, so there is no second reference."""
    for what in ("unconverted", "converted"):
        assert (of(table, what)["references"] == 1).all()
        assert of(table, what)[list(DISTANCES)].notna().all().all()
    assert (of(table, "second_reference")["references"] == 0).all()
    assert of(table, "second_reference")[list(DISTANCES)].isna().all().all()
    f0 = table.groupby("what")["f0_mean_st"].mean()
    assert f0["copy_synthesis"] < 0.3
    assert f0["converted"] < 0.8 < 1.5 < f0["unconverted"]


def test_scores(table: pd.DataFrame) -> None:
    assert of(table, "converted")["estoi"].notna().all()
    assert of(table, "unconverted")["estoi"].isna().all()
    for what in ("unconverted", "converted", "second_reference"):
        assert set(of(table, what)["recognised"]) <= {"angry", "neutral", "sad"}
        assert of(table, what)["recognised"].notna().all()
    assert of(table, "second_reference").eval("recognised == target").mean() > 0.6
    assert table["identified"].isna().all()  # there is one test speaker


def test_copy_synthesis_is_scored_as_a_source_and_as_a_reference(table: pd.DataFrame) -> None:
    copies = of(table, "copy_synthesis")
    is_source = pd.Series(
        [emotion_ in id_ for id_, emotion_ in zip(copies["id"], copies["source"], strict=True)], copies.index
    )
    assert copies.loc[is_source, "estoi"].gt(0.5).all()
    assert copies.loc[is_source, ["mcd_db", "recognised"]].isna().all().all()
    assert copies.loc[~is_source, "estoi"].isna().all()
    assert copies.loc[~is_source, ["mcd_db", "recognised"]].notna().all().all()
    assert copies["mcd_db"].max() < of(table, "unconverted")["mcd_db"].min()


def test_scorers_are_fitted_on_train_clips_alone(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted_on = []

    class Spied(assess.ConversionScorers):
        def __init__(self, train: pd.DataFrame, clips: pd.DataFrame, stored: Any) -> None:
            fitted_on.append((set(train["speaker"]), set(clips["speaker"])))
            super().__init__(train, clips, stored)

    monkeypatch.setattr(assess, "ConversionScorers", Spied)
    assert stage("assess", "--partition", "valid", **SPLIT).exit_code == 0
    assert fitted_on == [({"demo_m01", "demo_m02"}, {"demo_f02"})]
    assert set(manifest.read(OUT, ASSESSED)["speaker"]) == {"demo_f02"}
    assert manifest.metadata(OUT)["partition"] == "valid"


def test_controls_are_assessed_as_conversions_are(stage: Stage, assessed: Path, table: pd.DataFrame) -> None:
    """They differ in the spectrum alone, which `f0_only` leaves far from the target."""
    key = ["source", "target", "id"]
    found = {"cyclegan": of(table, "converted").set_index(key)}
    for generator in ("statistics", "f0_only"):
        result = stage("assess", "--generator", generator, **SPLIT)
        assert result.exit_code == 0, result.output
        assert manifest.metadata(OUT)["generator"] == generator
        rows = manifest.read(OUT, ASSESSED)
        pd.testing.assert_frame_equal(of(rows, "unconverted"), of(table, "unconverted"))
        found[generator] = of(rows, "converted").set_index(key)
    for name in ("f0_mean_st", "log_duration"):
        for own in found.values():
            pd.testing.assert_series_equal(own[name], found["cyclegan"][name], atol=0.1)
    for one, other in combinations(found.values(), 2):
        assert (one["mcd_db"] - other["mcd_db"]).abs().max() > 1e-3  # few steps: little is learned
    assert found["statistics"]["mcd_db"].mean() < found["f0_only"]["mcd_db"].mean()


def test_spectra_relative_to_the_speaker(
    stage: Stage, params: Callable[..., None], table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mean is of the test speaker's own neutral clips in other sentences; without any, a clip is left out."""
    params({"train_cyclegan.normalisation": "speaker", "pairs": ["neutral-sad"]})
    assert stage("train_cyclegan", **SPLIT).exit_code == 0
    used: list[tuple[str, np.ndarray, np.ndarray]] = []

    def spied(converter: Any, clip: Features, source: str, *more: Any) -> Features:
        used.append((source, clip.spectrum, more[-1]))
        return converted(converter, clip, source, *more)

    monkeypatch.setattr(assess, "converted", spied)
    result = stage("assess", **SPLIT)
    assert result.exit_code == 0, result.output
    assert "full-1: 6 test clips, 2 directions" in result.output and "left out" not in result.output
    stored = Shards([Path("data/features/vocoder/demo")])
    for source, spectrum, mean in used:
        [own] = [
            sentence
            for sentence in (1, 2, 3)
            if np.array_equal(Features.load(stored, f"demo/f01_s{sentence}_{source}_medium").spectrum, spectrum)
        ]
        others = [
            speaker_means.summed(Features.load(stored, f"demo/f01_s{sentence}_neutral_medium").spectrum)
            for sentence in (1, 2, 3)
            if sentence != own
        ]
        np.testing.assert_allclose(mean, speaker_means.mean(others), atol=1e-6)
    assert len(used) == 6
    assert set(of(manifest.read(OUT, ASSESSED), "converted")["id"]) == {
        id_ for id_ in of(table, "converted")["id"] if "angry" not in id_
    }
    known = manifest.read(TABLE, manifest.PARTITIONED)
    gone = known["id"].isin([f"demo/f01_s{sentence}_neutral_medium" for sentence in (2, 3)])
    manifest.write(known[~gone], TABLE, manifest.PARTITIONED, "")
    result = stage("assess", **SPLIT)
    assert result.exit_code == 0, result.output
    assert "full-1: 2 test clips, 2 directions" in result.output
    assert "left out 2 clips: no neutral clip of the speaker in another sentence" in result.output


def test_standard_scores_stand_beside_the_others(
    stage: Stage, params: Callable[..., None], table: pd.DataFrame, stand_ins: list[int]
) -> None:
    params({"standard_scorers.assess": ["distillmos", "ge2e", "swift_f0"]})
    result = stage("assess", **SPLIT)
    assert result.exit_code == 0, result.output
    rows = figures.read(OUT)
    pd.testing.assert_frame_equal(rows[table.columns], table)
    own = ["distillmos", "ge2e_similarity", "ge2e_identification", "swift_f0_mean_st", "swift_f0_deviation_st"]
    assert [*rows.columns] == [*ASSESSED.names, *own]
    for what in ("unconverted", "converted", "copy_synthesis", "second_reference"):
        found = of(rows, what)
        assert found["distillmos"].between(1, 5).sum() == 12
        assert found["ge2e_similarity"].notna().sum() == 12
    known = rows["swift_f0_mean_st"].notna().groupby(rows["what"]).sum().to_dict()
    assert known == {what: 0 for what in ("converted", "second_reference")} | {
        what: 12 for what in ("copy_synthesis", "resynthesised", "unconverted")
    }
    assert rows["ge2e_identification"].isna().all()  # there is one test speaker
    real = 9
    assert len(stand_ins) == 3 * (real + 9 + 12)  # copies and conversions; a real clip once
    table_path = Path("metrics/conversion.csv")
    assert stage("tabulate").exit_code == 0
    flat = pd.read_csv(table_path)
    assert flat.query("what == 'converted'")["distillmos"].notna().all()
    mean = json.loads(Path("metrics/conversion.json").read_text())["full"]["mean"]
    assert set(mean["distillmos"]) == {"unconverted", "converted", "copy_synthesis", "second_reference"}
    assert mean["distillmos"]["converted"] == pytest.approx(of(rows, "converted")["distillmos"].mean(), abs=1e-3)


def test_without_the_package_there_is_a_line_and_no_column(
    stage: Stage, assessed: Path, params: Callable[..., None], stand_ins: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = scoring._module("dnsmos")
    module.Network.WEIGHTS = Weights("no-such-package", {}, "scorers")
    monkeypatch.setattr(scoring, "_module", lambda name: module)
    params({"standard_scorers.assess": ["dnsmos"]})
    result = stage("assess", **SPLIT)
    assert result.exit_code == 0, result.output
    assert "no scores of dnsmos: the package no-such-package is not installed" in result.output
    assert OUT.read_bytes() == (assessed / OUT).read_bytes()


def test_same_bytes_twice_and_nothing_else(stage: Stage, assessed: Path) -> None:
    """The held-out clips are in no other file."""

    def contents() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}

    before = contents()
    result = stage("assess", **SPLIT)
    assert result.exit_code == 0, result.output
    assert "full-1: 9 test clips, 4 directions" in result.output
    assert contents() == before | {OUT: (assessed / OUT).read_bytes()}


def test_two_speakers_with_unknown_sentences(stage: Stage, params: Callable[..., None]) -> None:
    """There are no references, but all other scores."""
    params({"pairs": ["angry-neutral"]})
    change(CLIPS, manifest.CLIPS, sentence=None)
    partition = manifest.read(TABLE, manifest.PARTITIONED)["partition"]
    change(TABLE, manifest.PARTITIONED, partition=partition.replace("valid", "test"))
    result = stage("assess", **SPLIT)
    assert result.exit_code == 0, result.output
    rows = of(manifest.read(OUT, ASSESSED), "converted")
    assert len(rows) == 12
    assert (rows["references"] == 0).all()
    assert rows[list(DISTANCES)].isna().all().all()
    assert rows[["estoi", "recognised"]].notna().all().all()
    assert set(rows["identified"]) <= {"demo_f01", "demo_f02"}


def test_missing_model_and_no_pairs(stage: Stage, params: Callable[..., None]) -> None:
    shutil.rmtree("models/cyclegan/full-1/neutral-sad")
    result = stage("assess", **SPLIT)
    assert result.exit_code == 1
    assert "models/cyclegan/full-1/neutral-sad: no model here; `dvc repro` trains it" in result.output
    assert not OUT.exists()
    params({"pairs": []})
    shutil.rmtree("models")
    result = stage("assess", **SPLIT)
    assert result.exit_code == 0, result.output
    assert manifest.read(OUT, ASSESSED).empty


@pytest.mark.parametrize(("other", "is_"), [("full-3/angry-neutral", "full-3"), ("full-1/neutral-sad", "neutral-sad")])
def test_model_of_something_else(stage: Stage, other: str, is_: str) -> None:
    """A model of another split may be trained on the test speakers."""
    shutil.rmtree("models/cyclegan/full-1/angry-neutral")
    shutil.copytree(f"models/cyclegan/{other}", "models/cyclegan/full-1/angry-neutral")
    result = stage("assess", **SPLIT)
    assert result.exit_code == 1
    assert "models/cyclegan/full-1/angry-neutral: is " in result.output
    assert is_ in result.output
    assert "expected angry-neutral of full-1" in result.output


def test_audio_that_is_gone(stage: Stage) -> None:
    clips = manifest.read(CLIPS, manifest.CLIPS)
    path = Path(clips.loc[clips["speaker"] == "demo_f01", "filepath"].iloc[0])
    path.unlink()
    result = stage("assess", **SPLIT)
    assert result.exit_code == 1
    assert f"{path}: No such file" in result.output
    assert not OUT.exists()
