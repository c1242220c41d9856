"""Records of experiments: what a real run found, small enough for git, in experiments/<name>."""

import re
import shutil
import subprocess
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click
from dvc.utils.serialize import dump_yaml, load_yaml

from pipeline.cli import workspace
from pipeline.core import params
from pipeline.core.files import atomic_write

EXPERIMENTS = Path("experiments")
PARAMS = Path("params.yaml")
LOCK = Path("dvc.lock")
METRICS = Path("metrics")
SUMMARY = METRICS / "summary.json"
PLOTS = METRICS / "plots" / "evaluate"  # training curves stay behind: `dvc repro` draws them again
PREDICTIONS = Path("predictions")  # below data/ in the workspace
COMMIT = Path("commit.txt")  # of the code that made it
CODE = ("pipeline", "dvc.yaml")


class ExperimentError(click.ClickException):
    """A record is missing or incomplete, or something would be lost."""


def record(name: str, root: Path, stages: Collection[str], force: bool) -> Path:
    """Folder of the new record: params.yaml, dvc.lock, metrics and predictions of the workspace, and the code's commit.

    Args:
        name: of the record
        root: of the project
        stages: that params.yaml speaks of; what dvc.lock still says of others stays behind
        force: replace a record of that name; what else is in its folder, such as a README.md, stays

    Raises:
        ExperimentError: a strange name, one that is taken, or something is missing
    """
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise ExperimentError(f"'{name}' is no name for a folder: expected letters, digits, dots and dashes")
    folder = root / EXPERIMENTS / name
    if (folder / PARAMS).exists() and not force:
        raise ExperimentError(f"{folder}: is a record already; take another name, or say --force")
    scores = sorted(path.relative_to(root) for path in (root / METRICS).glob("*.*"))  # .json, .csv
    tables = [PREDICTIONS / table for table in _tables(root / PARAMS)]
    copies = {path: root / path for path in (PARAMS, LOCK, SUMMARY, *scores, PLOTS)}
    copies |= {path: root / "data" / path for path in tables}
    missing = [str(source.relative_to(root)) for source in copies.values() if not source.exists()]
    if missing:
        raise ExperimentError(f"not there: {', '.join(missing)}; `emocycle repro` makes them")
    ours = {COMMIT.name, *(path.parts[0] for path in copies)}
    with atomic_write(folder) as temporary:
        if folder.exists():
            shutil.copytree(folder, temporary, ignore=lambda at, names: ours if Path(at) == folder else ())
        for path, source in copies.items():
            (temporary / path).parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, temporary / path)
            else:
                shutil.copyfile(source, temporary / path)
        (temporary / COMMIT).write_text(f"{_commit(root)}\n", encoding="utf-8")
        lock = load_yaml(temporary / LOCK)
        lock["stages"] = {stage: found for stage, found in lock["stages"].items() if stage in stages}
        dump_yaml(temporary / LOCK, lock)
    return folder


def recorded_params(folder: Path, current: Path, sections: Mapping[str, Any], force: bool) -> Path:
    """A record's params.yaml, which may become the current one; nothing is changed.

    Args:
        folder: of the record
        current: params.yaml of the workspace
        sections: as for `workspace.problems`
        force: even where that loses edits

    Raises:
        ExperimentError: no such record, it is of another schema, or the current file is neither in git's last commit
            nor a record's
    """
    recorded = folder / PARAMS
    if not recorded.is_file():
        records = [path.parent.as_posix() for path in (current.parent / EXPERIMENTS).glob(f"*/{PARAMS}")]
        raise ExperimentError(f"{recorded}: not found{params.nearest(folder.as_posix(), records)}")
    if said := workspace.misfits(recorded, sections):
        more = f", and {len(said) - 1} more" if len(said) > 1 else ""
        raise ExperimentError(f"{said[0]}{more}: the record is of another version, {_made_by(folder)}")
    wanted = recorded.read_bytes()
    if current.exists() and not force and current.read_bytes() not in (wanted, *_saved(current)):
        raise ExperimentError(f"{current}: has edits that would be lost; commit them, or say --force")
    return recorded


def _commit(root: Path) -> str:
    """Commit of the code, and whether it has changes that are in no commit."""
    git = partial(subprocess.run, cwd=root, capture_output=True, text=True, check=False)
    head = git(["git", "rev-parse", "HEAD"])
    if head.returncode:
        return "unknown"
    changed = git(["git", "status", "--porcelain", "--", *CODE]).stdout
    return head.stdout.strip() + (" and changes that are in no commit" if changed else "")


def _made_by(folder: Path) -> str:
    if not (folder / COMMIT).is_file():
        return f"and {folder / COMMIT}, which names its commit, is missing"
    return f"made by commit {(folder / COMMIT).read_text(encoding='utf-8').strip()}; check that out to run it"


def _saved(current: Path) -> list[bytes]:
    """Versions of params.yaml that can be had back: the last commit's, and each record's."""
    command = ["git", "show", f"HEAD:./{current.name}"]
    committed = subprocess.run(command, cwd=current.parent, capture_output=True, check=False)
    records = (current.parent / EXPERIMENTS).glob(f"*/{PARAMS}")
    return [committed.stdout] * (committed.returncode == 0) + [path.read_bytes() for path in records]


def _tables(path: Path) -> list[Path]:
    """Tables of predictions that params.yaml speaks of; leftovers of other settings stay behind."""
    scenarios = params.load(path, "scenarios", tuple[str, ...])
    folds = params.load(path, "folds", tuple[int, ...])
    arms = params.load(path, "arms", tuple[str, ...])
    return [Path(f"{scenario}-{fold}", f"{arm}.parquet") for scenario in scenarios for fold in folds for arm in arms]
