"""Each value of a sweep is run, and params.yaml is restored."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result
from ruamel.yaml import YAML

from pipeline.cli import workspace
from pipeline.cli.main import main
from pipeline.core import params

ROOT = Path(__file__).parents[2]
TABLE = Path("metrics/sweeps/augment.mix.ratio.csv")
PARAMS = Path("params.yaml")


@pytest.fixture(autouse=True)
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Ratios with which DVC was called; it is replaced by a pipeline that gains a tenth of the ratio, up to 4."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / PARAMS, PARAMS)
    called: list[float] = []

    def dvc(*arguments: str) -> int:
        if arguments[0] == "repro":
            ratio = YAML(typ="safe").load(PARAMS)["augment"]["mix"]["ratio"]
            called.append(ratio)
            gain = {"family": "exploratory", "uar": {"gain": ratio / 10, "ci_low": 0.0, "ci_high": 1.0}}
            scores = {"full": {"svm": {"none": {"uar": 0.5}, "cyclegan": {"uar": 0.5, "over": {"none": gain}}}}}
            Path("metrics").mkdir(exist_ok=True)
            Path("metrics/ser.json").write_text(json.dumps(scores))
            return int(ratio > 4)
        return 0

    monkeypatch.setattr(workspace, "dvc", dvc)
    return called


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["sweep", *arguments])


def test_each_value_is_run_and_params_are_as_before(ran: list[float]) -> None:
    before = PARAMS.read_bytes()
    result = run("augment.mix.ratio", "0.5", "2")
    assert result.exit_code == 0, result.output
    assert ran == [0.5, 2, 1]  # and then as it was
    assert PARAMS.read_bytes() == before
    table = pd.read_csv(TABLE)
    gains = table[table["arm"] == "cyclegan"].set_index("value")["gain"]
    assert gains.to_dict() == {0.5: 0.05, 2.0: 0.2}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("augment.mix.ration", "1"), "has no 'augment.mix.ration'; did you mean 'ratio'?"),
        (("augment.mix.ratio", "1", "-3"), "augment.mix.ratio=-3: params.yaml: 'augment.mix.ratio' is -3"),
        (("augment.mix.ratio", "5", "1"), "augment.mix.ratio=5: `dvc repro evaluate` failed"),
        (("emotions", "[]"), "emotions=[]: params.yaml: 'emotions' is empty"),
    ],
)
def test_errors_leave_params_as_they_were(arguments: tuple[str, ...], message: str, ran: list[float]) -> None:
    before = PARAMS.read_bytes()
    result = run(*arguments)
    assert result.exit_code == 1
    assert message in result.output
    assert PARAMS.read_bytes() == before
    assert not TABLE.exists()
    assert ran == ([5, 1] if "5" in arguments else [])  # nothing runs before all values are checked
    assert ("params.yaml is restored, the outputs, too" in result.output) == bool(ran)


def test_changed_params_keep_the_order_of_keys() -> None:
    """The demo's clips depend on the order of its emotions, and DVC does not see it."""
    before = params.read(PARAMS)
    workspace.change_params(PARAMS, {"arms": ["none"]})
    after = params.read(PARAMS)
    assert list(after) == list(before) and after["arms"] == ["none"]
    assert list(after["demo_corpus"]["emotions"]) == list(before["demo_corpus"]["emotions"])
    assert list(before["demo_corpus"]["emotions"]) != sorted(before["demo_corpus"]["emotions"])
