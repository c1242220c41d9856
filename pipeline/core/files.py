"""Atomic writing of outputs."""

import errno
import glob
import json
import logging
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

FULL = (errno.ENOSPC, errno.EDQUOT)
FULL_BYTES = 2**20  # free, at most

log = logging.getLogger(__name__)


class NoSpaceError(click.ClickException):
    """The disk, or a quota, is full."""


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`; the file or folder written there is renamed to `path` at the end.

    An exception leaves an existing `path` unchanged and removes the temporary file.

    Raises:
        NoSpaceError: the disk is full
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
    except Exception as error:
        if not isinstance(error, NoSpaceError) and _is_of_full_disk(error, path.parent):
            raise NoSpaceError(f"{path}: no space left on device ({error})") from error
        raise
    finally:
        _remove(temporary)


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write indented JSON with a final newline; NaN and infinity are errors, because DVC corrupts them."""
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def remove_temporaries(path: Path) -> None:
    """Remove what a killed process left of an `atomic_write`; nobody may be writing `path`."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.[0-9]*.tmp"):
        _remove(left)


def is_full(folder: Path) -> bool:
    """Whether the disk of a folder is full."""
    return shutil.disk_usage(folder).free < FULL_BYTES


def _is_of_full_disk(error: Exception, folder: Path) -> bool:
    """Whether a full disk caused an error; libraries raise errors of their own, some without the reason."""
    says = getattr(error, "errno", None) in FULL or os.strerror(errno.ENOSPC) in str(error)
    return says or is_full(folder)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
