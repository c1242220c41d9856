"""`emocycle inspect` on a finished project: real and synthetic clips, and what is not there."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from pipeline.cli.main import main
from pipeline.core import manifest
from pipeline.networks import provenance
from tests.tiny_project import enter_copy

FAKE = "full-1/cyclegan/demo/m02_s1_neutral_medium/angry"
SOURCE = "demo/m02_s1_neutral_medium"
TEST = "demo/f01_s1_angry_medium"
TABLE = Path("data/augmented/full-1/cyclegan.parquet")
MODEL = Path("models/cyclegan/full-1/angry-neutral")


def inspect(clip: str) -> Result:
    return CliRunner().invoke(main, ["inspect", clip])


@pytest.fixture
def here(classified: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(classified)


@pytest.mark.usefixtures("here")
def test_a_synthetic_clip_and_its_source() -> None:
    rows = manifest.read(TABLE, manifest.AUGMENTED).set_index("id")
    result = inspect(FAKE)
    assert result.exit_code == 0, result.output
    own, _, source = result.output.partition("made from\n")
    assert own.startswith(f"{FAKE}\n") and source.startswith(f"{SOURCE}\n")
    for part, id_ in ((own, FAKE), (source, SOURCE)):
        assert f"SHA-256 {rows.loc[id_, 'sha256']} (as now)" in part
        assert str(rows.loc[id_, "filepath"]) in part and "demo_m02" in part
    assert f"{MODEL}, SHA-256 {provenance.fingerprint(MODEL)} (as now)" in own
    train = rows[(rows["partition"] == "train") & ~rows["is_synthetic"] & rows["emotion"].isin(["angry", "neutral"])]
    assert f"{len(train)} train clips of full-1, SHA-256 " in own and "steps: 4" in own
    assert f"full-1 cyclegan: weight {rows.loc[FAKE, 'weight']:g}\n" in own
    assert f"intelligibility {rows.loc[FAKE, 'intelligibility']:.4g}" in own
    made = (rows["source_id"] == SOURCE).sum()
    assert "full-1 train" in source and f"full-1 cyclegan: weight 1, clips made from it: {made}\n" in source

    by_file = inspect(str(rows.loc[FAKE, "filepath"]))
    assert by_file.output == result.output


@pytest.mark.usefixtures("here")
def test_a_test_clip() -> None:
    output = inspect(TEST).output
    assert "medium angry (in the corpus: angry)" in output and "full-1 test" in output
    assert "full-1 none: test\n" in output and "weight" not in output and "made from" not in output


@pytest.mark.usefixtures("here")
def test_wrong_ids() -> None:
    for wrong, near in ((TEST + "x", TEST), (FAKE[:-1], FAKE), ("7", "such as demo/")):
        result = inspect(wrong)
        assert result.exit_code == 1 and f"no clip '{wrong}'" in result.output and near in result.output


def test_standard_scores(classified: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    enter_copy(classified, tmp_path, monkeypatch)
    rows = manifest.read(TABLE, manifest.AUGMENTED)
    scored = rows.assign(distillmos=np.where(rows["is_synthetic"], 3.25, np.nan))
    manifest.write(scored, TABLE, manifest.augmented(["distillmos"]), "0")
    assert "distillmos 3.25" in inspect(FAKE).output


def test_files_that_changed(classified: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    enter_copy(classified, tmp_path, monkeypatch)
    path = Path(str(manifest.read(TABLE, manifest.AUGMENTED).set_index("id").loc[FAKE, "filepath"]))
    samples, rate = soundfile.read(path)
    soundfile.write(path, samples / 2, rate)
    (MODEL / "config.json").write_text((MODEL / "config.json").read_text() + "\n")
    output = inspect(FAKE).output
    assert "the file has other samples now" in output and "(not as now)" in output
    path.unlink()
    assert "the file cannot be read now" in inspect(FAKE).output
    shutil.rmtree("data/synthetic")
    assert inspect(FAKE).exit_code == 1
