"""What a stretch of the ledger says of the graph: rows of accounts, links, peers and labels.

The same SQL (DuckDB) makes the rows of a small batch, which are merged into the graph, and those of the whole ledger,
which are imported; so both ways end in the same graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from graphsvc.graph.model import STATUSES, IdentifierKind, kind_of
from graphsvc.ledger.base import Stored, StoredLabel
from graphsvc.links.columns import Columns, columns_of

EVENT_COLUMNS = ("account_id", "occurred_ms", "type", "action")

_STATUS_OF_ACTION = {"reinstated": "active", "suspended": "suspended", "banned": "banned"}
_RANKS = " ".join(f"WHEN '{action}' THEN {STATUSES.index(name)}" for action, name in _STATUS_OF_ACTION.items())
_NAMES = ", ".join(f"'{name}'" for name in STATUSES)

ACCOUNTS = f"""
SELECT
    account_id,
    min(occurred_ms) AS first_seen,
    max(occurred_ms) AS last_seen,
    min(occurred_ms) FILTER (type = 'signup') AS signed_up_at,
    max(occurred_ms * {len(STATUSES)} + CASE action {_RANKS} END) AS enforced,
    CAST(enforced // {len(STATUSES)} AS BIGINT) AS status_at,
    [{_NAMES}][1 + enforced % {len(STATUSES)}] AS status
FROM events GROUP BY account_id
"""  # noqa: S608
LINKS = """
SELECT account_id, type, id, min(occurred_ms) AS first_seen, max(occurred_ms) AS last_seen, count(*) AS count
FROM identifiers WHERE type <> 'prompt_family' GROUP BY account_id, type, id
"""
PEERS = """
SELECT source, target, type, CAST(max(weight) AS DOUBLE) AS weight,
    min(occurred_ms) AS first_seen, max(occurred_ms) AS last_seen, count(*) AS count
FROM peers WHERE source <> target GROUP BY source, target, type
"""


Row = dict[str, Any]


@dataclass(frozen=True)
class Rows:
    """Rows with the columns of ACCOUNTS, LINKS (by kind of identifier) and PEERS."""

    accounts: list[Row]
    links: dict[IdentifierKind, list[Row]]
    peers: list[Row]

    @property
    def link_count(self) -> int:
        """Links and peers."""
        return sum(len(rows) for rows in self.links.values()) + len(self.peers)


def rows_of(batch: Sequence[Stored]) -> Rows:
    """Rows of one batch of records."""
    with duckdb.connect(config={"threads": 1}) as database:
        register(database, columns_of(batch))
        links: dict[IdentifierKind, list[Row]] = {}
        for row in _rows(database, LINKS):
            links.setdefault(kind_of(row["type"]), []).append(row)
        return Rows(_rows(database, ACCOUNTS), links, _rows(database, PEERS))


def register(database: duckdb.DuckDBPyConnection, columns: Columns, prefix: str = "") -> None:
    """Makes the batch visible to SQL under the names that the queries read, after `prefix`."""
    database.register(f"{prefix}events", columns.events.select(EVENT_COLUMNS))
    database.register(f"{prefix}identifiers", columns.identifiers)
    database.register(f"{prefix}peers", columns.peers)


def _rows(database: duckdb.DuckDBPyConnection, query: str) -> list[Row]:
    relation = database.sql(query)
    names = relation.columns
    return [dict(zip(names, values, strict=True)) for values in relation.fetchall()]


@dataclass(frozen=True)
class LabelRow:
    """The label that counts of one account."""

    account_id: str
    verdict: str
    kind: str | None
    decided_at: int


def label_rows(labels: Sequence[StoredLabel]) -> list[LabelRow]:
    """Of each account the label decided last; of several decided at one moment the one that came last."""
    latest: dict[str, LabelRow] = {}
    for stored in labels:
        label = stored.label
        known = latest.get(label.account_id)
        if known is None or known.decided_at <= label.decided_ms:
            latest[label.account_id] = LabelRow(label.account_id, label.verdict, label.kind, label.decided_ms)
    return list(latest.values())
