"""`dvc repro` with several items at once, by DVC's own functions and to the same bytes.

This process alone works on the workspace through DVC: it compares hashes, restores and stores outputs, and writes
dvc.lock. It holds DVC's lock all the time. Only the commands of items run elsewhere (pipeline/cli/executors).

A finished item is in DVC's run cache at once. It comes into dvc.lock later, with others and in the order of the graph,
because each writing reads and writes the whole file. After a kill, the next run restores what dvc.lock lacks.
"""

import copy
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import click
from dvc import output
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
from dvc_data.hashfile import transfer

from pipeline.cli import alone, executors, item, workspace
from pipeline.cli.executors import Ended, Executor, Job
from pipeline.cli.repro_table import ReproTable, Row
from pipeline.core.files import atomic_write, remove_temporaries

LOCK = Path("dvc.lock")
LOCK_SHARE = 0.05  # of the time that may go into writing dvc.lock

WAITING, READY, RUNNING = "waiting", "ready", "running"  # ready: out of date, and all that it needs is settled
DONE, RESTORED, UNCHANGED, FAILED, SKIPPED = "done", "restored", "up to date", "failed", "skipped"


class ReproError(click.ClickException):
    """Items failed, or DVC cannot work."""


@dataclass(frozen=True)
class Running:
    """An item whose command runs."""

    stage: Stage
    log: Path
    start_s: float


def repro(targets: Sequence[str], jobs: int | None, force: bool, where: str = "local") -> None:
    """Bring items up to date, and those that they need.

    Args:
        targets: as for `dvc repro`; empty: all
        jobs: number of items at once; on this machine they share the processor cores
        force: run also what is up to date
        where: name of an executor

    Raises:
        ReproError: items failed, or another process of DVC has its lock
    """
    try:
        with (
            _params_parsed_once(),
            _failed_copies_raise(),
            Repo() as repo,
            lock_repo(repo),
            repo.scm_context(quiet=True),
        ):
            executor = executors.executor(where, jobs, Path(repo.tmp_dir))
            _Reproduction(repo, targets, executor, force).run()
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


@contextmanager
def _failed_copies_raise() -> Iterator[None]:
    """DVC reports outputs that it cannot copy to its cache, and takes the item for done."""
    copy_all, report, errors = output.otransfer, transfer._log_exception, list[BaseException]()

    def remember(oid: str, exc: BaseException) -> None:
        errors.append(exc)

    def checked(source: Any, cache: Any, *given: Any, **options: Any) -> Any:
        errors.clear()
        copied = copy_all(source, cache, *given, **options)
        if copied.failed:
            first = errors[0] if errors else "a file is gone"
            raise ReproError(f"{len(copied.failed):,} files were not copied to {cache.path}: {first}")
        return copied

    output.otransfer, transfer._log_exception = checked, remember
    try:
        yield
    finally:
        output.otransfer, transfer._log_exception = copy_all, report


class _Reproduction:
    """The items of one call, each with its state."""

    def __init__(self, repo: Repo, targets: Sequence[str], executor: Executor, force: bool) -> None:
        self._repo, self._executor, self._force = repo, executor, force
        graph = get_active_graph(repo.index.graph)
        plan = plan_repro(graph, collect_stages(repo, targets or ["dvc.yaml"]))
        self._needs = {stage: list(graph.successors(stage)) for stage in plan}
        self._state = dict.fromkeys(plan, WAITING)  # in the order of the graph
        self._running: dict[str, Running] = {}  # by name of the item
        self._errors: dict[Stage, str] = {}
        self._losses: Counter[Stage] = Counter()  # jobs of items that were lost
        self._n_written = 0  # items, from the first on, that dvc.lock has
        self._next_write_s = 0.0
        self._table = ReproTable(Path(repo.tmp_dir) / "durations.json")

    def run(self) -> None:
        try:
            with self._table:
                self._advance()
                while self._running:
                    self._show()
                    for ended in self._executor.ended():
                        self._finish(self._running.pop(ended.name), ended)
                    self._advance()
                    self._write_lock()
        finally:
            self._executor.end()
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
            ready = self._in(READY)[: self._executor.limit - len(self._running)]
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
        """Run the commands of an item."""
        log = Path(self._repo.tmp_dir) / "logs" / f"{stage.addressing}.log"
        log.parent.mkdir(exist_ok=True)
        log.unlink(missing_ok=True)  # of an earlier run
        commands = [_make_cmd(get_executable(), command) for command in _enforce_cmd_list(stage.cmd)]
        about = prepare_kwargs(stage, workspace.environment())
        self._executor.start(Job(stage.addressing, commands, about["cwd"], about["env"], log), n_starting)
        self._running[stage.addressing] = Running(stage, log, time.monotonic())
        self._state[stage] = RUNNING
        self._table.line(f"Running stage '{stage.addressing}'")

    def _finish(self, running: Running, ended: Ended) -> None:
        """Store the outputs of an item that ended, or have it run again if its job was lost."""
        stage, seconds = running.stage, time.monotonic() - running.start_s
        with self._failing(stage):
            if ended.is_lost and self._losses[stage] < self._executor.retries:
                self._losses[stage] += 1
                self._state[stage] = READY
                again = f"{self._losses[stage]} of {self._executor.retries}"
                self._table.line(f"Stage '{stage.addressing}' is to run again ({again}): {ended.error}")
                return
            if ended.error:
                raise ReproError(ended.error)
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

    def _show(self) -> None:
        now = time.monotonic()
        rows = [Row(running.stage.addressing, now - running.start_s, running.log) for running in self._running.values()]
        self._table.show(rows, Counter(self._state.values()))
