"""Items as processes of this machine, which share its processor cores."""

import os
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import forkserver, get_context
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerProcess
from typing import Any

from pipeline.cli import item
from pipeline.cli.executors import Ended, Job
from pipeline.core import workers

PATIENCE_S = 10.0  # for interrupted items to remove their temporary files
# Imported once, by the server; none opens a parallel region of OpenMP. The project's own code is not among them, so an
# edit counts from the next item on, as in `dvc repro`.
LIBRARIES = (
    *("librosa", "matplotlib.figure", "pandas", "pyarrow.parquet", "pydantic.dataclasses", "pyworld", "ruamel.yaml"),
    *("safetensors.torch", "scipy.signal", "scipy.stats", "sklearn.discriminant_analysis", "sklearn.svm", "soundfile"),
    *("soxr", "torch", "torch._dynamo", "torchaudio"),
)


@dataclass(frozen=True)
class Running:
    """A job that runs."""

    job: Job
    process: ForkServerProcess
    share: int  # of the processor cores


def start_server() -> None:
    """Start the server whose forks are the items, unless it runs; it imports libraries while this process works on."""
    get_context("forkserver").set_forkserver_preload(["pipeline.cli.item_server", *LIBRARIES])
    forkserver.ensure_running()


class Local:
    """Processes that are forked from a server, which has imported the slow libraries."""

    retries = 0

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._running: dict[Any, Running] = {}  # by the sentinel of the process
        start_server()
        self._context = get_context("forkserver")

    def start(self, job: Job, n_starting: int) -> None:
        """Start a job; its share is that of the cores that no item has, or one."""
        n_free = workers.cores() - sum(running.share for running in self._running.values())
        share = max(1, n_free // n_starting)
        about = (job.commands, job.folder, job.environment, share, job.log)
        process = self._context.Process(target=item.run, args=about)
        process.start()
        self._running[process.sentinel] = Running(job, process, share)

    def ended(self) -> Iterator[Ended]:
        """Jobs that ended."""
        for sentinel in wait(list(self._running), timeout=0.5):
            job, process = self._running[sentinel].job, self._running.pop(sentinel).process
            process.join()
            yield Ended(job.name, item.ending(process.exitcode, job.log) if process.exitcode else "")

    def end(self) -> None:
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


def _signal(items: Iterable[Running], number: int) -> None:
    """Send a signal to all processes of items; each item leads a group."""
    for running in items:
        pid = running.process.pid
        if running.process.exitcode is None and pid:
            with suppress(ProcessLookupError):
                os.kill(pid, number)  # where it does not lead its group yet
                os.killpg(pid, number)
