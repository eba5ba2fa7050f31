"""Assessments remembered, so that what became of an account can be told by the id of its assessment."""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import structlog
from prometheus_client import Counter

from graphsvc.cases.database import CasesDatabase
from graphsvc.errors import NotFound

log = structlog.get_logger("assessments")
DROPPED = Counter("graphsvc_assessments_dropped_total", "Assessments that could not be remembered")
QUEUE_MAX = 20_000
BATCH_MAX = 1_000
RETRY_S = 1.0
KEPT_MS = 30 * 24 * 3600 * 1000
FORGET_EVERY_S = 600.0
SCHEMA = """
CREATE TABLE IF NOT EXISTS assessments (
    id TEXT PRIMARY KEY, account_id TEXT NOT NULL, event_type TEXT NOT NULL, probability REAL NOT NULL,
    risk_level TEXT NOT NULL, recommended_action TEXT NOT NULL, model_version TEXT NOT NULL,
    policy_version TEXT NOT NULL, degraded_reasons TEXT NOT NULL, made_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS assessments_made ON assessments (made_ms);
CREATE TABLE IF NOT EXISTS assessment_outcomes (
    assessment_id TEXT NOT NULL, outcome TEXT NOT NULL, told_ms INTEGER NOT NULL,
    PRIMARY KEY (assessment_id, outcome)
) STRICT, WITHOUT ROWID;
"""


@dataclass(frozen=True)
class AssessmentRow:
    """`degraded_reasons` are separated by spaces; `event_type` is "account" where there was no event."""

    id: str
    account_id: str
    event_type: str
    probability: float
    risk_level: str
    recommended_action: str
    model_version: str
    policy_version: str
    degraded_reasons: str
    made_ms: int


class AssessmentStore:
    """Assessments of the last 30 days, and all outcomes."""

    def __init__(self, path: Path) -> None:
        self._database = CasesDatabase(path, SCHEMA)

    def keep(self, rows: Sequence[AssessmentRow]) -> None:
        """All of them in one transaction."""
        connection = self._database.connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            query = "INSERT OR IGNORE INTO assessments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            connection.executemany(query, [astuple(row) for row in rows])
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def forget(self, before_ms: int) -> None:
        """Removes the assessments made before a moment."""
        self._database.connection.execute("DELETE FROM assessments WHERE made_ms < ?", (before_ms,))

    def find(self, assessment_id: str) -> AssessmentRow:
        """Raises NotFound."""
        query = "SELECT * FROM assessments WHERE id = ?"
        row = self._database.connection.execute(query, (assessment_id,)).fetchone()
        if row is None:
            raise NotFound("There is no assessment of that id.", hint="Assessments are remembered for 30 days.")
        return AssessmentRow(*row)

    def add_outcome(self, assessment_id: str, outcome: str, told_ms: int) -> None:
        """The same outcome again changes nothing."""
        query = "INSERT OR IGNORE INTO assessment_outcomes VALUES (?, ?, ?)"
        self._database.connection.execute(query, (assessment_id, outcome, told_ms))

    def outcomes(self, assessment_id: str) -> list[str]:
        """Outcomes told, in the order of telling."""
        query = "SELECT outcome FROM assessment_outcomes WHERE assessment_id = ? ORDER BY told_ms, outcome"
        return [row[0] for row in self._database.connection.execute(query, (assessment_id,))]


class AssessmentLog:
    """Writes assessments from a thread of its own, so that no answer waits for the disk.

    Where the disk does not keep up, those beyond QUEUE_MAX are dropped and counted.
    """

    def __init__(self, store: AssessmentStore) -> None:
        self._store = store
        self._queue: queue.Queue[AssessmentRow | None] = queue.Queue(QUEUE_MAX)
        self._unwritten: dict[str, AssessmentRow] = {}
        self._stopping = threading.Event()
        self._forgot_s = 0.0
        self._thread = threading.Thread(target=self._run, name="assessments", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Returns when what was added is written, or could not be written once more."""
        self._stopping.set()
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def add(self, row: AssessmentRow) -> None:
        """Never waits."""
        self._unwritten[row.id] = row
        try:
            self._queue.put_nowait(row)
        except queue.Full:
            del self._unwritten[row.id]
            DROPPED.inc()

    def find(self, assessment_id: str) -> AssessmentRow:
        """Written or not yet. Raises NotFound."""
        return self._unwritten.get(assessment_id) or self._store.find(assessment_id)

    def _run(self) -> None:
        while True:
            batch = self._next()
            rows = [row for row in batch if row is not None]
            self._write(rows)
            if None in batch:
                return

    def _next(self) -> list[AssessmentRow | None]:
        """Waits for one, then takes what else is there."""
        batch = [self._queue.get()]
        while len(batch) < BATCH_MAX:
            try:
                batch.append(self._queue.get_nowait())
            except queue.Empty:
                break
        return batch

    def _write(self, rows: list[AssessmentRow]) -> None:
        while rows:
            try:
                self._store.keep(rows)
                self._forget()
                break
            except sqlite3.Error as error:
                log.warning("assessments_not_written", error=type(error).__name__)
                if self._stopping.wait(RETRY_S):
                    DROPPED.inc(len(rows))
                    break
        for row in rows:
            del self._unwritten[row.id]

    def _forget(self) -> None:
        if time.monotonic() >= self._forgot_s + FORGET_EVERY_S:
            self._forgot_s = time.monotonic()
            self._store.forget(int(time.time() * 1000) - KEPT_MS)
