"""Outputs appear whole, or what was there stays."""

import errno
from pathlib import Path
from types import SimpleNamespace

import click
import pandas as pd
import pytest

from pipeline.core import files
from pipeline.core.files import NoSpaceError, atomic_write, read_json, remove_temporaries, write_csv, write_json


def test_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "new" / "out.txt"
    for text in ("first", "second"):
        with atomic_write(path) as temporary:
            temporary.write_text(text)
        assert path.read_text() == text
    assert list(path.parent.iterdir()) == [path]


def test_folder_is_replaced(tmp_path: Path) -> None:
    for name in ("first", "second"):
        with atomic_write(tmp_path / "out") as temporary:
            temporary.mkdir()
            (temporary / name).touch()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["second"]


def test_link_to_a_folder_is_replaced_not_followed(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "precious").touch()
    (tmp_path / "out").symlink_to("kept")
    with atomic_write(tmp_path / "out") as temporary:
        temporary.mkdir()
    assert (tmp_path / "kept" / "precious").exists()
    assert not (tmp_path / "out").is_symlink()


@pytest.mark.parametrize("is_folder", [True, False])
def test_exception_leaves_what_was_there(tmp_path: Path, is_folder: bool) -> None:
    path = tmp_path / "out"
    if is_folder:
        path.mkdir()
    else:
        path.write_text("old")
    with pytest.raises(RuntimeError), atomic_write(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    with pytest.raises(FileNotFoundError), atomic_write(path):
        pass  # nothing was written
    assert list(tmp_path.iterdir()) == [path]
    assert path.is_dir() == is_folder


def test_json(tmp_path: Path) -> None:
    write_json(tmp_path / "out.json", {"uar": 0.5})
    assert (tmp_path / "out.json").read_text() == '{\n  "uar": 0.5\n}\n'
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "out.json", {"uar": float("nan")})
    assert "0.5" in (tmp_path / "out.json").read_text()


@pytest.mark.parametrize("free", [0, 2**30])
@pytest.mark.parametrize(
    ("error", "is_clear"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (ValueError("I/O error: No space left on device (os error 28)"), True),  # as of safetensors
        (RuntimeError("Error : System error."), False),  # as of libsndfile
    ],
)
def test_a_full_disk_is_named_with_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, is_clear: bool, free: int
) -> None:
    monkeypatch.setattr(files.shutil, "disk_usage", lambda folder: SimpleNamespace(free=free))
    expected = NoSpaceError if is_clear or not free else RuntimeError
    with pytest.raises(expected) as caught, atomic_write(tmp_path / "out") as outer, atomic_write(outer / "inner"):
        raise error
    assert str(caught.value).endswith(f"inner: no space left on device ({error})") == (expected is NoSpaceError)
    assert not list(tmp_path.iterdir())


def test_temporaries_of_killed_processes(tmp_path: Path) -> None:
    (tmp_path / ".out.7@here.tmp").mkdir()
    (tmp_path / ".out.8@there.tmp").touch()
    kept = [tmp_path / ".out.parquet.7@here.tmp", tmp_path / "out"]
    for path in kept:
        path.touch()
    remove_temporaries(tmp_path / "out")
    assert sorted(tmp_path.iterdir()) == kept


@pytest.mark.parametrize("content", [b"", b"[1]", b'{"uar": NaN}', b'{"a": "\xff"}', b"[" * 100_000])
def test_damaged_json(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "in.json").write_bytes(content)
    with pytest.raises(click.ClickException, match="in.json: is damaged: .*; write it again"):
        read_json(tmp_path / "in.json", "write it again")


@pytest.mark.parametrize("cell", ["=1+1", "+1+cmd", "-2+x", "@SUM(A1)", "\tx", "\rx"])
def test_no_cell_of_csv_is_a_formula(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "out.csv"
    write_csv(pd.DataFrame({"a": ["-", "-1.5", f"x{cell}", None], "b": [-1.0, 2, 3, 4]}), path)
    assert path.read_text().startswith("a,b\n-,-1.0\n-1.5,2.0\n")
    for table in (pd.DataFrame({"a": [cell]}), pd.DataFrame({"a": [1]}, index=pd.Index([cell], name="of"))):
        with pytest.raises(click.ClickException, match="out.csv: column .* which a spreadsheet runs"):
            write_csv(table, path, index=True)
    assert path.read_text().startswith("a,b\n")  # the old one stays
