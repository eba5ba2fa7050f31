"""Who comes in when there is too much at once: events wait a little and are then sent away, so that there is always a
thread, and a moment, for an answer on risk.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import Counter

from graphsvc.errors import Overloaded

AT_ONCE = 2
"""A second batch is read while the first one is flushed; more would only take turns with them."""
WAITING_MOST = 4
WAIT_S = 0.5
REFUSED = Counter("graphsvc_http_refused_total", "Requests refused because there was too much to do", ["why"])


class Admission:
    """For one process; thread-safe. `behind`: whether what was taken is not worked off as fast as it comes."""

    def __init__(self, behind: Callable[[], bool]) -> None:
        self._behind = behind
        self._slots = threading.Semaphore(AT_ONCE)
        self._room = threading.Semaphore(AT_ONCE + WAITING_MOST)

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Raises Overloaded."""
        if self._behind():
            raise _refused("behind")
        if not self._room.acquire(blocking=False):
            raise _refused("full")
        try:
            if not self._slots.acquire(timeout=WAIT_S):
                raise _refused("slow")
            try:
                yield
            finally:
                self._slots.release()
        finally:
            self._room.release()


def _refused(why: str) -> Overloaded:
    REFUSED.labels(why).inc()
    return Overloaded("More comes in than this service can take now.", hint="Send it again a little later.")
