"""Files from elsewhere: downloads that go on where they broke off, and what pointers of Git LFS stand for."""

import hashlib
import os
import re
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

import click
import requests
from requests.adapters import HTTPAdapter
from tqdm import tqdm

from pipeline.corpora.ingestion import files_below, is_hidden

CHUNK = 1 << 14  # bytes read at once; of what a broken connection brought, less than that is lost
TIMEOUT_S = (10.0, 60.0)  # to connect; to wait for the next bytes
RETRIES = 5  # in a row, without a byte won
PAUSE_S = 1.0  # before the first of them; each further one waits twice as long
LONGEST_PAUSE_S = 60.0  # that a server may ask for
THREADS = 8  # small files downloaded at once
POINTER = b"version https://git-lfs"
LONGEST_POINTER = 1024  # bytes, by the specification of Git LFS


class DownloadError(click.ClickException):
    """A file cannot be had, is not what was expected, or cannot be written."""


class _BrokenOffError(Exception):
    """Another attempt may help."""

    def __init__(self, message: str, pause_s: float = 0.0) -> None:
        super().__init__(message)
        self.pause_s = pause_s  # that the server asks for


def download(url: str, path: Path, size: int | None = None, checksum: str | None = None) -> None:
    """Make `path` the file at `url`; nothing is downloaded where it is that already.

    What has come so far is in `path.part`, and of which version of the file it is in `path.part.version`. Later calls
    go on from there.

    Args:
        url: http or https
        path: where to; a file there is replaced once the new one is verified
        size: expected [bytes], where known
        checksum: expected, where known: MD5 or SHA-256 in hexadecimal digits

    Raises:
        DownloadError: it cannot be had or written, or is not what was expected; then it is removed
    """
    with requests.Session() as session:
        _download(session, url, path, size, checksum, shown=True)


def is_pointer(path: Path) -> bool:
    """Whether a file is but a pointer of Git LFS, whose content is elsewhere."""
    try:
        if path.stat().st_size > LONGEST_POINTER:
            return False
        with path.open("rb") as file:
            return file.read(len(POINTER)) == POINTER
    except OSError:
        return False


def resolve(folder: Path, members: Sequence[str], url: str, most_bytes: int) -> int:
    """Replace pointers of Git LFS by the files that they stand for; a second call gets what the first did not.

    Args:
        folder: a repository's files, as `unpack` with `strip` leaves them, or folders that are one by `.gitattributes`
        members: which files, as for `unpack`: their paths have one more folder before them
        url: what stands before a file's path in the repository
        most_bytes: that all of them may be

    Returns:
        number of pointers replaced

    Raises:
        DownloadError: a pointer is malformed, or its file cannot be had or is not the one
    """
    promised: dict[Path, tuple[str, str, int]] = {}  # file → its URL, its SHA-256, its size
    for path in files_below(folder):
        name = path.relative_to(_repository(path, folder)).as_posix()
        wanted = any(fnmatchcase(f"top/{name}", pattern) for pattern in members)
        if wanted and not is_hidden(path.relative_to(folder)) and is_pointer(path):
            promised[path] = (url + quote(os.fsencode(name)), *_promised(path))
    total = sum(size for _, _, size in promised.values())
    if total > most_bytes:
        raise DownloadError(
            f"{folder}: its pointers of Git LFS promise {total:,} bytes, expected {most_bytes:,} at most"
        )
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
            for finished in tqdm(as_completed(under_way), "Git LFS", len(under_way), mininterval=1.0, unit=" files"):
                finished.result()
                done += 1
        except DownloadError as error:
            rest = f"{done:,} of {len(promised):,} files came; another call gets the others"
            raise DownloadError(f"{error.message}; {rest}") from None
        finally:
            pool.shutdown(cancel_futures=True)
    return done


def _download(
    session: requests.Session, url: str, path: Path, size: int | None, checksum: str | None, shown: bool
) -> None:
    """`download` with a session of one's own; `shown` says whether there is a progress bar."""
    part = _Part(path, url, size, checksum)
    try:
        if path.is_file() and part.flaw(path) is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        start, _ = part.kept()
        with tqdm(
            desc=path.name,
            total=size,
            initial=start,
            unit="B",
            unit_scale=True,
            mininterval=1.0,
            dynamic_ncols=True,
            disable=not shown,
        ) as bar:
            _insist(session, part, bar)
        if flaw := part.flaw(part.path):
            part.discard()
            raise DownloadError(f"{path}: {url} has {flaw}; it was removed, and another call begins afresh")
        os.replace(part.path, path)
        part.discard()
    except OSError as error:
        hint = "another call goes on with what has come so far"
        raise DownloadError(f"{error.filename or part.path}: {error.strerror or error}; {hint}") from None


class _Part:
    """A file that is not there yet, or not all of it."""

    def __init__(self, path: Path, url: str, size: int | None, checksum: str | None) -> None:
        self.url, self.size, self.checksum = url, size, checksum
        self.path = path.with_name(f"{path.name}.part")
        self.version = path.with_name(f"{path.name}.part.version")  # URL and validator of the response

    def kept(self) -> tuple[int, str]:
        """Bytes that are there and of use, and the validator (RFC 9110, 8.8) of the file that they are of."""
        if not (self.path.exists() and self.version.exists()):
            return 0, ""
        url, _, validator = self.version.read_text(encoding="utf-8").partition("\n")
        length = self.path.stat().st_size
        known = validator or self.checksum  # without either, a mixture of two versions would not be noticed
        fits = self.size is None or length <= self.size
        return (length, validator) if url == self.url and known and fits else (0, "")

    def begin(self, validator: str) -> None:
        """Drop what is there, for a new version comes."""
        self.discard()
        self.version.write_text(f"{self.url}\n{validator}", encoding="utf-8")

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self.version.unlink(missing_ok=True)

    def flaw(self, path: Path) -> str | None:
        """What is wrong with a file that should be this one: found and expected."""
        found = path.stat().st_size
        if self.size is not None and found != self.size:
            return f"{found:,} bytes, expected {self.size:,}"
        if self.checksum is None:
            return None
        algorithm = "md5" if len(self.checksum) == 32 else "sha256"
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, algorithm).hexdigest()
        return None if digest == self.checksum.lower() else f"{algorithm} {digest}, expected {self.checksum.lower()}"


def _insist(session: requests.Session, part: _Part, bar: "tqdm[NoReturn]") -> None:
    """Attempt it as long as each attempt wins some bytes, and a few times more."""
    farthest, _ = part.kept()
    failures = 0
    while True:
        try:
            _attempt(session, part, bar)
            return
        except _BrokenOffError as error:
            came, _ = part.kept()
            failures = 0 if came > farthest else failures + 1
            farthest = max(farthest, came)
            if failures > RETRIES:
                rest = f", another call goes on with the {came:,} bytes that came" * bool(came)
                raise DownloadError(f"{part.url}: {error}; gave up after {failures} attempts{rest}") from None
            bar.set_postfix_str("trying again")
            time.sleep(min(LONGEST_PAUSE_S, max(error.pause_s, PAUSE_S * 2**failures)))


def _attempt(session: requests.Session, part: _Part, bar: "tqdm[NoReturn]") -> None:
    """Ask once for what is not there yet, and write what comes.

    Raises:
        DownloadError: another attempt would not help
        _BrokenOffError: it might
    """
    start, validator = part.kept()
    if start and start == part.size:
        return
    headers = {"Accept-Encoding": "identity"}
    if start:
        headers |= {"Range": f"bytes={start}-"} | ({"If-Range": validator} if validator else {})
    try:
        with session.get(part.url, headers=headers, stream=True, timeout=TIMEOUT_S) as response:
            first, total = _extent(response)
            if response.status_code == requests.codes.requested_range_not_satisfiable and start:
                if total == start:
                    return
                part.discard()
                raise _BrokenOffError(f"the server has {total} bytes, of which {start:,} had come: they are removed")
            _check_status(response)
            if None not in (total, part.size) and total != part.size:
                part.discard()
                raise DownloadError(f"{part.url}: has {total:,} bytes, expected {part.size:,}")
            if response.status_code == requests.codes.ok:
                start = 0
                part.begin(_validator(response))
            elif first != start or response.headers.get(_kind(validator), validator) != validator:
                part.discard()
                raise _BrokenOffError("the server's file has changed: what had come is removed")
            bar.total, bar.n = total, start
            bar.refresh()
            with part.path.open("ab") as file:
                for chunk in response.iter_content(CHUNK):
                    file.write(chunk)
                    bar.update(len(chunk))
                    start += len(chunk)
                    if part.size is not None and start > part.size:
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
        raise DownloadError(f"{part.url}: {error}") from None
    expected = total if part.size is None else part.size
    if expected is not None and start < expected:
        raise _BrokenOffError(f"the connection ended after {start:,} of {expected:,} bytes")


def _extent(response: requests.Response) -> tuple[int, int | None]:
    """Where the response begins in its file, and how long that is, where it says so [bytes]."""
    if found := re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", response.headers.get("Content-Range", "")):
        return int(found[1] or 0), None if found[2] == "*" else int(found[2])
    length = response.headers.get("Content-Length", "")
    is_plain = response.status_code == requests.codes.ok and "Content-Encoding" not in response.headers
    return 0, int(length) if is_plain and length.isdecimal() else None


def _check_status(response: requests.Response) -> None:
    """Whether the response brings the file, or part of it; if not, whether it will later."""
    status = response.status_code
    said = f"the server says {status} {response.reason}, expected the file"
    if status >= 500 or status in (requests.codes.too_many_requests, requests.codes.request_timeout):
        wait = response.headers.get("Retry-After", "")
        raise _BrokenOffError(said, float(wait) if wait.isdecimal() else 0.0)
    if status not in (requests.codes.ok, requests.codes.partial_content):
        raise DownloadError(f"{response.url}: {said}")


def _validator(response: requests.Response) -> str:
    """What tells versions of the file apart; empty where there is nothing exact."""
    etag = response.headers.get("ETag", "")
    return etag if etag.startswith('"') else response.headers.get("Last-Modified", "")


def _kind(validator: str) -> str:
    return "ETag" if validator.startswith('"') else "Last-Modified"


def _repository(path: Path, folder: Path) -> Path:
    """The outermost folder, from `folder` on, that has the attributes of a Git repository; else `folder`."""
    around = [parent for parent in path.parents if parent.is_relative_to(folder)]
    return next((parent for parent in reversed(around) if (parent / ".gitattributes").exists()), folder)


def _promised(path: Path) -> tuple[str, int]:
    """SHA-256 and size [bytes] of the file that a pointer stands for."""
    text = path.read_text(encoding="utf-8", errors="replace")
    checksum = re.search(r"^oid sha256:([0-9a-f]{64})$", text, re.MULTILINE)
    size = re.search(r"^size (\d{1,15})$", text, re.MULTILINE)
    if checksum is None or size is None:
        raise DownloadError(f"{path}: a malformed pointer of Git LFS, expected 'oid sha256:…' and 'size …'")
    return checksum[1], int(size[1])
