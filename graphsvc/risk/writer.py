"""Bringing what was answered from the spool to the ledger and to the assessments, many at a time (group commit, DeWitt
1984), so that no answer waits for the disk.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from prometheus_client import Counter, Gauge

from graphsvc.cases.assessments import KEPT_MS, AssessmentRow, AssessmentStore
from graphsvc.errors import GraphsvcError
from graphsvc.events.arrive import now_ms
from graphsvc.events.record import Record
from graphsvc.ledger.base import Appends, Draft, Outcome
from graphsvc.risk.loops import Loop
from graphsvc.risk.spool import Entry, Segment, Spool

log = structlog.get_logger("risk")
ROOM = 50_000
"""So many entries wait at most (some 100 MB)."""
BATCH = 1_000
WRITE_EVERY_S = 0.05
"""Answers of so long share one flush of the ledger."""
RETRY_S = 0.25
TAKE_OVER_S = 1.0
FORGET_EVERY_S = 600.0
WAITING = Gauge("graphsvc_risk_backlog_events", "Assessed events that wait for the ledger", multiprocess_mode="sum")
LOST = Counter("graphsvc_risk_lost_events", "Assessed events that the ledger will not hold", ["reason"])
DROPPED = Counter("graphsvc_risk_lost_assessments", "Assessments that will not be remembered")


@dataclass(frozen=True, slots=True)
class _Waiting:
    entry: Entry
    segment: Segment | None


class Writer:
    """Many threads add, one writes. An entry waits until both of its parts are kept."""

    def __init__(self, spool: Spool, ledger: Appends, store: AssessmentStore, room: int = ROOM) -> None:
        self._spool, self._ledger, self._store, self._room = spool, ledger, store, room
        self._lock = threading.Lock()
        self._waiting: deque[_Waiting] = deque()
        self._rows: dict[str, AssessmentRow] = {}
        self._digests: dict[str, bytes] = {}
        self._recorded = self._appended = 0
        self._refused = False
        self._take_over_s = self._forget_s = 0.0
        self._loop = Loop("writer", TAKE_OVER_S, self.step)

    def start(self) -> None:
        self._loop.start()

    def stop(self) -> None:
        """Writes what still can be; the rest stays in the spool for the next process."""
        self._loop.stop()
        try:
            self.write()
        except GraphsvcError as error:
            self._spool.flush()
            log.warning("spool_not_emptied", code=error.code, waiting=len(self._waiting))
        self._spool.close()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def refused(self) -> bool:
        """Whether events wait because the ledger would not take them."""
        return self._refused

    @property
    def crowded(self) -> bool:
        """Whether half of the room is taken: what else is written should wait."""
        return 2 * len(self._waiting) > self._room

    @property
    def has_room(self) -> bool:
        return len(self._waiting) < self._room

    def add(self, entry: Entry) -> None:
        """Keeps an entry, safe from a killed process; where no file can be written it waits in memory alone. Raises
        UnicodeEncodeError where a text has no UTF-8."""
        if not self.has_room:
            if entry.record is not None:
                lose("full")
            DROPPED.inc()
            return
        try:
            segment = self._spool.add(entry)
        except GraphsvcError as error:
            log.warning("not_spooled", code=error.code, reason=str(error))
            segment = None
        self._enqueue(_Waiting(entry, segment))

    def digest(self, event_id: str) -> bytes | None:
        """The digest of an event that waits, or None."""
        return self._digests.get(event_id)

    def find(self, assessment_id: str) -> AssessmentRow:
        """Written or not yet. Raises NotFound, and Unavailable where the database cannot be read now."""
        return self._rows.get(assessment_id) or self._store.find(assessment_id)

    def entries(self) -> list[Entry]:
        """All that waits."""
        return [one.entry for one in tuple(self._waiting)]

    def step(self) -> None:
        """One round of the thread: takes over, writes, forgets."""
        now_s = time.monotonic()
        if now_s >= self._take_over_s:
            self._take_over_s = now_s + TAKE_OVER_S
            self.take_over()
        while self._waiting and not self._loop.stopping:
            self._loop.rest(WRITE_EVERY_S)
            try:
                self.write()
            except GraphsvcError:
                self._spool.flush()
                self._loop.rest(RETRY_S)
                self._loop.wake()
                raise
        if now_s >= self._forget_s:
            self._forget_s = now_s + FORGET_EVERY_S
            self._store.forget(now_ms() - KEPT_MS)

    def take_over(self) -> None:
        """What processes that died left behind waits here now."""
        for segment, entries in self._spool.take_over():
            log.info("spool_taken_over", entries=len(entries))
            for entry in entries:
                self._enqueue(_Waiting(entry, segment))

    def write(self) -> None:
        """Writes all that waits, in order. Raises GraphsvcError where a database refuses; what it refused stays."""
        WAITING.set(self._recorded)
        while self._waiting:
            batch = [self._waiting[place] for place in range(min(len(self._waiting), BATCH))]
            try:
                self._append([draft for one in batch[self._appended :] if (draft := one.entry.draft) is not None])
            except GraphsvcError:
                self._refused = True
                raise
            self._refused = False
            # Those whose assessments cannot be kept now are not offered to the ledger again.
            self._appended = len(batch)
            self._store.keep([one.entry.row for one in batch])
            self._appended = 0
            self._done(batch)

    def _enqueue(self, waiting: _Waiting) -> None:
        entry = waiting.entry
        self._rows[entry.row.id] = entry.row
        with self._lock:
            if entry.record is not None:
                self._digests[entry.record.event_id] = entry.digest
                self._recorded += 1
            self._waiting.append(waiting)
        if len(self._waiting) == 1:
            self._loop.wake()

    def _done(self, batch: Sequence[_Waiting]) -> None:
        kept: dict[Segment, int] = {}
        with self._lock:
            for one in batch:
                self._waiting.popleft()
                self._rows.pop(one.entry.row.id, None)
                if one.entry.record is not None:
                    self._digests.pop(one.entry.record.event_id, None)
                    self._recorded -= 1
                if one.segment is not None:
                    kept[one.segment] = kept.get(one.segment, 0) + 1
            WAITING.set(self._recorded)
        for segment, entries in kept.items():
            self._spool.kept(segment, entries)

    def _append(self, drafts: Sequence[Draft]) -> None:
        if not drafts:
            return
        try:
            self._count_conflicts(self._ledger.append(drafts).outcomes)
        except GraphsvcError:
            raise
        except Exception:
            # One of them may be the cause, and must not hold up the others.
            for draft in drafts:
                self._append_one(draft)

    def _append_one(self, draft: Draft) -> None:
        try:
            self._count_conflicts(self._ledger.append([draft]).outcomes)
        except GraphsvcError:
            raise
        except Exception as error:
            # No later attempt can do better with this one.
            lose("unwritable", error=type(error).__name__)

    def _count_conflicts(self, outcomes: Sequence[Outcome]) -> None:
        conflicts = outcomes.count(Outcome.CONFLICT)
        if conflicts:
            lose("conflict", conflicts)


def recorded(entries: Sequence[Entry]) -> list[Record]:
    """The records among entries."""
    return [entry.record for entry in entries if entry.record is not None]


def lose(reason: str, count: int = 1, **facts: str) -> None:
    """Says in the log and in the metrics that events are lost."""
    LOST.labels(reason).inc(count)
    log.error("events_lost", reason=reason, count=count, **facts)
