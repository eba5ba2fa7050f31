"""One request at a time for a key, over all processes of a data folder."""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from graphsvc.errors import UnderWay

PLACE_BYTES = 7


class Alone:
    """Threads of this process are kept apart by a set, processes by locks on single bytes of a file, which the kernel
    gives up with the process that held them."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._lock = threading.Lock()
        self._inside: set[int] = set()

    @contextmanager
    def enter(self, key: str) -> Iterator[None]:
        """Raises UnderWay while somebody else is inside with the same key."""
        place = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=PLACE_BYTES).digest())
        with self._lock:
            if place in self._inside:
                raise _under_way()
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
            except BlockingIOError:
                raise _under_way() from None
            self._inside.add(place)
        try:
            yield
        finally:
            with self._lock:
                self._inside.discard(place)
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, place)

    def close(self) -> None:
        os.close(self._file)


def _under_way() -> UnderWay:
    return UnderWay("A request with this Idempotency-Key is being answered.", hint="Try again in a moment.")
