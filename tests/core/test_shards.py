"""Shards: round trip, storage types, and errors that leave the old shard."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from pipeline.core.shards import (
    INDEX,
    PARAMS,
    Shard,
    ShardError,
    Shards,
    Storage,
    Writer,
    as_stored,
    quantised,
    restored,
)

WIDTHS = {"spectrum": 3, "f0_hz": 1}


def random_clips(lengths: dict[str, tuple[int, int]]) -> dict[str, dict[str, np.ndarray]]:
    """Random clips by id; the lengths are those of spectrum and F0."""
    rng = np.random.default_rng(0)
    return {
        id_: {
            name: rng.standard_normal((length, WIDTHS[name])).astype(np.float32)
            for name, length in zip(WIDTHS, pair, strict=True)
        }
        for id_, pair in lengths.items()
    }


def write(folder: Path, clips: dict[str, dict[str, np.ndarray]], storage: Mapping[str, Storage] | None = None) -> None:
    with Writer(folder, storage) as writer:
        for id_, arrays in clips.items():
            writer.add(id_, arrays)


RAGGED = random_clips({"demo/b": (5, 2), "demo/empty": (0, 3), "demo/a": (70_000, 1), "demo/last": (1, 0)})


@pytest.mark.parametrize("clips", [RAGGED, random_clips({"nothing": (0, 0)})], ids=["ragged", "without any frame"])
def test_round_trip(tmp_path: Path, clips: dict[str, dict[str, np.ndarray]]) -> None:
    folder = tmp_path / "features" / "demo"
    write(folder, clips)
    shard = Shard(folder)
    for id_, arrays in clips.items():
        assert id_ in shard
        for name, array in arrays.items():
            found = shard.array(id_, name)
            assert found.dtype == np.float32
            np.testing.assert_array_equal(found, array, strict=True)
    assert "demo/other" not in shard
    assert [path.name for path in folder.parent.iterdir()] == ["demo"]


def test_numpy_reads_the_files_and_arrays_stay_on_disk(tmp_path: Path) -> None:
    write(tmp_path / "shard", RAGGED)
    assert {path.name for path in (tmp_path / "shard").iterdir()} == {INDEX, "spectrum.npy", "f0_hz.npy"}
    for name in WIDTHS:
        expected = np.concatenate([arrays[name] for arrays in RAGGED.values()])
        np.testing.assert_array_equal(np.load(tmp_path / "shard" / f"{name}.npy"), expected, strict=True)
    found = Shard(tmp_path / "shard").array("demo/a", "spectrum")
    assert isinstance(found, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        found[0] = 1


def test_other_precision_and_order_in_memory_and_the_same_bytes_again(tmp_path: Path) -> None:
    array = np.asfortranarray(np.arange(12.0).reshape(4, 3)[::-1])
    for name in ("one", "two"):
        write(tmp_path / name, {"a": {"spectrum": array}})
    found = Shard(tmp_path / "one").array("a", "spectrum")
    np.testing.assert_array_equal(found, array.astype(np.float32), strict=True)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


@pytest.mark.parametrize(("storage", "dtype"), [("float16", np.float16), ("uint8", np.uint8)])
def test_one_array_is_stored_with_less(tmp_path: Path, storage: Storage, dtype: type) -> None:
    write(tmp_path / "shard", RAGGED, {"spectrum": storage})
    assert np.load(tmp_path / "shard" / "spectrum.npy", mmap_mode="r").dtype == dtype
    assert np.load(tmp_path / "shard" / "f0_hz.npy", mmap_mode="r").dtype == np.float32
    shard = Shard(tmp_path / "shard")
    for id_, arrays in RAGGED.items():
        found = shard.array(id_, "spectrum")
        assert found.dtype == np.float32
        assert found.shape == arrays["spectrum"].shape
        width = np.ptp(arrays["spectrum"], axis=0) if len(found) else 0
        most = {"float16": 2.0**-9, "uint8": 0.501 * width / 255}[storage]  # of values up to 8
        assert (np.abs(found - arrays["spectrum"]) <= most).all()
        np.testing.assert_array_equal(shard.array(id_, "f0_hz"), arrays["f0_hz"])


@pytest.mark.parametrize("storage", ["float32", "float16", "uint8"])
def test_what_an_array_is_after_storage(tmp_path: Path, storage: Storage) -> None:
    write(tmp_path / "shard", RAGGED, {"spectrum": storage})
    shard = Shard(tmp_path / "shard")
    for id_, arrays in RAGGED.items():
        np.testing.assert_array_equal(shard.array(id_, "spectrum"), as_stored(arrays["spectrum"], storage))


def test_a_constant_column_is_exact() -> None:
    array = np.array([[1.5, -3], [1.5, 7], [1.5, 2]], np.float32)
    steps, bounds = quantised(array)
    np.testing.assert_array_equal(steps, [[0, 0], [0, 255], [0, 128]])  # of (2 + 3) / 10 · 255 = 127.5, the even one
    np.testing.assert_array_equal(bounds, [[1.5, -3], [1.5, 7]])
    np.testing.assert_allclose(restored(steps, bounds), [[1.5, -3], [1.5, 7], [1.5, 128 / 25.5 - 3]], rtol=1e-6)


@pytest.mark.parametrize(("clips", "others"), [(RAGGED, 4), ({}, 0)])
def test_missing_clip_or_index(tmp_path: Path, clips: dict[str, dict[str, np.ndarray]], others: int) -> None:
    folder = tmp_path / "demo"
    with pytest.raises(ShardError, match="demo: no features here"):
        Shard(folder)
    write(folder, clips)
    with pytest.raises(ShardError, match=f"no features of 'demo/c', only of {others} other clips"):
        Shard(folder).array("demo/c", "spectrum")
    (folder / INDEX).unlink()
    with pytest.raises(ShardError, match="demo: no features here"):
        Shard(folder)


def test_several_shards(tmp_path: Path) -> None:
    ids = {"one": ["a", "b"], "two": ["c"]}
    clips = random_clips({"a": (2, 2), "b": (3, 3), "c": (4, 4)})
    for name, own in ids.items():
        write(tmp_path / name, {id_: clips[id_] for id_ in own})
    shards = Shards(tmp_path / name for name in ids)
    for id_, arrays in clips.items():
        np.testing.assert_array_equal(shards.array(id_, "spectrum"), arrays["spectrum"])
        assert shards.arrays(id_, ["f0_hz"]).keys() == {"f0_hz"}
    np.testing.assert_array_equal(
        shards.rows(list(clips), "spectrum"), np.concatenate([own["spectrum"] for own in clips.values()])
    )
    with pytest.raises(ShardError, match=r"no features of 'd' in .*one, .*two"):
        shards.array("d", "spectrum")


@pytest.mark.parametrize(
    ("id_", "shapes", "message"),
    [
        ("b", {"spectrum": (4, 2), "f0_hz": (4, 1)}, r"expected an array of shape \(length, 3\), found \(4, 2\)"),
        ("b", {"spectrum": (4, 3), "f0_hz": (4,)}, r"expected an array of shape \(length, 1\), found \(4,\)"),
        ("b", {"spectrum": (4, 3)}, r"clip 'b' has arrays \['spectrum'\], expected \['f0_hz', 'spectrum'\]"),
        ("b", {"spectrum": (4, 3), "f0_hz": (4, 1), "x": (4, 1)}, "clip 'b' has arrays"),
        ("a", {"spectrum": (4, 3), "f0_hz": (4, 1)}, "clip 'a' is added twice"),
    ],
    ids=["width", "axes", "array less", "array more", "twice"],
)
def test_wrong_clip_leaves_the_old_shard(
    tmp_path: Path, id_: str, shapes: dict[str, tuple[int, ...]], message: str
) -> None:
    folder = tmp_path / "shard"
    with pytest.raises(RuntimeError), Writer(folder) as writer:
        writer.add("a", random_clips({"a": (4, 4)})["a"])
        raise RuntimeError
    assert not any(tmp_path.iterdir())
    write(folder, RAGGED)
    with pytest.raises(ValueError, match=message), Writer(folder) as writer:
        writer.add("a", random_clips({"a": (4, 4)})["a"])
        writer.add(id_, {name: np.zeros(shape, np.float32) for name, shape in shapes.items()})
    assert list(tmp_path.iterdir()) == [folder]
    np.testing.assert_array_equal(Shard(folder).array("demo/b", "spectrum"), RAGGED["demo/b"]["spectrum"])


def test_shards_of_different_parameters(tmp_path: Path) -> None:
    for name, params_hash in (("a", "one"), ("b", "one"), ("c", "other"), ("d", "")):
        with Writer(tmp_path / name, metadata={PARAMS: params_hash}):
            pass
    assert Shards([tmp_path / "a", tmp_path / "b"]).params_hash() == "one"
    assert Shards([tmp_path / "d"]).params_hash() == ""
    with pytest.raises(ShardError, match="different parameters"):
        Shards([tmp_path / "a", tmp_path / "c"]).params_hash()


def test_damaged(tmp_path: Path) -> None:
    """Arrays that end early would be shorter than their clips."""
    folder = tmp_path / "demo"
    write(folder, RAGGED)
    for name in ("spectrum.npy", INDEX):
        content = (folder / name).read_bytes()
        for cut in (0, 60, len(content) // 2, len(content) - 1):
            (folder / name).write_bytes(content[:cut])
            with pytest.raises(ShardError, match="demo: is damaged"):
                Shard(folder)
        (folder / name).write_bytes(content)
    for array, message in (
        (np.zeros((3, 3), "<f4"), "has 3 rows, expected 70,006"),
        (np.zeros(70_006, "<f4"), "of shape"),
        (np.zeros((70_006, 3), "<i8"), "is int64"),
        (np.array([None], dtype=object), "Array can't be memory-mapped"),
    ):
        np.save(folder / "spectrum.npy", array)
        with pytest.raises(ShardError, match=message):
            Shard(folder)
    (folder / "spectrum.npy").write_bytes(content[:10] + b"{'descr': (" * 8)
    with pytest.raises(ShardError, match="demo: is damaged"):
        Shard(folder)
