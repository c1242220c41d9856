"""`--executor ray` with a module that acts as Ray does, and with Ray where it is installed.

benchmarks/clusters.py has nodes that die.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from dvc.repo import Repo

from pipeline.cli import parallel
from pipeline.cli.executors import Ended, executor
from pipeline.cli.executors.ray import Ray
from pipeline.cli.workspace import WorkspaceError
from tests.cli.executors.jobs import PARAMS, job, outcome, write_params

START_S = 120.0  # of a worker of Ray, with a job
RAY = [
    "stand-in",
    pytest.param("ray", marks=pytest.mark.skipif(not find_spec("ray"), reason="Ray is not installed (extra `ray`)")),
]


class LostError(Exception):
    """A worker of the stand-in died."""


class StandIn(ModuleType):
    """What `Ray` uses of Ray; tasks are threads."""

    exceptions = SimpleNamespace(RayError=LostError)

    def __init__(self) -> None:
        super().__init__("ray")
        self.options: list[dict[str, Any]] = []  # of the tasks
        self.results: dict[object, Any] = {}  # by reference
        self.is_up = True
        self.loses = 0  # number of tasks whose worker dies

    def init(self, address: str, **_: object) -> None:
        if not self.is_up:
            raise ConnectionError(f"Could not find any running Ray instance at {address}")

    def remote(self, function: Callable[..., object]) -> Any:
        def options(**given: object) -> Any:
            self.options.append(given)
            return SimpleNamespace(remote=lambda *about: self._start(function, about))

        return SimpleNamespace(options=options)

    def _start(self, function: Callable[..., object], about: tuple[object, ...]) -> object:
        reference = object()

        def work() -> None:
            if self.loses:
                self.loses -= 1
                function(*about)
                self.results[reference] = LostError("The worker died.\nMore of it.")
            else:
                self.results[reference] = function(*about)

        threading.Thread(target=work, daemon=True).start()
        return reference

    def wait(self, references: list[object], num_returns: int, timeout: float) -> tuple[list[object], list[object]]:
        end_s = time.monotonic() + timeout
        while time.monotonic() < end_s and not all(each in self.results for each in references):
            time.sleep(0.02)
        done = [each for each in references if each in self.results]
        return done, [each for each in references if each not in self.results]

    def get(self, reference: object) -> object:
        if isinstance(result := self.results[reference], Exception):
            raise result
        return result

    def cancel(self, reference: object, force: bool) -> None:
        self.results[reference] = LostError("cancelled")

    def shutdown(self) -> None:
        pass


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A node of Ray, once its tests begin."""
    import ray
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", str(tmp_path_factory.mktemp("r")))
        head = {"num_cpus": 2, "object_store_memory": 10**8, "include_dashboard": False}
        cluster = Cluster(True, head_node_args=head)
        patch.setenv("RAY_ADDRESS", cluster.address)
        yield
        ray.shutdown()
        cluster.shutdown()


@pytest.fixture(params=RAY)
def kind(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which Ray there is; the current directory is empty."""
    monkeypatch.chdir(tmp_path)
    python = Path(sys.executable).parent
    monkeypatch.setenv("PATH", os.pathsep.join([str(python), os.environ["PATH"]]))
    if request.param == "ray":
        request.getfixturevalue("started")
    else:
        monkeypatch.setitem(sys.modules, "ray", StandIn())
    return str(request.param)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> StandIn:
    """A Ray of which a test decides what fails."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "ray", made := StandIn())
    return made


def running(path: Path) -> int:
    """Process of a job, once it has written it to a file."""
    end_s = time.monotonic() + START_S
    while not (path.exists() and path.read_text().endswith("\n")):
        assert time.monotonic() < end_s
        time.sleep(0.1)
    return int(path.read_text())


def test_jobs(kind: str) -> None:
    """One that succeeds, one that fails, one that is killed, one that is cancelled."""
    cluster = Ray(PARAMS, None)
    try:
        cluster.start(job("echo $DVC_STAGE > out.txt; echo told"), 1)
        assert outcome(cluster, START_S) == Ended("work@a")
        assert Path("out.txt").read_text() == "work@a\n" and Path("work.log").read_text() == "told\n"
        cluster.start(job("echo Error: as planned; exit 3"), 1)
        log = Path("work.log").absolute()
        assert outcome(cluster, START_S) == Ended("work@a", f"exit code 3: Error: as planned (log: {log})")
        cluster.start(job("kill -9 $PPID"), 1)
        ended = outcome(cluster, START_S)
        assert ended.is_lost and ended.error.startswith("ended by SIGKILL")
        cluster.start(job("echo $PPID > begun; exec sleep 60"), 1)
        process = running(Path("begun"))
    finally:
        cluster.end()
    if kind == "ray":
        end_s = time.monotonic() + 30
        while Path(f"/proc/{process}").exists() and time.monotonic() < end_s:
            time.sleep(0.1)
        assert not Path(f"/proc/{process}").exists()
    else:  # threads cannot be ended
        os.kill(process, signal.SIGKILL)


def test_a_lost_item_runs_again_without_its_outputs(kind: str) -> None:
    Repo.init(no_scm=True).close()
    write_params(retries=2)
    command = "echo >> begun; echo half >> out.txt; test $(wc -l < begun) -ge 3 || kill -9 $PPID"
    Path("dvc.yaml").write_text(f"stages: {{only: {{cmd: '{command}', outs: [out.txt]}}}}")
    Path("begun").touch()
    parallel.repro([], None, False, "ray")
    assert Path("out.txt").read_text() == "half\n" and len(Path("begun").read_text()) == 3


def test_a_task_whose_worker_died_is_lost(stand_in: StandIn) -> None:
    stand_in.loses = 1
    cluster = Ray(PARAMS, None)
    cluster.start(job("true"), 1)
    ended = outcome(cluster, START_S)
    assert ended.is_lost and ended.error == f"LostError: The worker died. (log: {Path('work.log').absolute()})"
    assert stand_in.options == [
        {"name": "work@a", "num_cpus": 1, "num_gpus": 0, "memory": 0.5 * 2**30, "max_retries": 0}
    ]


def test_without_a_cluster_or_ray(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    write_params(retries=2)
    stand_in.is_up = False
    with pytest.raises(WorkspaceError, match="no cluster .Could not find .*; start it by `ray start --head`"):
        executor("ray", None, Path())
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(WorkspaceError, match=r'needs Ray; `pip install "emocycle\[ray\]"`'):
        executor("ray", None, Path())
