"""An archive writes nothing but plain files into its folder, all of them or none."""

import os
import stat
import struct
import zipfile
from pathlib import Path

import click
import pytest

from pipeline.cli import archives

from .conftest import files


def archive(folder: Path, members: dict[str, bytes]) -> Path:
    path = folder / "some.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in members.items():
            zipped.writestr(name, content)
    return path


def change(path: Path, field_offset: int, value: bytes, local_offset: int) -> None:
    """Overwrite a field of the only member's entry in the central directory, and in its local header."""
    data = bytearray(path.read_bytes())
    central = data.index(b"PK\1\2")
    data[central + field_offset : central + field_offset + len(value)] = value
    data[local_offset : local_offset + len(value)] = value
    path.write_bytes(data)


def unpack(path: Path, folder: Path, most_bytes: int = 10_000, strip: bool = False) -> tuple[int, int]:
    return archives.unpack(path, folder, ("*.wav", "*/about.csv"), most_bytes, strip)


GOOD = {"top/a/1.wav": b"one", "top/a/2.wav": b"two", "top/b/1.wav": b"three", "top/about.csv": b"who"}
JUNK = {"top/readme.txt": b"no", "__MACOSX/top/a/._1.wav": b"fork", "top/a/._2.wav": b"fork", "top/film.mp4": b"no"}


@pytest.mark.parametrize("strip", [True, False])
def test_unpacking(tmp_path: Path, strip: bool) -> None:
    path = archive(tmp_path, {"top/": b"", "top/a/": b""} | GOOD | JUNK)
    (tmp_path / "disk").mkdir()
    folder = tmp_path / "corpus"
    folder.symlink_to(tmp_path / "disk")
    assert unpack(path, folder, strip=strip) == (4, 0)
    top = tmp_path / "disk" if strip else tmp_path / "disk" / "top"
    assert files(top) == ["a/1.wav", "a/2.wav", "about.csv", "b/1.wav"]
    assert (top / "b/1.wav").read_bytes() == b"three"
    assert not list(folder.glob(".*"))


def test_what_is_there_stays(tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    (folder / "top/a").mkdir(parents=True)
    (folder / "top/a/1.wav").write_text("mine")
    (folder / "top/a/2.wav").symlink_to("nowhere")
    (folder / "notes.txt").write_text("mine too")
    (folder / ".unpacking/top").mkdir(parents=True)  # of a call that was killed
    (folder / ".unpacking/top/about.csv").write_text("half of it")
    path = archive(tmp_path, GOOD)
    assert unpack(path, folder) == (2, 2)
    assert unpack(path, folder) == (0, 4)
    assert (folder / "top/a/1.wav").read_text() == "mine"
    assert (folder / "top/a/2.wav").is_symlink()
    assert not os.path.lexists(folder / "nowhere")
    assert (folder / "top/about.csv").read_bytes() == b"who"
    assert files(folder) == ["notes.txt", "top/a/1.wav", "top/a/2.wav", "top/about.csv", "top/b/1.wav"]


def test_an_interrupted_call_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = zipfile.ZipFile.open

    def interrupted(self: zipfile.ZipFile, info: zipfile.ZipInfo) -> object:
        if info.filename == "top/b/1.wav":
            raise KeyboardInterrupt
        return original(self, info)

    path, folder = archive(tmp_path, GOOD), tmp_path / "corpus"
    with monkeypatch.context() as patch:
        patch.setattr(zipfile.ZipFile, "open", interrupted)
        with pytest.raises(KeyboardInterrupt):
            unpack(path, folder)
    assert files(folder) == []
    assert unpack(path, folder) == (4, 0)


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "top").write_text("mine")
    with pytest.raises(archives.FolderError, match="top/a: Not a directory; .*some.zip is kept"):
        unpack(archive(tmp_path, GOOD), folder)
    assert files(folder) == ["top"]


def refused(path: Path, folder: Path, message: str, most_bytes: int = 10_000, strip: bool = False) -> None:
    with pytest.raises(archives.ArchiveError, match=message) as raised:
        unpack(path, folder / "in" / "corpus", most_bytes, strip)
    assert raised.value.message.startswith(f"{path}: ")
    assert [name for name in files(folder) if name != path.name] == []


@pytest.mark.parametrize("name", "../up.wav|a/../b.wav|/etc/up.wav|C:up.wav|a\\b.wav|new\nline.wav".split("|"))
def test_paths_that_may_lead_out(tmp_path: Path, name: str) -> None:
    refused(archive(tmp_path, {"good.wav": b"one", name: b"two"}), tmp_path, "may lead out of the folder")


def test_a_file_without_a_name(tmp_path: Path) -> None:
    path = archive(tmp_path, {"good.wav": b"one", "x": b"two"})
    content = path.read_bytes()
    central = content.rindex(b"PK\x01\x02")
    path.write_bytes(content[: central + 28] + b"\0\0\1\0" + content[central + 32 :])  # the name is extra bytes now
    with pytest.raises(archives.ArchiveError, match="may lead out of the folder"):
        archives.unpack(path, tmp_path / "in", ["*"], 10_000)


def test_a_name_with_a_zero_byte(tmp_path: Path) -> None:
    path = archive(tmp_path, {"good.wavX.wav": b"one"})
    path.write_bytes(path.read_bytes().replace(b"good.wavX", b"good.wav\0"))
    refused(path, tmp_path, "may lead out of the folder")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK, stat.S_IFDIR])
def test_links_and_special_files(tmp_path: Path, kind: int) -> None:
    path = tmp_path / "some.zip"
    info = zipfile.ZipInfo("link.wav")
    info.external_attr = (kind | 0o777) << 16
    with zipfile.ZipFile(path, "w") as zipped:
        zipped.writestr(info, "/etc/passwd")
    refused(path, tmp_path, "'link.wav' is a link or a special file")


def test_a_bomb(tmp_path: Path) -> None:
    refused(archive(tmp_path, {"a.wav": bytes(9_000), "b.wav": bytes(9_000)}), tmp_path, "more than the 10,000 bytes")


def test_a_header_that_promises_too_much_is_no_bomb(tmp_path: Path) -> None:
    path = archive(tmp_path, {"small.wav": bytes(100)})
    change(path, 24, struct.pack("<I", 2**31), 22)
    assert unpack(path, tmp_path / "corpus") == (1, 0)
    assert (tmp_path / "corpus/small.wav").stat().st_size == 100


@pytest.mark.parametrize("names", [[f"{number}.wav" for number in range(4)], [*JUNK, "a.WAV"]])
def test_number_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str]) -> None:
    monkeypatch.setattr(archives, "MOST_FILES", 3)
    count = sum(name.endswith(".wav") and "/" not in name for name in names)
    path = archive(tmp_path, dict.fromkeys(names, b""))
    refused(path, tmp_path, rf"has {count} files like \*.wav or \*/about.csv, expected 1 to 3")


@pytest.mark.parametrize(
    ("central", "local", "value", "message"),
    [
        (8, 6, struct.pack("<H", 1), "'a.wav' is encrypted"),
        (10, 8, struct.pack("<H", 9), "is packed by method 9, expected 0"),
        (10, 8, struct.pack("<H", 99), "is packed by method 99, expected 0"),
        (16, 14, struct.pack("<I", 1), "damaged, or no zip file: Bad CRC-32 for file 'a.wav'"),
        (24, 22, struct.pack("<I", 100), "damaged, or no zip file: Bad CRC-32"),  # a bomb that promises to be small
        (24, 22, struct.pack("<I", 2**31), "more than the 10,000 bytes"),
    ],
)
def test_wrong_headers(tmp_path: Path, central: int, local: int, value: bytes, message: str) -> None:
    path = archive(tmp_path, {"a.wav": bytes(10_000_000 if central == 24 else 3)})
    assert path.stat().st_size < 20_000
    change(path, central, value, local)
    refused(path, tmp_path, message)


def test_one_name_twice(tmp_path: Path) -> None:
    path = archive(tmp_path, {"a.wav": b"one", "b.wav": b"two"})
    path.write_bytes(path.read_bytes().replace(b"b.wav", b"a.wav"))
    refused(path, tmp_path, "'a.wav' is in it twice")
    path = archive(tmp_path, {"x/a.wav": b"one", "x//./a.wav": b"two"})
    refused(path, tmp_path, "'x/a.wav' is in it twice")


def test_a_file_below_a_file(tmp_path: Path) -> None:
    path = archive(tmp_path, {"a.wav": b"one", "a.wav/b.wav": b"two"})
    with pytest.raises(archives.FolderError, match=r"a.wav: File exists"):
        unpack(path, tmp_path / "corpus")
    assert files(tmp_path) == ["some.zip"]


@pytest.mark.parametrize("members", [{"top/1.wav": b"", "other/2.wav": b""}, {"1.wav": b""}])
def test_more_than_one_folder_at_the_top(tmp_path: Path, members: dict[str, bytes]) -> None:
    refused(archive(tmp_path, members), tmp_path, "expected one folder around all", strip=True)


@pytest.mark.parametrize("content", [b"", b"<html>Log in first</html>", b"PK\5\6" + bytes(18)])
def test_no_zip_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "some.zip"
    path.write_bytes(content)
    refused(path, tmp_path, "damaged, or no zip file|has 0 files")


@pytest.mark.slow
def test_damage_anywhere_is_an_error_of_ours(tmp_path: Path) -> None:
    """Every single byte of an archive wrong in turn, and its end missing: what is written is as it was, or nothing."""
    contents = {b"one" * 20, bytes(range(0, 240, 6))}
    whole = archive(tmp_path, {f"top/{len(content)}.wav": content for content in contents}).read_bytes()
    path = tmp_path / "damaged.zip"
    damaged = [whole[:at] + bytes([whole[at] ^ (1, 255)[at % 2]]) + whole[at + 1 :] for at in range(len(whole))]
    for number, data in enumerate([*damaged, *(whole[:end] for end in range(0, len(whole), 5))]):
        path.write_bytes(data)
        try:
            unpack(path, tmp_path / str(number))
            assert {file.read_bytes() for file in (tmp_path / str(number)).rglob("*.wav")} <= contents
        except click.ClickException as error:
            assert str(path) in error.message
            assert not files(tmp_path / str(number))
