"""`--executor slurm` with submitit, and programs that act as Slurm does; benchmarks/clusters.py has the real Slurm."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from dvc.repo import Repo

from pipeline.cli import parallel
from pipeline.cli.executors import Ended, executor, slurm
from pipeline.cli.executors.slurm import Slurm
from pipeline.cli.workspace import WorkspaceError
from tests.cli.executors.jobs import PARAMS, job, outcome, write_params

pytest.importorskip("submitit")

# `jobs` has a file for each job: its state where that is set, else the id of its process.
SLURM = {
    "sbatch": """
        test ! -e refuse || { echo "sbatch: error: invalid account" >&2; exit 1; }
        id=$(($(ls jobs | wc -l) + 1))
        cp "$1" "scripts/$id"
        SLURM_JOB_ID=$id setsid bash "scripts/$id" >/dev/null 2>>log &
        echo $! > id
        mv id jobs/$id
        echo Submitted batch job $id""",
    "squeue": """
        for id in $(ls jobs); do
            state=$(cat jobs/$id)
            case $state in
                [0-9]*) kill -0 $state 2>/dev/null && echo $id RUNNING || echo $id COMPLETED;;
                *) echo $id $state;;
            esac
        done""",
    "scancel": """
        shift
        for id; do
            kill -TERM -- -$(cat jobs/$id) || true
            echo CANCELLED > jobs/$id
        done""",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Current directory, with a Slurm."""
    monkeypatch.chdir(tmp_path)
    for name in ("bin", "jobs", "scripts"):
        Path(name).mkdir()
    for name, text in SLURM.items():
        Path("bin", name).write_text(f"#!/bin/bash\nset -e\ncd {tmp_path}\n{text}\n")
        Path("bin", name).chmod(0o755)
    Path("bin/srun").symlink_to("squeue")
    python = Path(sys.executable).parent
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path / "bin"), str(python), os.environ["PATH"]]))
    monkeypatch.setattr(slurm, "ASK_S", 0.2)
    monkeypatch.setattr(slurm, "PATIENCE_S", 2.0)
    return tmp_path


@pytest.fixture
def cluster(folder: Path) -> Iterator[Slurm]:
    made = Slurm(PARAMS, None, folder / ".slurm")
    yield made
    made.end()


def running(path: Path) -> None:
    """Wait until a job has written a file."""
    end_s = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < end_s
        time.sleep(0.1)


def test_a_job(folder: Path, cluster: Slurm) -> None:
    cluster.start(job("echo $DVC_STAGE $SLURM_JOB_ID > out.txt; echo told"), 1)
    assert outcome(cluster) == Ended("work@a")
    assert (folder / "out.txt").read_text() == "work@a 1\n" and (folder / "work.log").read_text() == "told\n"
    options = set((folder / "scripts/1").read_text().splitlines())
    for option in ("job-name=work@a", "no-requeue", "mem=512M", "cpus-per-task=1", "time=5", "partition=all"):
        assert f"#SBATCH --{option}" in options
    assert not any("gpus" in option for option in options)


def test_a_command_that_fails_is_not_lost(folder: Path, cluster: Slurm) -> None:
    cluster.start(job("echo Error: as planned; exit 3"), 1)
    assert outcome(cluster) == Ended("work@a", f"exit code 3: Error: as planned (log: {folder / 'work.log'})")


def test_a_command_that_is_killed_is_lost(folder: Path, cluster: Slurm) -> None:
    cluster.start(job("kill -9 $PPID"), 1)
    ended = outcome(cluster)
    assert ended.is_lost and ended.error.startswith("ended by SIGKILL")


@pytest.mark.parametrize("state", ["PREEMPTED", "NODE_FAIL", "TIMEOUT", ""])
def test_a_job_that_is_over_without_result_is_lost(folder: Path, cluster: Slurm, state: str) -> None:
    cluster.start(job("touch begun; echo at work; exec sleep 60"), 1)
    running(folder / "begun")
    os.killpg(int((folder / "jobs/1").read_text()), 9)
    if state:
        (folder / "jobs/1").write_text(state)
    else:
        (folder / "jobs/1").unlink()
    ended = outcome(cluster)
    assert ended.is_lost and ended.error == f"job 1 {state or 'is gone'}: at work (log: {folder / 'work.log'})"


def test_sbatch_refuses(folder: Path, cluster: Slurm) -> None:
    (folder / "refuse").touch()
    cluster.start(job("true"), 1)
    ended = outcome(cluster)
    assert ended.is_lost and "invalid account" in ended.error


def test_end_and_jobs_of_a_killed_run_are_cancelled(folder: Path) -> None:
    for by_end in (True, False):
        cluster = Slurm(PARAMS, None, folder / ".slurm")
        (folder / "begun").unlink(missing_ok=True)
        cluster.start(job("touch begun; exec sleep 60"), 1)
        running(folder / "begun")
        if by_end:
            cluster.end()
        else:
            Slurm(PARAMS, None, folder / ".slurm")
        assert slurm._states() == {str(number): "CANCELLED" for number in range(1, 2 if by_end else 3)}


def test_slurm_that_does_not_answer_loses_no_job(folder: Path, cluster: Slurm) -> None:
    cluster.start(job("touch begun; sleep 2"), 1)
    squeue = folder / "bin/squeue"
    text = squeue.read_text()
    squeue.write_text("#!/bin/sh\nexit 1\n")
    running(folder / "begun")
    assert slurm._states() is None
    assert outcome(cluster) == Ended("work@a")
    squeue.write_text(text)


def test_a_lost_item_runs_again_without_its_outputs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Repo.init(no_scm=True).close()
    write_params(retries=2)
    command = "echo >> begun; echo half >> out.txt; test $(wc -l < begun) -ge 3 || kill -9 $PPID"
    Path("dvc.yaml").write_text(f"stages: {{only: {{cmd: '{command}', outs: [out.txt]}}}}")
    Path("begun").touch()
    parallel.repro([], None, False, "slurm")
    assert Path("out.txt").read_text() == "half\n" and len(Path("begun").read_text()) == 3
    Path("begun").write_text("")
    write_params(retries=1)
    with pytest.raises(parallel.ReproError, match="only: ended by SIGKILL: .*only.log"):
        parallel.repro([], None, True, "slurm")


def test_without_slurm(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    write_params(retries=2)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(WorkspaceError, match="`sbatch` not found"):
        executor("slurm", None, folder)
