"""Published records of experiments/ give their own metrics again; apart from test_evaluate, for they take minutes."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from pipeline.stages.evaluate import main

RECORDS = Path(__file__).parents[2] / "experiments"
POOLED = {"ravdess-confirm-seed2", "ravdess-confirm-seed3", "ravdess-develop"}  # tested with ravdess-confirm
METRICS = ("summary.json", "ser.json", *(f"plots/evaluate/{name}.csv" for name in ("confusion", "recall", "speakers")))


def evaluate(folder, *more):
    """Evaluate the predictions of a folder into its metrics."""
    metrics = folder / "metrics"
    options = [f"--params={folder / 'params.yaml'}", f"--predictions={folder / 'predictions'}", "--skip-audit"]
    options += [f"--summary={metrics / 'summary.json'}", f"--scores={metrics / 'ser.json'}"]
    result = CliRunner().invoke(main, [*options, f"--plots={metrics / 'plots/evaluate'}", *more])
    assert result.exit_code == 0, result.output


def copied(record, folder):
    """Copy the predictions and params.yaml of a record."""
    shutil.copytree(RECORDS / record / "predictions", folder / "predictions", dirs_exist_ok=True)
    text = (RECORDS / record / "params.yaml").read_text()
    newer = text.replace("\n  setting: ", "\n  headline_arm: ")  # of an older schema
    (folder / "params.yaml").write_text(newer + "  pooled: {}\n" * ("\n  pooled:" not in text))


def table(path):
    """Metrics as a table: numbers may differ in their last decimal, as CPUs do in the last bits of what is rounded."""
    if path.suffix == ".csv":
        return pd.read_csv(path)
    return pd.json_normalize(json.loads(path.read_text())).T.reset_index(names="name")


def same(folder, expected, *names):
    for name in names:
        found, recorded = table(folder / name), table(expected / name)
        assert len(found)
        if Path(name).name == "summary.json":  # which had more keys in earlier versions
            recorded = recorded[recorded["name"].isin(found["name"])].reset_index(drop=True)
        pd.testing.assert_frame_equal(found, recorded, atol=1.01e-6, rtol=0, obj=str(name))


@pytest.mark.slow
def test_the_confirmation_pools_three_generator_seeds(tmp_path):
    copied("ravdess-confirm-seed2", tmp_path)
    others = [
        f"--predictions={RECORDS / record / 'predictions'}" for record in ("ravdess-confirm", "ravdess-confirm-seed3")
    ]
    evaluate(tmp_path, *others)
    same(tmp_path / "metrics", RECORDS / "ravdess-confirm/three-seeds", "ser.json")


@pytest.mark.slow
def test_developing_and_confirming_folds_together(tmp_path, monkeypatch, change_params):
    copied("ravdess-develop", tmp_path)
    copied("ravdess-confirm", tmp_path)
    monkeypatch.chdir(tmp_path)
    change_params({"folds": [1, 2, 3, 4, 5, 6]})
    evaluate(tmp_path)
    same(tmp_path / "metrics", RECORDS / "ravdess-confirm/six-folds", "ser.json")


@pytest.mark.slow
@pytest.mark.parametrize("record", sorted({path.parent.name for path in RECORDS.glob("*/predictions")} - POOLED))
def test_a_record_gives_its_own_metrics(record, tmp_path):
    copied(record, tmp_path)
    evaluate(tmp_path)
    same(tmp_path / "metrics", RECORDS / record / "metrics", *METRICS)
