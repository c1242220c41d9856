"""One function on many items in parallel processes, in order and with a progress bar."""

import ctypes
import logging
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from itertools import islice
from multiprocessing import active_children, get_context
from multiprocessing.process import BaseProcess
from multiprocessing.util import Finalize
from typing import Any, TypeVar

import click

from pipeline.core import console, memory
from pipeline.core.console import Bar, Part

Item = TypeVar("Item")
Result = TypeVar("Result")

PR_SET_PDEATHSIG = 1  # of prctl(2)
# Environment of a process whose numerical libraries use one thread. BLAS rounds otherwise with another number of
# threads. Networks use `hardware.threads`, which torch is told apart from this.
ONE_THREAD = dict.fromkeys(
    ("MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)
CHUNK = 8  # items handed to a process at once
# A forked process has all imports; a spawned one needs seconds for them. A fork is safe as long as it opens no parallel
# region of OpenMP, which `_begin` prevents. torch's DataLoader does the same.
START = "fork" if sys.platform == "linux" else "spawn"
NOTHING = -1
LOOK_S = 0.5  # between two looks at what the processes do
TEXT_BYTES = 160  # of the progress of one item
_share = sys.maxsize

log = logging.getLogger(__name__)

_places: "memoryview[int]"  # of a process: its id, and the number of its current item
_progress: Any  # of a process: share of its current item that is done, and text


class KilledError(click.ClickException):
    """A process was killed, most likely for lack of memory."""


def cores() -> int:
    """Number of processor cores that this process may use, at most twice its share, and as the memory allows.

    Twice, so that it uses cores that others leave. Processes take turns on the cores where all are busy.
    """
    # macOS has no affinity of processes
    known = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(known, 2 * _share, memory.processes())


def set_share(number: int) -> None:
    """Set this process's share of the processor cores, beside others that work at the same time."""
    global _share
    _share = number


def end_with_parent() -> None:
    """Have this process killed when its parent ends, even if that is killed; only Linux can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def limit_threads() -> None:
    """Have the numerical libraries that are loaded use one thread."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    threadpool_limits(1)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def in_parallel(
    function: Callable[[Item], Result],
    items: Sequence[Item] | Iterable[Item],
    label: str,
    total: int | None = None,
    name: Callable[[Item], object] = str,
    chunk: int = CHUNK,
) -> Iterator[Result]:
    """Results of `function` on each item, in the order of the items, for any number of processes.

    Args:
        function: importable by a new process (no lambda), without unseeded random numbers
        items: any iterable
        label: of the progress bar
        total: number of items, if `items` has no length
        name: name of an item in the error of a killed process, such as the file of the clip
        chunk: items handed to a process at once

    Raises:
        KilledError: a process was killed; the message names its item
    """
    total = len(items) if isinstance(items, Sequence) else total
    if cores() == 1 or (total is not None and total <= chunk):
        yield from console.tracked(map(partial(_with_one_thread, function), items), label, total)
        return
    with Bar(label, total) as bar:
        work = _Work(chunk, cores() if total is None else min(cores(), -(-total // chunk)), name, bar)
        log.debug("%s: %d processes", label, work.size)
        yield from work.all_results(function, items, label)


class _Progress(ctypes.Structure):
    """What a process reports of its current item."""

    _fields_ = [("share", ctypes.c_double), ("text", ctypes.c_char * TEXT_BYTES)]


class _Work:
    """Processes of one pool, with their current items and exit codes."""

    def __init__(self, chunk: int, size: int, name: Callable[[Any], object], bar: Bar) -> None:
        self._context = get_context(START)
        self._chunk, self.size, self._name, self._bar = chunk, size, name, bar
        # Two numbers a process: its id and its current item.
        self._work: Any = self._context.RawArray("q", [NOTHING] * (2 * size))
        self._progress: Any = self._context.RawArray(_Progress, size)
        self._n_yielded = 0
        self._others = active_children()
        self._processes: dict[int | None, BaseProcess] = {}
        self._pending: deque[tuple[Future[list[Any]], int, list[Any]]] = deque()

    def all_results(self, function: Callable[[Item], Result], items: Iterable[Item], label: str) -> Iterator[Result]:
        """Results in order; errors as of `in_parallel`."""
        begun = self._context.Value("q", 0)
        shared = (self._work, self._progress, begun)
        pool = ProcessPoolExecutor(self.size, self._context, initializer=_begin, initargs=shared)
        # An error of the caller does not close this generator. At its end a process of multiprocessing, such as an item
        # of `repro --jobs`, joins its children first, and these would wait for more work.
        at_exit = Finalize(self, self._kill, exitpriority=0)
        try:
            try:
                yield from self._results(pool, function, iter(items))
            except (KeyboardInterrupt, GeneratorExit):  # the second: nobody needs the other results
                self._kill()
                raise
            finally:
                pool.shutdown(cancel_futures=True)
                at_exit.cancel()
        except BrokenProcessPool:
            raise KilledError(self._ending(label)) from None

    def _kill(self) -> None:
        for process in self._processes.values():
            process.kill()

    def _results(self, pool: Executor, function: Callable[[Item], Result], items: Iterator[Item]) -> Iterator[Result]:
        """Results in order, with few pending items, so that memory use does not grow with their number."""
        first = 0
        while chunk := list(islice(items, self._chunk)):
            self._pending.append((pool.submit(_each, function, first, chunk), first, chunk))
            first += len(chunk)
            if len(self._processes) < self.size:
                self._processes |= {child.pid: child for child in active_children() if child not in self._others}
            if len(self._pending) > 4 * self.size:
                yield from self._next()
        while self._pending:
            yield from self._next()

    def _next(self) -> Iterator[Any]:
        future, _, chunk = self._pending[0]
        while not wait([future], LOOK_S).done:
            self._show()
        results = future.result()
        self._pending.popleft()
        self._n_yielded += len(chunk)
        self._show()
        yield from results

    def _show(self) -> None:
        """Show what is done, and the progress that items at work report."""
        items = {first + at: item for _, first, chunk in self._pending for at, item in enumerate(chunk)}
        done: float = self._n_yielded + sum(len(chunk) for future, _, chunk in self._pending if future.done())
        parts = []
        for number, progress in zip(self._work[1::2], self._progress, strict=True):
            if number in items:
                done += number % self._chunk + progress.share
                if text := progress.text.decode("utf-8", "ignore"):
                    parts.append(Part(str(self._name(items[number])), progress.share, text))
        self._bar.show(done, parts=parts)

    def _ending(self, label: str) -> str:
        """Message with the items of the processes that died, and the likely cause."""
        items = {first + at: item for _, first, chunk in self._pending for at, item in enumerate(chunk)}
        codes = {pid: process.exitcode for pid, process in self._processes.items()}
        numbers = dict(zip(self._work[::2], self._work[1::2], strict=True))  # by process
        current = {pid: number for pid, number in numbers.items() if number in items}
        dead = {pid: at for pid, at in current.items() if codes.get(pid) not in (None, 0, -signal.SIGTERM)} or current
        names = ", ".join(str(self._name(items[number])) for number in sorted(dead.values()))
        how = " and ".join(sorted({_how(codes.get(pid)) for pid in dead})) or "before its first clip"
        return f"{label}: a process ended {how}" + f" while at work on {names}" * bool(names)


def _how(code: int | None) -> str:
    if code == -signal.SIGKILL:
        return (
            "by SIGKILL, most likely because memory ran out (long clips need most: `ingest.max_duration_s`; fewer "
            "processes need less: `taskset -c 0` before the command)"
        )
    if code is None or code >= 0:
        return "unexpectedly" if code is None else f"with exit code {code}"
    return f"by {signal.Signals(-code).name}, a fault in a library"


def _with_one_thread(function: Callable[[Item], Result], item: Item) -> Result:
    """Result of an item; torch uses one thread, as in the processes, and afterwards as many as before."""
    torch = sys.modules.get("torch")
    if torch is None:
        return function(item)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return function(item)
    finally:
        torch.set_num_threads(before)


def _each(function: Callable[[Item], Result], first: int, chunk: list[Item]) -> list[Result]:
    """Results of a chunk; `first` is the number of its first item."""
    results = []
    for number, item in enumerate(chunk, first):
        _places[1] = number
        results.append(function(item))
        _report(0.0, "")
    _places[1] = NOTHING
    return results


def _report(share: float, text: str) -> None:
    """Report the progress of the current item to the parent."""
    _progress.share, _progress.text = share, text.encode()[: TEXT_BYTES - 1]


def _begin(work: Any, progress: Any, begun: Any) -> None:
    """Set up a process to use one thread and to end with its parent, even if that is killed.

    Args:
        work: ids and current items of all processes
        progress: what they report
        begun: number of processes that have started
    """
    global _places, _progress
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt ends the parent, which ends this process
    with begun.get_lock():
        _places = memoryview(work).cast("B").cast("q")[2 * begun.value : 2 * begun.value + 2]
        _progress = progress[begun.value]
        begun.value += 1
    console.report_to(_report)
    _places[0] = os.getpid()
    memory.watch()
    end_with_parent()
    limit_threads()
