"""Items as tasks of Ray, run in the same folder of a file system that all nodes share."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pipeline
from pipeline.cli import item
from pipeline.cli.executors import Ended, ExecutorParams, Job
from pipeline.cli.workspace import WorkspaceError

LOOK_S = 0.5  # to wait for an end
PATIENCE_S = 20.0  # for cancelled tasks to end


class Ray:
    """Tasks of a running cluster, whose address is in RAY_ADDRESS or, on its own machines, known to Ray.

    Args:
        params: resources of the tasks
        limit: number of tasks at once; None: as many as there are
    """

    def __init__(self, params: ExecutorParams, limit: int | None) -> None:
        try:
            import ray
        except ImportError:
            raise WorkspaceError('--executor ray: needs Ray; `pip install "emocycle[ray]"`') from None
        self.limit, self.retries = limit or sys.maxsize, params.retries
        self._params, self._ray = params, ray
        self._jobs: dict[Any, Job] = {}  # by the reference to the result
        code = os.pathsep.join([str(Path(pipeline.__path__[0]).parent), os.environ.get("PYTHONPATH", "")])
        try:
            address = os.environ.get("RAY_ADDRESS", "auto")
            ray.init(address, log_to_driver=False, runtime_env={"env_vars": {"PYTHONPATH": code}})
        except ConnectionError as error:
            raise WorkspaceError(f"--executor ray: no cluster ({error}); start it by `ray start --head`") from None

    def start(self, job: Job, n_starting: int) -> None:
        """Hand a job to the cluster."""
        needs = self._params.needs(job.name)
        task = self._ray.remote(item.run_apart).options(
            name=job.name,
            num_cpus=needs.cpus,
            num_gpus=needs.gpus,
            memory=needs.memory_gb * 2**30,
            max_retries=0,
        )
        about = (job.commands, job.folder, item.changes(job.environment), needs.cpus, job.log, 60 * needs.minutes)
        self._jobs[task.remote(*about)] = job

    def ended(self) -> Iterator[Ended]:
        """Jobs that ended."""
        done, _ = self._ray.wait(list(self._jobs), num_returns=len(self._jobs), timeout=LOOK_S)
        for reference in done:
            job = self._jobs.pop(reference)
            try:
                code = self._ray.get(reference)
            except self._ray.exceptions.RayError as error:
                how = str(error).strip().partition("\n")[0]
                yield Ended(job.name, f"{type(error).__name__}: {how} (log: {job.log})", is_lost=True)
            else:
                yield Ended(job.name, item.ending(code, job.log) if code else "", is_lost=code < 0)

    def end(self) -> None:
        """Cancel all tasks."""
        for reference in self._jobs:
            self._ray.cancel(reference, force=True)
        if self._jobs:
            self._ray.wait(list(self._jobs), num_returns=len(self._jobs), timeout=PATIENCE_S)
        self._ray.shutdown()
