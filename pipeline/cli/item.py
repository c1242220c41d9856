"""The process of one item of `emocycle repro --jobs` or `--executor`."""

import os
import pickle
import re
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.core import console, workers
from pipeline.core.files import is_full

# A command that needs no shell.
MODULE = re.compile(r"python -m (?P<module>[\w.]+)(?P<arguments>( +[\w./@,:=+-]+)*)\s*")


def run(commands: Sequence[Sequence[str]], folder: str, environment: Mapping[str, str], share: int, log: Path) -> None:
    """Run the commands of an item: in this process where they are `python -m MODULE`, else by a shell.

    Args:
        commands: words that start a shell; the last word is the command. The first that fails is the last to run.
        folder: working directory
        environment: all environment variables
        share: its share of the processor cores
        log: file for all output
    """
    os.setsid()  # an interrupt in the terminal ends the parent, which ends this process
    signal.signal(signal.SIGINT, signal.default_int_handler)
    workers.end_with_parent()
    with log.open("wb") as file, open(os.devnull, "rb") as nothing:
        for descriptor, target in ((0, nothing), (1, file), (2, file)):
            os.dup2(target.fileno(), descriptor)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    console.to_log()
    workers.set_share(share)
    sys.path.insert(0, folder)
    for words in commands:
        if found := MODULE.fullmatch(words[-1]):
            sys.argv = [found["module"], *found["arguments"].split()]
            runpy.run_module(found["module"], run_name="__main__", alter_sys=True)
        elif code := subprocess.run(words, check=False).returncode:
            sys.exit(code)


def run_apart(
    commands: Sequence[Sequence[str]],
    folder: str,
    changes: Mapping[str, str],
    share: int,
    log: Path,
    limit_s: float | None = None,
) -> int:
    """`run` in a new process, for executors whose own process handles signals and has threads.

    Args:
        commands: as for `run`, as are `folder`, `share` and `log`
        folder: see `commands`
        changes: of the environment of this process
        share: see `commands`
        log: see `commands`
        limit_s: time after which the process is killed [s]; None: never

    Returns:
        its exit code, or the negative number of the signal that ended it
    """
    program = "import pickle, sys; from pipeline.cli import item; item.run(*pickle.load(sys.stdin.buffer))"
    given = pickle.dumps((commands, folder, {**os.environ, **changes}, share, log))
    try:
        command = [sys.executable, "-c", program]
        return subprocess.run(command, input=given, cwd=folder, timeout=limit_s, check=False).returncode
    except subprocess.TimeoutExpired:
        return -signal.SIGKILL


def changes(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables of an environment that this process lacks or has with another value."""
    return {name: value for name, value in environment.items() if os.environ.get(name) != value}


def ending(code: int, log: Path) -> str:
    """How an item ended, the last line of its log, and the log's path."""
    how = f"exit code {code}" if code > 0 else f"ended by {signal.Signals(-code).name}"
    line = last_line(log) or ("no space left on device" if is_full(log.parent) else "")
    return f"{how}: {line} (log: {log})"


def last_line(log: Path) -> str:
    """Last line of a log, such as the present state of a progress bar."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 1000))
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    return next((line.strip() for line in reversed(re.split(r"[\r\n]", text)) if line.strip()), "")


def summary(log: Path) -> list[str]:
    """Lines of a log without progress: what the stage tells of its result."""
    lines = log.read_bytes().decode("utf-8", "replace").split("\n")  # read_text turns \r into \n
    shown = (line.rpartition("\r")[2].rstrip() for line in lines)
    return [line for line in shown if line]
