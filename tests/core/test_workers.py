"""The same results in the same order on one core and on several."""

import faulthandler
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pipeline.core import workers
from pipeline.core.workers import KilledError, in_parallel


@pytest.mark.parametrize("cores", [1, 2])
def test_order_is_kept(monkeypatch: pytest.MonkeyPatch, cores: int) -> None:
    monkeypatch.setattr(workers, "cores", lambda: cores)
    items = [f"name/{number}" for number in range(3 * workers.CHUNK)]
    assert list(in_parallel(os.path.basename, items, "names")) == [str(n) for n in range(3 * workers.CHUNK)]


def torch_threads(_: int) -> int:
    """Number of threads of torch."""
    return torch.get_num_threads()


@pytest.mark.parametrize("cores", [1, 2])
def test_torch_uses_one_thread(monkeypatch: pytest.MonkeyPatch, one_thread: None, cores: int) -> None:
    """Otherwise last digits depend on the number of processes, and so on free memory."""
    monkeypatch.setattr(workers, "cores", lambda: cores)
    torch.set_num_threads(3)  # `one_thread` restores the number
    assert set(in_parallel(torch_threads, range(3 * workers.CHUNK), "numbers")) == {1}
    assert torch.get_num_threads() == 3


def test_iterator_without_a_length() -> None:
    assert list(in_parallel(abs, iter([-1, 2]), "numbers", total=2)) == [1, 2]
    assert list(in_parallel(abs, [], "nothing")) == []


def test_error_of_a_process_reaches_the_caller(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(workers, "cores", lambda: 2)
    with pytest.raises(FileNotFoundError, match="missing"):
        list(in_parallel(os.stat, [tmp_path / "missing"] * 9, "files"))


def ended(item: tuple[Path, int]) -> str:
    """End this process by a signal, or with an exit code, if the item has one."""
    path, how = item
    faulthandler.disable()  # what it would print is no news
    if how > 0:
        os.kill(os.getpid(), how)
    elif how < 0:
        os._exit(-how)
    return path.name


@pytest.mark.parametrize(("start", "place"), [("fork", 0), ("fork", 13), ("fork", 39), ("spawn", 13)])
def test_a_killed_process_names_its_clip_and_the_likely_cause(
    monkeypatch: pytest.MonkeyPatch, start: str, place: int
) -> None:
    monkeypatch.setattr(workers, "cores", lambda: 2)
    monkeypatch.setattr(workers, "START", start)
    items = [(Path(f"raw/{number}.wav"), signal.SIGKILL if number == place else 0) for number in range(40)]
    with pytest.raises(KilledError) as caught:
        list(in_parallel(ended, items, "clips", name=lambda item: item[0]))
    message = str(caught.value.message)
    assert message.startswith("clips: a process ended by SIGKILL, most likely because memory ran out")
    assert "`ingest.max_duration_s`" in message
    assert message.endswith(f"while at work on raw/{place}.wav")  # and not on what the other process was at work on


@pytest.mark.parametrize(
    ("how", "message"), [(signal.SIGSEGV, "by SIGSEGV, a fault in a library"), (-3, "exit code 3")]
)
def test_a_process_that_ended_otherwise_does_not_speak_of_memory(
    monkeypatch: pytest.MonkeyPatch, how: int, message: str
) -> None:
    monkeypatch.setattr(workers, "cores", lambda: 2)
    items = [(Path(f"{number}.wav"), how if number == 5 else 0) for number in range(20)]
    with pytest.raises(KilledError, match=message) as caught:
        list(in_parallel(ended, items, "clips", name=lambda item: item[0].name))
    assert "memory" not in caught.value.message
    assert caught.value.message.endswith(" 5.wav")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing ends them")
def test_processes_end_with_their_parent() -> None:
    """Also if the parent is killed; otherwise each process keeps its memory."""
    script = """if True:
        import time
        from pipeline.core import workers
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
        parent.communicate(timeout=20)  # until no process holds its output


@pytest.mark.skipif(sys.platform != "linux", reason="the script forks")
def test_error_of_the_caller_ends_a_process_of_multiprocessing() -> None:
    """Such as a full disk in an item of `repro --jobs`; the processes would wait for more work for ever."""
    script = """if True:
        import multiprocessing
        from pipeline.core import workers
        workers.cores = lambda: 2
        def fail():
            found = workers.in_parallel(abs, range(99), "numbers")  # the error keeps this variable
            for number in found:
                raise OSError("no space left")
        process = multiprocessing.get_context("fork").Process(target=fail)
        process.start()
        process.join()
        assert process.exitcode == 1
    """
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0 and "OSError: no space left" in result.stderr, result.stderr


def test_cores() -> None:
    assert 1 <= workers.cores() <= (os.cpu_count() or 1)


def test_cores_of_a_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice the share, as far as there are cores."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))
    assert workers.cores() == 8
    monkeypatch.setattr(workers, "_share", 8)  # restored after the test
    for share, expected in ((1, 2), (3, 6), (4, 8), (8, 8)):
        workers.set_share(share)
        assert workers.cores() == expected
