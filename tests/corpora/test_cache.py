"""The cache gives back what it was given for the same file and decoder, and nothing else; a broken one is no harm."""

import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.corpora.cache import Cache

FOUND = {"sampling_rate": 16_000, "duration": 1.0 / 3, "sha256": "ab", "peak": 1e-5}


def test_gives_back_what_it_was_given(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "new/cache.sqlite", "1")
    assert cache.get("file") is None
    cache.keep({"file": FOUND, "other": {"reason": "empty", "detail": "nö"}})
    assert cache.get("file") == FOUND
    assert cache.get("other") == {"reason": "empty", "detail": "nö"}
    assert cache.get("unknown") is None
    assert Cache(cache.path, "1").get("file") == FOUND


def test_another_decoder_knows_nothing(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    Cache(path, "1").keep({"file": FOUND})
    other = Cache(path, "2")
    assert other.get("file") is None
    other.keep({"file": {**FOUND, "peak": 1.0}})
    assert Cache(path, "1").get("file") == FOUND


def test_nothing_to_keep_makes_no_file(tmp_path: Path) -> None:
    Cache(tmp_path / "cache.sqlite", "1").keep({})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + bytes(5000)])
def test_a_damaged_cache_is_begun_anew(tmp_path: Path, content: bytes) -> None:
    cache = Cache(tmp_path / "cache.sqlite", "1")
    cache.path.write_bytes(content)
    assert cache.get("file") is None
    cache.keep({"file": FOUND})
    assert cache.get("file") == FOUND


def test_a_damaged_entry_is_unknown(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache.sqlite", "1")
    cache.keep({"file": FOUND})
    connection = sqlite3.connect(cache.path)
    connection.execute("UPDATE found SET found = '{cut'")
    connection.commit()
    connection.close()
    assert cache.get("file") is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_place_that_cannot_be_written_is_no_harm(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    cache = Cache(tmp_path / "below/cache.sqlite", "1")
    cache.keep({"file": FOUND})
    assert cache.get("file") is None


def test_several_writers(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache.sqlite", "1")
    batches = [{f"{batch} {number}": {"n": number} for number in range(20)} for batch in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(cache.keep, batches))
    assert all(cache.get(f"{batch} {number}") == {"n": number} for batch in range(8) for number in range(20))
