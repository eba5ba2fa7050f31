"""The ledger in one SQLite file (WAL): what is appended is on disk before the call returns."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from graphsvc.errors import GraphsvcError, Unavailable
from graphsvc.events.record import LabelRecord, Record
from graphsvc.ledger.base import Appended, Draft, Outcome, Stored, StoredLabel
from graphsvc.ledger.together import Together, Waiting, locked

SCHEMA_VERSION = 1
BUSY_MS = 30_000
CACHE_KIB, LEAN_CACHE_KIB = 64_000, 8_000
MAPPED_BYTES = 1 << 30
TRY_AGAIN_S = 0.001
LAST = "SELECT coalesce(max(offset), 0) FROM events"
SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    offset INTEGER PRIMARY KEY,
    event_key BLOB NOT NULL UNIQUE,
    digest BLOB NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS labels (
    offset INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    account_id TEXT NOT NULL,
    decided_ms INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS label_account ON labels (account_id);
"""


class SqliteLedger:
    """One connection for one thread at a time; a lock orders the threads, SQLite orders the processes.

    A call waits `busy_ms` for others that write, and then raises Locked. `lean`: for a process that lives long and
    reads few pages twice, so that it keeps but few in memory.
    """

    def __init__(self, path: Path, busy_ms: int = BUSY_MS, *, lean: bool = False) -> None:
        self._lock = threading.Lock()
        self._busy_ms = busy_ms
        self._together = Together(self._lock, self._append_all)
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(Record).decode
        self._decode_label = msgspec.msgpack.Decoder(LabelRecord).decode
        try:
            self._connection = _open(path, busy_ms, lean)
        except sqlite3.Error as error:
            raise _plain(error) from None

    def append(self, drafts: Sequence[Draft], within_ms: int | None = None) -> Appended:
        """As every ledger does; it waits `within_ms` for others instead of as long as usual."""
        return self._together.append(drafts, (self._busy_ms if within_ms is None else within_ms) / 1000)

    def append_labels(self, labels: Sequence[LabelRecord]) -> int:
        deadline_s = time.monotonic() + self._busy_ms / 1000
        with self._lock, _Transaction(self._connection, self._busy_ms, deadline_s) as cursor:
            return sum(self._append_label(cursor, label) for label in labels)

    def read(self, after: int, limit: int) -> list[Stored]:
        query = "SELECT offset, body FROM events WHERE offset > ? ORDER BY offset LIMIT ?"
        rows = self._rows(query, (after, limit))
        return [Stored(offset, self._decode(body)) for offset, body in rows]

    def scan(self, after: int = 0, batch: int = 50_000) -> Iterator[list[Stored]]:
        end = self.offset()
        while after < end:
            rows = self.read(after, min(batch, end - after))
            after = rows[-1].offset
            yield rows

    def labels(self, as_of_ms: int | None = None) -> list[StoredLabel]:
        bound = 2**62 if as_of_ms is None else as_of_ms
        rows = self._rows("SELECT offset, body FROM labels WHERE decided_ms <= ? ORDER BY offset", (bound,))
        return [StoredLabel(offset, self._decode_label(body)) for offset, body in rows]

    def labels_after(self, offset: int) -> list[StoredLabel]:
        rows = self._rows("SELECT offset, body FROM labels WHERE offset > ? ORDER BY offset", (offset,))
        return [StoredLabel(place, self._decode_label(body)) for place, body in rows]

    def labels_of(self, account_id: str) -> list[LabelRecord]:
        """All labels of one account, oldest offset first."""
        rows = self._rows("SELECT body FROM labels WHERE account_id = ? ORDER BY offset", (account_id,))
        return [self._decode_label(body) for (body,) in rows]

    def digest(self, event_id: str) -> bytes | None:
        """The digest of the event of this id, or None where there is none."""
        rows = self._rows("SELECT digest FROM events WHERE event_key = ?", (_key(event_id),))
        return bytes(rows[0][0]) if rows else None

    def event_keys(self, after: bytes, limit: int) -> list[bytes]:
        """Up to `limit` keys of events that follow this one, in order; b"" begins."""
        query = "SELECT event_key FROM events WHERE event_key > ? ORDER BY event_key LIMIT ?"
        return [bytes(row[0]) for row in self._rows(query, (after, limit))]

    def offset(self) -> int:
        return int(self._rows(LAST, ())[0][0])

    def label_offset(self) -> int:
        return int(self._rows("SELECT coalesce(max(offset), 0) FROM labels", ())[0][0])

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _rows(self, query: str, values: tuple[object, ...]) -> list[Any]:
        with self._lock:
            try:
                return self._connection.execute(query, values).fetchall()
            except sqlite3.Error as error:
                raise _plain(error) from None

    def _append_all(self, waiting: Waiting, deadline_s: float) -> list[Appended]:
        with _Transaction(self._connection, self._busy_ms, deadline_s) as cursor:
            return [self._append_batch(cursor, drafts) for drafts in waiting()]

    def _append_batch(self, cursor: sqlite3.Cursor, drafts: Sequence[Draft]) -> Appended:
        outcomes = tuple(self._append_one(cursor, draft) for draft in drafts)
        return Appended(outcomes, int(cursor.execute(LAST).fetchone()[0]))

    def _append_one(self, cursor: sqlite3.Cursor, draft: Draft) -> Outcome:
        key = _key(draft.record.event_id)
        query = "INSERT INTO events (event_key, digest, body) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
        cursor.execute(query, (key, draft.digest, self._encode(draft.record)))
        if cursor.rowcount:
            return Outcome.ACCEPTED
        (digest,) = cursor.execute("SELECT digest FROM events WHERE event_key = ?", (key,)).fetchone()
        return Outcome.DUPLICATE if digest == draft.digest else Outcome.CONFLICT

    def _append_label(self, cursor: sqlite3.Cursor, label: LabelRecord) -> int:
        body = self._encode(label)
        same = self._encode(msgspec.structs.replace(label, received_ms=0))
        digest = hashlib.blake2b(same, digest_size=16).digest()
        query = "INSERT INTO labels (digest, account_id, decided_ms, body) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
        cursor.execute(query, (digest, label.account_id, label.decided_ms, body))
        return cursor.rowcount


class _Transaction:
    """Takes the write lock by a moment of the monotonic clock, commits with fsync, rolls back on any error."""

    def __init__(self, connection: sqlite3.Connection, busy_ms: int, deadline_s: float) -> None:
        self._connection, self._busy_ms, self._deadline_s = connection, busy_ms, deadline_s

    def __enter__(self) -> sqlite3.Cursor:
        try:
            return self._begin()
        except sqlite3.Error as error:
            raise _plain(error) from None

    def _begin(self) -> sqlite3.Cursor:
        """SQLite itself tries again ever less often; against one who writes all the time that may be never."""
        self._connection.execute("PRAGMA busy_timeout = 0")
        try:
            while True:
                try:
                    return self._connection.execute("BEGIN IMMEDIATE")
                except sqlite3.OperationalError as error:
                    if "locked" not in str(error) or time.monotonic() > self._deadline_s:
                        raise
                time.sleep(TRY_AGAIN_S)
        finally:
            self._connection.execute(f"PRAGMA busy_timeout = {self._busy_ms}")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            if kind is None:
                self._connection.execute("COMMIT")
        except sqlite3.Error as failure:
            error = failure
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        if isinstance(error, sqlite3.Error):
            raise _plain(error) from None


def _open(path: Path, busy_ms: int, lean: bool) -> sqlite3.Connection:
    if not path.exists():
        _create(path)
    connection = _connect(path)
    connection.execute(f"PRAGMA cache_size = -{LEAN_CACHE_KIB if lean else CACHE_KIB}")
    connection.execute(f"PRAGMA mmap_size = {0 if lean else MAPPED_BYTES}")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != SCHEMA_VERSION:
        raise GraphsvcError(f"The ledger was written by another version (schema {version}).", hint="Use that version.")
    connection.execute(f"PRAGMA busy_timeout = {busy_ms}")
    return connection


def _create(path: Path) -> None:
    """The new ledger gets its name only when it is whole: a change to WAL waits for nobody, so it happens unseen."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}.new")
    draft.touch(mode=0o600)
    try:
        connection = _connect(draft)
        connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
        connection.close()
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_MS / 1000, isolation_level=None, check_same_thread=False)
    for pragma in ("journal_mode = WAL", "synchronous = FULL"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _key(event_id: str) -> bytes:
    return hashlib.blake2b(event_id.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _plain(error: sqlite3.Error) -> GraphsvcError:
    if "locked" in str(error) or "busy" in str(error):
        return locked()
    if "full" in str(error):
        return Unavailable("The disk of the data folder is full.", hint="Free some space; nothing was lost.")
    if "not a database" in str(error) or "malformed" in str(error):
        return GraphsvcError("The ledger file is damaged.", hint="Restore ledger.sqlite from a backup.")
    return Unavailable("The ledger cannot be opened or written.", hint="Is the data folder writable?")
