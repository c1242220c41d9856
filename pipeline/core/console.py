"""What a person sees while a command runs: progress, a line for each result, and messages.

Results go to standard output, all else to standard error. In a terminal, progress is a bar for each piece of work that
takes more than `DELAY_S`; elsewhere a line a minute; in the log of an item of `emocycle repro --jobs` a line a second
that the next one replaces.
"""

import logging
import os
import sys
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self, TypeVar

import click

if TYPE_CHECKING:
    from rich.live import Live

Item = TypeVar("Item")

VERBOSITY = "EMOCYCLE_VERBOSITY"  # environment variable, which the stages inherit: one of the next three
QUIET, NORMAL, VERBOSE = -1, 0, 1
DELAY_S = 2.0  # before a bar is shown
TERMINAL_S, LOG_S, PLAIN_S = 0.1, 1.0, 60.0  # between two states of it
SHORT_S = 1.0  # a result that took less is told without its time
BAR_WIDTH = 24
WIDTH = 118  # of a line of a result, at most; `repro` indents it by two
REPLACED = "\r"  # ends a line of progress in a log

_open: "list[Bar]" = []  # outer ones first
_told_s: float | None = None  # when the last result was told; None: this is no process of a command
_shown_s = 0.0
_is_log = False
_report: Callable[[float, str], None] | None = None  # in a process of `in_parallel`: to its parent
_live: "Live | None" = None


class Part(NamedTuple):
    """Progress of a piece of work, or of one of several at the same time."""

    name: str
    share: float  # that is done, 0 … 1
    text: str


class Bar:
    """Progress of one piece of work, a context manager.

    Args:
        label: such as the split and the generator; the name of the stage is put before the outermost
        total: of what is counted, if it is known
        done: before the start, such as by an earlier process
        is_bytes: what is counted; else items
    """

    def __init__(self, label: str, total: float | None = None, done: float = 0, is_bytes: bool = False) -> None:
        self._label, self._is_bytes = label, is_bytes
        self._text, self._parts = "", tuple[Part, ...]()
        self.begin(total, done)

    def __enter__(self) -> Self:
        if not _open:
            self._label = f"{_stage()} {self._label}".lstrip()
        _open.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _open.remove(self)
        if not _open:
            _clear()

    def begin(self, total: float | None, done: float = 0) -> None:
        """Begin again, with other numbers."""
        self._total, self._done, self._first, self._start_s = total, done, done, time.monotonic()

    def show(self, done: float, text: str = "", parts: Sequence[Part] = ()) -> None:
        """Show the present state.

        Args:
            done: of the total
            text: such as the losses
            parts: what is at work
        """
        self._done, self._text, self._parts = done, text, tuple(parts)
        _show()

    def add(self, more: float, text: str = "") -> None:
        """Show that more is done."""
        self.show(self._done + more, text)

    def rows(self, inner: float = 0.0) -> list[Part]:
        """Rows of the display: the bar and its parts.

        Args:
            inner: share that an inner bar has done of the next item
        """
        done = self._done + inner
        share = min(1.0, done / self._total) if self._total else 0.0
        indented = [part._replace(name=f"  {part.name}") for part in self._parts]
        return [Part(self._label, share, ", ".join(self._words(done))), *indented]

    def _words(self, done: float) -> Iterator[str]:
        yield self._amount(done) + (f"/{self._amount(self._total)}" if self._total is not None else "")
        rate = (done - self._first) / max(time.monotonic() - self._start_s, 1e-3)
        if rate > 0:
            yield f"{self._amount(rate)}/s" if rate >= 1 or self._is_bytes else f"{1 / rate:.1f} s each"
            if self._total is not None:
                yield f"{clock(max(0.0, self._total - done) / rate)} left"
        if self._text:
            yield self._text

    def _amount(self, number: float) -> str:
        return f"{number / 1e6:,.1f} MB" if self._is_bytes else f"{int(number):,}"


def tracked(items: Iterable[Item], label: str, total: int | None) -> Iterator[Item]:
    """The items, with a bar; each is done when the next is asked for."""
    with Bar(label, total) as bar:
        for item in items:
            yield item
            bar.add(1)


def steps(label: str, last: int, rows: Sequence[Mapping[str, float]] = (), done: int = 0) -> Iterator[int]:
    """Numbers of the steps of a training, 1 … `last`, with a bar that shows the last row of its curve.

    Args:
        label: of the bar, such as what is trained
        last: number of steps
        rows: of the curve, to which the training adds
        done: by an earlier process
    """
    with Bar(label, last, done) as bar:
        for step in range(done + 1, last + 1):
            yield step
            bar.show(step, in_words(rows[-1]) if rows else "")


def in_words(row: Mapping[str, float]) -> str:
    """Row of a training curve without its step: `cycle 0.21, parallel 0.33`."""
    return ", ".join(f"{name} {value:.2f}" for name, value in row.items() if name != "step")


def tell(subject: str, text: str, duration_s: float | None = None) -> None:
    """Print a result: `train-cyclegan full-1 angry-neutral: step 100/100, cycle 0.21, 28 s`.

    Args:
        subject: such as the split and the arm
        text: numbers and their names
        duration_s: how long it took; default: since the last result or the start
    """
    global _told_s
    now_s = time.monotonic()
    if duration_s is None:
        duration_s = now_s - _told_s if _told_s is not None else 0.0
    _told_s = now_s if _told_s is not None else None
    if verbosity() > QUIET:
        took = f", {duration_s:,.0f} s" * (duration_s >= SHORT_S)
        _clear()
        line = f"{f'{_stage()} {subject}'.strip()}: {text}{took}"
        wrapped = textwrap.wrap(line, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
        click.echo("\n".join(wrapped))


def warn(subject: str, text: str) -> None:
    """Print what a person should know, also if quiet."""
    _clear()
    click.echo(f"{f'{_stage()} {subject}'.strip()}: warning: {text}", err=True)


def verbosity() -> int:
    """One of `QUIET`, `NORMAL`, `VERBOSE`."""
    with suppress(ValueError):
        return max(QUIET, min(VERBOSE, int(os.environ.get(VERBOSITY, NORMAL))))
    return NORMAL


def set_verbosity(number: int) -> None:
    """Set the verbosity of this process and of those that it starts."""
    os.environ[VERBOSITY] = str(number)
    logging.getLogger("pipeline").setLevel({QUIET: "ERROR", NORMAL: "INFO", VERBOSE: "DEBUG"}[number])


def set_up() -> None:
    """Begin a command: messages of the library go to standard error, and time counts from now on."""
    global _told_s
    _told_s = time.monotonic()
    set_verbosity(verbosity())
    logger = logging.getLogger("pipeline")
    if not logger.handlers:
        logger.addHandler(_Handler())


def to_log() -> None:
    """Have this process write its progress to the log of an item."""
    global _is_log
    _is_log = True


def report_to(report: Callable[[float, str], None]) -> None:
    """Have this process report its progress instead of showing it.

    Args:
        report: gets the share that is done, 0 … 1, and the text of the innermost bar
    """
    global _report, _live
    _report, _live = report, None
    _open.clear()


def clock(duration_s: float) -> str:
    """Minutes and seconds, `1:05`; hours where there are some, `2:01:05`."""
    minutes, seconds = divmod(int(duration_s), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}" if minutes >= 60 else f"{minutes}:{seconds:02}"


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _clear()
        level = f"{record.levelname.lower()}: " if record.levelno != logging.INFO else ""
        click.echo(f"{level}{self.format(record)}", err=True)


def _stage() -> str:
    """Name of the command that runs, such as `train-cyclegan`."""
    context = click.get_current_context(silent=True)
    module = getattr(context.command.callback, "__module__", "") if context else ""
    return module.rpartition(".")[2].replace("_", "-") if module != "__main__" else ""


def _show() -> None:
    """Show the open bars, if it is time to."""
    global _shown_s
    now_s = time.monotonic()
    is_terminal = not _is_log and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    every_s = TERMINAL_S if is_terminal or _report else LOG_S if _is_log else PLAIN_S
    if now_s < max(_shown_s + every_s, _open[0]._start_s + max(DELAY_S, every_s)):
        return
    _shown_s = now_s
    rows: list[Part] = []
    for bar in reversed(_open):
        rows = [*bar.rows(rows[0].share if rows else 0.0), *rows]
    if _report:
        _report(rows[0].share, rows[-1].text)
    elif verbosity() > QUIET:
        if is_terminal:
            _draw(rows)
        else:
            line = "; ".join(f"{row.name.strip()}: {row.text}" for row in rows)
            click.echo(line, err=True, nl=False)
            click.echo(REPLACED if _is_log else "\n", err=True, nl=False)


def _draw(rows: Iterable[Part]) -> None:
    """Draw the bars, in the place of those drawn before."""
    global _live
    from rich.console import Console
    from rich.live import Live
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 1))
    for row in rows:
        words = Text(row.text, no_wrap=True, overflow="ellipsis")
        table.add_row(Text(row.name, no_wrap=True), ProgressBar(1.0, row.share, width=BAR_WIDTH), words)
    if _live is None:
        console = Console(stderr=True, highlight=False)
        _live = Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False)
        _live.start()
    _live.update(table, refresh=True)


def _clear() -> None:
    """Remove the bars; the next progress draws them again."""
    global _live, _shown_s
    if _live is not None:
        _live.stop()
        _live = None
        _shown_s = 0.0
