"""The same results in the same order on one core and on several."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import workers
from pipeline.workers import in_parallel


@pytest.mark.parametrize("cores", [1, 2])
def test_order_is_kept(monkeypatch: pytest.MonkeyPatch, cores: int) -> None:
    monkeypatch.setattr(workers, "cores", lambda: cores)
    items = [f"name/{number}" for number in range(3 * workers.CHUNK)]
    assert list(in_parallel(os.path.basename, items, "names")) == [str(n) for n in range(3 * workers.CHUNK)]


def test_iterator_without_a_length() -> None:
    assert list(in_parallel(abs, iter([-1, 2]), "numbers", total=2)) == [1, 2]
    assert list(in_parallel(abs, [], "nothing")) == []


def test_error_of_a_process_reaches_the_caller(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(workers, "cores", lambda: 2)
    with pytest.raises(FileNotFoundError, match="missing"):
        list(in_parallel(os.stat, [tmp_path / "missing"] * 9, "files"))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing ends them")
def test_processes_end_with_their_parent() -> None:
    """Even where it is killed, and cannot end them itself; else each keeps its memory."""
    script = """if True:
        import time
        from pipeline import workers
        workers.cores = lambda: 2
        found = workers.in_parallel(abs, range(99), "numbers")
        next(found)
        time.sleep(0.5)  # until both have begun
        print("begun", flush=True)
        time.sleep(60)
    """
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout and parent.stdout.readline() == b"begun\n"
        parent.kill()
        parent.communicate(timeout=20)  # until nobody holds its output any more


def test_cores() -> None:
    assert 1 <= workers.cores() <= (os.cpu_count() or 1)
