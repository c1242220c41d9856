"""One command at a time changes a workspace; it first puts in order what a killed one left."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import zc.lockfile  # type: ignore[import-untyped]

from pipeline.cli import workspace
from pipeline.cli.workspace import WorkspaceError
from pipeline.core.files import naming_full_disk, remove_temporaries

TEMPORARY = Path(".dvc/tmp")
LOCK = TEMPORARY / "emocycle.lock"
DVC_LOCK = TEMPORARY / "lock"
RUNNING = TEMPORARY / "rwlock"  # DVC's list of processes whose stage runs; DVC has no other lock meanwhile


@contextmanager
def alone() -> Iterator[None]:
    """Hold the workspace's lock, which ends with this process.

    Raises:
        WorkspaceError: another command works here
    """
    if not TEMPORARY.parent.is_dir():  # DVC reports it
        yield
        return
    with naming_full_disk(TEMPORARY), _locked():
        for path in (workspace.PARAMS, workspace.CHANGED, Path("dvc.lock")):
            remove_temporaries(path)
        _clear_list()
        workspace.restore_params()
        yield


@contextmanager
def _locked() -> Iterator[None]:
    TEMPORARY.mkdir(exist_ok=True)
    try:
        lock = zc.lockfile.LockFile(LOCK)
    except zc.lockfile.LockError:
        raise WorkspaceError(f"{other_command()}; wait for its end, or stop it") from None
    try:
        yield
    finally:
        lock.close()


def other_command(lock: Path = LOCK) -> str:
    """In words: another process holds a lock."""
    pid = lock.read_text(encoding="utf-8").strip() if lock.exists() else ""
    return f"another command works in this folder (process {pid or 'unknown'})"


def _clear_list() -> None:
    """Remove DVC's list of running stages where it is unreadable or names only processes that have ended.

    Raises:
        WorkspaceError: a stage runs
    """
    if not RUNNING.exists():
        return
    try:
        lock = zc.lockfile.LockFile(DVC_LOCK)
    except zc.lockfile.LockError:  # DVC reports it, if it stays so
        return
    try:
        try:
            found = json.loads(RUNNING.read_text(encoding="utf-8"))
        except ValueError:  # half-written by a process that was killed, or found no space left
            found = {}
        written_s = RUNNING.stat().st_mtime
        for entry in chain(found.get("write", {}).values(), *found.get("read", {}).values()):
            if _runs(entry["pid"], written_s):
                command = f"process {entry['pid']}: {entry['cmd']}"
                raise WorkspaceError(f"another command works in this folder ({command}); wait for its end, or stop it")
        RUNNING.unlink()
    finally:
        lock.close()


def _runs(pid: int, at_s: float) -> bool:
    """Whether a process runs that ran at a time; later ones can have its number."""
    try:
        return psutil.Process(pid).create_time() <= at_s
    except psutil.NoSuchProcess:
        return False
