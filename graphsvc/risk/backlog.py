"""Events that were answered before the ledger could take them: kept in memory, and appended when it can."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

import structlog
from prometheus_client import Counter, Gauge

from graphsvc.errors import GraphsvcError
from graphsvc.ledger.base import Draft, Outcome

log = structlog.get_logger("risk")
ROOM = 10_000
"""So many events wait at most (some 10 MB)."""
WAITING = Gauge("graphsvc_risk_backlog_events", "Assessed events that wait for the ledger")
LOST = Counter("graphsvc_risk_lost_events", "Assessed events that the ledger will not hold", ["reason"])


class Backlog:
    """Many threads add, one drains."""

    def __init__(self, append: Callable[[Draft], Outcome], room: int = ROOM) -> None:
        self._append, self._room = append, room
        self._lock = threading.Lock()
        self._drafts: deque[Draft] = deque()

    def __len__(self) -> int:
        return len(self._drafts)

    def add(self, draft: Draft) -> None:
        """Keeps the draft, or counts it as lost where there is no room."""
        with self._lock:
            full = len(self._drafts) >= self._room
            if not full:
                self._drafts.append(draft)
        if full:
            lose("full")
        WAITING.set(len(self))

    def drain(self) -> int:
        """Appends all that waits, in order of arrival, and returns how much it was. Raises GraphsvcError where the
        ledger refuses; what it refused stays for the next call."""
        taken = 0
        while self._drafts:
            self._append_one(self._drafts[0])
            self._drafts.popleft()
            WAITING.set(len(self))
            taken += 1
        return taken

    def close(self) -> None:
        """Appends what still can be; counts the rest as lost."""
        try:
            self.drain()
        except GraphsvcError as error:
            log.warning("backlog_not_drained", code=error.code, reason=str(error))
            lose("stopped", len(self))

    def _append_one(self, draft: Draft) -> None:
        try:
            if self._append(draft) is Outcome.CONFLICT:
                lose("conflict")
        except GraphsvcError:
            raise
        except Exception as error:
            # No later attempt can do better with this one, and it must not hold up those behind it.
            lose("unwritable", error=type(error).__name__)


def lose(reason: str, count: int = 1, **facts: str) -> None:
    """Says in the log and in the metrics that events are lost."""
    LOST.labels(reason).inc(count)
    log.error("events_lost", reason=reason, count=count, **facts)
