"""Copy the results of `dvc repro` to experiments/NAME, small enough for git."""

import re
import shutil
import subprocess
from functools import partial
from pathlib import Path

import click
from dvc.utils.serialize import dump_yaml, load_yaml

from pipeline.cli import check, workspace
from pipeline.cli.workspace import COMMIT, DATA, EXPERIMENTS, PARAMS, WorkspaceError
from pipeline.core import params
from pipeline.core.files import atomic_write

LOCK = Path("dvc.lock")
METRICS = Path("metrics")
SUMMARY = METRICS / "summary.json"
PLOTS = METRICS / "plots" / "evaluate"  # without training curves
PREDICTIONS = Path("predictions")
CODE = ("pipeline", "dvc.yaml")


@click.command()
@click.argument("name")
@click.option("--force", is_flag=True, help="Replace an existing record of this name; its README.md stays.")
def main(name: str, force: bool) -> None:
    """Copy the results of `dvc repro` to experiments/NAME, for git: parameters, predictions and metrics."""
    check.validate()
    if workspace.dvc("status", "--quiet"):
        raise WorkspaceError(
            "the results are not those of the current params.yaml, code and data; run `emocycle repro` first "
            "(`dvc status` lists the changes; `dvc commit` accepts them)"
        )
    folder = record(name, force)
    click.echo(
        f"{folder}: recorded; commit it. Its statistics again: emocycle evaluate --params {folder}/params.yaml "
        f"--predictions {folder}/predictions --skip-audit --summary summary.json --scores ser.json --plots plots"
    )


def record(name: str, force: bool) -> Path:
    """Write a record; returns its folder.

    It holds params.yaml, dvc.lock, metrics and predictions of the workspace, and the commit of the code. Stages and
    predictions of other parameters are left out.

    Raises:
        WorkspaceError: the name is invalid or taken, or an output of `dvc repro` is missing
    """
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise WorkspaceError(f"'{name}' is no name for a folder: expected letters, digits, dots and dashes")
    folder = EXPERIMENTS / name
    if (folder / PARAMS).exists() and not force:
        raise WorkspaceError(f"{folder}: exists already; choose another name, or add --force")
    copies = {path: path for path in (PARAMS, LOCK, SUMMARY, *sorted(METRICS.glob("*.*")), PLOTS)}
    copies |= {path: DATA / path for path in _predictions()}
    if missing := [str(source) for source in copies.values() if not source.exists()]:
        raise WorkspaceError(f"missing: {', '.join(missing)}; `emocycle repro` writes them")
    replaced = {COMMIT.name, *(path.parts[0] for path in copies)}
    with atomic_write(folder) as temporary:
        if folder.exists():
            shutil.copytree(folder, temporary, ignore=lambda at, names: replaced if Path(at) == folder else ())
        for path, source in copies.items():
            (temporary / path).parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, temporary / path)
            else:
                shutil.copyfile(source, temporary / path)
        (temporary / COMMIT).write_text(f"{_commit()}\n", encoding="utf-8")
        lock, stages = load_yaml(temporary / LOCK), workspace.stages()
        lock["stages"] = {stage: entry for stage, entry in lock["stages"].items() if stage in stages}
        dump_yaml(temporary / LOCK, lock)
    return folder


def _commit() -> str:
    """Last commit, with a note if the code has changes since."""
    git = partial(subprocess.run, capture_output=True, text=True, check=False)
    head = git(["git", "rev-parse", "HEAD"])
    if head.returncode:
        return "unknown"
    changed = git(["git", "status", "--porcelain", "--", *CODE]).stdout
    return head.stdout.strip() + (" and changes that are in no commit" if changed else "")


def _predictions() -> list[Path]:
    """Tables of predictions of the current params.yaml, below `DATA`."""
    scenarios = params.load(PARAMS, "scenarios", tuple[str, ...])
    folds = params.load(PARAMS, "folds", tuple[int, ...])
    arms = params.load(PARAMS, "arms", tuple[str, ...])
    return [
        PREDICTIONS / f"{scenario}-{fold}" / f"{arm}.parquet"
        for scenario in scenarios
        for fold in folds
        for arm in arms
    ]
