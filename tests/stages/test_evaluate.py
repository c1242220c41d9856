import json
import shutil

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from pipeline.core import predictions
from pipeline.stages.evaluate import main

LABELS = ["angry", "neutral", "sad"]
SPEAKERS = {1: ["demo_a", "demo_b"], 2: ["demo_c", "demo_d"]}
ARMS = ["none", "classical", "cyclegan+classical"]
PRIMARY = {
    "arm": "cyclegan+classical",
    "references": ["none", "classical"],
    "classifier": "cnn",
    "scenarios": ["full", "low_data_25"],
}
EVALUATE = {
    "scenario": "full",
    "classifier": "svm",
    "confidence": 0.95,
    "min_speakers": 8,
    "references": ["none", "classical", "dcgan"],
    "primary": PRIMARY,
    "pooled": {},
}


def random_predictions(fold, arm, correct, clips=12, generator_seed=1):
    """Predictions of one split: test speakers of the fold, and its partner's as valid, all of them wrong."""
    rng = np.random.default_rng([fold, len(arm), 0 if arm == "none" else generator_seed])
    rows = []
    for partition, of_fold in (("test", fold), ("valid", 3 - fold)):
        for classifier in ("svm", "cnn"):
            for seed in (0, 1):
                for speaker in SPEAKERS[of_fold]:
                    for clip in range(clips):
                        actual = clip % 3
                        right = partition == "test" and rng.random() < correct
                        probabilities = np.roll([0.8, 0.15, 0.05], actual if right else actual + 1)
                        known = f"{speaker}_{clip}", speaker, fold, partition, classifier, seed, LABELS[actual]
                        rows.append((*known, *probabilities))
    columns = ["id", "speaker", "fold", "partition", "classifier", "seed", "label"]
    return pd.DataFrame(rows, columns=[*columns, *(f"p_{label}" for label in LABELS)])


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """A folder with params.yaml, predictions of three arms, two scenarios and two folds, and the output of `evaluate`.

    Not to be changed.
    """
    folder = tmp_path_factory.mktemp("evaluated")
    write_params(folder)
    write_predictions(folder)
    result = evaluate(folder)
    assert result.exit_code == 0, result.output
    (folder / "output.txt").write_text(result.output)
    return folder


@pytest.fixture
def project(evaluated, tmp_path):
    """A copy of it that is not evaluated yet."""
    shutil.copy(evaluated / "params.yaml", tmp_path)
    shutil.copytree(evaluated / "predictions", tmp_path / "predictions")
    return tmp_path


def write_predictions(folder, generator_seed=1):
    for scenario in ("full", "low_data_25"):
        for fold in SPEAKERS:
            for arm, correct in zip(ARMS, (0.4, 0.5, 0.9), strict=True):
                path = folder / f"predictions/{scenario}-{fold}/{arm}.parquet"
                share = correct - 0.1 * (scenario != "full")
                rows = random_predictions(fold, arm, share, generator_seed=generator_seed)
                predictions.write(rows, path, LABELS, "abc", budget=budget())


def budget(steps=300):
    return json.dumps({"runs": [{"classifier": "cnn", "seed": 0, "steps": steps}], "extra_weight": 0.0})


def write_params(folder, **changes):
    params = {
        "seed": 1,
        "corpora": ["demo"],
        "scenarios": ["full", "low_data_25"],
        "folds": [1, 2],
        "arms": ARMS,
        "augment": {"headline_arm": "cyclegan+classical", "ratio": 1.0},
        "evaluate": EVALUATE,
    }
    YAML().dump({**params, **changes}, folder / "params.yaml")


def evaluate(folder, *more):
    places = {
        "params": "params.yaml",
        "predictions": "predictions",
        "summary": "metrics/summary.json",
        "scores": "metrics/ser.json",
        "plots": "metrics/plots/evaluate",
    }
    options = [f"--{name}={folder / place}" for name, place in places.items()]
    return CliRunner().invoke(main, [*options, "--skip-audit", *more])


def outputs(folder):
    return {path.relative_to(folder): path.read_bytes() for path in (folder / "metrics").rglob("*.*")}


def load(folder, name):
    return json.loads((folder / "metrics" / name).read_text())


def unwrapped(output):
    return output.replace("\n  ", " ")


def leaves(value):
    if isinstance(value, dict):
        for inner in value.values():
            yield from leaves(inner)
    else:
        yield value


def test_metrics(evaluated):
    summary, scores = load(evaluated, "summary.json"), load(evaluated, "ser.json")
    assert all(isinstance(leaf, (str, int, float)) and leaf == leaf for leaf in (*leaves(summary), *leaves(scores)))
    assert list(summary) == ["arm", "scenario", "classifier", "speakers", "uar", "accuracy", "macro_f1", "ece"]
    assert (summary["arm"], summary["scenario"], summary["classifier"]) == ("cyclegan+classical", "full", "svm")
    assert summary["speakers"] == 4
    assert list(summary["uar"]) == ["mean", "baseline", "gain", "ci_low", "ci_high", "p", "mde"]
    assert len(list(leaves(summary))) <= 14  # 12 change where the classifier and the test speakers stay
    assert summary["uar"]["mean"] == pytest.approx(0.9, abs=0.1)  # valid clips, all wrong, would halve it
    assert summary["uar"]["ci_low"] < summary["uar"]["gain"] < summary["uar"]["ci_high"]

    assert list(scores) == ["full", "low_data_25"]
    assert set(scores["full"]) == {"svm", "cnn"}
    assert list(scores["full"]["svm"]) == ARMS
    found = scores["full"]["svm"]["cyclegan+classical"]
    assert (found["uar"], found["ece"]) == (summary["uar"]["mean"], summary["ece"])
    assert scores["full"]["svm"]["none"]["uar"] == summary["uar"]["baseline"]
    assert [found[key] for key in ("speakers", "clips", "seeds", "generator_seeds")] == [4, 48, 2, 1]
    assert found["note"].startswith("too few speakers (4 of at least 8); the demo's speech is synthetic")
    assert set(found["recall"]) == set(LABELS)
    assert set(found["pooled"]) == {"uar", "accuracy", "macro_f1"}
    # 4 clips of 5 are right, but the confidence is always 0.8
    assert found["ece"] == pytest.approx(abs(found["accuracy"] - 0.8), abs=1e-6)


def test_gains_over_each_reference(evaluated):
    scores, summary = load(evaluated, "ser.json")["full"]["svm"], load(evaluated, "summary.json")
    assert "over" not in scores["none"]  # which is the baseline
    assert list(scores["classical"]["over"]) == ["none"]  # not itself
    assert list(scores["cyclegan+classical"]["over"]) == ["none", "classical"]  # dcgan is not among the arms
    for reference, found in scores["cyclegan+classical"]["over"].items():
        assert list(found) == ["family", "uar", "accuracy", "macro_f1", "recall"]
        for score in ("uar", "accuracy", "macro_f1"):
            expected = scores["cyclegan+classical"][score] - scores[reference][score]
            assert found[score]["gain"] == pytest.approx(expected, abs=2e-6)
            assert found[score]["ci_low"] < found[score]["gain"] < found[score]["ci_high"]
            assert "fold_low" not in found[score]  # of two folds
        recalls = [found["recall"][label]["gain"] for label in LABELS]
        assert np.mean(recalls) == pytest.approx(found["uar"]["gain"], abs=2e-6)
        assert found["uar"]["p"] == 2 / 2**4  # of four speakers, all of whom gain: there is no smaller p
    expected = {key: value for key, value in summary["uar"].items() if key not in ("mean", "baseline")}
    assert scores["cyclegan+classical"]["over"]["none"]["uar"].items() >= expected.items()


def test_the_primary_family_is_corrected_and_nothing_else(evaluated, project):
    output, scores = unwrapped((evaluated / "output.txt").read_text()), load(evaluated, "ser.json")
    over = {
        (scenario, classifier, arm, reference): found
        for scenario, classifiers in scores.items()
        for classifier, arms in classifiers.items()
        for arm, about in arms.items()
        for reference, found in about.get("over", {}).items()
    }
    assert len(over) == 2 * 2 * 3
    family = {pair: found for pair, found in over.items() if found["family"] == "primary"}
    assert set(family) == {
        (scenario, "cnn", PRIMARY["arm"], reference)
        for scenario in PRIMARY["scenarios"]
        for reference in PRIMARY["references"]
    }
    assert {pair for pair, found in over.items() if "p_holm" in found["uar"]} == set(family)
    assert [found["uar"]["p_holm"] for found in family.values()] == [4 * 2 / 2**4] * 4
    assert output.count("by Holm") == 4 and output.count("exploratory") == 8
    assert "primary family" not in output  # all are there

    write_params(project, scenarios=["full"])
    assert "primary family: 2 of the 4 comparisons have predictions" in evaluate(project).output
    found = load(project, "ser.json")["full"]["cnn"][PRIMARY["arm"]]["over"]
    assert [found[reference]["uar"]["p_holm"] for reference in ("none", "classical")] == [2 * 2 / 2**4] * 2


def test_baseline_as_headline_arm_has_the_same_keys_and_gains_nothing(evaluated, project):
    usual = load(evaluated, "summary.json")
    write_params(project, augment={"headline_arm": "none"})
    assert evaluate(project).exit_code == 0
    summary = load(project, "summary.json")
    assert list(summary) == list(usual) and list(summary["uar"]) == list(usual["uar"])
    assert summary["uar"]["mean"] == summary["uar"]["baseline"]
    assert [summary["uar"][key] for key in ("gain", "ci_low", "ci_high")] == [0.0, 0.0, 0.0]
    assert (summary["uar"]["p"], summary["uar"]["mde"]) == (1.0, 0.0)


def test_one_speaker_has_no_interval(project):
    for arm in ARMS:
        path = project / f"predictions/full-1/{arm}.parquet"
        rows = predictions.read(path)
        predictions.write(rows[rows["speaker"] != "demo_b"], path, LABELS, "abc")
    write_params(project, folds=[1], scenarios=["full"])
    result = evaluate(project)
    assert "one speaker gives no interval: too few speakers (1 of at least 8)" in unwrapped(result.output)
    summary = load(project, "summary.json")
    assert list(summary["uar"]) == ["mean", "baseline", "gain"]
    assert all(leaf is not None for leaf in leaves(load(project, "ser.json")))


def test_plots(evaluated):
    folder = evaluated / "metrics/plots/evaluate"
    assert sorted(path.name for path in folder.iterdir()) == ["confusion.csv", "recall.csv", "speakers.csv"]
    confusion, recall, speakers = (pd.read_csv(folder / f"{name}.csv") for name in ("confusion", "recall", "speakers"))
    assert list(confusion.columns) == ["actual", "predicted"]
    assert len(confusion) == 48  # test clips of both folds, of one seed and classifier
    rows = pd.concat(
        predictions.read(evaluated / f"predictions/full-{fold}/cyclegan+classical.parquet") for fold in (1, 2)
    )
    rows = rows[(rows["partition"] == "test") & (rows["classifier"] == "svm") & (rows["seed"] == 0)]
    expected = (rows["label"] == predictions.predicted(rows)).mean()
    assert (confusion["actual"] == confusion["predicted"]).mean() == expected

    assert list(recall.columns) == ["scenario", "classifier", "arm", "emotion", "recall"]
    assert len(recall) == 2 * 2 * len(ARMS) * len(LABELS)
    assert list(speakers.columns) == ["scenario", "classifier", "arm", "speaker", "uar", "gain"]
    assert len(speakers) == 2 * 2 * len(ARMS) * 4
    means = speakers.groupby(["scenario", "classifier", "arm"])[["uar", "gain"]].mean()
    score = load(evaluated, "ser.json")["low_data_25"]["cnn"]["classical"]
    expected = [score["uar"], score["over"]["none"]["uar"]["gain"]]
    assert list(means.loc["low_data_25", "cnn", "classical"]) == pytest.approx(expected, abs=1e-5)
    assert "-0.0" not in set((folder / "speakers.csv").read_text().replace("\n", ",").split(","))


def test_words(evaluated):
    output = (evaluated / "output.txt").read_text()
    assert max(map(len, output.splitlines())) <= 118
    lines = unwrapped(output).splitlines()
    assert lines.pop(0).startswith("evaluate: warning: not audited: ")
    assert len(lines) == 2 * 2 * 4 + 1  # none, classical over none, and the third over both
    assert lines[0].startswith("evaluate full cnn: none 0.")
    assert any(line.startswith("evaluate full svm: cyclegan+classical 0.") for line in lines)
    assert all("too few speakers (4 of at least 8)" in line for line in lines[:-1])
    assert "say nothing about real speech" in lines[-1]


def test_files_of_other_arms_are_ignored(evaluated, project):
    (project / "predictions/full-1/dcgan.parquet").write_bytes(b"no table at all")
    (project / "predictions/full-9").mkdir()
    assert evaluate(project).exit_code == 0
    assert len(outputs(project)) == 5 and outputs(project) == outputs(evaluated)  # the same bytes twice
    write_params(project, arms=["none", "cyclegan+classical"], corpora=["ravdess"])
    assert "real speech" not in evaluate(project).output
    assert "synthetic" not in (project / "metrics/ser.json").read_text()
    assert "classical" not in load(project, "ser.json")["full"]["svm"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"augment": {"headline_arm": "clasical"}}, "'augment.headline_arm' is 'clasical'; did you mean 'classical'?"),
        ({"arms": ["classical"], "augment": {"headline_arm": "classical"}}, "'arms' lacks 'none', found classical"),
        ({"scenarios": ["low_data_25"]}, "'evaluate.scenario' is 'full'; expected one of low_data_25"),
        ({"folds": [1, 3]}, "full-3/none.parquet: not found"),
        ({"folds": []}, "'folds' is empty"),
        ({"evaluate": EVALUATE | {"classifier": "svn"}}, "'evaluate.classifier' is 'svn'; did you mean 'svm'?"),
        ({"evaluate": EVALUATE | {"confidence": 95}}, "'evaluate.confidence' is 95"),
        ({"evaluate": EVALUATE | {"references": ["classical"]}}, "'evaluate.references' lacks 'none'"),
        (
            {"evaluate": EVALUATE | {"primary": PRIMARY | {"references": ["clasical"]}}},
            "one of 'evaluate.primary.references' is 'clasical'; did you mean 'classical'?",
        ),
        (
            {"evaluate": EVALUATE | {"primary": PRIMARY | {"arms": []}}},
            "'evaluate.primary.arms' is not known; did you mean 'arm'?",
        ),
        (
            {"evaluate": EVALUATE | {"pooled": {"both": ["full", "low_data"]}}},
            "one of 'evaluate.pooled.both' is 'low_data'; did you mean 'low_data_25'?",
        ),
        ({"evaluate": EVALUATE | {"pooled": {"full": ["low_data_25"]}}}, "'evaluate.pooled.full' has the name of"),
    ],
)
def test_wrong_params(project, changes, message):
    write_params(project, **changes)
    result = evaluate(project)
    assert result.exit_code == 1
    assert message in result.output
    assert not (project / "metrics").exists()


def test_pooled_scenarios_are_averaged(project):
    """A speaker's score is the mean over the scenarios, and the scenarios have scores of their own."""
    pooled = {"pooled": {"both": ["full", "low_data_25"]}, "scenario": "both"}
    write_params(project, evaluate=EVALUATE | pooled | {"primary": PRIMARY | {"scenarios": ["both"]}})
    result = evaluate(project)
    assert result.exit_code == 0, result.output
    scores = load(project, "ser.json")
    assert list(scores) == ["full", "low_data_25", "both"]
    for arm in ARMS:
        full, low, both = (scores[name]["svm"][arm] for name in scores)
        assert both["uar"] == pytest.approx((full["uar"] + low["uar"]) / 2, abs=1e-6)
        assert (both["speakers"], both["clips"]) == (full["speakers"], full["clips"])
    assert full["uar"] != low["uar"]
    assert load(project, "summary.json")["uar"]["mean"] == scores["both"]["svm"]["cyclegan+classical"]["uar"]
    assert scores["both"]["cnn"]["cyclegan+classical"]["over"]["none"]["family"] == "primary"


def test_unequal_budgets_are_reported(project):
    """In the output and in the notes of that scenario, and of no other."""
    for split in ("full-1", "full-2"):
        path = project / f"predictions/{split}/classical.parquet"
        predictions.write(predictions.read(path), path, LABELS, "abc", budget=budget(steps=600))
    result = evaluate(project)
    arms = "steps 300 in none, cyclegan+classical; steps 600 in classical"
    line = f"training differs between arms: full-1, full-2: cnn, seed 0: {arms}\n"
    assert result.exit_code == 0 and line in result.output
    scores = load(project, "ser.json")
    assert line.strip() in scores["full"]["svm"]["none"]["note"]
    assert "training differs" not in scores["low_data_25"]["svm"]["none"]["note"]


def test_several_generator_seeds_are_averaged(evaluated, project, tmp_path):
    first, second = load(evaluated, "ser.json"), tmp_path / "second"
    write_predictions(second, generator_seed=2)
    write_params(second, seed=2)
    assert evaluate(second).exit_code == 0
    other = load(second, "ser.json")
    result = evaluate(project, f"--predictions={second / 'predictions'}")
    assert result.exit_code == 0, result.output
    both = load(project, "ser.json")
    for classifier in ("svm", "cnn"):
        for arm in ARMS:
            one, two, found = (scores["full"][classifier][arm] for scores in (first, other, both))
            trainings = 2 if arm == "none" else 4  # it has no generator, so both runs have the same ones
            assert (found["generator_seeds"], found["seeds"], found["clips"]) == (2, trainings, 48)
            assert found["uar"] == pytest.approx((one["uar"] + two["uar"]) / 2, abs=2e-6)
            assert one["uar"] != two["uar"] or arm == "none"


def test_runs_that_cannot_be_pooled_or_audited_together(project, tmp_path):
    shutil.copytree(project / "predictions", tmp_path / "copy/predictions")
    write_params(tmp_path / "copy", seed=2, pairs=["angry-sad"])
    result = evaluate(project, f"--predictions={tmp_path / 'copy/predictions'}")
    assert result.exit_code == 1 and "differ in more than 'seed': pairs" in result.output
    assert not (project / "metrics").exists()
    options = [f"--{name}={project / name}" for name in ("summary", "scores", "plots", "augmented")]
    twice = [f"--predictions={project / 'predictions'}"] * 2
    result = CliRunner().invoke(main, [f"--params={project / 'params.yaml'}", *options, *twice])
    assert "each run was audited on its own; expected --skip-audit" in result.output
