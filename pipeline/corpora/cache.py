"""What decoding found, kept from run to run outside DVC, so that only new files are decoded.

An entry belongs to the bytes of a file or segment, not to its name or date, and to a version of the decoder; so it
cannot be out of date. The file may be deleted at any time: that costs a decoding of everything.
"""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

Found = dict[str, Any]  # plain values

_TABLE = "CREATE TABLE IF NOT EXISTS found (file TEXT, decoder TEXT, found TEXT, PRIMARY KEY (file, decoder))"
_PATIENCE_S = 60  # while another process writes


class Cache:
    """A cache in one SQLite file, for one version of a decoder; it can be sent to another process."""

    def __init__(self, path: Path, decoder: str) -> None:
        self.path = path
        self.decoder = decoder

    def get(self, file: str) -> Found | None:
        """What was kept of the file with this hash; None where that is nothing, or cannot be read."""
        if not self.path.is_file():
            return None
        try:
            with closing(sqlite3.connect(self.path, timeout=_PATIENCE_S)) as connection:
                select = "SELECT found FROM found WHERE file = ? AND decoder = ?"
                row = connection.execute(select, (file, self.decoder)).fetchone()
            return json.loads(row[0]) if row else None
        except (sqlite3.DatabaseError, ValueError):
            return None

    def keep(self, found: Mapping[str, Found]) -> None:
        """Add entries, by the hash of their file; a damaged cache is begun anew, one that cannot be written is left."""
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
        with closing(sqlite3.connect(self.path, timeout=_PATIENCE_S)) as connection, connection:
            connection.execute(_TABLE)
            connection.executemany("INSERT OR REPLACE INTO found VALUES (?, ?, ?)", rows)
