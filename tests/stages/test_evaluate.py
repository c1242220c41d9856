import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from pipeline import predictions
from pipeline.stages.evaluate import main

LABELS = ["angry", "neutral", "sad"]
SPEAKERS = {1: ["demo_a", "demo_b"], 2: ["demo_c", "demo_d"]}
ARMS = ["none", "classical", "cyclegan+classical"]


def made_up(fold, arm, correct, seeds=(0, 1), clips=12):
    """Predictions of one split: test speakers of the fold, and its partner's as valid, all of them wrong."""
    rng = np.random.default_rng([fold, len(arm)])
    rows = []
    for partition, of_fold in (("test", fold), ("valid", 3 - fold)):
        for classifier in ("svm", "cnn"):
            for seed in seeds:
                for speaker in SPEAKERS[of_fold]:
                    for clip in range(clips):
                        actual = clip % 3
                        right = partition == "test" and rng.random() < correct
                        chances = np.roll([0.8, 0.15, 0.05], actual if right else actual + 1)
                        rows.append(
                            (
                                f"{speaker}_{clip}",
                                speaker,
                                fold,
                                partition,
                                classifier,
                                seed,
                                LABELS[actual],
                                *chances,
                            )
                        )
    columns = ["id", "speaker", "fold", "partition", "classifier", "seed", "label"]
    return pd.DataFrame(rows, columns=[*columns, *(f"p_{label}" for label in LABELS)])


@pytest.fixture
def project(tmp_path):
    """A folder with params.yaml and the predictions of three arms, two scenarios and two folds."""
    write_params(tmp_path)
    for scenario in ("full", "low_data_25"):
        for fold in SPEAKERS:
            for arm, correct in zip(ARMS, (0.4, 0.5, 0.9), strict=True):
                path = tmp_path / f"predictions/{scenario}-{fold}/{arm}.parquet"
                predictions.write(made_up(fold, arm, correct), path, LABELS, "abc")
    return tmp_path


def write_params(folder, **changes):
    params = {
        "corpora": ["demo"],
        "scenarios": ["full", "low_data_25"],
        "folds": [1, 2],
        "arms": ARMS,
        "augment": {"setting": "cyclegan+classical", "ratio": 1.0},
        "evaluate": {"scenario": "full", "classifier": "svm", "confidence": 0.95, "min_speakers": 8},
    }
    YAML().dump({**params, **changes}, folder / "params.yaml")


def evaluate(folder):
    places = {
        "params": "params.yaml",
        "predictions": "predictions",
        "summary": "metrics/summary.json",
        "scores": "metrics/ser.json",
        "plots": "metrics/plots/evaluate",
    }
    options = [f"--{name}={folder / place}" for name, place in places.items()]
    return CliRunner().invoke(main, [*options, "--unaudited"])


def outputs(folder):
    return {path.relative_to(folder): path.read_bytes() for path in (folder / "metrics").rglob("*.*")}


def load(folder, name):
    return json.loads((folder / "metrics" / name).read_text())


def leaves(value):
    if isinstance(value, dict):
        for inner in value.values():
            yield from leaves(inner)
    else:
        yield value


def test_metrics(project):
    result = evaluate(project)
    assert result.exit_code == 0, result.output
    summary, scores = load(project, "summary.json"), load(project, "ser.json")
    assert list(summary) == ["setting", "scenario", "classifier", "speakers", "uar", "accuracy", "macro_f1"]
    assert (summary["setting"], summary["scenario"], summary["classifier"]) == (
        "cyclegan+classical",
        "full",
        "svm",
    )
    assert summary["speakers"] == 4
    assert list(summary["uar"]) == ["mean", "baseline", "gain", "ci_low", "ci_high"]
    assert summary["uar"]["mean"] == pytest.approx(0.9, abs=0.1)  # valid clips, all wrong, would halve it
    assert summary["uar"]["ci_low"] < summary["uar"]["gain"] < summary["uar"]["ci_high"]

    assert list(scores) == ["full", "low_data_25"]
    assert set(scores["full"]) == {"svm", "cnn"}
    assert list(scores["full"]["svm"]) == ARMS
    found = scores["full"]["svm"]["cyclegan+classical"]
    assert found["uar"] == summary["uar"]
    assert (found["speakers"], found["clips"], found["seeds"]) == (4, 48, 2)
    assert found["note"].startswith("too few speakers (4 of at least 8); the demo's voices are synthetic")
    assert set(found["recall"]) == set(LABELS)
    assert set(found["pooled"]) == {"uar", "accuracy", "macro_f1"}


def test_metrics_files_hold_only_words_and_numbers(project):
    evaluate(project)
    for name in ("summary.json", "ser.json"):
        for leaf in leaves(load(project, name)):
            assert isinstance(leaf, (str, int, float)) and leaf == leaf


def test_baseline_as_setting_has_the_same_keys_and_gains_nothing(project):
    evaluate(project)
    usual = load(project, "summary.json")
    write_params(project, augment={"setting": "none"})
    assert evaluate(project).exit_code == 0
    summary = load(project, "summary.json")
    assert list(summary) == list(usual) and list(summary["uar"]) == list(usual["uar"])
    for name in ("uar", "accuracy", "macro_f1"):
        assert summary[name]["mean"] == summary[name]["baseline"]
        assert [summary[name][key] for key in ("gain", "ci_low", "ci_high")] == [0.0, 0.0, 0.0]


def test_one_speaker_has_no_interval_and_says_so(project):
    for arm in ARMS:
        path = project / f"predictions/full-1/{arm}.parquet"
        rows = predictions.read(path)
        predictions.write(rows[rows["speaker"] != "demo_b"], path, LABELS, "abc")
    write_params(project, folds=[1], scenarios=["full"])
    result = evaluate(project)
    assert "of one speaker no interval can be made: too few speakers (1 of at least 8)" in result.output
    summary = load(project, "summary.json")
    assert list(summary["uar"]) == ["mean", "baseline", "gain"]
    assert all(leaf is not None for leaf in leaves(load(project, "ser.json")))


def test_plots(project):
    evaluate(project)
    folder = project / "metrics/plots/evaluate"
    assert sorted(path.name for path in folder.iterdir()) == ["confusion.csv", "recall.csv", "speakers.csv"]
    confusion, recall, speakers = (pd.read_csv(folder / f"{name}.csv") for name in ("confusion", "recall", "speakers"))
    assert list(confusion.columns) == ["actual", "predicted"]
    assert len(confusion) == 48  # test clips of both folds, of one seed and classifier
    rows = pd.concat(
        predictions.read(project / f"predictions/full-{fold}/cyclegan+classical.parquet") for fold in (1, 2)
    )
    rows = rows[(rows["partition"] == "test") & (rows["classifier"] == "svm") & (rows["seed"] == 0)]
    expected = (rows["label"] == predictions.predicted(rows)).mean()
    assert (confusion["actual"] == confusion["predicted"]).mean() == expected

    assert list(recall.columns) == ["scenario", "classifier", "arm", "emotion", "recall"]
    assert len(recall) == 2 * 2 * len(ARMS) * len(LABELS)
    assert list(speakers.columns) == ["scenario", "classifier", "arm", "speaker", "uar", "gain"]
    assert len(speakers) == 2 * 2 * len(ARMS) * 4
    means = speakers.groupby(["scenario", "classifier", "arm"])[["uar", "gain"]].mean()
    score = load(project, "ser.json")["low_data_25"]["cnn"]["classical"]["uar"]
    assert list(means.loc["low_data_25", "cnn", "classical"]) == pytest.approx([score["mean"], score["gain"]], abs=1e-5)
    assert "-0.0" not in set((folder / "speakers.csv").read_text().replace("\n", ",").split(","))


def test_words(project):
    result = evaluate(project)
    lines = result.output.splitlines()
    assert lines.pop(0).startswith("not audited: ")
    assert len(lines) == 2 * 2 * len(ARMS) + 1
    assert lines[0].startswith("full, cnn: none 0.")
    assert any(line.startswith("full, svm: cyclegan+classical 0.") for line in lines)
    assert all("too few speakers (4 of at least 8)" in line for line in lines[:-1])
    assert "say nothing about real speech" in lines[-1]


def test_other_corpora_are_not_called_synthetic(project):
    write_params(project, corpora=["ravdess"])
    assert "real speech" not in evaluate(project).output
    assert "synthetic" not in (project / "metrics/ser.json").read_text()


def test_same_predictions_same_bytes(project):
    evaluate(project)
    first = outputs(project)
    evaluate(project)
    assert len(first) == 5 and outputs(project) == first


def test_a_file_that_an_arm_left_behind_is_ignored(project):
    evaluate(project)
    before = outputs(project)
    (project / "predictions/full-1/dcgan.parquet").write_bytes(b"no table at all")
    (project / "predictions/full-9").mkdir()
    assert evaluate(project).exit_code == 0
    assert outputs(project) == before
    write_params(project, arms=["none", "cyclegan+classical"])
    evaluate(project)
    assert "classical" not in load(project, "ser.json")["full"]["svm"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"augment": {"setting": "clasical"}}, "'augment.setting' is 'clasical'; did you mean 'classical'?"),
        ({"augment": {"setting": "xyz"}}, "expected one of classical, cyclegan+classical, none"),
        (
            {"arms": ["classical", "cyclegan"], "augment": {"setting": "cyclegan"}},
            "'arms' lacks 'none', found classical",
        ),
        ({"scenarios": ["low_data_25"]}, "'evaluate.scenario' is 'full'; expected one of low_data_25"),
        ({"folds": [1, 3]}, "full-3/none.parquet: not found"),
        ({"folds": []}, "'folds' is empty"),
        (
            {"evaluate": {"scenario": "full", "classifier": "svn", "confidence": 0.95, "min_speakers": 8}},
            "'evaluate.classifier' is 'svn'; did you mean 'svm'?",
        ),
        (
            {"evaluate": {"scenario": "full", "classifier": "svm", "confidence": 95, "min_speakers": 8}},
            "'evaluate.confidence' is 95",
        ),
    ],
)
def test_params_that_do_not_fit_are_explained(project, changes, message):
    write_params(project, **changes)
    result = evaluate(project)
    assert result.exit_code == 1
    assert message in result.output
    assert not (project / "metrics").exists()


def test_arms_that_are_not_paired_are_named(project):
    path = project / "predictions/full-2/classical.parquet"
    predictions.write(made_up(2, "classical", 0.5, seeds=(0,)), path, LABELS, "abc")
    write_params(project, folds=[2])
    result = evaluate(project)
    assert result.exit_code == 1
    assert "full, arm 'classical' beside 'none': not the same classifier, seed" in result.output
    assert not (project / "metrics").exists()
