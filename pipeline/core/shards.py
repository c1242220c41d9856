"""Shards: arrays of many clips in one folder, memory-mapped, with one `.npy` file an array and an index.

Arrays of a clip may differ in length. The width of an array is the same for all clips. Arrays are read as float32,
however they are stored. As uint8, each column of each clip has 255 steps from its lowest to its highest value; a second
array of two rows stores these two values.
"""

import json
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from tokenize import TokenError  # of a header of .npy
from types import TracebackType
from typing import Any, BinaryIO, Literal, Self

import click
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.core.files import atomic_write

INDEX = "index.parquet"
# Keys of the metadata of the index
PARAMS = "made_with"  # params hash
FRONT_END = "front_end"  # of the features of classifiers and scorers
PREPARATION = "preparation"  # of real clips for the classifiers: JSON of all parameters that their features depend on
RANGE = "_range"  # suffix of the array with the lowest and highest values of an array of uint8
STEPS = 255  # of uint8

Storage = Literal["float32", "float16", "uint8"]
DTYPES: Mapping[Storage, str] = {"float32": "<f4", "float16": "<f2", "uint8": "|u1"}


class ShardError(click.ClickException):
    """A shard is missing or damaged, or lacks a clip."""


class Writer:
    """Context that writes a shard clip by clip, atomically; memory use does not grow with the number of clips."""

    def __init__(
        self, folder: Path, storage: Mapping[str, Storage] | None = None, metadata: Mapping[str, str] | None = None
    ) -> None:
        """Set up without writing.

        Args:
            folder: to be written
            storage: type of stored arrays by name; others are float32
            metadata: of the index, by key: `PARAMS`, the hash of the parameters on which the arrays depend,
                `FRONT_END` or `PREPARATION`
        """
        self._stack = ExitStack()
        self._folder = folder
        self._storage = storage or {}
        self._metadata = metadata
        self._rows: dict[str, dict[str, object]] = {}
        self._files: dict[str, _NpyWriter] = {}

    def __enter__(self) -> Self:
        self._temporary = self._stack.enter_context(atomic_write(self._folder))
        self._temporary.mkdir(parents=True)
        self._stack.push(self._finish)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def add(self, id_: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Append a clip.

        Args:
            id_: of the clip
            arrays: by name, each (length, width), with the same names and widths for every clip

        Raises:
            ValueError: the clip was added before, or names or widths differ from those of the first clip
        """
        if id_ in self._rows:
            raise ValueError(f"clip '{id_}' is added twice")
        stored = self._stored(arrays)
        if self._rows and stored.keys() != self._files.keys():
            raise ValueError(f"clip '{id_}' has arrays {sorted(stored)}, expected {sorted(self._files)}")
        row: dict[str, object] = {"id": id_}
        for name, array in stored.items():
            if name not in self._files:
                kind = self._storage.get(name, "float32")
                self._files[name] = _NpyWriter(self._temporary / f"{name}.npy", array.shape[-1], DTYPES[kind])
            row[f"{name}_start"], row[f"{name}_stop"] = self._files[name].append(array)
        self._rows[id_] = row

    def _stored(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Arrays as they are written, with ranges."""
        stored = dict(arrays)
        for name in arrays:
            if self._storage.get(name) == "uint8":
                stored[name], stored[name + RANGE] = quantised(arrays[name])
        return stored

    def _finish(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files.values():
            file.close()
        if kind is None:
            bounds = [f"{name}_{bound}" for name in self._files for bound in ("start", "stop")]
            schema = pa.schema([("id", pa.string()), *((name, pa.int64()) for name in bounds)])
            table = pa.Table.from_pylist(list(self._rows.values()), schema)
            if self._metadata:
                table = table.replace_schema_metadata(dict(self._metadata))
            pq.write_table(table, self._temporary / INDEX, compression="zstd")


class Shard:
    """A shard opened for reading; its arrays are memory-mapped."""

    def __init__(self, folder: Path) -> None:
        if not (folder / INDEX).is_file():
            raise ShardError(f"{folder}: no features here; `dvc repro` makes them")
        self.folder = folder
        try:
            self._arrays = {path.stem: np.load(path, mmap_mode="r") for path in sorted(folder.glob("*.npy"))}
            index = pd.read_parquet(folder / INDEX)
            self._rows = {id_: row for row, id_ in enumerate(index["id"])}
            self._bounds = {name: index[[f"{name}_start", f"{name}_stop"]].to_numpy() for name in self._arrays}
        except (OSError, EOFError, ValueError, TypeError, LookupError, TokenError, pa.ArrowException) as error:
            raise self._damaged(" ".join(str(error).split())) from None
        for name, bounds in self._bounds.items():
            array = self._arrays[name]
            if array.ndim != 2 or array.dtype.str not in DTYPES.values() or bounds.dtype != np.int64:
                raise self._damaged(f"{name} is {array.dtype} of shape {array.shape}, and its places {bounds.dtype}")
            if len(bounds) and not 0 <= bounds.min() <= bounds.max() <= len(array):
                raise self._damaged(f"{name} has {len(array):,} rows, expected {bounds.max():,}")

    def _damaged(self, detail: str) -> ShardError:
        return ShardError(f"{self.folder}: is damaged: {detail}; `dvc repro` makes it again")

    def __contains__(self, id_: str) -> bool:
        return id_ in self._rows

    def array(self, id_: str, name: str) -> np.ndarray:
        """An array of a clip, (length, width), float32; a read-only view of the file if it is stored as float32.

        Raises:
            ShardError: the shard lacks the clip
        """
        if id_ not in self._rows:
            raise ShardError(f"{self.folder}: has no features of '{id_}', only of {len(self._rows)} other clips")
        view = self._view(id_, name)
        if view.dtype == np.uint8:
            return restored(view, self._view(id_, name + RANGE))
        return view.astype(np.float32, copy=False)

    def _view(self, id_: str, name: str) -> np.ndarray:
        start, stop = self._bounds[name][self._rows[id_]]
        view: np.ndarray = self._arrays[name][start:stop]
        return view


class Shards:
    """Several shards, read like one."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._shards = [Shard(folder) for folder in folders]

    def params_hash(self) -> str:
        """Hash of the parameters on which the arrays depend; empty if none was stored.

        Raises:
            ShardError: the shards have different hashes
        """
        return self.metadata(PARAMS)

    def metadata(self, key: str) -> str:
        """Value in the metadata of the shards' indices; empty if none was stored.

        Raises:
            ShardError: the shards have different values
        """
        stored = {shard.folder: pq.read_schema(shard.folder / INDEX).metadata or {} for shard in self._shards}
        found = {kept.get(key.encode(), b"").decode() for kept in stored.values()}
        if len(found) > 1:
            raise ShardError(
                f"{', '.join(map(str, stored))}: are of different parameters; `dvc repro` makes them again"
            )
        return found.pop() if found else ""

    def preparation(self) -> dict[str, Any]:
        """Parameters on which the classifiers' features of real clips depend: `audio`, `acoustics` and `vocoder`.

        Raises:
            ShardError: the shards have different ones, or are of a version that stored none
        """
        stored = self.metadata(PREPARATION)
        if not stored:
            names = ", ".join(str(shard.folder) for shard in self._shards)
            raise ShardError(f"{names}: made by an older version; `dvc repro` makes them again")
        found: dict[str, Any] = json.loads(stored)
        return found

    def arrays(self, id_: str, names: Iterable[str]) -> dict[str, np.ndarray]:
        """Copies of arrays of a clip by name.

        Raises:
            ShardError: no shard has the clip
        """
        return {name: np.array(self.array(id_, name)) for name in names}

    def rows(self, ids: Iterable[str], name: str) -> np.ndarray:
        """Array with one row a clip, (clips, width).

        Raises:
            ShardError: no shard has one of the clips
        """
        return np.concatenate([self.array(id_, name) for id_ in ids])

    def array(self, id_: str, name: str) -> np.ndarray:
        """An array of a clip, (length, width), float32.

        Raises:
            ShardError: no shard has the clip
        """
        for shard in self._shards:
            if id_ in shard:
                return shard.array(id_, name)
        raise ShardError(f"no features of '{id_}' in {', '.join(str(shard.folder) for shard in self._shards)}")


def quantised(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Quantise each column of an array to 255 equal steps.

    Args:
        array: (length, width)

    Returns:
        steps (length, width), uint8, and lowest and highest values (2, width), float32; zeros for an array without rows
    """
    array = array.astype(np.float32, copy=False)
    if not len(array):
        return np.zeros(array.shape, np.uint8), np.zeros((2, array.shape[1]), np.float32)
    low, high = array.min(axis=0), array.max(axis=0)
    steps = np.rint((array - low) * (STEPS / np.where(high > low, high - low, 1)))
    return steps.astype(np.uint8), np.stack([low, high])


def as_stored(array: np.ndarray, storage: Storage) -> np.ndarray:
    """What an array (length, width) is after it was written and read, float32."""
    if storage == "uint8":
        return restored(*quantised(array))
    return array.astype(DTYPES[storage]).astype(np.float32)


def restored(steps: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Inverse of `quantised` up to half a step: (length, width), float32."""
    low, high = bounds
    array: np.ndarray = low + steps.astype(np.float32) * ((high - low) / np.float32(STEPS))
    return array


class _NpyWriter:
    """A .npy file that grows; NumPy's header has room for the final length of the first axis."""

    def __init__(self, path: Path, width: int, dtype: str) -> None:
        self._file: BinaryIO = path.open("wb")
        self._width = width
        self._dtype = dtype
        self._length = 0
        self._header()

    def append(self, array: np.ndarray) -> tuple[int, int]:
        start = self._length
        if array.ndim != 2 or array.shape[1] != self._width:
            raise ValueError(f"expected an array of shape (length, {self._width}), found {array.shape}")
        self._file.write(np.ascontiguousarray(array, dtype=self._dtype).tobytes())
        self._length += len(array)
        return start, self._length

    def close(self) -> None:
        self._file.seek(0)
        self._header()
        self._file.close()

    def _header(self) -> None:
        shape = (self._length, self._width)
        np.lib.format.write_array_header_1_0(self._file, {"descr": self._dtype, "fortran_order": False, "shape": shape})
