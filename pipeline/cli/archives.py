"""Unpack zip archives safely: an archive from the internet may be damaged or malicious."""

import os
import re
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

import click

from pipeline.core.console import tracked
from pipeline.corpora.ingestion import is_hidden

CHUNK = 1 << 16  # bytes unpacked at once
MOST_FILES = 100_000  # ESD has 35,000
UNREADABLE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError)  # what zipfile raises


class ArchiveError(click.ClickException):
    """An archive is damaged or not safe to unpack."""


class FolderError(click.ClickException):
    """The files of an archive cannot be written."""


def unpack(
    archive: Path, folder: Path, members: Sequence[str], most_bytes: int, strip: bool = False
) -> tuple[int, int]:
    """Unpack files of a zip archive.

    They are written to a hidden folder inside `folder`, and moved to their places when all of them are complete. An
    existing file is kept, whatever its content; so an interrupted call can be repeated.

    Args:
        archive: zip file
        folder: target; may have other files
        members: `fnmatch` patterns of the paths in the archive
        most_bytes: limit of the unpacked size
        strip: leave out the archive's top folder, which must contain all files

    Returns:
        number of files unpacked, and of existing files

    Raises:
        ArchiveError: damaged, encrypted, too large, no matching file, or an unsafe path or kind of file
        FolderError: the files cannot be written
    """
    temporary = folder / ".unpacking"
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        with zipfile.ZipFile(archive) as zipped:
            chosen = _chosen(archive, zipped.infolist(), members, strip)
            new = {path: info for path, info in chosen.items() if not os.path.lexists(folder / path)}
            _write(archive, zipped, new, temporary, most_bytes)
        for path in new:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            os.rename(temporary / path, folder / path)
    except UNREADABLE as error:
        raise ArchiveError(f"{archive}: damaged, or no zip file: {error}; nothing was unpacked") from None
    except OSError as error:
        raise FolderError(f"{error.filename or folder}: {error.strerror or error}; {archive} is kept") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return len(new), len(chosen) - len(new)


def _chosen(
    archive: Path, infos: Iterable[zipfile.ZipInfo], members: Sequence[str], strip: bool
) -> dict[PurePosixPath, zipfile.ZipInfo]:
    """Members to unpack, by their path below the folder."""
    found: dict[PurePosixPath, zipfile.ZipInfo] = {}
    tops = set()
    for info in infos:
        if info.filename.endswith("/") or not any(fnmatchcase(info.filename, pattern) for pattern in members):
            continue
        if fault := _fault(info):
            raise ArchiveError(f"{archive}: {info.orig_filename!r} {fault}; nothing was unpacked")
        path = PurePosixPath(info.filename)
        if is_hidden(path):
            continue
        tops.add(path.parts[0] if path.parts[1:] else "")
        path = path.relative_to(path.parts[0]) if strip and path.parts[1:] else path
        if path in found:
            raise ArchiveError(f"{archive}: '{path}' is in it twice, expected once; nothing was unpacked")
        found[path] = info
    if not 0 < len(found) <= MOST_FILES:
        patterns = " or ".join(members)
        raise ArchiveError(f"{archive}: has {len(found):,} files like {patterns}, expected 1 to {MOST_FILES:,}")
    if strip and (len(tops) > 1 or "" in tops):
        raise ArchiveError(f"{archive}: has {', '.join(sorted(tops))} at its top, expected one folder around all")
    return found


def _fault(info: zipfile.ZipInfo) -> str | None:
    """Reason not to unpack a member."""
    name = info.orig_filename  # ZipInfo.filename ends at a zero byte, and on Windows has no backslash
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or re.search(r"[\x00-\x1f\\:]", name):
        return "may lead out of the folder: expected a relative path without '..', ':', '\\' and control characters"
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
        return "is a link or a special file, expected a plain one"
    if info.flag_bits & 0x1:
        return "is encrypted"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return f"is packed by method {info.compress_type}, expected 0 (stored) or 8 (deflated)"
    return None


def _write(
    archive: Path, zipped: zipfile.ZipFile, members: Mapping[PurePosixPath, zipfile.ZipInfo], folder: Path, most: int
) -> None:
    """Write members to a new folder; the size limit counts unpacked bytes, as sizes in the archive may be false."""
    written = 0
    for path, info in tracked(members.items(), f"{archive.name}: files", len(members)):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        with zipped.open(info) as source, (folder / path).open("xb") as file:
            while chunk := source.read(CHUNK):
                written += len(chunk)
                if written > most:
                    raise ArchiveError(f"{archive}: unpacks to more than the {most:,} bytes expected at most")
                file.write(chunk)
