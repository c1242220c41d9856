"""The same work on many items, spread over the cores, in order and with a progress bar."""

import ctypes
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from functools import partial
from itertools import islice
from multiprocessing import get_context
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
Result = TypeVar("Result")

PR_SET_PDEATHSIG = 1  # of prctl(2)
CHUNK = 8  # items handed to a process at once
# A fork has all imports at once; starting afresh costs seconds. It is safe as long as it opens no parallel region
# of OpenMP, which `_begin` sees to; torch's own DataLoader does the same.
START = "fork" if sys.platform == "linux" else "spawn"


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_parallel(
    function: Callable[[Item], Result],
    items: Sequence[Item] | Iterable[Item],
    label: str,
    total: int | None = None,
) -> Iterator[Result]:
    """Results of `function` on each item, in the items' order, whatever the number of processes.

    Args:
        function: importable by a new process (no lambda), drawing no unseeded random numbers
        items: any iterable; a sized one gives the bar its end
        label: shown before the bar
        total: how many, where `items` does not know
    """
    total = len(items) if isinstance(items, Sequence) else total
    bar = partial(tqdm, desc=label, total=total, mininterval=5.0, dynamic_ncols=True)
    if cores() == 1 or (total is not None and total <= CHUNK):
        yield from bar(map(function, items))
        return
    with ProcessPoolExecutor(cores(), mp_context=get_context(START), initializer=_begin) as pool:
        yield from bar(_in_order(pool, function, iter(items)))


def _in_order(pool: Executor, function: Callable[[Item], Result], items: Iterator[Item]) -> Iterator[Result]:
    """Results in order, with few items under way, so that memory does not grow with their number."""
    under_way: deque[Future[list[Result]]] = deque()
    while chunk := list(islice(items, CHUNK)):
        under_way.append(pool.submit(_each, function, chunk))
        if len(under_way) > 4 * cores():
            yield from under_way.popleft().result()
    while under_way:
        yield from under_way.popleft().result()


def _each(function: Callable[[Item], Result], chunk: list[Item]) -> list[Result]:
    return [function(item) for item in chunk]


def _begin() -> None:
    """A process a core, which ends with its parent, whatever ends that.

    Libraries that start threads of their own would fight over the same cores.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    threadpool_limits(1)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
