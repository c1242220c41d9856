"""The files of a workspace that commands share, and DVC's commands."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from ruamel.yaml import YAML

from pipeline.core import console, params, workers
from pipeline.core.files import atomic_write

PARAMS = Path("params.yaml")
CHANGED = Path(".dvc/tmp/changed_params")  # params.yaml before and after a change that lasts as long as a command
RAW = Path("data/raw")
BANK = Path("data/bank")
DATA = Path("data")
MODELS = Path("models")
CLASSIFIERS = MODELS / "classifiers"
PERSONS = Path("persons")  # classifiers of enrolled persons, outside DVC and git
EXPERIMENTS = Path("experiments")
COMMIT = Path("commit.txt")  # in the folder of a record: commit of the code that produced it


class WorkspaceError(click.ClickException):
    """The workspace is invalid or incomplete, or files would be lost."""


def change_params(path: Path, changes: Mapping[str, Any], called: Path | None = None) -> None:
    """Change values in a params.yaml; its comments are lost; the order of its keys stays.

    ruamel.yaml keeps comments, but writes invalid YAML where a list with a comment becomes empty.

    Args:
        path: the file
        changes: key, dots between levels → new value
        called: name of the file in an error, if not `path`

    Raises:
        WorkspaceError: the file has no such key
    """
    found = params.read(path)
    for key, value in changes.items():
        *above, last = key.split(".")
        place: Any = found
        for level in above:
            place = place.get(level) if isinstance(place, dict) else None
        if not isinstance(place, dict) or last not in place:
            hint = params.nearest(last, place) if isinstance(place, dict) else ""
            raise WorkspaceError(f"{called or path}: has no '{key}'{hint}")
        place[last] = value
    yaml = YAML(typ="safe")
    # Clips of the demo depend on the order.
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.dump(found, path)


@contextmanager
def changed_params(changes: Mapping[str, Any]) -> Iterator[None]:
    """Change values in params.yaml as `change_params` does; afterwards, also after an error, it is restored.

    After a kill, `restore_params` restores it.
    """
    before = PARAMS.read_bytes()
    with atomic_write(CHANGED) as kept:
        kept.mkdir()
        (kept / "before").write_bytes(before)
        (kept / "after").write_bytes(before)
        change_params(kept / "after", changes, PARAMS)
    try:
        _write_params((CHANGED / "after").read_bytes())
        yield
    finally:
        _write_params(before)
        shutil.rmtree(CHANGED)


def restore_params() -> None:
    """Restore params.yaml where a killed command had changed it, unless it was edited since."""
    if CHANGED.exists():
        if PARAMS.exists() and PARAMS.read_bytes() == (CHANGED / "after").read_bytes():
            _write_params((CHANGED / "before").read_bytes())
            console.warn("", f"{PARAMS}: restored; a command that was killed had changed it")
        shutil.rmtree(CHANGED)


def _write_params(content: bytes) -> None:
    with atomic_write(PARAMS) as temporary:
        temporary.write_bytes(content)


def first_split() -> str:
    """The first split of params.yaml, such as `full-1`."""
    scenarios = params.load(PARAMS, "scenarios", tuple[str, ...])
    return f"{scenarios[0]}-{params.load(PARAMS, 'folds', tuple[int, ...])[0]}"


def dvc(*arguments: str) -> int:
    """Run a command of DVC in the `environment` of stages; returns the exit code."""
    command = [sys.executable, "-m", "dvc", *arguments]
    end = workers.end_with_parent
    return subprocess.run(command, env=os.environ | environment(), check=False, preexec_fn=end).returncode


def environment() -> dict[str, str]:
    """Environment variables of stages; `python` is this one, also where .venv is not activated."""
    folders = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    return {"PATH": os.pathsep.join(folders), "DVC_NO_ANALYTICS": "1"}


def stages() -> set[str]:
    """Names of all stages of dvc.yaml with this params.yaml, such as `ingest@ravdess`."""
    from dvc.repo import Repo

    with Repo() as repo:
        return {stage.addressing for stage in repo.index.stages}
