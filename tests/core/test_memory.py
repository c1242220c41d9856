"""A stage that needs too much memory ends with an error of ours; what it needs less than the ceiling, it gets."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from pipeline.cli.main import main
from pipeline.core import memory, workers
from pipeline.core.memory import CeilingError

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process holds")

# Each runs in a process of its own, which has its own limits.
BEGIN = """
import time
import numpy as np
from pipeline.core import memory, workers
from pipeline.core.workers import in_parallel

def filled(count):  # count arrays of 50 MB
    arrays = []
    for number in range(count):
        arrays.append(np.ones(6_250_000))
        time.sleep(0.02)
    return len(arrays)

def run(gigabytes):
    with memory.ceiling("classify", gigabytes):
        print(WORK)

try:
    run(CEILING)
except memory.CeilingError as error:
    print(error.message)
assert memory.processes() > 10**6
"""
ENDING = "but 'hardware.memory_gb' allows 0.5 GB a process; raise it where the machine has more memory"


def ran(work: str, ceiling_gb: float = 0.5, before: str = "") -> str:
    script = before + BEGIN.replace("WORK", work).replace("CEILING", str(ceiling_gb))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@linux
def test_creeping_growth() -> None:
    assert ran("filled(4)") == "4"
    assert ran("filled(40)", 4) == "40"
    output = ran("filled(40)")
    assert output.startswith("stage classify holds 0.") and "GB, and is not done, " + ENDING in output


@linux
def test_below_a_limit_of_the_shell() -> None:
    """As by `ulimit -v`: below the own ceiling, but the system gives no more."""
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_AS, (3 * 10**9, 3 * 10**9))\n"
    output = ran("np.ones(5 * 10**8).sum()", before=limit)
    assert output.startswith("stage classify holds 0.") and "got no more: Unable to allocate 3.73 GiB" in output


@linux
def test_processes_of_a_stage() -> None:
    """Each process has the ceiling."""
    with_two = "import os\nos.sched_getaffinity = lambda pid: {0, 1}\n"
    assert ran("list(in_parallel(filled, [4] * 4, 'x', chunk=1))", before=with_two) == "[4, 4, 4, 4]"
    output = ran("list(in_parallel(filled, [1, 1, 40, 1], 'x', chunk=1))", before=with_two)
    assert output.startswith("stage classify holds 0.") and ENDING in output


def test_planned_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "held_gb", lambda: 0.3)
    memory.check("log_mel of 9 clips", 10**15)  # no ceiling
    with memory.ceiling("classify", 0.5):
        memory.check("log_mel of 9 clips", 0.1e9)
        with pytest.raises(
            CeilingError, match=r"stage classify needs 0\.60 GB, with log_mel of 9 clips, but 'hardware"
        ):
            memory.check("log_mel of 9 clips", 0.3e9)


def test_number_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_gb", lambda: 7.0)
    monkeypatch.setattr(memory, "held_gb", lambda: 0.0)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))
    assert workers.cores() == 8
    for ceiling_gb, number in ((2, 3), (0.5, 8), (100, 1)):
        with memory.ceiling("features", ceiling_gb):
            assert workers.cores() == number
    assert workers.cores() == 8


@linux
def test_memory_that_is_available() -> None:
    free = memory.available_gb()
    assert 0 < free < 10**5
    before = memory.held_gb()
    array = np.ones(25_000_000)
    assert memory.held_gb() == pytest.approx(before + 0.2, abs=0.02)
    del array


@linux
@pytest.mark.parametrize("hardware", ["{memory_gb: 0.01}", "{memory_gb: 50}", "{}"])
def test_ceiling_of_a_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hardware: str) -> None:
    """From params.yaml; a stage whose params.yaml has none has no ceiling."""
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(f"hardware: {hardware}\n")
    seen: list[int] = []
    monkeypatch.setattr("pipeline.stages.split.main.callback", lambda **_: seen.append(memory.processes()))
    result = CliRunner().invoke(main, ["split", "--out", "x"])
    if "0.01" in hardware:
        assert "Error: stage split holds 0." in result.output and not seen
    else:
        assert (seen[0] == sys.maxsize) == ("50" not in hardware)
