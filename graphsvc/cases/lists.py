"""Allow, block and watch lists: accounts and identifiers, each with a reason, an author and an end. Nothing is lost:
what was removed, replaced or has expired stays, and is found by a look at the time in which it counted."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from graphsvc.cases.database import CasesDatabase
from graphsvc.errors import NotFound
from graphsvc.events.record import Identifier

ListName = Literal["allow", "block", "watch"]
LIST_NAMES: tuple[ListName, ...] = get_args(ListName)
SCHEMA = """
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS list_entries (
    id TEXT PRIMARY KEY, list TEXT NOT NULL, account_id TEXT, identifier_type TEXT, identifier_id TEXT,
    reason TEXT NOT NULL, created_ms INTEGER NOT NULL, created_by TEXT NOT NULL, expires_ms INTEGER,
    removed_ms INTEGER, removed_by TEXT, replaced_by TEXT, revision INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS list_entries_revision ON list_entries (revision);
CREATE INDEX IF NOT EXISTS list_entries_made ON list_entries (list, created_ms, id);
CREATE INDEX IF NOT EXISTS list_entries_account ON list_entries (account_id);
CREATE INDEX IF NOT EXISTS list_entries_identifier ON list_entries (identifier_id, identifier_type);
"""
FIELDS = (
    "id, list, account_id, identifier_type, identifier_id, reason, created_ms, created_by, expires_ms, removed_ms, "
    "removed_by, replaced_by"
)
NEWEST = "SELECT coalesce(max(revision), 0) FROM list_entries"
OF_TARGET = "account_id IS :account AND identifier_type IS :type AND identifier_id IS :id"
COUNTS = """
    created_ms <= :at AND (removed_ms IS NULL OR removed_ms > :at) AND (expires_ms IS NULL OR expires_ms > :at)
"""


@dataclass(frozen=True)
class Target:
    """What an entry is about: an account, or an identifier as the ledger knows it, never in the raw."""

    account_id: str | None = None
    identifier: Identifier | None = None

    def values(self) -> dict[str, str | None]:
        one = self.identifier
        return {"account": self.account_id, "type": one.type if one else None, "id": one.id if one else None}


@dataclass(frozen=True)
class Entry:
    """One entry. `created_by` and `removed_by` are ids of keys; `replaced_by` is the entry that took its place. Times
    are epoch milliseconds, UTC; the end is the first moment at which it counts no more."""

    id: str
    list: ListName
    target: Target
    reason: str
    created_ms: int
    created_by: str
    expires_ms: int | None
    removed_ms: int | None
    removed_by: str | None
    replaced_by: str | None

    def counts(self, at_ms: int) -> bool:
        """Whether it counts at a moment."""
        ends = [end for end in (self.expires_ms, self.removed_ms) if end is not None]
        return self.created_ms <= at_ms < min(ends, default=at_ms + 1)


@dataclass(frozen=True)
class Wanted:
    """Which entries are asked for; None: all."""

    list: ListName
    target: Target | None = None
    counting_at_ms: int | None = None


class ListStore:
    """The lists in the cases database. Every call raises Unavailable where that cannot be used now."""

    def __init__(self, path: Path) -> None:
        self._database = CasesDatabase(path, SCHEMA)

    def add(
        self, name: ListName, target: Target, reason: str, author: str, now_ms: int, expires_ms: int | None = None
    ) -> Entry:
        """A new entry, on disk when this returns. One of the same list and target that counts now ends where it
        begins, so that a longer term or a better reason leaves no gap."""
        entry = Entry(secrets.token_hex(8), name, target, reason, now_ms, author, expires_ms, None, None, None)
        with self._database.transaction() as connection:
            revision = connection.execute(NEWEST).fetchone()[0] + 1
            query = f"""
                UPDATE list_entries SET removed_ms = :at, removed_by = :author, replaced_by = :new, revision = :revision
                WHERE list = :list AND {OF_TARGET} AND {COUNTS}
            """  # noqa: S608
            given = target.values() | {"at": now_ms, "author": author, "new": entry.id, "list": name}
            connection.execute(query, given | {"revision": revision})
            values = (entry.id, name, *target.values().values(), reason, now_ms, author, expires_ms, revision)
            connection.execute(
                "INSERT INTO list_entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL, ?)", values
            )
        return entry

    def remove(self, name: ListName, entry_id: str, author: str, now_ms: int) -> Entry:
        """The entry counts no more from now on. Raises NotFound for one that is unknown, removed or expired."""
        with self._database.transaction() as connection:
            query = f"""
                UPDATE list_entries SET removed_ms = :at, removed_by = :author, revision = ({NEWEST}) + 1
                WHERE list = :list AND id = :id AND {COUNTS}
            """  # noqa: S608
            given = {"at": now_ms, "author": author, "list": name, "id": entry_id}
            if not connection.execute(query, given).rowcount:
                raise NotFound("No entry of that id counts on this list now.")
        query = f"SELECT {FIELDS} FROM list_entries WHERE id = ?"  # noqa: S608
        return _entry(self._database.run(query, (entry_id,)).fetchone())

    def find(self, wanted: Wanted, limit: int, before: tuple[int, str] | None = None) -> list[Entry]:
        """Entries newest first; `before`: the moment and id of the last one seen."""
        moment_ms, last = before or (2**63 - 1, "")
        given: dict[str, object] = {"list": wanted.list, "moment": moment_ms, "last": last, "limit": limit}
        conditions = ["list = :list", "(created_ms, id) < (:moment, :last)"]
        if wanted.target is not None:
            conditions.append(OF_TARGET)
            given |= wanted.target.values()
        if wanted.counting_at_ms is not None:
            conditions.append(COUNTS)
            given["at"] = wanted.counting_at_ms
        query = f"""
            SELECT {FIELDS} FROM list_entries WHERE {" AND ".join(conditions)}
            ORDER BY created_ms DESC, id DESC LIMIT :limit
        """  # noqa: S608
        return [_entry(row) for row in self._database.run(query, given)]

    def changed_since(self, revision: int) -> tuple[int, list[Entry]]:
        """The newest revision, and the entries made or ended since the given one, those of the past included."""
        newest = int(self._database.run(NEWEST).fetchone()[0])
        if newest == revision:
            return newest, []
        query = f"SELECT {FIELDS} FROM list_entries WHERE revision > ? AND revision <= ?"  # noqa: S608
        return newest, [_entry(row) for row in self._database.run(query, (revision, newest))]


def _entry(row: tuple[object, ...]) -> Entry:
    entry_id, name, account_id, kind, identifier_id, *rest = row
    identifier = None if kind is None else Identifier(str(kind), str(identifier_id))
    return Entry(entry_id, name, Target(account_id, identifier), *rest)  # type: ignore[arg-type]
