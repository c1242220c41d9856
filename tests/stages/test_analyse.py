"""Tables, plots and warnings of a tiny corpus, by the stage's command."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from click.testing import Result

from pipeline.core import manifest

Stage = Callable[..., Result]
METRICS, PLOTS = Path("metrics/corpus.json"), Path("metrics/plots/analyse")
TABLES = {
    "counts": ["corpus", "attribute", "value", "clips", "hours", "speakers"],
    "quartiles": ["corpus", "attribute", "value", "measure", "q25", "median", "q75"],
    "intensities": ["corpus", "emotion", "intensity", "clips"],
    "durations": ["corpus", "emotion", "from", "to", "clips", "share"],
    "f0": ["corpus", "emotion", "from", "to", "clips", "share"],
    "partition_counts": ["split", "partition", "attribute", "value", "clips", "hours", "speakers"],
    "partition_quartiles": ["split", "partition", "attribute", "value", "measure", "q25", "median", "q75"],
}


@pytest.fixture
def analyse(stage: Stage, params: Callable[..., None]) -> Callable[[], str]:
    """Function that runs the stage on two folds and returns its output."""
    params({"folds": [1, 3]})

    def run() -> str:
        result = stage("analyse")
        assert result.exit_code == 0, result.output
        return result.output

    return run


def outputs() -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in (METRICS, *sorted(PLOTS.rglob("*.*")))}


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from leaves(inner)
    else:
        yield value


def table(name: str) -> pd.DataFrame:
    return pd.read_csv(PLOTS / f"{name}.csv", keep_default_na=False)


def test_metrics_tables_and_spectrograms(analyse: Callable[[], str], params: Callable[..., None]) -> None:
    params({"analyse.min_speakers": 4, "analyse.min_gender_share": 0.5})
    Path("data/splits/full-9.parquet").write_bytes(b"no table at all")  # of no fold in params.yaml
    printed = analyse()
    first = outputs()
    assert len(first) == len(TABLES) + 2
    found = json.loads(METRICS.read_text())
    assert list(found) == ["corpora", "warnings"]
    assert list(found["corpora"]) == ["demo"]
    corpus = found["corpora"]["demo"]
    assert (corpus["clips"], corpus["speakers"]) == (36, 4)
    assert corpus["emotions"] == {"angry": 12, "neutral": 12, "sad": 12}
    assert 140 < corpus["medians"]["f0_median_hz"] < 170
    assert 0.5 < corpus["medians"]["duration_s"] < 0.6
    assert -45 < corpus["medians"]["level_db"] < -10
    lines = printed.splitlines()
    assert lines[0].startswith("analyse demo: 36 clips, 0.01 hours, 4 speakers, ")
    for line, name in zip(lines[1:4], corpus["emotions"], strict=True):
        assert line.startswith(f"analyse {name}: 12 clips, 4 speakers, median 0.")
    warnings = found["warnings"]
    assert warnings["count"] == len(warnings) - 1 == printed.count("warning: ")
    assert all(f"warning: {sentence}" in printed for name, sentence in warnings.items() if name != "count")
    assert "test clips have a sentence of train clips" in printed and "has 4 speakers" not in printed
    tables_and_spectrograms()
    analyse()
    assert outputs() == first
    params({"analyse.min_speakers": 5})
    assert analyse().count("has 4 speakers, not 5 or more") == 3


def test_unknown_attributes_and_clips_outside_a_split(analyse: Callable[[], str]) -> None:
    path = Path("data/splits/full-1.parquet")
    rows = manifest.read(path, manifest.PARTITIONED)
    manifest.write(rows[rows["partition"] == "test"], path, manifest.PARTITIONED, "abc")
    clips = manifest.read(Path("data/manifest.parquet"), manifest.CLIPS)
    nothing = clips.assign(gender=None, intensity=None, language=None, sentence=None)
    manifest.write(nothing, Path("data/manifest.parquet"), manifest.CLIPS, "abc")
    analyse()
    for leaf in leaves(json.loads(METRICS.read_text())):
        assert isinstance(leaf, (str, int, float)) and leaf == leaf
    counts = table("counts")
    unknown = counts[counts["attribute"].isin(["gender", "intensity", "language"])]
    assert unknown["value"].tolist() == ["unknown"] * 3
    assert set(table("intensities")["intensity"]) == {"unknown"}
    partitions = table("partition_counts")
    found = partitions[(partitions["split"] == "full-1") & (partitions["attribute"] == "all")]
    assert found[["partition", "clips"]].to_numpy().tolist() == [["left out", 27], ["test", 9]]


def tables_and_spectrograms() -> None:
    assert {path.stem for path in PLOTS.glob("*.csv")} == set(TABLES)
    for name, columns in TABLES.items():
        assert list(table(name).columns) == columns, name
        assert len(table(name)) and not (table(name) == "").any(axis=None), name
    partitions = table("partition_counts")
    assert set(partitions["split"]) == {"full-1", "full-3"}
    whole = partitions[partitions["attribute"] == "all"].groupby("split")["clips"].sum()
    assert whole.tolist() == [36, 36]
    medians = table("quartiles").set_index(["value", "measure"])["median"]
    assert medians["angry", "f0_median_hz"] > medians["neutral", "f0_median_hz"] > medians["sad", "f0_median_hz"]
    assert [path.name for path in (PLOTS / "spectrograms").iterdir()] == ["demo.png"]
    picture = matplotlib.image.imread(PLOTS / "spectrograms/demo.png")
    assert picture.shape[0] > 200 and picture.shape[1] > 600
    assert len(np.unique(picture.reshape(-1, picture.shape[2]), axis=0)) > 20
    assert b"Software" not in (PLOTS / "spectrograms/demo.png").read_bytes()


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        ("data/manifest.parquet", "data/manifest.parquet: not found"),
        ("data/splits/full-1.parquet", "data/splits/full-1.parquet: not found"),
        ("data/features/vocoder/demo/index.parquet", "data/features/vocoder/demo: no features here"),
        ("data/features/recordings/demo/index.parquet", "data/features/recordings/demo: no features here"),
    ],
)
def test_missing_files_are_named(project: Path, stage: Stage, gone: str, message: str) -> None:
    Path(gone).unlink()
    result = stage("analyse")
    assert result.exit_code == 1
    assert message in result.output
    assert not METRICS.exists() and not PLOTS.exists()


def test_a_clip_without_features_is_named(project: Path, stage: Stage) -> None:
    clips = manifest.read(Path("data/manifest.parquet"), manifest.CLIPS)
    more = pd.concat([clips, clips.head(1).assign(id="demo/new")])
    manifest.write(more, Path("data/manifest.parquet"), manifest.CLIPS, "abc")
    result = stage("analyse")
    assert result.exit_code == 1 and "no features of 'demo/new'" in result.output


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"folds": []}, "'scenarios' or 'folds' is empty"),
        ({"analyse.min_gender_share": 0.7}, "'analyse.min_gender_share' is 0.7"),
    ],
)
def test_wrong_params(
    project: Path, stage: Stage, params: Callable[[dict[str, Any]], None], changes: dict[str, Any], message: str
) -> None:
    params(changes)
    result = stage("analyse")
    assert result.exit_code == 1 and message in result.output
