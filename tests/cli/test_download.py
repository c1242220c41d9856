"""Downloads go on where they broke off and are verified, and so is what pointers of Git LFS stand for."""

import hashlib
import socket
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from pipeline.cli import download
from pipeline.core import console

from .conftest import Site, files, pointer

CONTENT = bytes(range(256)) * 2_000  # several chunks
SIZE = len(CONTENT)
MD5 = hashlib.md5(CONTENT).hexdigest()
SHA256 = hashlib.sha256(CONTENT).hexdigest()
HALF = SIZE // 2


@pytest.fixture(autouse=True)
def file(monkeypatch: pytest.MonkeyPatch, site: Site) -> None:
    """The file that the server has; the places where connections break are multiples of 500."""
    site.files["/file"] = CONTENT
    monkeypatch.setattr(download, "CHUNK", 500)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "downloads" / "file.zip"


def get(site: Site, path: Path, size: int | None = SIZE, checksum: str | None = MD5) -> None:
    download.download(f"{site.url}/file", path, size, checksum)


def begin(site: Site, path: Path, start: int = HALF) -> None:
    """Have a download stopped after so many bytes, as by Ctrl-C."""
    site.cuts = [start]

    class Stop(BaseException):
        pass

    def stop(pause: float) -> None:
        raise Stop

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "sleep", stop)
        with pytest.raises(Stop):
            get(site, path)
    assert part(path).stat().st_size == start
    site.asked.clear()


def part(path: Path) -> Path:
    return path.with_name("file.zip.part")


@pytest.mark.parametrize(
    ("size", "checksum", "tells_length"),
    [(SIZE, MD5, True), (SIZE, SHA256, False), (None, SHA256.upper(), True), (None, None, False)],
)
def test_a_file(site: Site, path: Path, size: int | None, checksum: str | None, tells_length: bool) -> None:
    site.tells_length = tells_length
    for _ in range(2):
        get(site, path, size, checksum)
        assert path.read_bytes() == CONTENT
        assert files(path.parent) == ["file.zip"]
    assert len(site.asked) == 1  # it was there


@pytest.mark.parametrize("content", [b"", CONTENT])
def test_another_file_in_its_place_is_replaced(site: Site, path: Path, content: bytes) -> None:
    site.files["/file"] = content
    path.parent.mkdir()
    path.write_bytes(CONTENT[::-1])
    get(site, path, len(content), hashlib.md5(content).hexdigest())
    assert path.read_bytes() == content


def test_another_call_goes_on(
    site: Site, path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(site, path)
    monkeypatch.setattr(console, "DELAY_S", 0.0)
    monkeypatch.setattr(console, "PLAIN_S", 0.0)
    get(site, path)
    assert site.asked == [f"bytes={HALF}-"]
    assert path.read_bytes() == CONTENT
    assert files(path.parent) == ["file.zip"]
    assert "file.zip: 0.3 MB/0.5 MB" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kept", "size", "checksum", "asked"),
    [
        (CONTENT[:HALF], SIZE, None, [None]),
        (CONTENT[:HALF], None, MD5, [None]),
        (CONTENT * 2, SIZE, MD5, [None]),
        (b"", SIZE, MD5, [None]),
        (CONTENT, SIZE, MD5, []),  # all bytes are there
    ],
)
def test_what_cannot_be_resumed_starts_again(
    site: Site, path: Path, kept: bytes, size: int | None, checksum: str | None, asked: list[None]
) -> None:
    begin(site, path)
    part(path).write_bytes(kept)
    get(site, path, size, checksum)
    assert site.asked == asked
    assert path.read_bytes() == CONTENT


def test_a_broken_connection(site: Site, path: Path, pauses: list[float]) -> None:
    site.cuts = [1000, 0, 0, 5000, HALF]
    get(site, path)
    assert path.read_bytes() == CONTENT
    assert site.asked == [None, *(f"bytes={start}-" for start in (1000, 1000, 1000, 6000, 6000 + HALF))]
    assert pauses == [1, 2, 4, 1, 1]  # longer as long as nothing is won


def test_a_connection_that_breaks_on_and_on(site: Site, path: Path) -> None:
    site.cuts = [1000] + [0] * 20
    with pytest.raises(download.DownloadError, match="gave up after 6 attempts, .* resumes after 1,000 bytes"):
        get(site, path)
    site.cuts, site.tells_length = [], False
    get(site, path)
    assert site.asked[-1] == "bytes=1000-"
    assert path.read_bytes() == CONTENT


def test_a_server_that_knows_no_ranges(site: Site, path: Path) -> None:
    site.ranges = False
    begin(site, path)
    get(site, path)
    assert site.asked == [f"bytes={HALF}-"]
    assert path.read_bytes() == CONTENT
    path.unlink()
    site.cuts = [1000] * 20
    with pytest.raises(download.DownloadError, match="gave up"):
        get(site, path)
    assert len(site.asked) == 1 + 7


def test_a_file_that_has_changed(site: Site, path: Path) -> None:
    begin(site, path)
    changed = CONTENT[::-1]
    site.files["/file"], md5 = changed, hashlib.md5(changed).hexdigest()
    with pytest.raises(download.DownloadError, match=f"expected {md5}; it was removed; the next call starts again"):
        get(site, path, SIZE, md5)
    get(site, path, SIZE, md5)
    assert site.asked == [f"bytes={HALF}-", None]
    assert path.read_bytes() == changed
    path.unlink()
    begin(site, path)
    site.files["/file"] = b"short"
    with pytest.raises(download.DownloadError, match="/file: has 5 bytes, expected 512,000"):
        get(site, path)
    assert site.asked == [f"bytes={HALF}-", None]
    assert files(path.parent) == []


@pytest.mark.parametrize("status", [401, 404, 416])
def test_a_refusal_is_final(site: Site, path: Path, status: int) -> None:
    site.statuses = [status] * 2
    with pytest.raises(download.DownloadError, match=rf"/file: the server answered {status} \w.*, expected the file"):
        get(site, path)
    assert len(site.asked) == 1
    assert files(path.parent) == []


@pytest.mark.parametrize("status", [408, 429, 500])
def test_a_server_that_is_busy(site: Site, path: Path, status: int, pauses: list[float]) -> None:
    begin(site, path)
    site.statuses = [status]
    get(site, path)
    assert site.asked == [f"bytes={HALF}-"] * 2
    assert path.read_bytes() == CONTENT
    path.unlink()
    pauses.clear()
    site.statuses = [status] * 20
    with pytest.raises(download.DownloadError, match=f"answered {status} .* after 6 attempts"):
        get(site, path)
    assert pauses == [2, 4, 8, 16, 32]


def test_a_server_is_left_alone_as_long_as_it_asks(pauses: list[float]) -> None:
    for header, pause_s in (("30", 30.0), ("Fri, 31 Dec 1999 23:59:59 GMT", 0.0), ("", 0.0)):
        response = requests.Response()
        response.status_code, response.headers["Retry-After"] = 429, header
        with pytest.raises(download._BrokenOffError) as raised:
            download._check_status(response)
        assert raised.value.pause_s == pause_s


def test_no_server(path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        free_port = free.getsockname()[1]
    with pytest.raises(download.DownloadError, match="no connection, or it broke off .* gave up after 6 attempts"):
        download.download(f"http://127.0.0.1:{free_port}/file", path)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/file", "file:///etc/hosts", "no address"])
def test_addresses_of_other_kinds(url: str, path: Path, pauses: list[float]) -> None:
    with pytest.raises(download.DownloadError, match=url):
        download.download(url, path)
    assert pauses == []


@pytest.mark.parametrize(("kind", "checksum"), [("md5", MD5), ("sha256", SHA256)])
def test_a_wrong_checksum(site: Site, path: Path, kind: str, checksum: str) -> None:
    site.files["/file"] = CONTENT[::-1]
    with pytest.raises(download.DownloadError, match=rf"file has {kind} \w+, expected {checksum}; it was removed"):
        get(site, path, SIZE, checksum)
    assert files(path.parent) == []
    site.files["/file"] = CONTENT
    get(site, path, SIZE, checksum)
    assert site.asked == [None, None]


@pytest.mark.parametrize(
    ("tells_length", "size", "message"),
    [
        (True, SIZE + 1, "/file: has 512,000 bytes, expected 512,001"),
        (False, 1000, "bytes, expected 1,000; it"),
    ],
)
def test_a_wrong_size(site: Site, path: Path, tells_length: bool, size: int, message: str) -> None:
    """It is seen before the file comes, or while it does not end."""
    site.tells_length = tells_length
    with pytest.raises(download.DownloadError, match=message):
        get(site, path, size)
    assert files(path.parent) == []


def test_a_disk_that_is_full(site: Site, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(site, path)
    original = Path.open

    def full(self: Path, mode: str = "r", **others: Any) -> object:
        if mode == "ab":
            raise OSError(28, "No space left on device")
        return original(self, mode, **others)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", full)
        with pytest.raises(
            download.DownloadError, match=r"file.zip.part: No space left on device; the next call resumes"
        ):
            get(site, path)
    get(site, path)
    assert site.asked == [f"bytes={HALF}-"] * 2


def test_a_folder_that_cannot_be_created(site: Site, path: Path) -> None:
    path.parent.write_text("a file")
    with pytest.raises(download.DownloadError, match="downloads: File exists"):
        get(site, path)


@pytest.fixture
def repository(site: Site, tmp_path: Path) -> Path:
    """A folder of pointers and other files; the site has what the pointers stand for."""
    sounds = {f"wav/{number} é.wav": f"sound {number}".encode() for number in range(20)}
    site.files = {f"/media/{name.replace(' é', '%20%C3%A9')}": content for name, content in sounds.items()}
    folder = tmp_path / "corpus"
    (folder / "wav").mkdir(parents=True)
    for name, content in sounds.items():
        (folder / name).write_bytes(pointer(content))
    (folder / "wav/real.wav").write_bytes(b"a real sound")
    (folder / "wav/._fork.wav").write_bytes(pointer(b"hidden"))
    (folder / "film.wav.mp4").write_bytes(pointer(b"not asked for"))
    return folder


def resolve(site: Site, folder: Path, most_bytes: int = 1000) -> int:
    return download.resolve(folder, ("*/wav/*.wav",), f"{site.url}/media/", most_bytes)


def test_pointers_are_replaced(site: Site, repository: Path) -> None:
    assert resolve(site, repository) == 20
    assert [(repository / f"wav/{number} é.wav").read_text() for number in range(20)] == [
        f"sound {number}" for number in range(20)
    ]
    assert (repository / "wav/real.wav").read_bytes() == b"a real sound"
    assert len(files(repository)) == 23
    assert download.is_pointer(repository / "film.wav.mp4")
    assert resolve(site, repository) == 0
    assert len(site.asked) == 20


def test_a_repository_in_a_folder_of_its_own(site: Site, repository: Path, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    repository.rename(tmp_path / "raw" / "corpus-main")
    (tmp_path / "raw" / "corpus-main" / ".gitattributes").touch()
    (tmp_path / "raw" / "corpus-main" / "wav" / ".gitattributes").touch()
    assert resolve(site, tmp_path / "raw") == 20


def test_a_second_call_gets_the_rest(site: Site, repository: Path) -> None:
    missing = site.files.pop("/media/wav/19%20%C3%A9.wav")
    with pytest.raises(download.DownloadError, match=r"19%20%C3%A9.wav: .* 404 .*; \d+ of 20 files were downloaded"):
        resolve(site, repository)
    there = [path for path in repository.glob("wav/[0-9]*") if not download.is_pointer(path)]
    site.files["/media/wav/19%20%C3%A9.wav"] = missing
    site.asked.clear()
    assert resolve(site, repository) == len(site.asked) == 20 - len(there)


@pytest.mark.parametrize("content", [b"sound X", b"sound 70", pointer(b"sound 7")])
def test_wrong_content(site: Site, repository: Path, content: bytes) -> None:
    site.files["/media/wav/7%20%C3%A9.wav"] = content
    with pytest.raises(download.DownloadError, match="has (sha256|8 bytes|126 bytes).*, expected"):
        resolve(site, repository)
    assert download.is_pointer(repository / "wav/7 é.wav")
    assert not list(repository.rglob("*.part*"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "wav/0 é.wav: a malformed Git LFS pointer"),
        (pointer(b"x").replace(b"sha256", b"md5"), "wav/0 é.wav: a malformed Git LFS pointer"),
        (pointer(b"x", -1), "wav/0 é.wav: a malformed Git LFS pointer"),
        (pointer(b"x", 10**12), "promise 1,000,000,000,1.. bytes, expected 1,000 at most"),
    ],
)
def test_pointers_that_are_not_followed(site: Site, repository: Path, content: bytes, message: str) -> None:
    (repository / "wav/0 é.wav").write_bytes(content)
    with pytest.raises(download.DownloadError, match=message):
        resolve(site, repository)
    assert site.asked == []


@pytest.mark.parametrize(
    ("content", "expected"),
    [(pointer(b"x"), True), (b"version https://git-lfs", True), (b"RIFF", False), (b"", False)]
    + [(pointer(b"x") + bytes(1000), False)],
)
def test_what_a_pointer_is(tmp_path: Path, content: bytes, expected: bool) -> None:
    (tmp_path / "file").write_bytes(content)
    assert download.is_pointer(tmp_path / "file") == expected
    assert not download.is_pointer(tmp_path / "nothing")
