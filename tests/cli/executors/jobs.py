"""Jobs and parameters of the tests of executors."""

import os
import time
from pathlib import Path

from pipeline.cli.executors import Ended, Executor, ExecutorParams, Job, Resources

NEEDS = {"default": Resources(cpus=1, memory_gb=0.5, gpus=0, minutes=5)}
PARAMS = ExecutorParams(retries=2, sbatch={"partition": "all"}, resources=NEEDS)


def write_params(retries: int) -> None:
    """Write params.yaml in the current directory."""
    resources = "{default: {cpus: 1, memory_gb: 1, gpus: 0, minutes: 5}}"
    Path("params.yaml").write_text(f"executor: {{retries: {retries}, sbatch: {{}}, resources: {resources}}}")


def job(command: str, name: str = "work@a") -> Job:
    """A job in the current directory."""
    environment = {**os.environ, "DVC_STAGE": name}
    return Job(name, [["/bin/sh", "-c", command]], str(Path.cwd()), environment, Path.cwd() / "work.log")


def outcome(cluster: Executor, limit_s: float = 60) -> Ended:
    """How the only job ended, within a time."""
    end_s = time.monotonic() + limit_s
    while not (found := list(cluster.ended())):
        assert time.monotonic() < end_s
    assert list(cluster.ended()) == []
    return found[0]
