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
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    import pandas as pd

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # first characters of a cell that a spreadsheet runs (OWASP, CSV injection)
FULL = (errno.ENOSPC, errno.EDQUOT)
FULL_WORDS = (os.strerror(errno.ENOSPC), "disk is full")  # of the system; of SQLite, in which DVC has its state
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
    temporary = path.with_name(f".{path.name}.{os.getpid()}@{platform.node()}.tmp")  # machines may share the folder
    _remove(temporary)
    try:
        with naming_full_disk(path):
            yield temporary
            if path.is_dir() and temporary.is_dir() and not temporary.is_symlink():  # os.replace replaces no folder
                _remove(path)
            os.replace(temporary, path)
            log.debug("%s: written", path)
    finally:
        _remove(temporary)


@contextmanager
def naming_full_disk(path: Path) -> Iterator[None]:
    """While a file, or files in a folder, are written: an error of a full disk says so.

    Raises:
        NoSpaceError: the disk is full
    """
    try:
        yield
    except Exception as error:
        clear = isinstance(error, click.ClickException | click.exceptions.Exit)
        if not clear and _is_of_full_disk(error, path.parent):
            raise NoSpaceError(f"{path}: no space left on device ({error})") from error
        raise


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write indented JSON with a final newline; NaN and infinity are errors, because DVC corrupts them."""
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def empty_folder(path: Path) -> None:
    """Write an empty folder: an output that gives a stage its parent folder also where nothing else is in it."""
    with atomic_write(path) as folder:
        folder.mkdir()


def remove_temporaries(path: Path) -> None:
    """Remove what a killed process left of an `atomic_write`; nobody may be writing `path`."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.[0-9]*@*.tmp"):
        _remove(left)


def is_full(folder: Path) -> bool:
    """Whether the disk of a folder is full."""
    return shutil.disk_usage(folder).free < FULL_BYTES


def _is_of_full_disk(error: Exception, folder: Path) -> bool:
    """Whether a full disk caused an error; libraries raise errors of their own, some without the reason."""
    says = getattr(error, "errno", None) in FULL or any(words in str(error) for words in FULL_WORDS)
    return says or is_full(folder)


def write_csv(table: "pd.DataFrame", path: Path, float_format: str | None = None, index: bool = False) -> None:
    """Write a table as CSV.

    Args:
        table: with any columns
        path: of the file
        float_format: of numbers
        index: whether to write the index, too

    Raises:
        ClickException: a spreadsheet would run a cell as a formula
    """
    whole = table.reset_index() if index else table
    for name in whole.select_dtypes(["object", "string", "category"]).columns:
        if found := [text for text in whole[name].unique() if is_formula(text)]:
            raise click.ClickException(
                f"{path}: column '{name}' would have {found[0]!r}, which a spreadsheet runs as a formula; correct the "
                "table that it is from"
            )
    with atomic_write(path) as temporary:
        table.to_csv(temporary, index=index, float_format=float_format, lineterminator="\n", encoding="utf-8")


def is_formula(cell: object) -> bool:
    """Whether a spreadsheet would run a cell of CSV as a formula."""
    if not isinstance(cell, str) or len(cell) < 2 or not cell.startswith(FORMULA):
        return False
    try:
        float(cell)
    except ValueError:
        return True
    return False


def read_json(path: Path, remedy: str) -> dict[str, Any]:
    """Content of a JSON file that `write_json` wrote.

    Args:
        path: of the file, which exists
        remedy: end of the error, such as "`dvc repro` writes it again"

    Raises:
        ClickException: the file is damaged
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise click.ClickException(f"{path}: is damaged: {error}; {remedy}") from None
    if not isinstance(found, dict):
        raise click.ClickException(f"{path}: is damaged: has {type(found).__name__}, expected an object; {remedy}")
    return found


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"has {word}, which is no number of JSON")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
