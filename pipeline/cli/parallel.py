"""`dvc repro` with several items at once, by DVC's own functions and to the same bytes.

This process alone works on the workspace through DVC: it compares hashes, restores and stores outputs, and writes
dvc.lock. It holds DVC's lock all the time. Only the commands of items run in other processes (pipeline/cli/item.py).

A finished item is in DVC's run cache at once. It comes into dvc.lock later, with others and in the order of the graph,
because each writing reads and writes the whole file. After a kill, the next run restores what dvc.lock lacks.
"""

import copy
import os
import signal
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import forkserver, get_context
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import click
from dvc.dependency import param
from dvc.exceptions import DvcException
from dvc.lock import LockError
from dvc.repo import Repo, lock_repo
from dvc.repo.reproduce import _reproduce_stage, collect_stages, get_active_graph, plan_repro
from dvc.stage import PipelineStage, Stage
from dvc.stage.cache import RunCacheNotFoundError
from dvc.stage.run import _enforce_cmd_list, _make_cmd, get_executable, prepare_kwargs
from dvc.stage.serialize import to_lockfile
from dvc.utils.serialize import dump_yaml, parse_yaml_for_update

from pipeline.cli import alone, item, workspace
from pipeline.cli.repro_table import ReproTable, Row
from pipeline.core import workers
from pipeline.core.files import atomic_write, remove_temporaries

LOCK = Path("dvc.lock")
LOCK_SHARE = 0.05  # of the time that may go into writing dvc.lock
PATIENCE_S = 10.0  # for interrupted items to remove their temporary files
# Imported once, by the server; none opens a parallel region of OpenMP. The project's own code is not among them, so an
# edit counts from the next item on, as in `dvc repro`.
LIBRARIES = (
    *("librosa", "matplotlib.figure", "pandas", "pyarrow.parquet", "pydantic.dataclasses", "pyworld", "ruamel.yaml"),
    *("safetensors.torch", "scipy.signal", "scipy.stats", "sklearn.discriminant_analysis", "sklearn.svm", "soundfile"),
    *("soxr", "torch", "torch._dynamo", "torchaudio"),
)

WAITING, READY, RUNNING = "waiting", "ready", "running"  # ready: out of date, and all that it needs is settled
DONE, RESTORED, UNCHANGED, FAILED, SKIPPED = "done", "restored", "up to date", "failed", "skipped"


class ReproError(click.ClickException):
    """Items failed, or DVC cannot work."""


@dataclass(frozen=True)
class Running:
    """An item whose command runs."""

    stage: Stage
    process: ForkServerProcess
    share: int  # of the processor cores
    log: Path
    start_s: float


def start_server() -> None:
    """Start the server whose forks are the items, unless it runs; it imports libraries while this process works on."""
    get_context("forkserver").set_forkserver_preload(["pipeline.cli.item_server", *LIBRARIES])
    forkserver.ensure_running()


def repro(targets: Sequence[str], jobs: int, force: bool) -> None:
    """Bring items up to date, and those that they need.

    Args:
        targets: as for `dvc repro`; empty: all
        jobs: number of items at once; they share the processor cores
        force: run also what is up to date

    Raises:
        ReproError: items failed, or another process of DVC has its lock
    """
    try:
        with _params_parsed_once(), Repo() as repo, lock_repo(repo), repo.scm_context(quiet=True):
            _Reproduction(repo, targets, jobs, force).run()
    except LockError:
        raise ReproError(f"{alone.other_command(alone.DVC_LOCK)}; wait for its end, or stop it") from None
    except DvcException as error:
        raise ReproError(str(error)) from None


@contextmanager
def _params_parsed_once() -> Iterator[None]:
    """DVC parses params.yaml for each item, which is most of its work where all is up to date."""
    parse = param.load_path
    parsed = lru_cache(lambda path, fs, modified_ns: parse(path, fs))
    param.load_path = lambda path, fs: parsed(path, fs, os.stat(path).st_mtime_ns)
    try:
        yield
    finally:
        param.load_path = parse


class _Reproduction:
    """The items of one call, each with its state."""

    def __init__(self, repo: Repo, targets: Sequence[str], jobs: int, force: bool) -> None:
        self._repo, self._jobs, self._force = repo, jobs, force
        graph = get_active_graph(repo.index.graph)
        plan = plan_repro(graph, collect_stages(repo, targets or ["dvc.yaml"]))
        self._needs = {stage: list(graph.successors(stage)) for stage in plan}
        self._state = dict.fromkeys(plan, WAITING)  # in the order of the graph
        self._running: dict[Any, Running] = {}  # by the sentinel of the process
        self._errors: dict[Stage, str] = {}
        self._n_written = 0  # items, from the first on, that dvc.lock has
        self._next_write_s = 0.0
        self._table = ReproTable(Path(repo.tmp_dir) / "durations.json")
        start_server()
        self._context = get_context("forkserver")

    def run(self) -> None:
        try:
            with self._table:
                self._advance()
                while self._running:
                    self._show()
                    for sentinel in wait(list(self._running), timeout=0.5):
                        self._finish(self._running.pop(sentinel))
                    self._advance()
                    self._write_lock()
        finally:
            self._end_all()
            self._next_write_s = 0.0
            self._write_lock()
        self._table.line(", ".join(f"{count} {state}" for state, count in Counter(self._state.values()).items()))
        if self._errors:
            lines = "".join(f"\n  - {stage.addressing}: {error}" for stage, error in self._errors.items())
            raise ReproError(f"{len(self._errors)} of {len(self._state)} items failed:{lines}")

    def _in(self, *states: str) -> list[Stage]:
        return [stage for stage, state in self._state.items() if state in states]

    def _advance(self) -> None:
        """Check, restore and start all items that can be."""
        while True:
            self._check()
            ready = self._in(READY)[: self._jobs - len(self._running)]
            to_run = [stage for stage in ready if not self._restore(stage)]
            for place, stage in enumerate(to_run):
                self._start(stage, len(to_run) - place)
            if len(to_run) == len(ready):
                return

    def _check(self) -> None:
        """Give each waiting item its state once all that it needs is settled."""
        for stage in self._in(WAITING):
            needed = {self._state[other] for other in self._needs[stage]}
            if needed & {FAILED, SKIPPED}:
                self._state[stage] = SKIPPED
            elif not needed & {WAITING, READY, RUNNING}:
                with self._failing(stage):
                    if stage.frozen or not stage.cmd:  # files of `dvc add` and `dvc import`
                        self._state[stage] = DONE if _reproduce_stage(stage, force=self._force) else UNCHANGED
                    else:
                        self._state[stage] = READY if self._force or stage.changed() else UNCHANGED

    def _restore(self, stage: Stage) -> bool:
        """Remove the outputs of an item, as DVC does, and restore them if its run cache has them.

        Returns:
            False: the item must run
        """
        with self._failing(stage):
            stage.remove_outs(ignore_remove=False, force=False)
            for out in stage.outs:
                remove_temporaries(Path(out.fs_path))
            if self._force:
                return False
            try:
                self._repo.stage_cache.restore(stage)
            except RunCacheNotFoundError:
                stage.save_deps()
                return False
            self._save(stage)
            self._state[stage] = RESTORED
            self._table.line(f"Stage '{stage.addressing}' is restored from the run cache")
        return True

    def _start(self, stage: Stage, n_starting: int) -> None:
        """Run the commands of an item; its share is that of the cores that no item has, or one."""
        log = Path(self._repo.tmp_dir) / "logs" / f"{stage.addressing}.log"
        log.parent.mkdir(exist_ok=True)
        log.unlink(missing_ok=True)  # of an earlier run
        n_free = workers.cores() - sum(running.share for running in self._running.values())
        share = max(1, n_free // n_starting)
        commands = [_make_cmd(get_executable(), command) for command in _enforce_cmd_list(stage.cmd)]
        about = prepare_kwargs(stage, workspace.environment())
        process = self._context.Process(target=item.run, args=(commands, about["cwd"], about["env"], share, log))
        process.start()
        self._running[process.sentinel] = Running(stage, process, share, log, time.monotonic())
        self._state[stage] = RUNNING
        self._table.line(f"Running stage '{stage.addressing}'")

    def _finish(self, running: Running) -> None:
        """Store the outputs of an item that ended."""
        stage, seconds = running.stage, time.monotonic() - running.start_s
        running.process.join()
        with self._failing(stage):
            if running.process.exitcode:
                raise ReproError(item.ending(running.process.exitcode, running.log))
            self._repo._reset()  # what DVC does after a command, which may change ignored files
            self._save(stage)
            self._state[stage] = DONE
            self._table.done(stage.addressing, seconds, item.summary(running.log))

    def _save(self, stage: Stage) -> None:
        """Hash the outputs of an item, and copy them to DVC's caches; the conditions are those of DVC."""
        uncached = any(not out.use_cache for out in stage.outs if not (out.is_metric or out.is_plot))
        stage.save(run_cache=not uncached)
        stage.commit()

    @contextmanager
    def _failing(self, stage: Stage) -> Iterator[None]:
        """An error of DVC, or of a command, is the item's error."""
        try:
            yield
        except (DvcException, ReproError, OSError) as error:
            self._state[stage], self._errors[stage] = FAILED, str(error)
            self._table.line(f"Stage '{stage.addressing}' failed: {error}")

    def _write_lock(self) -> None:
        """Add to dvc.lock the items from the first on that are settled, unless it was written just before."""
        states = list(self._state.items())
        unsettled = (place for place, (_, state) in enumerate(states) if state in (WAITING, READY, RUNNING))
        end = next(unsettled, len(states))
        new = [stage for stage, state in states[self._n_written : end] if state in (DONE, RESTORED)]
        start_s = time.monotonic()
        if not new or start_s < self._next_write_s:
            return
        content = parse_yaml_for_update(LOCK.read_text(encoding="utf-8") if LOCK.exists() else "", LOCK)
        content = content or {"schema": "2.0"}
        content["stages"] = content.get("stages", {})
        for stage in new:
            if isinstance(stage, PipelineStage):  # not a file of `dvc add`
                content["stages"].update(copy.deepcopy(to_lockfile(stage)))  # what two share becomes a YAML alias
        with atomic_write(LOCK) as temporary:
            dump_yaml(temporary, content)
        self._n_written = end
        self._next_write_s = time.monotonic() + (time.monotonic() - start_s) / LOCK_SHARE

    def _end_all(self) -> None:
        """End the running items with all their processes: first by an interrupt, then by a kill."""
        try:
            _signal(self._running.values(), signal.SIGINT)
            end_s = time.monotonic() + PATIENCE_S
            for running in self._running.values():
                running.process.join(max(0.0, end_s - time.monotonic()))
        finally:
            _signal(self._running.values(), signal.SIGKILL)
            for running in self._running.values():
                running.process.join()

    def _show(self) -> None:
        now = time.monotonic()
        rows = [Row(running.stage.addressing, now - running.start_s, running.log) for running in self._running.values()]
        self._table.show(rows, Counter(self._state.values()))


def _signal(items: Iterable[Running], number: int) -> None:
    """Send a signal to all processes of items; each item leads a group."""
    for running in items:
        pid = running.process.pid
        if running.process.exitcode is None and pid:
            with suppress(ProcessLookupError):
                os.kill(pid, number)  # where it does not lead its group yet
                os.killpg(pid, number)
