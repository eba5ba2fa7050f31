"""What people decided of a cluster's accounts. Each decision can be undone, and none is lost: what was undone stays."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from graphsvc.cases.database import CasesDatabase
from graphsvc.cases.relations import Pair, Relation, contradicted
from graphsvc.errors import BadUsage, Contradiction, NotFound

Action = Literal["split", "merge", "note"]
SCHEMA = """
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS decisions (
    id TEXT PRIMARY KEY, decided_ms INTEGER NOT NULL, undone_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS decided_pairs (
    decision_id TEXT NOT NULL, a TEXT NOT NULL, b TEXT NOT NULL, relation TEXT NOT NULL,
    PRIMARY KEY (decision_id, a, b)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS decision_facts (
    decision_id TEXT PRIMARY KEY, action TEXT NOT NULL, cluster_id TEXT NOT NULL, other TEXT, note TEXT NOT NULL,
    decided_by TEXT NOT NULL, undone_by TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS decided_a ON decided_pairs (a);
CREATE INDEX IF NOT EXISTS decided_b ON decided_pairs (b);
"""
"""A decision is on disk before it is answered: unlike an assessment nobody could make it again."""
FACTS = "id, action, cluster_id, other, note, decided_by, decided_ms, undone_by, undone_ms"
ABOUT = """
    SELECT decision_id FROM decision_facts WHERE :cluster IN (cluster_id, other)
    UNION SELECT decision_id FROM decided_pairs WHERE a IN (SELECT value FROM json_each(:members))
    UNION SELECT decision_id FROM decided_pairs WHERE b IN (SELECT value FROM json_each(:members))
"""


@dataclass(frozen=True)
class Wish:
    """What somebody decided: on the page of which cluster, with which `other` cluster a merge is, and who it was (an
    id of a key)."""

    action: Action
    cluster_id: str
    decided_by: str
    other: str | None = None
    note: str = ""


@dataclass(frozen=True)
class Decision:
    """A decision as it stands; `undone_ms` is None while it counts. Times are epoch milliseconds, UTC."""

    id: str
    action: Action
    cluster_id: str
    other: str | None
    note: str
    decided_by: str
    decided_ms: int
    undone_by: str | None
    undone_ms: int | None


class DecisionStore:
    """Decisions in the cases database. Times are epoch milliseconds, UTC."""

    def __init__(self, path: Path) -> None:
        self._database = CasesDatabase(path, SCHEMA)

    def keep(self, wish: Wish, pairs: Sequence[Pair], decided_ms: int) -> Decision:
        """Keeps one decision, all of it or nothing. Raises BadUsage where it names two accounts twice, Contradiction
        where decisions that count now stand against it."""
        if len({(pair.a, pair.b) for pair in pairs}) < len(pairs):
            raise BadUsage("A decision says one thing of two accounts.")
        who = (wish.action, wish.cluster_id, wish.other, wish.note, wish.decided_by)
        made = Decision(secrets.token_hex(8), *who, decided_ms, None, None)
        with self._database.transaction() as connection:
            self._agree(pairs)
            connection.execute("INSERT INTO decisions VALUES (?, ?, NULL)", (made.id, decided_ms))
            connection.execute("INSERT INTO decision_facts VALUES (?, ?, ?, ?, ?, ?, NULL)", (made.id, *who))
            rows = [(made.id, pair.a, pair.b, pair.relation) for pair in pairs]
            connection.executemany("INSERT INTO decided_pairs VALUES (?, ?, ?, ?)", rows)
        return made

    def undo(self, decision: str, undone_ms: int, undone_by: str) -> Decision:
        """From then on the decision does not count; a look at an earlier moment still finds it. Raises NotFound for one
        that is unknown or undone."""
        with self._database.transaction() as connection:
            query = "UPDATE decisions SET undone_ms = ? WHERE id = ? AND undone_ms IS NULL"
            if not connection.execute(query, (undone_ms, decision)).rowcount:
                raise NotFound("There is no decision of that id that could be undone.")
            connection.execute("UPDATE decision_facts SET undone_by = ? WHERE decision_id = ?", (undone_by, decision))
        query = f"SELECT {FACTS} FROM decisions JOIN decision_facts ON decision_id = id WHERE id = ?"  # noqa: S608
        return Decision(*self._database.run(query, (decision,)).fetchone())

    def about(
        self,
        cluster_id: str,
        members: Sequence[str],
        limit: int,
        before: tuple[int, str] | None = None,
        only: str | None = None,
    ) -> list[Decision]:
        """Decisions made on a cluster's page, and those on any of its present members, newest first: a cluster that was
        parted from another shows what parted it. `before`: the moment and id of the last one seen; `only`: the one of
        this id, where it is among them."""
        query = f"""
            SELECT {FACTS} FROM decisions JOIN decision_facts ON decision_id = id
            WHERE id IN ({ABOUT}) AND (decided_ms, id) < (:moment, :last)
                AND id = coalesce(:only, id)
            ORDER BY decided_ms DESC, id DESC LIMIT :limit
        """  # noqa: S608
        moment_ms, last = before or (2**63 - 1, "")
        given = {"cluster": cluster_id, "members": json.dumps(list(members)), "limit": limit}
        rows = self._database.run(query, given | {"moment": moment_ms, "last": last, "only": only})
        return [Decision(*row) for row in rows]

    def pairs_of(self, decision: str) -> list[Pair]:
        """What one decision says, in order."""
        query = "SELECT a, b, relation FROM decided_pairs WHERE decision_id = ? ORDER BY a, b"
        return [Pair(*row) for row in self._database.run(query, (decision,))]

    def pairs(self, as_of_ms: int) -> list[Pair]:
        """What held at a moment, in order. Of two decisions on the same two accounts, as when a clock was put back, the
        later one counts; of two at the same time the one that keeps them apart."""
        query = """
            SELECT a, b, relation FROM decided_pairs JOIN decisions ON id = decision_id
            WHERE decided_ms <= :at AND (undone_ms IS NULL OR undone_ms > :at)
            ORDER BY decided_ms, relation DESC
        """
        found: dict[tuple[str, str], Relation] = {
            (a, b): relation for a, b, relation in self._database.run(query, {"at": as_of_ms})
        }
        return sorted(Pair(a, b, relation) for (a, b), relation in found.items())

    def mark(self) -> tuple[int, int]:
        """How many decisions and undoings there are, and when the last was, 0 for never: another mark means that
        clusters may come out otherwise. Notes change no cluster, and are left aside."""
        query = """
            SELECT count(*) + count(undone_ms), coalesce(max(max(decided_ms, coalesce(undone_ms, 0))), 0)
            FROM decisions WHERE id IN (SELECT decision_id FROM decided_pairs)
        """
        changes, last_ms = self._database.run(query).fetchone()
        return changes, last_ms

    def _agree(self, pairs: Sequence[Pair]) -> None:
        query = """
            SELECT a, b, relation, id FROM decided_pairs JOIN decisions ON id = decision_id
            WHERE undone_ms IS NULL ORDER BY decided_ms, id, a, b
        """
        standing = [(Pair(*row[:3]), row[3]) for row in self._database.run(query)]
        against = contradicted(pairs, standing)
        if against:
            raise Contradiction(
                f"This contradicts what was decided before: {', '.join(against)}.",
                hint="Undo the earlier decision first if it was wrong.",
                decisions=against,
            )
