"""Memory that a job lets go of stays with the process until the job is over.

The allocators of C and of Arrow give each large array back to the system, which clears its pages again for the next
one: of a job that makes hundreds of arrays of a hundred megabytes a third of all processor time goes there. And Python
looks for cycles the more often the more rows it has in hand; a job's rows are in none.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""As malloc.h of the GNU C library names them."""
USUAL_BYTES = 128 * 1024
"""What both are when a process begins."""
KEPT_BYTES = 2**30
"""Larger arrays are few, and go back at once."""


@contextmanager
def kept_memory() -> Iterator[None]:
    """Within it, memory that is freed is used again by this process, Arrow's too, and no cycles are looked for; after
    it, what is free is given back. Memory stays as it is where the C library has no such settings."""
    looking = gc.isenabled()
    gc.disable()
    try:
        with _kept_arrays():
            yield
    finally:
        if looking:
            gc.enable()


@contextmanager
def _kept_arrays() -> Iterator[None]:
    library = ctypes.CDLL(None)
    if not all(hasattr(library, name) for name in ("mallopt", "malloc_trim")):
        yield
        return
    _set(library, KEPT_BYTES)
    pool = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(pool)
        _set(library, USUAL_BYTES)
        library.malloc_trim(0)


def _set(library: ctypes.CDLL, size: int) -> None:
    library.mallopt(MMAP_THRESHOLD, size)
    library.mallopt(TRIM_THRESHOLD, size)
