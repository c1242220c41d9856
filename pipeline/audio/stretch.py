"""A part of a file, read like a file of its own."""

import io
import os
from typing import BinaryIO

Fault = tuple[str, str]  # why samples of a file are missing: the reason, and the details

BLOCK = 65_536  # bytes that are read at a time


class Stretch(io.RawIOBase):
    """A part of a file, read like a file of its own."""

    def __init__(self, file: "BinaryIO | Stretch", start: int, stop: int) -> None:
        super().__init__()
        self._file, self._start, self._length = file, start, max(stop - start, 0)
        self._place = 0

    def __len__(self) -> int:
        return self._length

    def readable(self) -> bool:
        """Always true."""
        return True

    def seekable(self) -> bool:
        """Always true."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill a buffer with the next bytes, and return their number."""
        wanted = min(len(buffer), max(self._length - self._place, 0))
        if not wanted:  # a damaged header may have led beyond any position that a file has
            return 0
        self._file.seek(self._start + self._place)
        found = self._file.read(wanted)
        buffer[: len(found)] = found
        self._place += len(found)
        return len(found)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position, and return it."""
        begin = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._length}[whence]
        self._place = max(begin + offset, 0)  # for a damaged header, libsndfile seeks before the first byte
        return self._place

    def tell(self) -> int:
        """The position."""
        return self._place
