"""Answers remembered by Idempotency-Key, so that a retry gets the first answer and nothing happens twice."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

from graphsvc.cases.database import CasesDatabase
from graphsvc.errors import BadInput

KEPT_MS = 24 * 3600 * 1000
BUSY_S = 0.005
"""An answer that is ready does not wait longer to be remembered: its caller may give up first."""
SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    mark BLOB PRIMARY KEY, request BLOB NOT NULL, status INTEGER NOT NULL, body BLOB NOT NULL, made_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS answers_made ON answers (made_ms);
"""


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes


class AnswerStore:
    """Keeps answers for a day."""

    def __init__(self, path: Path) -> None:
        self._database = CasesDatabase(path, SCHEMA, BUSY_S)

    def find(self, caller: str, key: str, request: bytes) -> Answer | None:
        """The first answer to this key. Raises BadInput where the key came with another request."""
        query = "SELECT request, status, body FROM answers WHERE mark = ? AND made_ms > ?"
        oldest_ms = int(time.time() * 1000) - KEPT_MS
        row = self._database.run(query, (_mark(caller, key), oldest_ms)).fetchone()
        if row is None:
            return None
        if row[0] != hashlib.sha256(request).digest():
            raise BadInput("This Idempotency-Key came with another request before.", hint="Use a new key.")
        return Answer(row[1], row[2])

    def keep(self, caller: str, key: str, request: bytes, answer: Answer) -> None:
        """Remembers an answer, and forgets those older than a day."""
        now_ms = int(time.time() * 1000)
        row = (_mark(caller, key), hashlib.sha256(request).digest(), answer.status, answer.body, now_ms)
        with self._database.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?)", row)
            connection.execute("DELETE FROM answers WHERE made_ms <= ?", (now_ms - KEPT_MS,))


def _mark(caller: str, key: str) -> bytes:
    return hashlib.sha256(f"{caller}\0{key}".encode("utf-8", "surrogatepass")).digest()
