"""What is shown in a terminal, in the log of an item, elsewhere, and when quiet."""

import os
import pty
import subprocess
import sys
import time

import click
import pytest

from pipeline.core import console, workers
from pipeline.core.console import Bar

SCRIPT = """if True:
    import logging, sys, time
    from pipeline.core import console
    console.DELAY_S = console.PLAIN_S = console.TERMINAL_S = 0.0
    console.set_up()
    rows = []
    for step in console.steps("steps", 3, rows):
        rows.append({"step": step, "cycle": 0.5})
    logging.getLogger("pipeline.x").debug("of the library")
    console.warn("full-1", "take care")
    console.tell("full-1", "3 clips", 12.3)
"""
STEP = "steps: 2/3, "


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each state is shown."""
    for name in ("DELAY_S", "PLAIN_S", "LOG_S", "TERMINAL_S"):
        monkeypatch.setattr(console, name, 0.0)


def run(**environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", SCRIPT], env=os.environ | environment, capture_output=True, text=True, check=True
    )


def in_terminal(**environment: str) -> str:
    """What a terminal gets."""
    ours, its = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT], env=os.environ | {"TERM": "xterm"} | environment, stdout=its, stderr=its
    ):
        os.close(its)
        found = b""
        try:
            while more := os.read(ours, 1000):
                found += more
        except OSError:  # the end of a terminal on Linux
            pass
    os.close(ours)
    return found.decode()


def test_plain_lines_where_there_is_no_terminal() -> None:
    found = run()
    assert found.stdout == "full-1: 3 clips, 12 s\n"
    assert STEP in found.stderr and "left, cycle 0.50" in found.stderr
    assert found.stderr.endswith("full-1: warning: take care\n")
    assert "\r" not in found.stderr and "\x1b" not in found.stderr and "of the library" not in found.stderr


def test_quiet_and_verbose() -> None:
    quiet = run(**{console.VERBOSITY: str(console.QUIET)})
    assert (quiet.stdout, quiet.stderr) == ("", "full-1: warning: take care\n")
    assert "debug: of the library\n" in run(**{console.VERBOSITY: str(console.VERBOSE)}).stderr


def test_a_bar_in_a_terminal_goes_away() -> None:
    found = in_terminal()
    assert "━" in found and "2/3" in found and "cycle 0.50" in found
    assert found.index("━") < found.index("\x1b[2K") < found.index("take care")  # erased before what stays
    assert found.endswith("full-1: 3 clips, 12 s\r\n") and found.count("\x1b[?25h") == found.count("\x1b[?25l")


def test_no_colour_and_dumb_terminals() -> None:
    assert "\x1b[9" in in_terminal()
    found = in_terminal(NO_COLOR="1")
    assert "━" in found and "\x1b[9" not in found
    assert "\x1b" not in in_terminal(TERM="dumb")


def test_in_a_log_the_next_replaces(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(console, "_is_log", True)
    with Bar("full-1", 2) as outer:
        outer.show(1)
        with Bar("cnn", 4) as inner:
            inner.show(2)
    one, two, rest = capsys.readouterr().err.split("\r")
    assert one.startswith("full-1: 1/2, ") and rest == ""
    assert two.startswith("full-1: 1/2, ") and "; cnn: 2/4, " in two


def test_short_work_has_no_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(console, "DELAY_S", 2.0)
    assert list(console.tracked("ab", "letters", 2)) == ["a", "b"]
    assert capsys.readouterr().err == ""


def test_rate_and_remaining_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    steps, slow, file = Bar("steps", 100, done=20), Bar("clips", 4), Bar("x.zip", 3e6, is_bytes=True)
    now_s = 110.0
    assert steps.rows(20.0)[0].text == "40/100, 2/s, 0:30 left"
    assert slow.rows(0.5)[0] == ("clips", 0.125, "0/4, 20.0 s each, 1:10 left")
    assert file.rows(1e6)[0].text == "1.0 MB/3.0 MB, 0.1 MB/s, 0:20 left"
    assert Bar("files").rows()[0] == ("files", 0.0, "0")
    assert console.clock(7265) == "2:01:05"


def test_a_result_names_its_stage(capsys: pytest.CaptureFixture[str]) -> None:
    @click.command()
    def main() -> None:
        console.tell("full-1", "1 clip")

    assert main.callback
    main.callback.__module__ = "pipeline.stages.train_cyclegan"
    main([], standalone_mode=False)
    assert capsys.readouterr().out == "train-cyclegan full-1: 1 clip\n"


def test_a_long_result_is_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    console.tell("full-1", ", ".join(["12 clips"] * 30))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 2 and max(map(len, lines)) <= console.WIDTH
    assert all(line.startswith("  ") for line in lines[1:])


def trained(name: str) -> str:
    for step in console.steps("steps", 3, [{"step": 1, "cycle": 0.25}]):
        time.sleep(0.25 if step == 3 else 0)
    time.sleep(0.25)
    return name


@pytest.mark.parametrize("number", [1, 2])
def test_processes_report_to_their_parent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    monkeypatch.setattr(workers, "cores", lambda: number)
    monkeypatch.setattr(workers, "LOOK_S", 0.05)
    monkeypatch.setattr(console, "_is_log", True)
    names = ["angry-sad", "happy-sad"]
    assert list(workers.in_parallel(trained, names, "full-1", chunk=1)) == names
    shown = capsys.readouterr().err
    assert ("steps: " if number == 1 else "angry-sad: ") in shown and "cycle 0.25" in shown
    assert not console._open


@pytest.mark.parametrize("place", ["waits", "reads"])
def test_an_interrupt_ends_the_processes(place: str) -> None:
    """Also while they work, without a word of theirs, and where the caller is at work on a result."""
    script = f"""if True:
        import os, time
        from pipeline.core import workers
        workers.cores = lambda: 2
        def work(item):
            if item > 0:
                os.write(1, b"at work\\n")
                time.sleep(60)
        for _ in workers.in_parallel(work, range(3), "sleep", chunk=1):
            if "{place}" == "reads":
                time.sleep(60)
    """
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
    ) as process:
        assert process.stdout and [process.stdout.readline() for _ in range(2)] == 2 * ["at work\n"]
        time.sleep(0.5)  # for the first result to reach the caller
        os.killpg(process.pid, 2)
        _, errors = process.communicate(timeout=30)
    assert errors.count("Traceback") == 1 and errors.endswith("KeyboardInterrupt\n")
