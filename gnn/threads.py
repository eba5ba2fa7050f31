"""Work on as many threads as the machine is planned for, with kernels that let go of Python's lock."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

THREADS = 2
PARTS = 16
"""More than threads, as some rows take longer than others."""
FEW = 4_096
"""So many rows take less time than threads do to start."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(items: Iterable[Item], work: Callable[[Item], Result]) -> list[Result]:
    """What `work` makes of each item, in their order; raises what one of them raises."""
    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(work, items))


def in_parts(rows: int, work: Callable[[int, int], object]) -> None:
    """Calls `work(first, last)` for stretches that together are 0 to `rows`."""
    if rows <= FEW:
        work(0, rows)
        return
    bounds = pairwise(rows * part // PARTS for part in range(PARTS + 1))
    each(bounds, lambda bound: work(*bound))
