"""`emocycle repro --executor` on two nodes that run on this machine: same bytes as `--jobs`, and seconds an item.

python benchmarks/clusters.py cost|sleepers|small_demo [slurm|ray ...] [--trouble none|node|preempted ...]

`cost` runs items that do nothing, `sleepers` items that sleep for 20 s, `small_demo` the demo of .ci/run. dvc.lock and
metrics are compared with those of `--jobs 2`. `--trouble` kills the node of a running item, or has its job pre-empted
(Ray: killed).

Slurm needs root and `apt install slurmctld slurmd slurm-client munge`; Ray the extra `ray`.
"""

import hashlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from itertools import product
from pathlib import Path

import click

from pipeline.core import workers

ROOT = Path(__file__).parents[1]
NODES = ("n1", "n2")
TROUBLED = ("train_cyclegan", "nothing")  # stages of which the first item that runs meets the trouble
SLURM_CONF = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort=6827
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
PreemptType=preempt/partition_prio
PreemptMode=CANCEL
SlurmdTimeout=10
KillWait=5
SlurmdParameters=config_overrides
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port=7101 CPUs=2 RealMemory=8000
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port=7102 CPUs=2 RealMemory=8000
PartitionName=all Nodes=n1,n2 Default=YES PriorityTier=1
PartitionName=urgent Nodes=n1,n2 PriorityTier=2 PreemptMode=OFF
"""
START_S = 300.0  # for a node of Ray, on a busy machine
RAY_LIMITS = {"RAY_worker_register_timeout_seconds": "300", "RAY_health_check_timeout_ms": "60000"}
SMALL_DEMO = """
from pathlib import Path
from pipeline.cli.workspace import change_params
from pipeline.core import params
path = Path("params.yaml")
demo = params.read(path)
change_params(path, {
    "pairs": demo["pairs"][:1],
    "demo_corpus.speakers": 8,
    "demo_corpus.sentences": demo["demo_corpus"]["sentences"][:2],
    "train_cyclegan.steps": 5,
    "train_cyclegan.log_every": 1,
    "classify.seeds": demo["classify"]["seeds"][:1],
    "classify.cnn.steps": 20,
    "classify.cnn.checkpoints": 2,
    "executor.resources": {"default": {"cpus": 1, "memory_gb": 2, "gpus": 0, "minutes": 60}},
})
"""
NOTHING = """
stages:
  nothing:
    matrix: {number: [NUMBERS]}
    cmd: python -m nothing ${item.number}.txt
    outs: ["${item.number}.txt"]
"""


class Slurm:
    """A controller and two nodes."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        conf = folder / "slurm.conf"
        conf.write_text(SLURM_CONF.format(folder=folder, host=socket.gethostname()))
        os.environ["SLURM_CONF"] = str(conf)
        key = folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        paths = {"key-file": key, "socket": folder / "munge.socket", "pid-file": folder / "munge.pid"}
        paths |= {"log-file": folder / "munge.log", "seed-file": folder / "munge.seed"}
        names = [f"--{name}={path}" for name, path in paths.items()]
        for name, command in (
            ("munged", ["munged", "--foreground", "--force", *names]),
            ("slurmctld", ["slurmctld", "-D"]),
            *((node, ["slurmd", "-D", "-N", node]) for node in NODES),
        ):
            (folder / "state").mkdir(exist_ok=True)
            (folder / f"spool-{name}").mkdir()
            with (folder / f"{name}.log").open("wb") as log:
                self._daemons[name] = subprocess.Popen(command, stdout=log, stderr=log)
            stack.callback(self._end, name)
            time.sleep(2)
        while _output("sinfo", "--noheader", "--format=%D %T", "--partition=all").split() != ["2", "idle"]:
            time.sleep(0.5)

    def _end(self, name: str) -> None:
        self._daemons[name].kill()
        self._daemons[name].wait()

    def kill_node(self, item: str) -> None:
        """Kill the daemon of the node that an item runs on, and the item with its supervisor."""
        id_, node = self._job(item)
        self._end(node)
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                inside = f"SLURM_JOB_ID={id_}\0" in (process / "environ").read_text()
                if inside or (process / "cmdline").read_text().startswith(f"slurmstepd: [{id_}."):
                    os.kill(int(process.name), signal.SIGKILL)

    def preempt(self, item: str) -> None:
        """Have a job of higher priority take the node that an item runs on."""
        options = ["--partition=urgent", f"--nodelist={self._job(item)[1]}", "--exclusive", "--output=/dev/null"]
        _output("sbatch", *options, "--wrap=sleep 1")

    def _job(self, item: str) -> tuple[str, str]:
        """Id and node of an item's job."""
        jobs = _output("squeue", "--noheader", "--states=RUNNING", "--format=%i %N %j").splitlines()
        [(id_, node)] = [(id_, node) for id_, node, name in map(str.split, jobs) if name == item]
        return id_, node


class Ray:
    """A head without work, and two nodes."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        os.environ |= {"RAY_TMPDIR": str(folder), **RAY_LIMITS}
        from ray._private import services
        from ray.cluster_utils import Cluster

        get_node = services.get_node

        def patient(*about: object) -> object:  # Ray itself waits for 30 s
            end_s = time.monotonic() + START_S
            while True:
                try:
                    return get_node(*about)
                except RuntimeError:
                    if time.monotonic() > end_s:
                        raise
                    time.sleep(1)

        services.get_node = patient
        about = {"object_store_memory": 10**8, "memory": 8 * 2**30, "include_dashboard": False}
        self._cluster = Cluster(True, head_node_args=about | {"num_cpus": 0})
        stack.callback(self._cluster.shutdown)
        self._nodes = [self._cluster.add_node(num_cpus=2, **about) for _ in NODES]
        os.environ["RAY_ADDRESS"] = self._cluster.address

    def kill_node(self, item: str) -> None:
        """Kill the node that an item runs on."""
        status = Path(f"/proc/{self._worker(item)}/status").read_text()
        above = int(status.partition("PPid:")[2].split()[0])
        [node] = [
            node
            for node in self._nodes
            if any(process.process.pid == above for processes in node.all_processes.values() for process in processes)
        ]
        self._cluster.remove_node(node, allow_graceful=False)

    def preempt(self, item: str) -> None:
        """Kill the process of Ray that runs an item."""
        os.kill(self._worker(item), signal.SIGKILL)

    def _worker(self, item: str) -> int:
        """Process of Ray that runs an item."""
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if (process / "cmdline").read_text().startswith(f"ray::{item}\0"):
                    return int(process.name)
        raise click.ClickException(f"{item}: no process runs it")


TROUBLES = {"none": "", "node": "kill_node", "preempted": "preempt"}  # methods of clusters
CLUSTERS: dict[str, Callable[[Path, ExitStack], Slurm | Ray]] = {"slurm": Slurm, "ray": Ray}


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@contextmanager
def cluster(name: str) -> Iterator[Slurm | Ray | None]:
    """A running cluster; None for `local`."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cl", ignore_cleanup_errors=True)))
        yield CLUSTERS[name](folder, stack) if name in CLUSTERS else None


def small_demo(folder: Path) -> None:
    """The workspace that .ci/run runs."""
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    packed = subprocess.run(["tar", "--null", "-T-", "-cf-"], cwd=ROOT, input=files, capture_output=True, check=True)
    subprocess.run(["tar", "-xf-"], cwd=folder, input=packed.stdout, check=True)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    for name in ("dvc.lock", "metrics/summary.json", "metrics/ser.json"):
        (folder / name).unlink()
    subprocess.run([sys.executable, "-c", SMALL_DEMO], cwd=folder, check=True)


def nothing(items: int, sleep_s: float, folder: Path) -> None:
    """A workspace of items that sleep and then write a file."""
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    subprocess.run(["dvc", "init", "--quiet"], cwd=folder, check=True)
    (folder / "nothing.py").write_text(
        f"import pathlib, sys, time\ntime.sleep({sleep_s})\npathlib.Path(sys.argv[1]).write_text(sys.argv[1])\n"
    )
    (folder / "dvc.yaml").write_text(NOTHING.replace("NUMBERS", ", ".join(map(str, range(items)))))
    resources = "resources: {default: {cpus: 1, memory_gb: 1, gpus: 0, minutes: 5}}"
    (folder / "params.yaml").write_text(f"executor:\n  retries: 1\n  sbatch: {{}}\n  {resources}\n")


WORKSPACES: dict[str, Callable[[Path], None]] = {
    "cost": partial(nothing, 20, 0.0),
    "sleepers": partial(nothing, 4, 20.0),
    "small_demo": small_demo,
}


def digests(folder: Path) -> dict[str, str]:
    """Hashes of dvc.lock, and so of all outputs, and of the metrics."""
    paths = [folder / "dvc.lock", *sorted((folder / "metrics").glob("*.json"))]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:12] for path in paths}


def seconds(folder: Path, where: str, trouble: Callable[[str], None] | None) -> float:
    """Time of a whole run."""
    given = f"[], {2 if where == 'local' else None}, False, {where!r}"
    program = f"from pipeline.cli import parallel, repro; repro.end_by_exception(); parallel.repro({given})"
    start_s = time.monotonic()
    paths = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", str(ROOT))])
    environment = os.environ | workers.ONE_THREAD | {"PYTHONPATH": paths}  # as `emocycle repro`
    with subprocess.Popen([sys.executable, "-c", program], cwd=folder, env=environment) as process:
        while trouble and process.poll() is None:
            if logs := [log for stage in TROUBLED for log in folder.glob(f".dvc/tmp/logs/{stage}*.log")]:
                trouble(logs[0].stem)
                trouble = None
            time.sleep(0.2)
    if process.returncode:
        raise click.ClickException(f"{folder}: {where}: exit code {process.returncode}")
    return time.monotonic() - start_s


@click.command()
@click.argument("workspace", type=click.Choice(list(WORKSPACES)))
@click.argument("wheres", nargs=-1, type=click.Choice(list(CLUSTERS)))
@click.option("--trouble", "troubles", type=click.Choice(list(TROUBLES)), multiple=True, default=["none"])
def main(workspace: str, wheres: tuple[str, ...], troubles: tuple[str, ...]) -> None:
    """Print the seconds of `local` and of each cluster and trouble, and whether the bytes are the same."""
    expected: dict[str, str] = {}
    for where, trouble in [("local", "none"), *product(wheres, troubles)]:
        with tempfile.TemporaryDirectory() as name, cluster(where) as started:
            folder = Path(name)
            WORKSPACES[workspace](folder)
            duration_s = seconds(folder, where, getattr(started, TROUBLES[trouble], None))
            found = digests(folder)
        expected = expected or found
        same = "same bytes" if found == expected else f"other bytes: {found}, not {expected}"
        click.echo(f"{workspace} {where} {trouble}: {duration_s:.1f} s, {same}")


if __name__ == "__main__":
    main()
