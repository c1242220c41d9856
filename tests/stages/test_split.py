"""A split by its command, from files to files."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline.core import manifest, workers
from pipeline.stages import ingest, split
from pipeline.stages import manifest as manifest_stage

PARAMS = """
scenarios: [full]
folds: [1]
corpora: [ravdess]
emotion_map: {}
emotions: [neutral, angry]
ingest: {min_duration_s: 0.1, max_duration_s: 45, silence_peak: 1e-4}
tables: {}
split:
  n_folds: 6
  sentence_groups: 1
  train_only: []
  scenarios:
    full:
      kind: full
"""
OUT = Path("data/splits/full-1.parquet")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ravdess_tree: Callable[..., Path]) -> None:
    """A project with a manifest of five actors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(workers, "cores", lambda: 1)
    Path("params.yaml").write_text(PARAMS)
    ravdess_tree(Path("data/raw/ravdess"), actors=(1, 4, 5, 6, 11))
    places = {"raw": "data/raw/ravdess", "out": "data/corpora/ravdess.parquet", "quarantine": "data/left"}
    arguments = ["--corpus=ravdess", *(f"--{name}={place}" for name, place in places.items())]
    for command, given in ((ingest.main, arguments), (manifest_stage.main, [])):
        assert CliRunner().invoke(command, given).exit_code == 0


def run(*more: str) -> Result:
    return CliRunner().invoke(split.main, ["--out", str(OUT.parent), *more])


def test_split() -> None:
    result = run()
    assert result.exit_code == 0, result.output
    assert result.output == "split full-1: train 4, valid 2, test 4 clips\n"
    rows = manifest.read(OUT, manifest.PARTITIONED)
    assert rows["id"].is_monotonic_increasing
    assert manifest.metadata(OUT)["sentences"] == "shared"
    actors = rows.assign(actor=rows["id"].str[-2:]).groupby("partition")["actor"].agg(set).to_dict()
    assert actors == {"train": {"05", "06"}, "valid": {"04"}, "test": {"01", "11"}}
    before = OUT.read_bytes()
    run()
    assert OUT.read_bytes() == before


def test_every_scenario_and_fold_and_no_other() -> None:
    """Empty folders are written beside; existing content is removed."""
    few = "    few: {kind: neutral_only, complete_speakers: 1, seed: 1}\n"
    Path("params.yaml").write_text(PARAMS.replace("[full]", "[full, few]").replace("[1]", "[1, 2]") + few)
    for path in (OUT.with_stem("full-6"), Path("models/none/old")):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert run("--empty-folder", "data/synthetic/none", "--empty-folder", "models/none").exit_code == 0
    assert sorted(path.stem for path in OUT.parent.iterdir()) == ["few-1", "few-2", "full-1", "full-2"]
    assert [list(Path(folder).iterdir()) for folder in ("data/synthetic/none", "models/none")] == [[], []]
    rows = manifest.read(OUT.with_stem("full-2"), manifest.PARTITIONED)
    assert set(rows.loc[rows["partition"] == "test", "id"].str[-2:]) == {"04"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[full]", "[ful]", "'split.scenarios' has no 'ful'; did you mean 'full'?"),
        ("folds: [1]", "folds: [1, 7]", "ravdess: has no fold 7, expected 1 to 6"),
        ("folds: [1]", "folds: [3]", "ravdess: fold 3 has no test clip, expected some of speakers 08, 09, 19, 23"),
        ("n_folds: 6", "n_folds: 5", "'split.n_folds' is 5: Input should be a multiple of 2"),
        ("kind: full", "kind: ful", "'split.scenarios.full.kind' is 'ful'; did you mean 'full'?"),
    ],
)
def test_wrong_params(old: str, new: str, message: str) -> None:
    Path("params.yaml").write_text(PARAMS.replace(old, new))
    result = run()
    assert result.exit_code == 1
    assert message in result.output
    assert not OUT.exists()
