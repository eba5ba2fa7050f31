"""What people decided of accounts: that they are of one hand, or of two. Each decision can be undone, and none is lost.

A merge is kept as a chain of its accounts, a split as a chain of each part and a pair between the parts' heads: a pair
an account, however large a cluster is.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path
from typing import Literal

from graphsvc.cases.database import CasesDatabase
from graphsvc.errors import BadUsage, NotFound

Relation = Literal["together", "apart"]
SCHEMA = """
CREATE TABLE IF NOT EXISTS decisions (
    id TEXT PRIMARY KEY, decided_ms INTEGER NOT NULL, undone_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS decided_pairs (
    decision_id TEXT NOT NULL, a TEXT NOT NULL, b TEXT NOT NULL, relation TEXT NOT NULL,
    PRIMARY KEY (decision_id, a, b)
) STRICT, WITHOUT ROWID;
"""


@dataclass(frozen=True, order=True)
class Pair:
    """Two accounts, `a` before `b`, and how they stand to each other."""

    a: str
    b: str
    relation: Relation


def merged(accounts: Sequence[str]) -> list[Pair]:
    """The pairs that say that all these accounts are of one hand."""
    return [Pair(a, b, "together") for a, b in pairwise(sorted(set(accounts)))]


def split(parts: Sequence[Sequence[str]]) -> list[Pair]:
    """The pairs that say that each part is of one hand and no two parts are. Raises BadUsage where parts are empty or
    have an account in common."""
    named = [account for part in parts for account in set(part)]
    if not all(parts) or len(named) != len(set(named)):
        raise BadUsage("The parts of a split are not empty and have no account in common.")
    heads = sorted(min(part) for part in parts)
    return [pair for part in parts for pair in merged(part)] + [Pair(a, b, "apart") for a, b in combinations(heads, 2)]


class DecisionStore:
    """Decisions in the cases database. Times are epoch milliseconds, UTC."""

    def __init__(self, path: Path) -> None:
        self._database = CasesDatabase(path, SCHEMA)

    def keep(self, pairs: Sequence[Pair], decided_ms: int) -> str:
        """Keeps one decision, all of it or nothing, and returns its id. Raises BadUsage where it names two accounts
        twice."""
        if len({(pair.a, pair.b) for pair in pairs}) < len(pairs):
            raise BadUsage("A decision says one thing of two accounts.")
        decision = secrets.token_hex(8)
        connection = self._database.connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.execute("INSERT INTO decisions VALUES (?, ?, NULL)", (decision, decided_ms))
            rows = [(decision, pair.a, pair.b, pair.relation) for pair in pairs]
            connection.executemany("INSERT INTO decided_pairs VALUES (?, ?, ?, ?)", rows)
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        return decision

    def undo(self, decision: str, undone_ms: int) -> None:
        """From then on the decision does not count; a look at an earlier moment still finds it. Raises NotFound for one
        that is unknown or undone."""
        query = "UPDATE decisions SET undone_ms = ? WHERE id = ? AND undone_ms IS NULL"
        if not self._database.run(query, (undone_ms, decision)).rowcount:
            raise NotFound("There is no decision of that id that could be undone.")

    def pairs(self, as_of_ms: int) -> list[Pair]:
        """What held at a moment, in order. Of two decisions on the same two accounts the later one counts; of two at
        the same time the one that keeps them apart."""
        query = """
            SELECT a, b, relation FROM decided_pairs JOIN decisions ON id = decision_id
            WHERE decided_ms <= :at AND (undone_ms IS NULL OR undone_ms > :at)
            ORDER BY decided_ms, relation DESC
        """
        found: dict[tuple[str, str], Relation] = {
            (a, b): relation for a, b, relation in self._database.connection.execute(query, {"at": as_of_ms})
        }
        return sorted(Pair(a, b, relation) for (a, b), relation in found.items())
