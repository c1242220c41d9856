"""Stages with changed parameters, for experiments beside the results of `dvc repro`."""

import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.cli import workspace


def changed(changes: Mapping[str, Any], out: Path) -> Path:
    """Path of a copy of params.yaml with changed keys (`section.key`) and one thread."""
    out.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile("params.yaml", out)
    workspace.change_params(out, {"hardware.threads": 1, **changes})
    return out


def run(command: str, *options: object) -> None:
    """Run the command of a stage in a process of its own, silent unless it fails."""
    done = subprocess.run(["emocycle", command, *map(str, options)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"emocycle {command} {' '.join(map(str, options))}\n{done.stdout}{done.stderr}")


def place(cache: Path, name: str, changes: Mapping[str, Any]) -> Path:
    """Folder of a variant; its name depends on params.yaml and the changes, so that stale results are not read."""
    given = Path("params.yaml").read_bytes() + json.dumps(changes, sort_keys=True).encode()
    return cache / f"{re.sub('[:,]', '', name).replace(' ', '_')}-{hashlib.sha256(given).hexdigest()[:8]}"
