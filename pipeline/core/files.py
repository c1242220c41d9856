"""Atomic writing of outputs."""

import json
import logging
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`; the file or folder written there is renamed to `path` at the end.

    An exception leaves an existing `path` unchanged and removes the temporary file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{platform.node()}.{os.getpid()}.tmp")  # machines may share the folder
    _remove(temporary)
    try:
        yield temporary
        if path.is_dir() and temporary.is_dir() and not temporary.is_symlink():  # os.replace replaces no folder
            _remove(path)
        os.replace(temporary, path)
        log.debug("%s: written", path)
    finally:
        _remove(temporary)


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write indented JSON with a final newline; NaN and infinity are errors, because DVC corrupts them."""
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
