"""Records of experiments: they are complete, name their commit, and are not replaced unasked."""

import re
from pathlib import Path

import pytest

from pipeline.cli import workspace
from pipeline.core import params

from .conftest import ARMS, ROOT, change, files, git, run

pytestmark = pytest.mark.usefixtures("empty_project")


@pytest.mark.parametrize("record", sorted(ROOT.glob("experiments/*/dvc.lock")), ids=lambda path: path.parent.name)
def test_records_name_the_commit_of_their_code(record: Path) -> None:
    assert re.fullmatch(r"[0-9a-f]{40}\n", (record.parent / "commit.txt").read_text())
    assert params.read(record.parent / "params.yaml")


def finish() -> None:
    """Files that `dvc repro` would have left, and some of another setting."""
    for path in (
        *("dvc.lock", "metrics/summary.json", "metrics/ser.json", "metrics/plots/evaluate/confusion.csv"),
        *("metrics/plots/classify/full-1_none.csv", "data/predictions/full-1/oversample.parquet"),
        *(f"data/predictions/full-{fold}/{arm}.parquet" for fold in (1, 2) for arm in ARMS),
    ):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(path)
    Path("dvc.lock").write_text("schema: '2.0'\nstages:\n  evaluate:\n    cmd: now\n  ingest@cremad:\n    cmd: once\n")


def test_record(called: list[tuple[str, ...]]) -> None:
    finish()
    result = run("record", "first")
    assert result.exit_code == 0, result.output
    assert called == [("status", "--quiet")]
    folder = Path("experiments/first")
    assert (folder / "commit.txt").read_text() == "unknown\n"
    assert files(folder) == [
        "commit.txt",
        "dvc.lock",
        "metrics/plots/evaluate/confusion.csv",
        "metrics/ser.json",
        "metrics/summary.json",
        "params.yaml",
        *(f"predictions/full-{fold}/{arm}.parquet" for fold in (1, 2) for arm in ARMS),
    ]
    assert (folder / "params.yaml").read_bytes() == Path("params.yaml").read_bytes()
    assert (folder / "dvc.lock").read_text() == "schema: '2.0'\nstages:\n  evaluate:\n    cmd: now\n"


def test_a_record_names_the_commit_of_the_code(called: list[tuple[str, ...]]) -> None:
    finish()
    Path("pipeline").mkdir()
    for path in ("dvc.yaml", "pipeline/module.py"):
        Path(path).write_text("first\n")
    git("init")
    git("add", "dvc.yaml", "pipeline")
    git("commit", "-m", "the code")
    run("record", "first")
    message = Path("experiments/first/commit.txt").read_text()
    assert re.fullmatch(r"[0-9a-f]{40}\n", message)
    Path("pipeline/module.py").write_text("changed\n")
    run("record", "first", "--force")
    assert Path("experiments/first/commit.txt").read_text() == f"{message.strip()} and changes that are in no commit\n"


def test_a_record_is_not_replaced_unasked(called: list[tuple[str, ...]]) -> None:
    finish()
    folder = Path("experiments/first")
    assert run("record", "first").exit_code == 0
    (folder / "README.md").write_text("what it means")
    change(folds=[1])
    assert "experiments/first: exists already" in run("record", "first").output
    assert run("record", "first", "--force").exit_code == 0
    assert len(files(folder)) == 13 - 3
    assert (folder / "README.md").read_text() == "what it means"


def test_what_is_not_recorded(called: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    finish()
    for name in ("../up", "a/b", ".hidden", ""):
        assert "is no name for a folder" in run("record", name).output
    Path("data/predictions/full-2/none.parquet").unlink()
    assert "missing: data/predictions/full-2/none.parquet; `emocycle repro`" in run("record", "first").output
    monkeypatch.setattr(workspace, "dvc", lambda *arguments: 1)
    assert "are not those of the current params.yaml" in run("record", "first").output
    assert not Path("experiments/first").exists()
