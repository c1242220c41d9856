"""`emocycle repro`: nothing runs or changes where the check finds an error, and no file is lost."""

import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from pipeline.cli import parallel, repro, workspace
from pipeline.cli.executors import local
from pipeline.core import memory, params

from .conftest import VALID, change, git, recorded, run

pytestmark = pytest.mark.usefixtures("empty_project")


def test_repro_checks_first_and_passes_arguments_and_exit_code(
    called: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("repro").exit_code == 0
    assert run("repro", "--", "--dry", "evaluate").exit_code == 0
    change(pairs=["sad-angry"])
    assert run("repro").exit_code == 1
    assert called == [("repro",), ("repro", "--dry", "evaluate")]
    change(pairs=["angry-sad"])
    monkeypatch.setattr(workspace, "dvc", lambda *arguments: 255)
    assert run("repro").exit_code == 255


def test_repro_with_jobs(called: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[object, ...]] = []
    monkeypatch.setattr(parallel, "repro", lambda *arguments: calls.append(arguments))
    monkeypatch.setattr(local, "start_server", lambda: None)
    monkeypatch.setattr(signal, "signal", lambda *arguments: None)
    assert run("repro", "--jobs", "2", "--", "-f", "evaluate").exit_code == 0
    assert run("repro", "--jobs", "1").exit_code == 0
    assert run("repro", "--executor", "slurm").exit_code == 0
    assert calls == [(["evaluate"], 2, True, "local"), ([], 1, False, "local"), ([], None, False, "slurm")]
    for given in (["--jobs", "2"], ["--executor", "slurm"]):
        assert "take targets and --force of `dvc repro`, not --dry" in run("repro", *given, "--", "--dry").output
    assert len(calls) == 3 and called == []


def test_the_baseline_runs_first_where_nothing_is_predicted(
    called: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    arms: list[tuple[Sequence[str], object]] = []

    def repro(targets: Sequence[str], jobs: int, force: bool, where: str) -> None:
        arms.append((targets, params.read(Path("params.yaml"))["arms"]))
        if fails:
            raise parallel.ReproError("1 of 9 items failed")

    monkeypatch.setattr(parallel, "repro", repro)
    monkeypatch.setattr(local, "start_server", lambda: None)
    monkeypatch.setattr(signal, "signal", lambda *arguments: None)
    before, fails = Path("params.yaml").read_bytes(), True
    assert run("repro", "--jobs", "2", "--baseline-first").exit_code == 1
    assert arms == [(["classify"], ["none"])] and Path("params.yaml").read_bytes() == before
    fails = False
    assert run("repro", "--jobs", "2", "--baseline-first").exit_code == 0
    assert arms[1:] == [(["classify"], ["none"]), ([], ["none", "classical", "cyclegan"])]
    Path("data/predictions").mkdir(parents=True)
    assert run("repro", "--jobs", "2", "--baseline-first").exit_code == 0
    assert len(arms) == 4 and Path("params.yaml").read_bytes() == before
    assert "needs --jobs" in run("repro", "--baseline-first").output and called == []


def test_no_more_items_at_once_than_the_memory_suffices_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(memory, "available_gb", lambda: 5.0)  # params.yaml: 2 GB a process
    assert [repro._fitting(jobs) for jobs in (1, 2, 8)] == [1, 2, 2]
    assert "2 items at once, not 8: 5.0 GB are free, and 'hardware.memory_gb' is 2" in capsys.readouterr().err


def test_repro_switches_to_a_real_corpus(
    called: list[tuple[str, ...]], ravdess_tree: Callable[..., Path], tmp_path: Path
) -> None:
    git("init")
    git("add", "params.yaml")
    git("commit", "-m", "the demo")
    first, second = (recorded(f"ravdess-{seed}", corpora=["ravdess"], seed=seed) for seed in (0, 1))
    real, other = (ravdess_tree(tmp_path / "elsewhere" / name) for name in ("real", "other"))

    result = run("repro", "--from", str(first), "--raw", f"ravdess={real}")
    assert result.output == f"{first}/{VALID}"
    assert called == [("repro",)]
    assert Path("params.yaml").read_bytes() == (first / "params.yaml").read_bytes()
    assert Path("data/raw/ravdess").readlink() == real

    # The current params.yaml is in git or in a record: it may be replaced.
    assert run("repro", "--from", str(second), "--raw", f"ravdess={other}").exit_code == 0
    assert Path("data/raw/ravdess").readlink() == other
    # An edit is in neither.
    change(seed=17)
    result = run("repro", "--from", str(first))
    assert "params.yaml: has edits that would be lost; commit them, or add --force" in result.output
    assert '"seed": 17' in Path("params.yaml").read_text()
    assert run("repro", "--from", str(first), "--force").exit_code == 0
    assert '"seed": 0' in Path("params.yaml").read_text()


@pytest.mark.parametrize("commit", ["0123abc", None])
def test_a_record_of_another_schema(called: list[tuple[str, ...]], commit: str | None) -> None:
    """Nothing changes and nothing runs."""
    before, folder = Path("params.yaml").read_bytes(), recorded("earlier", seed=None, sead=1)
    if commit:
        (folder / "commit.txt").write_text(f"{commit}\n")
    result = run("repro", "--from", str(folder), "--force")
    assert result.exit_code == 1
    assert "experiments/earlier/params.yaml: 'sead' is not known" in result.output and "and 1 more" in result.output
    assert (
        f"written at commit {commit}" if commit else "commit.txt, which names its commit, is missing"
    ) in result.output
    assert Path("params.yaml").read_bytes() == before
    assert called == []


def test_nothing_changes_where_a_record_cannot_be_run(
    called: list[tuple[str, ...]], ravdess_tree: Callable[..., Path], tmp_path: Path
) -> None:
    before, folder = Path("params.yaml").read_bytes(), recorded("other", corpora=["ravdess"], folds=[1, 99])
    old, new = tmp_path / "old", ravdess_tree(tmp_path / "new")
    old.mkdir()
    Path("data/raw").mkdir(parents=True)
    Path("data/raw/ravdess").symlink_to(old)
    for arguments, message in (
        ((str(folder), "--raw", f"ravdess={new}", "--force"), "'folds': ravdess has no fold 99"),
        (("experiments/othre",), "params.yaml: not found; did you mean 'experiments/other'?"),
        ((f"{folder}/params.yaml",), "params.yaml: is a file; expected its folder, experiments/other"),
    ):
        assert message in run("repro", "--from", *arguments).output
        assert Path("params.yaml").read_bytes() == before
        assert Path("data/raw/ravdess").readlink() == old
    assert called == []


def test_a_link_stays_where_the_new_one_cannot_be_written(
    called: list[tuple[str, ...]], ravdess_tree: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(corpora=["ravdess"])
    old, new = ravdess_tree(tmp_path / "old"), ravdess_tree(tmp_path / "new")
    assert run("repro", "--raw", f"ravdess={old}").exit_code == 0

    def fail(*arguments: object, **named: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(Path, "symlink_to", fail)
    assert run("repro", "--raw", f"ravdess={new}").exit_code == 1
    assert Path("data/raw/ravdess").readlink() == old
    assert len(called) == 1


def test_invalid_links(called: list[tuple[str, ...]], ravdess_tree: Callable[..., Path]) -> None:
    """A real folder is never replaced, either."""
    Path("there").mkdir()
    for wanted, message in (
        ("ravdes=there", "did you mean 'ravdess'?"),
        ("ravdess", "expected CORPUS=FOLDER"),
        ("demo=there", "expected CORPUS=FOLDER; did you mean"),
        ("ravdess=nowhere", "no such folder; expected the clips of RAVDESS"),
    ):
        assert message in run("repro", "--raw", wanted).output
    assert not Path("data/raw").exists()
    ravdess_tree(Path("data/raw/ravdess"))
    assert "data/raw/ravdess: is not a link and is not replaced" in run("repro", "--raw", "ravdess=there").output
    assert any(Path("data/raw/ravdess").iterdir())
    assert called == []
