import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.core import predictions
from pipeline.core.manifest import ManifestError
from pipeline.evaluation import pooling
from pipeline.evaluation.pooling import RunsError

ARMS = ("none", "cyclegan")
SPLITS = ("full-1", "full-2")
LABELS = ["angry", "sad"]


FLOAT32 = {"device": "cpu", "precision": "float32", "cpu": "x86_64 avx2", "threads": 2, "torch": "2"}
BFLOAT16 = FLOAT32 | {"precision": "bfloat16"}


def write_run(folder, seed, params_hash="abc", hardware=None, generators=None, **params):
    """Predictions of a run, and its params.yaml; those of arm `none` do not depend on the seed."""
    folder.mkdir()
    metadata = {"machine": json.dumps(hardware)} if hardware else {}
    augment = {"headline_arm": "none", "mix": {"ratio": 1}}
    text = {"seed": seed, "folds": [1, 2], "augment": augment, "evaluate": {}, **params}
    (folder / "params.yaml").write_text(json.dumps(text))  # JSON is YAML
    for split in SPLITS:
        for arm in ARMS:
            if generators and arm == "cyclegan":
                metadata["generators_machines"] = json.dumps(generators)
            rng = np.random.default_rng([int(split[-1]), seed if arm == "cyclegan" else 0])
            first = rng.uniform(size=8).astype(np.float32)
            rows = pd.DataFrame(
                {"id": [f"{split}_{number}" for number in range(8)], "speaker": "a", "classifier": "svm"}
            )
            rows = rows.assign(fold=int(split[-1]), partition=["test", "valid"] * 4, seed=0, label="sad")
            rows = rows.assign(p_angry=first, p_sad=1 - first)
            predictions.write(rows, folder / f"predictions/{split}/{arm}.parquet", LABELS, params_hash, **metadata)
    return folder / "predictions"


@pytest.fixture
def first(tmp_path):
    return write_run(tmp_path / "first", seed=1)


def test_rows_of_one_run(first: Path) -> None:
    rows = pooling.test_rows([first], ["full"], [1, 2], "cyclegan")
    assert set(rows["partition"]) == {"test"} and set(rows["seed"]) == {0}
    assert list(rows["id"]) == [f"full-{fold}_{number}" for fold in (1, 2) for number in (0, 2, 4, 6)]
    assert list(rows["confidence"]) == [max(row.p_angry, row.p_sad) for row in rows.itertuples()]
    assert list(rows["predicted"]) == ["angry" if row.p_angry >= row.p_sad else "sad" for row in rows.itertuples()]


def test_each_seed_of_each_run_is_a_seed(first: Path, tmp_path: Path) -> None:
    second = write_run(tmp_path / "second", seed=2)
    rows = pooling.test_rows([first, second], ["full"], [1], "cyclegan")
    assert list(rows["seed"].unique()) == [f"{first}, full: 0", f"{second}, full: 0"]
    assert not rows.duplicated(["id", "seed"]).any()
    for folder in (first, second):
        alone = pooling.test_rows([folder], ["full"], [1], "cyclegan")
        found = rows[rows["seed"] == f"{folder}, full: 0"]
        assert list(found["p_sad"]) == list(alone["p_sad"])


def test_runs_of_other_seeds_and_of_params_that_change_no_prediction_can_be_pooled(first: Path, tmp_path: Path) -> None:
    augment = {"headline_arm": "cyclegan", "mix": {"ratio": 1}}
    more = {"folds": [1, 2, 3], "arms": [*ARMS, "classical"], "scenarios": ["full", "low_data_25"]}
    second = write_run(tmp_path / "second", 2, augment=augment, evaluate={"classifier": "cnn"}, **more)
    pooling.check([first, second, write_run(tmp_path / "third", 3)], SPLITS, ARMS)
    pooling.check([first], SPLITS, ARMS)


@pytest.mark.parametrize(
    ("seed", "changes", "message"),
    [
        (2, {"pairs": ["a-b"]}, r"first/predictions and .*second/predictions: .* more than 'seed': pairs, seed"),
        (2, {"augment": {"headline_arm": "none", "mix": {"ratio": 2}}}, "more than 'seed': augment, seed"),
        (2, {"more": 1}, "more than 'seed': more, seed"),
        (1, {}, "both have seed 1 in params.yaml"),
        (2, {"params_hash": "other"}, "full-1/none.parquet was computed with other parameters of `classify`"),
    ],
)
def test_other_runs(first, tmp_path, seed, changes, message):
    second = write_run(tmp_path / "second", seed, **changes)
    with pytest.raises(RunsError, match=message):
        pooling.check([first, second], SPLITS, ARMS)


def test_without_params_a_run_is_known_by_its_predictions(first: Path, tmp_path: Path) -> None:
    same, other = write_run(tmp_path / "same", seed=1), write_run(tmp_path / "other", seed=2)
    for folder in (same, other):
        (folder.parent / "params.yaml").unlink()
    pooling.check([first, other], SPLITS, ARMS)
    for twice in ([first, same], [same, same]):
        with pytest.raises(RunsError, match="the same predictions; expected a different generator seed each"):
            pooling.check(twice, SPLITS, ARMS)


def test_a_run_without_a_test_clip_or_a_table_is_named(first: Path, tmp_path: Path) -> None:
    for split in SPLITS:
        path = first / split / "none.parquet"
        predictions.write(predictions.read(path).assign(partition="valid"), path, LABELS, "abc")
    with pytest.raises(RunsError, match="no test clip in any fold of full, arm 'none'"):
        pooling.test_rows([first], ["full"], [1, 2], "none")
    shutil.rmtree(first / "full-2")
    with pytest.raises(ManifestError, match="first/predictions/full-2/none.parquet: not found"):
        pooling.check([first, write_run(tmp_path / "second", seed=2)], SPLITS, ARMS)


def test_runs_on_other_hardware(tmp_path: Path) -> None:
    first = write_run(tmp_path / "first", 1, hardware=FLOAT32, generators=[FLOAT32])
    more = write_run(tmp_path / "more", 2, hardware=FLOAT32, generators=[FLOAT32 | {"threads": 4}])
    old = write_run(tmp_path / "old", 5)  # without the metadata
    pooling.check([first, more, old], SPLITS, ARMS)
    for alone in (first, old):
        assert pooling.unequal_hardware([alone], SPLITS, ARMS) == []
    [line] = pooling.unequal_hardware([first, old], SPLITS, ARMS)
    assert line.startswith("classifiers ran on different hardware: device cpu, precision float32")
    assert "unknown (" in line
    [line] = pooling.unequal_hardware([first, more], SPLITS, ARMS)
    assert line.startswith("generators ran on different hardware") and "threads 4" in line
    other = write_run(tmp_path / "other", 3, hardware=BFLOAT16, generators=[FLOAT32])
    with pytest.raises(RunsError, match="none.parquet: classifiers computed in float32 in the one and bfloat16"):
        pooling.check([first, other], SPLITS, ARMS)
    generated = write_run(tmp_path / "generated", 4, hardware=FLOAT32, generators=[BFLOAT16])
    with pytest.raises(RunsError, match="cyclegan.parquet: generators computed in float32 in the one and bfloat16"):
        pooling.check([first, generated], SPLITS, ARMS)
