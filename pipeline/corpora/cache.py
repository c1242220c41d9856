"""Cache of decoding results outside DVC, so that only new files are decoded.

The key of an entry is the hash of the file, the segment, and the version of the decoder; so an entry cannot be out of
date. The cache may be deleted at any time; then all files are decoded again.
"""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

Found = dict[str, Any]  # plain values

_TABLE = "CREATE TABLE IF NOT EXISTS found (file TEXT, decoder TEXT, found TEXT, PRIMARY KEY (file, decoder))"
_TIMEOUT_S = 60  # while another process writes


class Cache:
    """A cache in one SQLite file, for one version of the decoder; picklable."""

    def __init__(self, path: Path, decoder: str) -> None:
        self.path = path
        self.decoder = decoder

    def get(self, file: str) -> Found | None:
        """Entry of the file with this hash; None if there is none, or it cannot be read."""
        if not self.path.is_file():
            return None
        try:
            with closing(sqlite3.connect(self.path, timeout=_TIMEOUT_S)) as connection:
                select = "SELECT found FROM found WHERE file = ? AND decoder = ?"
                row = connection.execute(select, (file, self.decoder)).fetchone()
            return json.loads(row[0]) if row else None
        except (sqlite3.DatabaseError, ValueError):
            return None

    def keep(self, found: Mapping[str, Found]) -> None:
        """Add entries by the hash of their file; a damaged cache is replaced, a read-only one stays unchanged."""
        if not found:
            return
        rows = [(file, self.decoder, json.dumps(values)) for file, values in found.items()]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._insert(rows)
        except (OSError, sqlite3.OperationalError):  # read-only, full or locked: the next run decodes again
            return
        except sqlite3.DatabaseError:
            self.path.unlink()
            self._insert(rows)

    def _insert(self, rows: list[tuple[str, str, str]]) -> None:
        with closing(sqlite3.connect(self.path, timeout=_TIMEOUT_S)) as connection, connection:
            connection.execute(_TABLE)
            connection.executemany("INSERT OR REPLACE INTO found VALUES (?, ?, ?)", rows)
