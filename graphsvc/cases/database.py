"""The cases database: what people decide and what the service remembers for them, in one SQLite file."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from graphsvc.errors import Unavailable

BUSY_S = 2.0


class CasesDatabase:
    """A connection for each thread to one file, whose tables are made by the stores that use it. A statement waits
    `busy_s` for another process that writes."""

    def __init__(self, path: Path, schema: str, busy_s: float = BUSY_S) -> None:
        self._path = path
        self._schema = schema
        self._busy_s = busy_s
        self._of_thread = threading.local()

    def run(self, query: str, values: Sequence[object] | Mapping[str, object] = ()) -> sqlite3.Cursor:
        """Runs one statement, in a transaction of its own. Raises Unavailable where the file cannot be used now."""
        try:
            return self.connection.execute(query, values)
        except sqlite3.Error:
            raise _unavailable() from None

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """This thread's connection, for statements that count together or, after an error, not at all; nobody else
        writes meanwhile. Raises Unavailable where the file cannot be used now."""
        try:
            connection = self.connection
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        except sqlite3.Error:
            raise _unavailable() from None

    @property
    def connection(self) -> sqlite3.Connection:
        """This thread's connection, in autocommit mode; rows are there for every process once a statement is done."""
        known: sqlite3.Connection | None = getattr(self._of_thread, "connection", None)
        if known is None:
            known = self._open()
            self._of_thread.connection = known
        return known

    def _open(self) -> sqlite3.Connection:
        new = not self._path.exists()
        connection = sqlite3.connect(self._path, timeout=self._busy_s, isolation_level=None)
        if new:
            self._path.chmod(0o600)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(self._schema)
        return connection


def _unavailable() -> Unavailable:
    return Unavailable("The cases database cannot be used now.", hint="Is its disk full, or another process busy?")
