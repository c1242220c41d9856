"""One command at a time changes a workspace, and what a killed one left is put in order."""

import errno
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import zc.lockfile
from click.testing import CliRunner

from pipeline.cli import alone, workspace
from pipeline.cli.main import main
from pipeline.cli.workspace import WorkspaceError
from pipeline.core import workers
from pipeline.core.files import NoSpaceError

PARAMS = Path("params.yaml")
FULL = "database or disk is full"
WAIT = "print(flush=True); import time; time.sleep(60)"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace, which is the current directory."""
    monkeypatch.chdir(tmp_path)
    alone.TEMPORARY.mkdir(parents=True)
    PARAMS.write_text("arms: [none, vtlp] # a comment\nseed: 1\n")
    return tmp_path


def started(code: str) -> "subprocess.Popen[bytes]":
    """A process that has run some code, and waits."""
    process = subprocess.Popen([sys.executable, "-c", f"{code}\n    {WAIT}"], stdout=subprocess.PIPE)
    assert process.stdout and process.stdout.readline()
    return process


def test_a_second_command_refuses_until_the_first_is_killed() -> None:
    with started("from pipeline.cli import alone\nwith alone.alone():") as first:
        with (
            pytest.raises(WorkspaceError, match=rf"\(process {first.pid}\); wait for its end, or stop it"),
            alone.alone(),
        ):
            pass
        first.kill()
    with alone.alone():
        assert alone.LOCK.exists()


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), sqlite3.OperationalError(FULL)])
def test_a_disk_that_is_full_from_the_start(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: object) -> None:
        raise error

    with pytest.raises(NoSpaceError, match=f"no space left on device .*{error}".replace("[", r"\[")), alone.alone():
        fail()  # as DVC does
    monkeypatch.setattr(zc.lockfile, "LockFile", fail)
    with pytest.raises(NoSpaceError, match=r".dvc/tmp: no space left on device"), alone.alone():
        pass


def listed(pid: int) -> str:
    entry = {"pid": pid, "cmd": "dvc repro"}
    return json.dumps({"write": {"out": entry}, "read": {"dep": [entry]}})


def test_a_running_stage_of_dvc_refuses() -> None:
    alone.RUNNING.write_text(listed(os.getpid()))
    with pytest.raises(WorkspaceError, match=rf"process {os.getpid()}: dvc repro\); wait"), alone.alone():
        pass
    assert alone.RUNNING.exists()


@pytest.mark.parametrize("left", ["", '{"write": {"out"', "gone", "later"])
def test_the_list_of_a_killed_dvc_is_removed(left: str) -> None:
    """It was half-written, or the process is gone, or another has its number now."""
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    alone.RUNNING.write_text({"gone": listed(gone.pid), "later": listed(os.getpid())}.get(left, left))
    if left == "later":
        os.utime(alone.RUNNING, (0, 0))
    with alone.alone():
        assert not alone.RUNNING.exists()


@pytest.mark.parametrize("edited", [False, True])
def test_params_of_a_killed_command_are_restored_unless_edited(
    edited: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    before = PARAMS.read_text()
    changing = "from pipeline.cli import workspace\nwith workspace.changed_params({'arms': ['none']}):"
    with started(changing) as process:
        process.send_signal(signal.SIGKILL)
    assert "vtlp" not in PARAMS.read_text()
    if edited:
        PARAMS.write_text("seed: 2\n")
    for warned in (not edited, False):
        with alone.alone():
            assert PARAMS.read_text() == ("seed: 2\n" if edited else before)
        assert ("params.yaml: restored" in capsys.readouterr().err) == warned


def test_temporaries_of_killed_commands_are_removed() -> None:
    left = [Path(".params.yaml.7@here.tmp"), Path(".dvc.lock.7@here.tmp"), Path(".other.7@here.tmp")]
    for path in left:
        path.write_text("half")
    with alone.alone():
        assert [path for path in left if path.exists()] == left[2:]


def test_changed_params_leave_nothing() -> None:
    before = PARAMS.read_text()
    with workspace.changed_params({"seed": 3}):
        assert "seed: 3" in PARAMS.read_text()
    assert PARAMS.read_text() == before and not workspace.CHANGED.exists()


def test_dvc_ends_with_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a killed `emocycle repro` leaves a `dvc repro` that works on."""
    Path("dvc.py").write_text("import os\nprint(os.getpid(), flush=True)\nimport time; time.sleep(600)")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path.cwd()), *sys.path]))
    command = [sys.executable, "-c", "from pipeline.cli import workspace; workspace.dvc('repro')"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        child = psutil.Process(int(process.stdout.readline()))
        process.kill()
    end_s = time.monotonic() + 30
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < end_s, "it works on"
        time.sleep(0.1)


def test_a_stage_ends_with_the_dvc_that_started_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise it works on beside that of the next run."""
    calls: list[str] = []
    monkeypatch.setattr(workers, "end_with_parent", lambda: calls.append("end"))
    for stage in ("", "split"):
        if stage:
            monkeypatch.setenv("DVC_STAGE", stage)
        assert CliRunner().invoke(main, ["check", "--help"]).exit_code == 0
        assert bool(calls) == bool(stage)


def test_a_stage_removes_what_a_killed_one_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of its own outputs alone, and only where DVC runs it: nobody else writes them."""
    monkeypatch.setattr(workers, "end_with_parent", lambda: None)
    left = {name: Path(f".{name}.7@there.tmp") for name in ("in", "out", "q", "other")}
    for path in left.values():
        path.mkdir()
    arguments = ["ingest", "--corpus", "ravdess", "--raw", "in", "--out", "out", "--quarantine", "q"]
    environments: list[dict[str, str]] = [{}, {"DVC_STAGE": "ingest@ravdess"}]
    for variables in environments:
        assert all(path.exists() for path in left.values())
        assert CliRunner().invoke(main, arguments, env=variables).exit_code == 1
    assert [name for name, path in left.items() if path.exists()] == ["in", "other"]
