"""Items as jobs of Slurm, each submitted by submitit and run in the same folder of a file system that nodes share.

Slurm must not requeue a job by itself: the outputs of its first run would still be there. A lost job is submitted again
by `emocycle repro`, which removes them.
"""

import math
import shutil
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from pipeline.cli import item
from pipeline.cli.executors import Ended, ExecutorParams, Job
from pipeline.cli.workspace import WorkspaceError

LOOK_S = 0.5  # between two looks for results
ASK_S = 5.0  # between two questions to Slurm
PATIENCE_S = 20.0  # for a result to become visible; for cancelled jobs to end
# https://slurm.schedmd.com/squeue.html#SECTION_JOB-STATE-CODES; a job that squeue does not list is over, too.
OVER = {
    *("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED"),
    *("REVOKED", "TIMEOUT"),
}


class Slurm:
    """Jobs of Slurm.

    Args:
        params: resources of the jobs
        limit: number of jobs at once; None: as many as there are
        folder: for submitit's files. Jobs that an earlier, killed run has left there are cancelled.
    """

    def __init__(self, params: ExecutorParams, limit: int | None, folder: Path) -> None:
        if not shutil.which("sbatch"):
            raise WorkspaceError(
                "--executor slurm: `sbatch` not found; expected a machine from which jobs are submitted"
            )
        try:
            import submitit
        except ImportError:
            raise WorkspaceError('--executor slurm: needs submitit; `pip install "emocycle[cluster]"`') from None
        self.limit, self.retries = limit or sys.maxsize, params.retries
        self._params, self._folder, self._submitit = params, folder, submitit
        self._jobs: dict[str, tuple[Job, Any]] = {}  # by the name of the item
        self._refused: list[Ended] = []
        self._over: dict[str, tuple[str, float]] = {}  # id of a job without result → its state, and since when
        self._next_s = 0.0  # time of the next question to Slurm
        suffix = "_submitted.pkl"
        _cancel([path.name.removesuffix(suffix) for path in folder.glob(f"*{suffix}")])
        shutil.rmtree(folder, ignore_errors=True)

    def start(self, job: Job, n_starting: int) -> None:
        """Submit a job."""
        needs = self._params.needs(job.name)
        executor = self._submitit.SlurmExecutor(self._folder)
        executor.update_parameters(
            job_name=job.name,
            time=needs.minutes,
            mem=f"{math.ceil(1024 * needs.memory_gb)}M",
            cpus_per_task=needs.cpus,
            gpus_per_node=math.ceil(needs.gpus) or None,
            additional_parameters={"no-requeue": True, **self._params.sbatch},
            use_srun=False,
        )
        about = (job.commands, job.folder, item.changes(job.environment), needs.cpus, job.log)
        try:
            self._jobs[job.name] = job, executor.submit(item.run_apart, *about)
        except self._submitit.core.utils.UncompletedJobError as error:
            self._refused.append(Ended(job.name, f"sbatch: {error}", is_lost=True))

    def ended(self) -> Iterator[Ended]:
        """Jobs that ended."""
        yield from self._refused
        self._refused.clear()
        time.sleep(LOOK_S)
        self._ask()
        there = {path.name for path in self._folder.glob("*_result.pkl")}  # a listing is fresh also on NFS
        for name, (job, submitted) in list(self._jobs.items()):
            state, since_s = self._over.get(submitted.job_id, ("", math.inf))
            if submitted.paths.result_pickle.name in there:
                yield self._ended(job, submitted)
            elif time.monotonic() > since_s + (PATIENCE_S if state == "COMPLETED" else 0):
                log = job.log if job.log.exists() else submitted.paths.stderr
                yield Ended(name, f"job {submitted.job_id} {state}: {item.last_line(log)} (log: {log})", is_lost=True)
            else:
                continue
            del self._jobs[name]
            submitted.paths.submitted_pickle.unlink()

    def _ended(self, job: Job, submitted: Any) -> Ended:
        try:
            code = submitted.result()
        except self._submitit.core.utils.UncompletedJobError:
            log = submitted.paths.stderr
            return Ended(job.name, f"job {submitted.job_id}: {item.last_line(log)} (log: {log})", is_lost=True)
        return Ended(job.name, item.ending(code, job.log) if code else "", is_lost=code < 0)

    def _ask(self) -> None:
        """Ask Slurm now and then which jobs are over."""
        now = time.monotonic()
        if now >= self._next_s and (states := _states()) is not None:
            for _, submitted in self._jobs.values():
                state = states.get(submitted.job_id, "is gone")
                if state in OVER or submitted.job_id not in states:
                    self._over.setdefault(submitted.job_id, (state, now))
            self._next_s = now + ASK_S

    def end(self) -> None:
        """Cancel all jobs."""
        _cancel([submitted.job_id for _, submitted in self._jobs.values()])


def _states() -> dict[str, str] | None:
    """State of each of the user's jobs by its id; None: Slurm does not answer."""
    command = ["squeue", "--me", "--noheader", "--states=all", "--format=%i %T"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return None if done.returncode else dict(line.split() for line in done.stdout.splitlines())


def _cancel(ids: Collection[str]) -> None:
    """Cancel jobs and wait until they are over."""
    end_s = time.monotonic() + PATIENCE_S
    if ids:
        subprocess.run(["scancel", "--me", *ids], capture_output=True, check=False)
    while ids and time.monotonic() < end_s:
        states = _states() or {}
        ids = [id_ for id_ in ids if states.get(id_, "COMPLETED") not in OVER]
        time.sleep(LOOK_S)
