"""`emocycle predict` by the classifiers that `classify` keeps, on a tiny project."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner, Result
from sklearn.metrics import balanced_accuracy_score

from pipeline.classification import pretrained, ssl
from pipeline.cli.main import main
from pipeline.core import manifest, models, predictions
from pipeline.core.models import CONFIG, WEIGHTS
from pipeline.networks.weights import Weights
from tests.tiny_project import DEMO, SPLIT, enter_copy, run_stage

KEPT = Path("models/classifiers/full-1/cyclegan")
TABLE = Path("data/augmented/full-1/cyclegan.parquet")
PREDICTED = Path("data/predictions/full-1/cyclegan.parquet")
TEST = "data/raw/demo/f01"
Params = Callable[[dict[str, Any]], None]


def predict(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["predict", *map(str, arguments)])


def by_file(*arguments: str | Path) -> pd.DataFrame:
    """Probabilities, one row a file."""
    result = predict(*arguments, "--out", "found.csv")
    assert result.exit_code == 0, result.output
    return pd.read_csv("found.csv", index_col="file").drop(columns=["emotion", "reason"])


def of_pipeline(classifier: str, seeds: tuple[int, ...]) -> pd.DataFrame:
    """Mean probabilities of the test clips by the pipeline, one row a file."""
    rows = predictions.read(PREDICTED)
    rows = rows[(rows["partition"] == "test") & (rows["classifier"] == classifier) & rows["seed"].isin(seeds)]
    assert rows["seed"].nunique() == len(seeds)
    found = rows.groupby("id")[[name for name in rows if str(name).startswith("p_")]].mean()
    found.columns = found.columns.str.removeprefix(predictions.PREFIX)
    files = manifest.read(TABLE, manifest.AUGMENTED).set_index("id")["filepath"]
    return found.set_axis(files[found.index].to_numpy())


@pytest.fixture
def here(classified: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of a classified project as current directory."""
    enter_copy(classified, tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("chosen", "classifier", "seeds"),
    [
        ((), "svm", (0,)),  # the first
        (("--classifier", "cnn"), "cnn", (0, 1)),
        (("--classifier", "cnn", "--seed", "1"), "cnn", (1,)),
    ],
)
@pytest.mark.usefixtures("here")
def test_test_clips_get_the_predictions_of_the_pipeline(
    chosen: tuple[str, ...], classifier: str, seeds: tuple[int, ...]
) -> None:
    expected = of_pipeline(classifier, seeds)
    assert len(expected) == 9
    found = by_file(TEST, *chosen)
    pd.testing.assert_frame_equal(found.loc[expected.index], expected, check_names=False, atol=2e-6, check_dtype=False)


@pytest.mark.usefixtures("here")
def test_vocoded_clips(params: Params) -> None:
    params({"classify.front_end": "vocoded"})
    assert run_stage("acoustics", **DEMO).exit_code == 0
    assert run_stage("classify", **SPLIT, arm="cyclegan").exit_code == 0
    expected = of_pipeline("cnn+vocoded", (0, 1))
    for name in ("cnn", "cnn+vocoded"):
        found = by_file(TEST, "--classifier", name)
        np.testing.assert_allclose(found.loc[expected.index], expected, atol=2e-6)


@pytest.mark.usefixtures("here")
def test_classifiers_that_read_audio(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    class Embedding:
        WEIGHTS, SETTINGS = Weights("stand-in", {}, "pretrained"), ()

        def __init__(self, resources: Any) -> None: ...

        def __call__(self, samples: np.ndarray) -> np.ndarray:
            return np.array([samples.std(), np.abs(np.diff(samples)).mean()], dtype=np.float32)

    class Network(torch.nn.Module):
        def extract_features(self, samples: torch.Tensor) -> tuple[list[torch.Tensor], None]:
            frames = samples[:, : samples.shape[1] // 4 * 4].reshape(len(samples), -1, 4)
            return [frames, frames.abs()], None

    monkeypatch.setattr(pretrained, "NETWORKS", {"stand_in": Embedding})
    monkeypatch.setattr(ssl, "_loaded", lambda params: (Network(), 16_000))
    Path("tiny.pth").write_bytes(b"weights")
    small = {"weights": "tiny.pth", "steps": 6, "batch": 8, "checkpoints": 2}
    params(
        {
            "classify.classifiers": ["pretrained", "ssl"],
            "classify.pretrained.embeddings": ["stand_in"],
            **{f"classify.ssl.{key}": value for key, value in small.items()},
        }
    )
    result = run_stage("classify", **SPLIT, arm="cyclegan")
    assert result.exit_code == 0, result.output
    for classifier, seeds in (("pretrained", (0,)), ("ssl", (0, 1))):
        expected = of_pipeline(classifier, seeds)
        found = by_file(TEST, "--classifier", classifier)
        np.testing.assert_allclose(found.loc[expected.index], expected, atol=2e-6)


@pytest.mark.usefixtures("here")
def test_files_are_prepared_as_the_clips_were(params: Params) -> None:
    """Whatever params.yaml is now."""
    before = by_file(TEST, "--classifier", "cnn")
    changed = {"audio.level_db": -20, "acoustics.n_mels": 30, "vocoder.world.f0_floor_hz": 90}
    params({**changed, "classify.front_end": "vocoded", "classify.cnn.channels": 4, "hardware.threads": 2})
    pd.testing.assert_frame_equal(by_file(TEST, "--classifier", "cnn"), before)


@pytest.mark.usefixtures("here")
def test_what_is_said_of_the_classifier(tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFF, but no more")
    train = manifest.read(TABLE, manifest.AUGMENTED).query("partition == 'train'")["filepath"].iloc[0]
    result = predict(TEST, tmp_path / "broken.wav", train, "--classifier", "cnn")
    assert result.exit_code == 0, result.output
    assert "Classifier cnn of split full-1, arm cyclegan, mean of 2 seeds\n" in result.stderr
    assert "1 of 10 files are train or valid clips" in result.stderr
    expected = of_pipeline("cnn", (0, 1))
    truth = manifest.read(TABLE, manifest.AUGMENTED).set_index("filepath").loc[expected.index, "emotion"]
    score = balanced_accuracy_score(truth, expected.idxmax(axis=1))
    interval = "one speaker gives no interval; by chance 0.333"
    words = f"UAR {score:.3f} on 1 test speakers outside its training set ({interval})"
    assert words in result.stderr and "too few speakers (1 of at least 8)" in result.stderr
    assert "the demo's speech is synthetic" in result.stderr
    lines = result.stdout.splitlines()
    assert lines[-12].split() == ["file", "emotion", "angry", "neutral", "sad", "reason"]
    assert any(re.search(r"broken.wav +unreadable: not decodable", line) for line in lines)
    assert "train or valid" not in predict(TEST).stderr
    PREDICTED.unlink()
    assert f"not known: {PREDICTED} is not there" in predict(TEST).stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--split", "ful-1"), "models/classifiers/ful-1: no classifiers here; did you mean 'full-1'?"),
        (("--arm", "cyclegn"), "full-1/cyclegn: no classifiers here; did you mean 'cyclegan'?"),
        (("--classifier", "cn"), "has no classifier 'cn'; did you mean 'cnn'?"),
        (("--classifier", "cnn", "--seed", "7"), "'cnn' has no seed 7; expected one of 0, 1"),
        (("--person", "anna", "--arm", "none"), "--person names a classifier, so --arm has no meaning with it"),
    ],
)
@pytest.mark.usefixtures("here")
def test_classifiers_that_are_not_there(arguments: tuple[str, ...], message: str) -> None:
    result = predict(TEST, *arguments)
    assert result.exit_code == 1 and message in result.output


@pytest.mark.usefixtures("here")
def test_without_any_classifier() -> None:
    shutil.rmtree("models")
    result = predict(TEST)
    assert result.exit_code == 1 and "models/classifiers/full-1: no classifiers here; `dvc repro" in result.output


@pytest.mark.usefixtures("here")
def test_damaged_files() -> None:
    tensors, config = models.load(KEPT)
    models.save(KEPT, tensors, config | {"params": {"svm": {"c": [1]}}})
    result = predict(TEST)
    assert result.exit_code == 1 and re.search("of another version, or changed .*gamma", result.output)
    (KEPT / WEIGHTS).write_bytes(b"broken")
    result = predict(TEST)
    assert result.exit_code == 1 and f"{WEIGHTS}: cannot be read" in result.output


@pytest.mark.usefixtures("here")
def test_classifiers_that_need_other_clips_are_not_kept(params: Params) -> None:
    params({"classify.normalisations": ["speaker", "train"]})
    assert run_stage("classify", **SPLIT, arm="cyclegan").exit_code == 0
    assert json.loads((KEPT / CONFIG).read_text())["runs"] == [["svm", 0], ["cnn", 0], ["cnn", 1]]
    params({"classify.normalisations": ["speaker"]})
    assert run_stage("classify", **SPLIT, arm="cyclegan").exit_code == 0
    result = predict(TEST)
    assert result.exit_code == 1 and "'classify.normalisations' lacks train" in result.output
