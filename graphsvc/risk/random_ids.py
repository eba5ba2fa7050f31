"""Random names: the operating system is asked for many at a time."""

from __future__ import annotations

import os
import threading

POOL_BYTES = 4_096
_of_thread = threading.local()


def random_hex(size: int) -> str:
    """So many random bytes in hex, fit for ids that nobody can guess."""
    pool: bytes = getattr(_of_thread, "pool", b"")
    if len(pool) < size or getattr(_of_thread, "process", 0) != os.getpid():
        pool, _of_thread.process = os.urandom(POOL_BYTES), os.getpid()
    _of_thread.pool = pool[size:]
    return pool[:size].hex()
