import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from pipeline.cli.main import main


def over(gain, low, high, p, **more):
    """Gain of an arm, as `evaluate` writes it."""
    interval = {} if low is None else {"ci_low": low, "ci_high": high, "p": p, "mde": 0.02}
    uar = {"gain": gain, **interval, **more}
    family = "primary" if more else "exploratory"
    return {"family": family, "uar": uar, "accuracy": {"gain": 0.5}, "recall": {"sad": {"gain": 0.5}}}


SCORES = {
    "full": {
        "cnn": {
            "none": {"speakers": 24, "uar": 0.6, "ece": 0.1, "recall": {"sad": 0.5}},
            "classical": {"speakers": 24, "uar": 0.59, "ece": 0.1, "over": {"none": over(-0.01, -0.03, 0.01, 0.4)}},
            "cyclegan": {
                "speakers": 24,
                "uar": 0.625,
                "ece": 0.1,
                "over": {
                    "none": over(0.025, 0.005, 0.045, 0.02, p_holm=0.04, fold_low=-0.01, fold_high=0.06),
                    "classical": over(0.035, 0.004, 0.066, 0.0304, p_holm=0.0304),
                },
            },
        }
    },
    "low_data_25": {
        "svm": {
            "none": {"speakers": 1, "note": "too few speakers (1 of at least 8)", "uar": 0.4, "ece": 0.1},
            "cyclegan": {
                **{"speakers": 1, "note": "too few speakers (1 of at least 8)", "uar": 0.5, "ece": 0.1},
                "over": {"none": over(0.1, None, None, None)},
            },
        }
    },
}
ROWS = [
    ["scenario", "classifier", "arm", "UAR", "over", "gain", "over folds", "p"],
    ["full", "cnn", "none", "60.0", "", "", "", ""],
    ["full", "cnn", "classical", "59.0", "none", "−1.0 (−3.0 … +1.0)", "too few", "0.400"],
    ["full", "cnn", "cyclegan", "62.5", "none", "+2.5 (+0.5 … +4.5)", "−1.0 … +6.0", "0.020 (0.040)"],
    ["full", "cnn", "cyclegan", "62.5", "classical", "+3.5 (+0.4 … +6.6)", "too few", "0.030 (0.030)"],
    ["low_data_25", "svm", "none", "40.0", "", "", "", ""],
    ["low_data_25", "svm", "cyclegan", "50.0", "none", "+10.0", "", ""],
]
PRINTED = """\
 arm                  UAR    gain                 over folds    p
 full, cnn
   none               60.0
   classical          59.0
     over none               −1.0 (−3.0 … +1.0)   too few       0.400
   cyclegan           62.5
     over none               +2.5 (+0.5 … +4.5)   −1.0 … +6.0   0.020 (0.040)
     over classical          +3.5 (+0.4 … +6.6)   too few       0.030 (0.030)
 low_data_25, svm
   none               40.0
   cyclegan           50.0
     over none               +10.0
UAR and gains in points, with intervals over speakers and over folds; p by sign-flip (by Holm)
over folds: too few; an interval needs 3 folds without common speakers
too few speakers (1 of at least 8)""".splitlines()


@pytest.fixture
def compare(tmp_path):
    """Run the command with the scores, or with others."""

    def run(*options, scores=SCORES):
        path = tmp_path / "ser.json"
        path.write_text(json.dumps(scores))
        return CliRunner().invoke(main, ["compare", f"--scores={path}", *map(str, options)])

    return run


def printed(result):
    """Lines of the output, without empty lines and rules."""
    assert result.exit_code == 0, result.output
    return [line.rstrip() for line in result.output.splitlines() if line.strip(" ─")]


def test_table_is_printed(compare: Callable[..., Result]) -> None:
    assert printed(compare()) == PRINTED


def test_long_names_and_the_answer_fit_100_columns(compare: Callable[..., Result], tmp_path: Path) -> None:
    wide = over(-0.125, -0.9, 0.65, 0.4, fold_low=-1.2, fold_high=0.9, p_holm=0.4)
    arms = {"none": {"uar": 0.6}, "speaker_conversion+vtlp": {"uar": 0.5, "over": {"enrolled_conversion": wide}}}
    uar = {"mean": 0.5, "baseline": 0.6, "gain": -0.1, "ci_low": -0.9, "ci_high": 0.7}
    about = {"arm": "speaker_conversion+vtlp", "scenario": "full", "classifier": "svm", "speakers": 24, "uar": uar}
    (tmp_path / "summary.json").write_text(json.dumps(about))
    name = "pretrained+neutral_norm+vocoded"
    lines = printed(compare(scores={"low_data_25_seed1": {name: arms}}))
    assert max(map(len, lines)) <= 100
    assert any("−12.5 (−90.0 … +65.0)   −120.0 … +90.0   0.400 (0.400)" in line for line in lines)
    assert "".join(lines[1:3]).replace(" ", "") == f"low_data_25_seed1,{name}"
    assert lines[-1].endswith("these data do not show an effect.")


def test_markdown_is_the_same_table(compare: Callable[..., Result], tmp_path: Path) -> None:
    path = tmp_path / "new" / "table.md"
    compare("--markdown", path)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[1] == "|" + " --- |" * 8
    assert [[cell.strip() for cell in line[1:-1].split("|")] for line in (lines[0], *lines[2:8])] == ROWS
    assert lines[-1] == "too few speakers (1 of at least 8)"


def test_csv_has_a_row_for_each_arm_and_reference(compare: Callable[..., Result], tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    compare("--csv", path)
    found = pd.read_csv(path).set_index(["scenario", "classifier", "arm", "reference"])
    assert len(found) == 6
    row = found.loc[("full", "cnn", "cyclegan", "classical")]
    wanted = {"uar": 0.625, "gain": 0.035, "ci_low": 0.004, "p": 0.0304, "p_holm": 0.0304, "family": "primary"}
    assert row[list(wanted)].to_dict() == wanted
    assert found["ci_low"].isna().sum() == 3  # the baselines, and the gain of one speaker
    assert "recall" not in found


@pytest.mark.parametrize("found", [{"uar": {"mean": 0.5}}, {}])
def test_scores_of_another_version_are_named(compare, found):
    result = compare(scores={"full": {"cnn": {"none": found}}})
    assert "ser.json: full, cnn, none: 'uar' is no number" in result.output


def test_a_comparison_without_its_family_is_damaged(compare):
    beside = over(0.1, None, None, None)
    del beside["family"]
    result = compare(scores={"full": {"cnn": {"cyclegan": {"uar": 0.5, "over": {"none": beside}}}}})
    assert "ser.json: is damaged: 'family'" in result.output


def test_lacking_scores_are_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["compare", f"--scores={tmp_path / 'ser.json'}"])
    assert result.exit_code == 1
    assert "ser.json: not found; `emocycle repro` writes it" in result.output
