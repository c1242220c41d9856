"""Cost of DVC's graph and of dvc.lock, for 8, 40 and 200 splits with ten arms each.

python benchmarks/graph_scale.py [SPLITS ...]

Each output is a file or folder with its own path as content; nothing is computed. Seconds are of the CPU.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
from dvc.output import Output
from dvc.repo import Repo, lock_repo
from dvc.stage import PipelineStage
from dvc.stage.serialize import to_lockfile
from dvc.utils.serialize import dump_yaml, parse_yaml_for_update

from pipeline.cli.workspace import change_params

ROOT = Path(__file__).parents[1]
ARMS = (
    *("none", "oversample", "classical", "vtlp", "speaker_conversion", "copy_synthesis"),
    *("cyclegan", "statistics", "f0_only", "dcgan"),
)
COMMANDS = {
    "load": "import dvc.repo as r; g = r.Repo().index.graph",
    "status": "import dvc.repo as r; assert r.Repo().status() == {}",
    "repro": "from pipeline.cli import parallel; parallel.repro([], 2, False)",
}


def write(out: Output) -> None:
    """Write an output, unless it exists."""
    path = Path(out.fs_path)
    if path.is_file() or path.is_relative_to(Path("pipeline").absolute()):
        return
    if path.suffix not in (".parquet", ".json", ".csv", ".html"):
        path /= "file"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(str(path))


def commit() -> int:
    """Write and commit all outputs; returns the number of items."""
    with Repo() as repo, lock_repo(repo):
        stages = [stage for stage in repo.index.stages if isinstance(stage, PipelineStage)]
        for stage in stages:
            for out in (*stage.outs, *stage.deps):  # a dependency may be a file in an output
                write(out)
        content = {}
        for stage in stages:
            stage.save(run_cache=False)
            stage.commit()
            content.update(to_lockfile(stage))
        dump_yaml("dvc.lock", {"schema": "2.0", "stages": content})
        return len(stages)


def measured(program: str) -> tuple[float, float]:
    """CPU seconds and peak memory [MB] of a program."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    if done.returncode:
        raise click.ClickException(f"{done.stdout}{done.stderr}"[-2000:])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, after.ru_maxrss / 1024


@click.command()
@click.argument("sizes", type=int, nargs=-1)
def main(sizes: tuple[int, ...]) -> None:
    """Print a row for each number of splits; the peak is of all commands so far."""
    for splits in sizes or (8, 40, 200):
        with tempfile.TemporaryDirectory() as name:
            os.chdir(name)
            for path in ("params.yaml", "dvc.yaml", ".dvcignore"):
                Path(path).write_bytes((ROOT / path).read_bytes())
            Path("pipeline").symlink_to(ROOT / "pipeline")
            Repo.init(no_scm=True).close()
            folds = list(range(1, splits + 1))
            conversions, perturbations = ["cyclegan", "statistics", "f0_only"], list(ARMS[2:6])
            change_params(
                Path("params.yaml"),
                {
                    "folds": folds,
                    "arms": list(ARMS),
                    "conversions": conversions,
                    "perturbations": perturbations,
                    "dcgan_scenarios": ["full"],
                },
            )
            start_s = time.process_time()
            items = commit()
            each_s = (time.process_time() - start_s) / items
            size = Path("dvc.lock").stat().st_size / 1e6
            row = [f"{splits} splits, {items:,} items", f"commit {1000 * each_s:.0f} ms an item", f"lock {size:.1f} MB"]
            start_s = time.process_time()
            lock = Path("dvc.lock")
            dump_yaml(lock, parse_yaml_for_update(lock.read_text(encoding="utf-8"), lock))
            row.append(f"rewritten in {time.process_time() - start_s:.1f} s")
            for command, program in COMMANDS.items():
                seconds, peak = measured(program)
                row.append(f"{command} {seconds:.1f} s, {peak:.0f} MB")
            click.echo("; ".join(row))
            os.chdir(ROOT)


if __name__ == "__main__":
    main()
