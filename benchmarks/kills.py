"""Kill `emocycle repro --jobs 2` and `dvc repro` at random moments; the next run must reach an undisturbed run's bytes.

A trial starts from a state of the undisturbed run that is some items before its moment. It kills the command's process
group, its first process alone, or another alone. Then `emocycle repro --jobs 2` goes on to the end. Linux only.

With --full, the disk fills up instead, and has space again before the next run:
    mount -t tmpfs -o size=500m small /mnt && python benchmarks/kills.py /mnt/trials --full
"""

import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import NamedTuple

import click
import psutil  # type: ignore[import-untyped]
from dvc.utils.serialize import load_yaml

from pipeline.cli.workspace import change_params, environment
from pipeline.core import params

COMMANDS = {"emocycle": ["-m", "pipeline", "repro", "--jobs", "2"], "dvc": ["-m", "dvc", "repro"]}
VICTIMS = ("group", "group", "parent", "other")
# Stages in or soon after whose first item a trial kills; the empty name is the start of the command.
AIMS = ("", "ingest", "features", "train_cyclegan", "train_cyclegan", "generate", "augment", "classify", "report")
STATES = (
    "features@demo",
    "train_cyclegan@full-1",
    "augment@full-1",
    "classify@full-1-cyclegan",
    "report",
)  # just before them
LOCK = "dvc.lock"
UNDISTURBED = "undisturbed"
START_S = 8.0  # of a command, at most, in which a trial kills
PATIENCE_S = 90.0  # in which a command must end when the disk is full
END_S = 5.0  # in which all processes must end when one is killed
# What DVC leaves of a copy to its cache that fails has a name of its own; `dvc gc` removes it.
NOT_COMPARED = re.compile(r"\.git/|\.cache/|\.dvc/tmp/|.*__pycache__/|\.dvc/cache/files/md5/../\.[^/]+\.tmp$")
FULL = ("no space left", "disk i/o error")  # the second by SQLite, in DVC


class Killed(NamedTuple):
    """A kill."""

    victim: str
    items: list[str]  # that ran
    ending: str = ""  # last lines of the output


def new(folder: Path) -> None:
    """A repository of the tracked files, with the demo made small."""
    names = subprocess.run(["git", "ls-files", "-z"], capture_output=True, check=True).stdout.decode().split("\0")
    for name in names[:-1]:
        if not name.startswith(("experiments/", "metrics/", "dvc.lock")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(name, folder / name)
    demo = params.read(folder / "params.yaml")
    small = {
        "folds": demo["folds"][:1],
        "pairs": demo["pairs"][:1],
        "demo_corpus.speakers": 4,
        "demo_corpus.sentences": demo["demo_corpus"]["sentences"][:1],
        "train_cyclegan.channels": 8,
        "train_cyclegan.discriminator_channels": 8,
        "train_cyclegan.steps": 60,  # checkpoints after 25, 50 and 60
        "train_cyclegan.emotion_classifier.steps": 5,
        "classify.seeds": demo["classify"]["seeds"][:1],
        "classify.cnn.steps": 20,
        "classify.cnn.checkpoints": 2,
        "report.examples": 1,
        "report.extremes": 1,
    }
    change_params(folder / "params.yaml", small)
    who = ["-c", "user.name=A", "-c", "user.email=a@b.c"]
    for arguments in (["init"], ["add", "--all"], [*who, "commit", "--message", "small"]):
        subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


def run(folder: Path, command: str, watch: Callable[[int, str], None] = lambda pid, text: None) -> tuple[int, str]:
    """Run a command in a process group of its own; its exit code and output.

    Args:
        folder: the workspace
        command: one of `COMMANDS`
        watch: called again and again with the process and the output so far
    """
    own = {"DVC_SITE_CACHE_DIR": f"{folder}.site", "PYTHONUNBUFFERED": "1"}
    variables = os.environ | environment() | own
    variables.pop("PYTHONPATH", None)  # the code of the folder runs
    with NamedTemporaryFile() as output:  # not on the disk that is full
        process = subprocess.Popen(
            [sys.executable, *COMMANDS[command]],
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        log = Path(output.name)
        while process.poll() is None:
            watch(process.pid, log.read_text(encoding="utf-8"))
            time.sleep(0.05)
        return process.returncode, log.read_text(encoding="utf-8")


def at_work(folder: Path) -> list[psutil.Process]:
    """Processes whose working directory is in a folder."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, FileNotFoundError):
            if process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()).is_relative_to(folder):
                found.append(process)
    return found


def kept_states(folder: Path) -> tuple[dict[Path, str], dict[str, float]]:
    """Run the pipeline; copy its folder first, and just after some items have started, all its processes stopped.

    Returns:
        the output before each copy, and the duration of each item [s]
    """
    first = shutil.copytree(folder, folder.with_name("before-all"), symlinks=True)
    kept = {first: ""}

    def watch(pid: int, text: str) -> None:
        for name in STATES:
            place = folder.with_name(f"before-{name}")
            if f"Running stage '{name}'" in text and place not in kept:
                for _ in range(2):  # the second time those that started meanwhile
                    for process in at_work(folder):
                        process.suspend()
                shutil.copytree(folder, place, symlinks=True)
                for process in at_work(folder):
                    process.resume()
                kept[place] = text.partition(f"Running stage '{name}'")[0]

    code, text = run(folder, "emocycle", watch)
    if code:
        raise click.ClickException(text)
    return kept, json.loads((folder / ".dvc/tmp/durations.json").read_text(encoding="utf-8"))


def fill(ballast: Path, room: int) -> None:
    """Fill the disk by a file until little room is left [bytes], while others write to it too."""
    with ballast.open("wb") as file:
        while (free := shutil.disk_usage(ballast.parent).free - room) > 0:
            with suppress(OSError):  # meanwhile there was less
                os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), free)


def run_and_kill(
    folder: Path, command: str, aim: str, delay_s: float, draw: random.Random, fills: bool
) -> Killed | None:
    """Run a command, and kill it, or fill its disk, some seconds after it starts a stage; None if it ends before."""
    ballast = folder.with_name("ballast")
    moment_s: float | None = None
    killed: Killed | None = None

    def watch(pid: int, text: str) -> None:
        nonlocal moment_s, killed
        if moment_s is None and (not aim or f"Running stage '{aim}" in text):
            moment_s = time.monotonic() + delay_s
        if fills and killed and time.monotonic() > (moment_s or 0) + PATIENCE_S:
            os.killpg(pid, signal.SIGKILL)  # DVC's own database can wait for ever on a full disk
        if moment_s is None or killed or time.monotonic() < moment_s:
            return
        victim = "disk" if fills else draw.choice(VICTIMS)
        begun = re.findall(r"Running stage '([^']+)'", text)
        done = re.findall(r"Stage '([^']+)' is done", text) if command == "emocycle" else begun[:-1]
        killed = Killed(victim, [name for name in begun if name not in done])
        others = [process for process in at_work(folder) if process.pid != pid]
        if victim == "disk":
            fill(ballast, draw.choice((0, 2**14, 2**17, 2**20)))
        elif victim == "group":
            os.killpg(pid, signal.SIGKILL)
        elif victim == "other" and others:
            draw.choice(others).kill()
        else:
            os.kill(pid, signal.SIGKILL)

    code, text = run(folder, command, watch)
    ballast.unlink(missing_ok=True)
    return killed and (killed if code else None) and killed._replace(ending=text[-3000:])


def hashes(folder: Path) -> dict[str, str]:
    """MD5 of each file, those of DVC's cache and run cache included, by its path."""
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {
        name: hashlib.md5(path.read_bytes()).hexdigest() for name, path in files.items() if not NOT_COMPARED.match(name)
    }


def faults(folder: Path, expected: dict[str, str]) -> list[str]:
    """What differs from the undisturbed run, and what is left over."""
    found = hashes(folder)
    errors = [f"differs: {name}" for name in expected if found.get(name) != expected[name]]
    if found[LOCK] != expected[LOCK] and load_yaml(folder / LOCK) == load_yaml(folder.parent / UNDISTURBED / LOCK):
        errors.remove(f"differs: {LOCK}")  # only in the order of its items: after one failed, others went on
    errors += [f"left over: {name}" for name in found if name not in expected]
    temporary = (path for path in folder.rglob("*.tmp") if folder / ".dvc/cache" not in path.parents)
    errors += [f"temporary: {path.relative_to(folder)}" for path in temporary]
    for name, md5 in found.items():
        key = name.removeprefix(".dvc/cache/files/md5/").replace("/", "").removesuffix(".dir")
        if name.startswith(".dvc/cache/files/") and key != md5:
            errors.append(f"corrupt: {name}")
    locks = folder / ".dvc/tmp/rwlock"
    held = locks.read_text(encoding="utf-8") if locks.exists() else "{}"  # where there was nothing to do
    return errors + [f"lock: {held}"] * any(json.loads(held).values())


def trial(
    number: int,
    root: Path,
    seed: int,
    fills: bool,
    states: dict[Path, str],
    durations: dict[str, float],
    expected: dict[str, str],
) -> tuple[str, list[str]]:
    """Kill once, go on, compare; the items that ran, and the faults."""
    draw = random.Random(f"{seed} {number}")
    folder = root / f"trial-{number}"
    killed = None
    while not killed:
        aim, command = draw.choice(AIMS), draw.choice(list(COMMANDS))
        before = [state for state, text in states.items() if not aim or f"Running stage '{aim}" not in text]
        lasts = [seconds for name, seconds in durations.items() if name.startswith(aim)]
        delay_s = draw.uniform(0, 1.3 * lasts[0] if aim else START_S)
        state = before[-1] if aim else draw.choice(before)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(state, folder, symlinks=True)
        killed = run_and_kill(folder, command, aim, delay_s, draw, fills)
    end_s = time.monotonic() + END_S
    while (orphans := at_work(folder)) and time.monotonic() < end_s:
        time.sleep(0.1)
    errors = [f"orphan: {process}" for process in orphans]
    if fills and not any(words in killed.ending.lower() for words in FULL):
        errors.append(f"unclear: {killed.ending}")
    errors += [
        f"half-written: {name}"
        for name, md5 in hashes(folder).items()
        if not name.startswith(LOCK) and expected.get(name, md5) != md5
    ]
    code, text = run(folder, "emocycle")
    errors += [f"next run: {text[-2000:]}"] * (code != 0) + faults(folder, expected)
    said = sorted({line for line in text.splitlines() if re.search("lock|killed|removed", line)})
    items = ", ".join(killed.items) or "no item"
    after = f"{aim or 'start'} + {delay_s:.1f} s"
    lines = [f"{number:3} {command}, {killed.victim} killed, {after}, {items}: {'FAILED' if errors else 'ok'}"]
    click.echo("\n".join([*lines, *(f"      said: {line}" for line in said), *(f"      {error}" for error in errors)]))
    if not errors:
        shutil.rmtree(folder)
    return items, errors


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--kills", default=30, show_default=True, help="Number of trials.")
@click.option("--at-once", default=1, show_default=True, help="Number of trials at once.")
@click.option("--full", "fills", is_flag=True, help="Fill the disk, which must be a small one, instead of a kill.")
@click.option("--seed", default=1, show_default=True, help="Random seed of the moments and victims.")
def main(folder: Path, kills: int, at_once: int, fills: bool, seed: int) -> None:
    """Run the trials, and print a line for each; the folders of those that fail stay."""
    folder = folder.resolve()
    if fills and (at_once > 1 or shutil.disk_usage(folder.parent).total > 2**30):
        raise click.ClickException(f"{folder}: --full needs a disk of at most 1 GiB, and one trial at once")
    new(folder / UNDISTURBED)
    states, durations = kept_states(folder / UNDISTURBED)
    expected = hashes(folder / UNDISTURBED)
    click.echo(f"undisturbed: {len(expected)} files")
    one = partial(trial, root=folder, seed=seed, fills=fills, states=states, durations=durations, expected=expected)
    with ThreadPoolExecutor(at_once) as pool:
        found = list(pool.map(one, range(1, kills + 1)))
    items = Counter(items for items, _ in found)
    click.echo(f"{sum(bool(errors) for _, errors in found)} of {kills} failed; while they ran: {dict(items)}")


if __name__ == "__main__":
    main()
