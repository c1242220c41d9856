"""Arrays of many clips in one folder, memory-mapped: a `.npy` per array, and an index.

A clip's arrays may differ in length, in each array of the shard; their width is the same for all clips.
"""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import click
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.files import whole

INDEX = "index.parquet"


class ShardError(click.ClickException):
    """A shard is missing, or lacks a clip."""


class Writer:
    """Context that writes a shard clip by clip, whole or not at all; memory does not grow with the clips."""

    def __init__(self, folder: Path) -> None:
        self._stack = ExitStack()
        self._folder = folder
        self._rows: dict[str, dict[str, object]] = {}
        self._files: dict[str, _NpyWriter] = {}

    def __enter__(self) -> Self:
        self._temporary = self._stack.enter_context(whole(self._folder))
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
            id_: its id
            arrays: by name, float32, each of shape (length, width); the same names and widths for every clip

        Raises:
            ValueError: the clip is here already, or its arrays are other than those of the clips before
        """
        if id_ in self._rows:
            raise ValueError(f"clip '{id_}' is added twice")
        if self._rows and arrays.keys() != self._files.keys():
            raise ValueError(f"clip '{id_}' has arrays {sorted(arrays)}, expected {sorted(self._files)}")
        row: dict[str, object] = {"id": id_}
        for name, array in arrays.items():
            if name not in self._files:
                self._files[name] = _NpyWriter(self._temporary / f"{name}.npy", array.shape[-1])
            row[f"{name}_start"], row[f"{name}_stop"] = self._files[name].append(array)
        self._rows[id_] = row

    def _finish(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files.values():
            file.close()
        if kind is None:
            bounds = [f"{name}_{bound}" for name in self._files for bound in ("start", "stop")]
            schema = pa.schema([("id", pa.string()), *((name, pa.int64()) for name in bounds)])
            table = pa.Table.from_pylist(list(self._rows.values()), schema)
            pq.write_table(table, self._temporary / INDEX, compression="zstd")


class Shard:
    """A shard opened for reading; arrays stay on disk until they are used."""

    def __init__(self, folder: Path) -> None:
        if not (folder / INDEX).is_file():
            raise ShardError(f"{folder}: no features here; `dvc repro` makes them")
        self.folder = folder
        self._index = pd.read_parquet(folder / INDEX).set_index("id")
        self._arrays = {path.stem: np.load(path, mmap_mode="r") for path in sorted(folder.glob("*.npy"))}

    def __contains__(self, id_: str) -> bool:
        return id_ in self._index.index

    def array(self, id_: str, name: str) -> np.ndarray:
        """One array of one clip, (length, width), a read-only view of the file.

        Raises:
            ShardError: the clip is not here
        """
        if id_ not in self._index.index:
            raise ShardError(f"{self.folder}: has no features of '{id_}', only of {len(self._index)} other clips")
        start, stop = self._index.at[id_, f"{name}_start"], self._index.at[id_, f"{name}_stop"]
        view: np.ndarray = self._arrays[name][start:stop]
        return view


class Shards:
    """Several shards that are asked as if they were one."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._shards = [Shard(folder) for folder in folders]

    def arrays(self, id_: str, names: Iterable[str]) -> dict[str, np.ndarray]:
        """Some arrays of one clip by name, in memory.

        Raises:
            ShardError: no shard has it
        """
        return {name: np.array(self.array(id_, name)) for name in names}

    def rows(self, ids: Iterable[str], name: str) -> np.ndarray:
        """Of clips an array that has one row for each, (clips, width).

        Raises:
            ShardError: no shard has one of them
        """
        return np.concatenate([self.array(id_, name) for id_ in ids])

    def array(self, id_: str, name: str) -> np.ndarray:
        """One array of one clip, from whichever shard has it.

        Raises:
            ShardError: none has it
        """
        for shard in self._shards:
            if id_ in shard:
                return shard.array(id_, name)
        raise ShardError(f"no features of '{id_}' in {', '.join(str(shard.folder) for shard in self._shards)}")


class _NpyWriter:
    """A .npy file that grows: NumPy's header leaves room for the final length of the first axis."""

    def __init__(self, path: Path, width: int) -> None:
        self._file: BinaryIO = path.open("wb")
        self._width = width
        self._length = 0
        self._header()

    def append(self, array: np.ndarray) -> tuple[int, int]:
        start = self._length
        if array.ndim != 2 or array.shape[1] != self._width:
            raise ValueError(f"expected an array of shape (length, {self._width}), found {array.shape}")
        self._file.write(np.ascontiguousarray(array, dtype="<f4").tobytes())
        self._length += len(array)
        return start, self._length

    def close(self) -> None:
        self._file.seek(0)
        self._header()
        self._file.close()

    def _header(self) -> None:
        shape = (self._length, self._width)
        np.lib.format.write_array_header_1_0(self._file, {"descr": "<f4", "fortran_order": False, "shape": shape})
