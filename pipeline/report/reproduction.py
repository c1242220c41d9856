"""What somebody needs to repeat a run."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline.core import params

PACKAGES = ("emocycle", "torch", "torchaudio", "numpy", "scipy", "scikit-learn", "pyworld-prebuilt", "librosa", "dvc")


def versions() -> dict[str, str]:
    """Installed versions of the packages that change results."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def changed_params(path: Path) -> list[tuple[str, str, str]] | None:
    """Parameters that differ from the params.yaml of the last commit: key, value there, value here; None without git.

    Args:
        path: params.yaml
    """
    command = ["git", "show", f"HEAD:./{path.name}"]
    committed = subprocess.run(command, cwd=path.parent, capture_output=True, check=False)
    if committed.returncode:
        return None
    before = dict(_flat(YAML(typ="safe").load(committed.stdout)))
    now = dict(_flat(params.read(path)))
    keys = [*before, *(key for key in now if key not in before)]
    return [(key, before.get(key, "—"), now.get(key, "—")) for key in keys if before.get(key) != now.get(key)]


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", json.dumps(value, ensure_ascii=False)
