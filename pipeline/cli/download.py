"""Download files: resume after an interruption, verify size and hash, and resolve Git LFS pointers."""

import hashlib
import os
import re
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import nullcontext
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import quote

import click
import requests
from requests.adapters import HTTPAdapter

from pipeline.core.console import Bar, tracked
from pipeline.corpora.ingestion import files_below, is_hidden

CHUNK = 1 << 14  # bytes read at once; a broken connection loses at most one chunk
TIMEOUT_S = (10.0, 60.0)  # to connect; to wait for the next bytes
RETRIES = 5  # in a row, without a new byte
PAUSE_S = 1.0  # before the first retry; it doubles with each further one
LONGEST_PAUSE_S = 60.0  # also where the server requests a longer one
THREADS = 8  # parallel downloads of small files
POINTER = b"version https://git-lfs"
LONGEST_POINTER = 1024  # bytes, by the specification of Git LFS


class DownloadError(click.ClickException):
    """A file cannot be downloaded or written, or is not the expected one."""


class _BrokenOffError(Exception):
    """The attempt failed; a retry may succeed."""

    def __init__(self, message: str, pause_s: float = 0.0) -> None:
        super().__init__(message)
        self.pause_s = pause_s  # requested by the server


def download(url: str, path: Path, size: int | None = None, checksum: str | None = None) -> None:
    """Download a file, unless `path` is this file already.

    An unfinished download is kept in `path.part`. The next call resumes it where size and checksum are known: a wrong
    checksum then shows that the parts are of two versions.

    Args:
        url: http or https
        path: target; an existing file is replaced after the new one is verified
        size: expected size [bytes], if known
        checksum: expected MD5 or SHA-256 in hexadecimal digits, if known

    Raises:
        DownloadError: the file cannot be downloaded or written, or is not the expected one; then it is removed
    """
    with requests.Session() as session:
        _download(session, url, path, size, checksum, shown=True)


def is_pointer(path: Path) -> bool:
    """Whether a file is a Git LFS pointer in place of its content."""
    try:
        if path.stat().st_size > LONGEST_POINTER:
            return False
        with path.open("rb") as file:
            return file.read(len(POINTER)) == POINTER
    except OSError:
        return False


def resolve(folder: Path, members: Sequence[str], url: str, most_bytes: int) -> int:
    """Replace Git LFS pointers by their files; a second call downloads the files that failed.

    Args:
        folder: files of a repository, as `unpack` with `strip` writes them, or repositories with `.gitattributes`
        members: patterns as for `unpack`; they match paths with one more folder in front
        url: URL of the repository's top folder
        most_bytes: limit of the total size

    Returns:
        number of pointers replaced

    Raises:
        DownloadError: a pointer is malformed, or its file cannot be downloaded or is not the expected one
    """
    promised: dict[Path, tuple[str, str, int]] = {}  # file → its URL, its SHA-256, its size
    for path in files_below(folder):
        name = path.relative_to(_repository(path, folder)).as_posix()
        wanted = any(fnmatchcase(f"top/{name}", pattern) for pattern in members)
        if wanted and not is_hidden(path.relative_to(folder)) and is_pointer(path):
            promised[path] = (url + quote(os.fsencode(name)), *_promised(path))
    total = sum(size for _, _, size in promised.values())
    if total > most_bytes:
        raise DownloadError(f"{folder}: its Git LFS pointers promise {total:,} bytes, expected {most_bytes:,} at most")
    if not promised:
        return 0
    done = 0
    with requests.Session() as session, ThreadPoolExecutor(THREADS) as pool:
        session.mount(url, HTTPAdapter(pool_maxsize=THREADS))
        under_way = [
            pool.submit(_download, session, source, path, size, checksum, shown=False)
            for path, (source, checksum, size) in promised.items()
        ]
        try:
            for finished in tracked(as_completed(under_way), "Git LFS files", len(under_way)):
                finished.result()
                done += 1
        except DownloadError as error:
            rest = f"{done:,} of {len(promised):,} files were downloaded; the next call downloads the others"
            raise DownloadError(f"{error.message}; {rest}") from None
        finally:
            pool.shutdown(cancel_futures=True)
    return done


def _download(
    session: requests.Session, url: str, path: Path, size: int | None, checksum: str | None, shown: bool
) -> None:
    """`download` in a session, with a progress bar if `shown`."""
    part = path.with_name(f"{path.name}.part")
    try:
        if path.is_file() and _flaw(path, size, checksum) is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        if size is None or checksum is None or _length(part) > size:
            part.unlink(missing_ok=True)
        with Bar(path.name, size, is_bytes=True) if shown else nullcontext() as bar:
            _insist(session, url, part, size, checksum, bar)
        if flaw := _flaw(part, size, checksum):
            part.unlink()
            raise DownloadError(f"{path}: {url} has {flaw}; it was removed; the next call starts again")
        os.replace(part, path)
    except OSError as error:
        hint = "the next call resumes the download"
        raise DownloadError(f"{error.filename or part}: {error.strerror or error}; {hint}") from None


def _flaw(path: Path, size: int | None, checksum: str | None) -> str | None:
    """Difference of a file from its expected size or checksum; None if there is none."""
    if size is not None and (found := _length(path)) != size:
        return f"{found:,} bytes, expected {size:,}"
    if checksum is None:
        return None
    algorithm = "md5" if len(checksum) == 32 else "sha256"
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, algorithm).hexdigest()
    return None if digest == checksum.lower() else f"{algorithm} {digest}, expected {checksum.lower()}"


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _insist(
    session: requests.Session, url: str, part: Path, size: int | None, checksum: str | None, bar: Bar | None
) -> None:
    """Retry; attempts that bring no new byte are limited."""
    farthest, failures = _length(part), 0
    while True:
        try:
            _attempt(session, url, part, size, checksum, bar)
            return
        except _BrokenOffError as error:
            failures = 0 if (came := _length(part)) > farthest else failures + 1
            farthest = max(farthest, came)
            if failures > RETRIES:
                rest = f", the next call resumes after {came:,} bytes" * bool(came and size and checksum)
                raise DownloadError(f"{url}: {error}; gave up after {failures} attempts{rest}") from None
            if bar:
                bar.add(0, "trying again")
            time.sleep(min(LONGEST_PAUSE_S, max(error.pause_s, PAUSE_S * 2**failures)))


def _attempt(
    session: requests.Session, url: str, part: Path, size: int | None, checksum: str | None, bar: Bar | None
) -> None:
    """Request the missing bytes once, and write them.

    Raises:
        DownloadError: a retry cannot succeed
        _BrokenOffError: a retry may succeed
    """
    start = _length(part) if size is not None and checksum else 0
    if start and start == size:
        return
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    try:
        with session.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as response:
            if response.status_code == requests.codes.requested_range_not_satisfiable and start:
                part.unlink()
                raise _BrokenOffError(f"the server has no more than the {start:,} bytes so far; they are removed")
            _check_status(response)
            start = start if response.status_code == requests.codes.partial_content else 0
            length = response.headers.get("Content-Length", "")
            expected = start + int(length) if length.isdecimal() else size
            if expected is not None and size is not None and expected != size:
                part.unlink(missing_ok=True)
                raise DownloadError(f"{url}: has {expected:,} bytes, expected {size:,}")
            if bar:
                bar.begin(expected, start)
            with part.open("ab" if start else "wb") as file:
                for chunk in response.iter_content(CHUNK):
                    file.write(chunk)
                    if bar:
                        bar.add(len(chunk))
                    start += len(chunk)
                    if size is not None and start > size:
                        return
    except (
        requests.ConnectionError,
        requests.Timeout,
        requests.exceptions.ChunkedEncodingError,
        requests.exceptions.ContentDecodingError,
    ) as error:
        cause = getattr(error.args[0], "reason", error) if error.args else error  # urllib3's, which is shorter
        raise _BrokenOffError(f"no connection, or it broke off ({cause})") from None
    except requests.RequestException as error:
        raise DownloadError(f"{url}: {error}") from None
    if expected is not None and start < expected:
        raise _BrokenOffError(f"the connection ended after {start:,} of {expected:,} bytes")


def _check_status(response: requests.Response) -> None:
    """Raise an error unless the response has the file or a part of it; errors as for `_attempt`."""
    status = response.status_code
    answer = f"the server answered {status} {response.reason}, expected the file"
    if status >= 500 or status in (requests.codes.too_many_requests, requests.codes.request_timeout):
        wait = response.headers.get("Retry-After", "")
        raise _BrokenOffError(answer, float(wait) if wait.isdecimal() else 0.0)
    if status not in (requests.codes.ok, requests.codes.partial_content):
        raise DownloadError(f"{response.url}: {answer}")


def _repository(path: Path, folder: Path) -> Path:
    """The outermost folder with `.gitattributes` from `folder` to the file; `folder` if there is none."""
    around = [parent for parent in path.parents if parent.is_relative_to(folder)]
    return next((parent for parent in reversed(around) if (parent / ".gitattributes").exists()), folder)


def _promised(path: Path) -> tuple[str, int]:
    """SHA-256 and size [bytes] of a pointer's file."""
    text = path.read_text(encoding="utf-8", errors="replace")
    checksum = re.search(r"^oid sha256:([0-9a-f]{64})$", text, re.MULTILINE)
    size = re.search(r"^size (\d{1,15})$", text, re.MULTILINE)
    if checksum is None or size is None:
        raise DownloadError(f"{path}: a malformed Git LFS pointer, expected 'oid sha256:…' and 'size …'")
    return checksum[1], int(size[1])
