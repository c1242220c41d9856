"""Memory of one item of each stage: what `hardware.memory_gb` counts, the most of any of its processes.

python benchmarks/stage_memory.py [STAGE...]

Run it in a finished workspace, of which a copy is best: the items run again.
"""

import os
import subprocess
import sys
import time
from contextlib import suppress

import click
import psutil  # type: ignore[import-untyped]
from dvc.repo import Repo
from dvc.repo.reproduce import get_active_graph, plan_repro

from pipeline.cli import workspace
from pipeline.core.memory import GIGABYTE

LOOK_S = 0.02


@click.command()
@click.argument("names", nargs=-1)
def main(names: tuple[str, ...]) -> None:
    """Print a Markdown table: item, GB of its largest process, number of processes, CPU seconds."""
    with Repo() as repo:
        stages = plan_repro(get_active_graph(repo.index.graph))
    first = {stage.name.partition("@")[0]: stage for stage in reversed(stages) if stage.cmd}
    print("| item | GB a process | processes | CPU s |\n|---|---|---|---|")
    for name, stage in reversed(first.items()):
        if not names or name in names:
            peak, number, seconds = measured(stage.cmd)
            print(f"| `{stage.name}` | {peak:.2f} | {number} | {seconds:.0f} |", flush=True)


def measured(command: str) -> tuple[float, int, float]:
    """Memory of the largest process [GB], number of processes, and CPU seconds of all."""
    before = os.times()
    process = psutil.Popen(
        ["sh", "-c", f"exec {command}"], env=os.environ | workspace.environment(), stdout=subprocess.DEVNULL
    )
    peaks: dict[int, float] = {}
    while process.poll() is None:
        with suppress(psutil.NoSuchProcess):
            for each in (process, *process.children(recursive=True)):
                with suppress(psutil.NoSuchProcess):
                    memory = each.memory_info()
                    peaks[each.pid] = max(peaks.get(each.pid, 0.0), (memory.rss - memory.shared) / GIGABYTE)
        time.sleep(LOOK_S)
    if process.returncode:
        sys.exit(f"{command}: exit code {process.returncode}")
    spent = os.times()
    cpu_s = spent.children_user + spent.children_system - before.children_user - before.children_system
    return max(peaks.values()), len(peaks), cpu_s


if __name__ == "__main__":
    main()
