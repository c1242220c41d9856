"""`emocycle repro --jobs` leaves the bytes that DVC leaves, whatever fails, is interrupted or killed."""

import contextlib
import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import dvc_objects.fs.local
import pytest
from dvc import lock
from dvc.repo import Repo
from dvc.utils.serialize import load_yaml

from pipeline.cli import item, parallel
from pipeline.cli import repro as repro_command
from pipeline.cli.executors import local
from pipeline.cli.parallel import ReproError
from pipeline.core import workers

STAGES = """
stages:
  first:
    cmd: python -m work first.txt source.txt
    deps: [source.txt, work.py]
    outs: [first.txt]
  half:
    matrix: {name: [a, b, c]}
    cmd: python -m work half/${item.name}.txt first.txt
    deps: [first.txt]
    params: [size]
    outs: ["half/${item.name}.txt"]
  length:
    cmd: python -m work length.txt first.txt
    deps: [first.txt]
    outs: [length.txt]
  last:
    cmd: cat half/a.txt half/b.txt half/c.txt > "last.txt" && python -m work count.json length.txt
    deps: [half, length.txt]
    params: [size]
    outs: [last.txt]
    metrics: [count.json: {cache: false}]
"""
WORK = """
import os, pathlib, sys, time

out, source = map(pathlib.Path, sys.argv[1:])
action = pathlib.Path(out.stem)  # a file that is no dependency
workers = sys.modules.get("pipeline.core.workers")
print(workers and workers._share, os.environ["DVC_STAGE"], flush=True)
if action.exists() and action.read_text() == "fail":
    sys.exit("Error: as planned")
if action.exists():
    action.write_text(str(os.getpid()))
    time.sleep(60)
out.parent.mkdir(exist_ok=True)
text = source.read_text()
out.write_text(str(len(text)) if out.stem in ("length", "count") else text + out.stem)
"""
FILES = {
    "dvc.yaml": STAGES,
    "params.yaml": "size: 1",
    "source.txt": "one",
    "work.py": WORK,
}
ITEMS = ["first", "half@a", "half@b", "half@c", "length", "last"]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project of DVC, which is the current directory."""
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    monkeypatch.setattr(local, "LIBRARIES", ())  # they take seconds
    return new(tmp_path / "project", monkeypatch)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project after `dvc repro`."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
        folder = new(tmp_path_factory.mktemp("by") / "dvc", monkeypatch)
        by_dvc(folder)
    return folder


def new(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder.mkdir()
    monkeypatch.chdir(folder)
    Repo.init(no_scm=True).close()
    for name, text in FILES.items():
        Path(name).write_text(text)
    return folder


def by_dvc(folder: Path) -> None:
    """`dvc repro` in a folder."""
    with contextlib.chdir(folder), Repo() as repo:
        repo.reproduce()


def found(folder: Path) -> dict[str, bytes]:
    """All files by their paths, with DVC's cache and run cache, and without what it keeps for itself."""
    paths = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in paths
        if path.relative_to(folder).parts[:2] != (".dvc", "tmp")
    }


def ran(run: Callable[[], None]) -> list[str]:
    """Items whose commands ran, which is when their log is written."""
    shutil.rmtree(".dvc/tmp/logs", ignore_errors=True)
    run()
    return sorted((path.stem for path in Path(".dvc/tmp/logs").glob("*.log")), key=ITEMS.index)


def repro() -> None:
    parallel.repro([], jobs=2, force=False)


def test_same_bytes_as_dvc(project: Path, reference: Path, tmp_path: Path) -> None:
    other = shutil.copytree(reference, tmp_path / "other")

    def write(name: str, text: str) -> None:
        for folder in (project, other):
            (folder / name).write_text(text)

    def check() -> None:
        by_dvc(other)
        assert found(project) == found(other)
        with Repo() as repo:
            assert repo.status() == {}

    assert ran(repro) == ITEMS
    check()
    assert ran(repro) == []

    write("source.txt", "two")
    write("work.py", WORK + "# a comment")
    assert ran(repro) == ITEMS[:-1] + ["last"]
    check()
    write("source.txt", "one")  # now first.txt gets earlier bytes, but by other code
    Path("half/a.txt").unlink()
    assert ran(repro) == ["first"]  # the others are in the run cache
    check()


def test_targets_and_force(project: Path) -> None:
    assert ran(lambda: parallel.repro(["half@b"], 1, False)) == ["first", "half@b"]
    assert ran(lambda: parallel.repro(["half@b"], 1, True)) == ["first", "half@b"]
    with pytest.raises(ReproError, match="halves"):
        parallel.repro(["halves"], 1, False)


def test_items_share_the_cores(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "cores", lambda: 3)
    repro()
    logs = {name: Path(f".dvc/tmp/logs/{name}.log").read_text().strip() for name in ITEMS}
    assert logs["first"] == "3 first"
    assert (logs["half@a"], logs["half@b"]) == ("1 half@a", "2 half@b")


def test_a_failed_item_stops_only_what_needs_it(
    project: Path, reference: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("b").write_text("fail")
    with pytest.raises(ReproError) as caught:
        repro()
    log = Path(".dvc/tmp/logs/half@b.log")
    assert caught.value.message.endswith(f"\n  - half@b: exit code 1: Error: as planned (log: {log.absolute()})")
    assert "4 done, 1 failed, 1 skipped" in capsys.readouterr().out
    Path("b").unlink()
    assert ran(repro) == ["half@b", "last"]
    locks = [load_yaml(folder / "dvc.lock") for folder in (project, reference)]
    assert locks[0] == locks[1]  # though not in the same order


def test_an_output_or_a_dependency_that_is_missing_is_the_items_error(project: Path) -> None:
    Path("source.txt").unlink()
    with pytest.raises(ReproError, match="first: .*No such file or directory: '.*source.txt'"):
        repro()
    Path("source.txt").write_text("one")
    Path("work.py").write_text("")
    with pytest.raises(ReproError, match="first: output 'first.txt' does not exist"):
        repro()


def test_an_output_that_cannot_be_copied_to_the_cache(project: Path, reference: Path) -> None:
    """As on a disk of its own that is full; DVC takes the item for done."""
    copy = dvc_objects.fs.local.copyfile

    def full(source: str, *about: Any, **options: Any) -> None:
        if "half" in source:
            raise OSError(errno.ENOSPC, "No space left on device")
        copy(source, *about, **options)

    failed = "1 files were not copied to .*cache/files/md5: .Errno 28. No space left on device"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dvc_objects.fs.local, "copyfile", full)
        with pytest.raises(ReproError, match=f"3 of 6 items failed:\n  - half@.: {failed}"):
            repro()
    assert list(load_yaml("dvc.lock")["stages"]) == ["first", "length"]
    assert ran(repro) == ["half@a", "half@b", "half@c", "last"]
    assert load_yaml("dvc.lock") == load_yaml(reference / "dvc.lock")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_an_end_in_the_middle(project: Path, reference: Path, number: int) -> None:
    """All processes end, and the next run goes on to the same bytes."""
    action = Path("b")
    action.touch()
    imports = "from pipeline.cli import parallel, repro; from pipeline.cli.executors import local; "
    script = imports + "local.LIBRARIES = (); repro.end_by_exception(); parallel.repro([], 2, False)"
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout
        while "Stage 'length' is done" not in process.stdout.readline():
            pass
        process.send_signal(number)
        process.communicate(timeout=60)  # until no process holds its output
    assert process.returncode
    item_of_b = Path("/proc", action.read_text())
    while item_of_b.exists():  # a zombie, for a moment
        time.sleep(0.1)
    assert not list(project.rglob("*.tmp"))
    Path("half/.b.txt.7@here.tmp").write_text("half")  # of a stage that writes by `atomic_write`
    action.unlink()
    assert ran(repro) == ["half@b", "last"]
    assert found(project) == found(reference)


def test_an_ignored_signal_stays_ignored() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGTERM)}
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        repro_command.end_by_exception()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN != signal.getsignal(signal.SIGTERM)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_libraries_are_there() -> None:
    assert all(map(find_spec, local.LIBRARIES))


@pytest.mark.usefixtures("project")
def test_two_at_once_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "DEFAULT_TIMEOUT", 0.1)
    with Repo() as repo, repo.lock, pytest.raises(ReproError, match=rf"\(process {os.getpid()}\); wait for its end"):
        parallel.repro([], 2, False)


def test_end_of_a_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "x.log"
    assert item.last_line(log) == ""
    assert item.ending(1, log) == f"exit code 1:  (log: {log})"
    monkeypatch.setattr(item, "is_full", lambda folder: folder == tmp_path)
    assert item.ending(1, log) == f"exit code 1: no space left on device (log: {log})"
    log.write_text("a" * 2000 + "\n10 %\r\n 20 %\r\r\n \n")
    assert item.last_line(log) == "20 %"
    assert item.ending(-9, log) == f"ended by SIGKILL: 20 % (log: {log})"
    log.write_text("features demo: 4/8, 3/s\rfeatures demo: 8/8, 3/s\rfeatures demo: 8 clips, 3 s\n\n")
    assert item.summary(log) == ["features demo: 8 clips, 3 s"]
