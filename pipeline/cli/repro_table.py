"""Progress of `emocycle repro --jobs`: a live table in a terminal, elsewhere a line for each event."""

import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pipeline.cli import item
from pipeline.core import console
from pipeline.core.files import read_json, write_json


class Row(NamedTuple):
    """An item that runs."""

    name: str
    elapsed_s: float
    log: Path


class ReproTable:
    """The table, with the durations of earlier runs for its estimates.

    Args:
        path: JSON file of the durations [s] by item; need not exist
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._durations_s: dict[str, float] = read_json(path, "remove it") if path.exists() else {}
        self._live = Live(console=Console(highlight=False, soft_wrap=True), auto_refresh=False, transient=True)
        self._is_shown = self._live.console.is_terminal and console.verbosity() > console.QUIET

    def __enter__(self) -> Self:
        if self._is_shown:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()
        write_json(self._path, self._durations_s)

    def line(self, text: str) -> None:
        """Print a line that stays, unless quiet."""
        if console.verbosity() > console.QUIET:
            self._live.console.print(text, markup=False)

    def done(self, name: str, duration_s: float, lines: Iterable[str]) -> None:
        """Print and remember how long an item ran, and print what it tells of its result."""
        self._durations_s[name] = round(duration_s, 1)
        done = f"Stage '{name}' is done in {console.clock(duration_s)}"
        self.line("\n".join([done, *(f"  {line}" for line in lines)]))

    def show(self, rows: Iterable[Row], counts: Mapping[str, int]) -> None:
        """Show the items that run, and the number of items in each state."""
        if self._is_shown:
            table = Table("stage", "state", "elapsed", "estimate", "last line of its log", box=None, pad_edge=False)
            for row in rows:
                log = Text(item.last_line(row.log), no_wrap=True, overflow="ellipsis")
                table.add_row(row.name, "running", console.clock(row.elapsed_s), self._estimate(row.name), log)
            others = ", ".join(f"{count} {state}" for state, count in counts.items())
            self._live.update(Group(table, Text(others)), refresh=True)

    def _estimate(self, name: str) -> str:
        """Duration of the item, or the mean of its stage's items, in earlier runs."""
        stage = name.partition("@")[0]
        alike = [duration for other, duration in self._durations_s.items() if other.partition("@")[0] == stage]
        known = self._durations_s.get(name) or (statistics.mean(alike) if alike else None)
        return "" if known is None else console.clock(known)
