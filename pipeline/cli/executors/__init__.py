"""Where the commands of items run: `local`, `slurm` or `ray`.

An executor knows nothing of DVC. Inputs and outputs pass by the workspace, which all machines share.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple, Protocol

from pydantic import Field

from pipeline.cli.workspace import PARAMS
from pipeline.core import params
from pipeline.core.params import section

EXECUTORS = ("local", "slurm", "ray")
DEFAULT = "default"  # of the resources


@section
class Resources:
    """What one item may use."""

    cpus: Annotated[int, Field(ge=1)]
    memory_gb: Annotated[float, Field(gt=0)]
    gpus: Annotated[float, Field(ge=0)]  # a share, such as 0.5; Slurm gives whole GPUs
    minutes: Annotated[int, Field(ge=1)]


@section
class ExecutorParams:
    """Section `executor`, for clusters."""

    retries: Annotated[int, Field(ge=0)]  # of an item whose job was lost
    sbatch: dict[str, str | int | float | bool]  # more options of it
    resources: dict[str, Resources]  # by stage, and `DEFAULT`

    def needs(self, item: str) -> Resources:
        """Resources of an item such as `classify@full-1-none`."""
        return self.resources.get(item.partition("@")[0], self.resources[DEFAULT])


@dataclass(frozen=True)
class Job:
    """The commands of an item."""

    name: str  # of the item
    commands: Sequence[Sequence[str]]  # as for `item.run`, as are the next two
    folder: str
    environment: Mapping[str, str]
    log: Path


class Ended(NamedTuple):
    """How the job of an item ended."""

    name: str  # of the item
    error: str = ""  # empty: the commands succeeded
    is_lost: bool = False  # ended from outside, such as by a machine that died: it may succeed when it runs again


class Executor(Protocol):
    """Runs jobs."""

    limit: int  # number of jobs at once
    retries: int  # of a lost job

    def start(self, job: Job, n_starting: int) -> None:
        """Start a job.

        Args:
            job: its item has no other job
            n_starting: number of jobs that start now, from this one on
        """

    def ended(self) -> Iterable[Ended]:
        """Jobs that ended since the last call; waits up to a second for one."""

    def end(self) -> None:
        """End all jobs."""


def executor(name: str, jobs: int | None, folder: Path) -> Executor:
    """The executor of a name; only here is its library imported.

    Args:
        name: one of `EXECUTORS`
        jobs: number of jobs at once; None: no limit, on a cluster
        folder: for its files; all machines must see it

    Raises:
        WorkspaceError: the library or the cluster is missing
    """
    if name == "local":
        from pipeline.cli.executors.local import Local

        return Local(jobs or 1)
    chosen = params.load(PARAMS, "executor", ExecutorParams)
    if name == "slurm":
        from pipeline.cli.executors.slurm import Slurm

        return Slurm(chosen, jobs, folder / "slurm")
    from pipeline.cli.executors.ray import Ray

    return Ray(chosen, jobs)
