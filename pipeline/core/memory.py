"""Ceiling on the memory of a process, `hardware.memory_gb`: a clear error, where the system would end the process.

A thread looks at what the process holds. Beyond the ceiling, Python's main thread raises an error. Stages check large
arrays before they make them. Shards, which are memory-mapped, do not count. The system sets no limit and sends no
signal: with a timer of signals (SIGALRM), `generate` and `assess` crashed on a CPU with AMX.
"""

import _thread
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

LOOK_S = 0.1  # between two looks
GIGABYTE = 10**9
MOST_GB = sys.maxsize / GIGABYTE
REFUSED = ("can't allocate memory", "bad allocation", "std::bad_alloc")  # in a RuntimeError of torch

_ceiling_gb = MOST_GB
_stage = ""
_ended = threading.Event()


class CeilingError(click.ClickException):
    """A process needs more memory than `hardware.memory_gb`."""


def held_gb() -> float:
    """Memory of this process, without files that are mapped to it [GB]; 0 where the system is not Linux."""
    if sys.platform != "linux":
        return 0.0
    _, resident, shared, *_ = Path("/proc/self/statm").read_text(encoding="ascii").split()
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE") / GIGABYTE


def available_gb() -> float:
    """Memory that new processes can get [GB], also in a container; without limit where the system is not Linux."""
    found = [MOST_GB]
    info = Path("/proc/meminfo")
    if info.is_file():
        sizes = dict(line.split(":") for line in info.read_text(encoding="ascii").splitlines())
        found.append(int(sizes["MemAvailable"].split()[0]) * 1024 / GIGABYTE)
    most, now = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    if most.is_file() and now.is_file() and (text := most.read_text(encoding="ascii").strip()).isdecimal():
        found.append((int(text) - int(now.read_text(encoding="ascii"))) / GIGABYTE)
    return min(found)


def processes(ceiling_gb: float | None = None) -> int:
    """Number of processes for which the memory suffices if each needs the ceiling; at least 1.

    Args:
        ceiling_gb: of a process [GB]; None: that of this one, if it has one
    """
    most = _ceiling_gb if ceiling_gb is None else ceiling_gb
    return sys.maxsize if most == MOST_GB else max(1, int(available_gb() / most))


@contextmanager
def ceiling(stage: str, gigabytes: float) -> Iterator[None]:
    """While a stage runs: no process of it may hold more.

    Args:
        stage: its name, for the error
        gigabytes: of each process

    Raises:
        CeilingError: names the stage, the ceiling, and what it needed
    """
    global _stage, _ceiling_gb
    before, _stage, _ceiling_gb = (_stage, _ceiling_gb), stage, gigabytes
    try:
        watch()
        if held_gb() > gigabytes:
            _stop()
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not any(words in str(error) for words in REFUSED):
            raise
        raise CeilingError(_message(f"holds {held_gb():.2f} GB, and got no more: {error}")) from error
    finally:
        unwatch()
        _stage, _ceiling_gb = before


def check(what: str, n_bytes: float) -> None:
    """Check that arrays fit below the ceiling, before they are made.

    Args:
        what: they are, for the error
        n_bytes: of all of them [bytes]

    Raises:
        CeilingError: names the stage, the ceiling, and what it needs
    """
    needed_gb = held_gb() + n_bytes / GIGABYTE
    if needed_gb > _ceiling_gb:
        raise CeilingError(_message(f"needs {needed_gb:.2f} GB, with {what}"))


def watch() -> None:
    """Look at the memory of this process from now on, if it has a ceiling; a forked process calls it for itself."""
    global _ended
    if _ceiling_gb < MOST_GB and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGALRM, _stop)
        _ended = threading.Event()
        threading.Thread(target=_look, args=(_ended,), daemon=True).start()


def unwatch() -> None:
    """Stop looking."""
    _ended.set()


def _look(ended: threading.Event) -> None:
    """Have the main thread call `_stop` once the process holds too much; no signal is sent."""
    while not ended.wait(LOOK_S):
        if held_gb() > _ceiling_gb:
            _thread.interrupt_main(signal.SIGALRM)
            return


def _stop(*_: object) -> None:
    raise CeilingError(_message(f"holds {held_gb():.2f} GB, and is not done"))


def _message(what: str) -> str:
    return (
        f"stage {_stage} {what}, but 'hardware.memory_gb' allows {_ceiling_gb:g} GB a process; raise it where the "
        "machine has more memory, or use fewer or shorter clips"
    )
