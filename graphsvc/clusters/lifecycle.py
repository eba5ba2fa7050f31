"""What became of clusters from one run to the next: born, grew, shrank, merged, split, closed, reopened, succeeded.

Each run adds its events to the history that the run before left. It keeps the clusters that are closed in an archive,
with the things that held them together and some of their accounts, so that a new cluster which inherits infrastructure
or templates is known as a successor. Both are bounded. What is recorded depends on the members, things and times of
both runs alone, not on the order of any row (plain SQL on DuckDB; bits are summed as whole thousandths).
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import pyarrow as pa

from graphsvc.clusters import lifecycle_queries as queries
from graphsvc.clusters.layout import ARCHIVE, ARCHIVED_MEMBERS, ARCHIVED_THINGS, HISTORY, Past, Results
from graphsvc.links.pairs import BITS_MIN, REMAINDER
from graphsvc.links.weights import weight_of

THREADS = 2
MEMORY = "2GB"
DAY_MS = 86_400_000
OVERLAP_MIN = 2
"""Members in common from which one cluster continues another: a single account may have moved."""
QUIET_MS = 14 * DAY_MS
"""Without activity for so long a cluster counts as closed: twice the rhythm of a week, and beyond any cooldown."""
HANDOVER_MS = 7 * DAY_MS
"""A successor may have begun so long before the last act of the one that it replaces: accounts are banned in part, and
replaced while the others still run."""
SUCCESSOR_BITS = BITS_MIN
"""What two clusters must share for one to be the other's successor: as much as two accounts need to be a pair."""
PREDECESSORS_MAX = 3
EVENTS_MAX = 32
"""Events kept of one cluster: its first, and the newest."""
ARCHIVE_MAX = 20_000
THINGS_MAX = 8
MEMBERS_MAX = 16

RULE: dict[str, float] = {
    "overlap_min": OVERLAP_MIN,
    "handover_ms": HANDOVER_MS,
    "successor_bits": SUCCESSOR_BITS,
    "remainder": REMAINDER,
    "predecessors_max": PREDECESSORS_MAX,
    "events_max": EVENTS_MAX,
    "archive_max": ARCHIVE_MAX,
    "things_max": THINGS_MAX,
    "members_max": MEMBERS_MAX,
}
FACTS = ["id", "first_seen_ms", "last_activity_ms", "size", "kind", "status"]
THING = ["cluster_id", "rank", "identifier_type", "identifier_id", "counter"]


@dataclass(frozen=True)
class Look:
    """A run as the lifecycle sees it.

    - accounts: account_id of every account seen, and cluster_id or null.
    - clusters: id, first_seen_ms, last_activity_ms, size, kind, status.
    - evidence: cluster_id, rank, identifier_type, identifier_id, counter (true of what speaks against the cluster).
    """

    as_of_ms: int
    accounts: pa.Table
    clusters: pa.Table
    evidence: pa.Table


def look_of(results: Results) -> Look:
    """The look at a run that is not written yet."""
    return Look(results.run.as_of_ms, results.accounts, results.clusters, results.evidence)


def carried(before: Past, last: Look | None, now: Look, things: pa.Table) -> Past:
    """The past that the run `now` leaves, out of that which the run `last` left (None: there was none).

    `things` are cluster_id, type, id and bits of all that at least two members of a cluster of `now` share."""
    database = duckdb.connect(config={"threads": THREADS, "memory_limit": MEMORY})
    try:
        _open(database, before, last, now, things)
        for step in queries.STEPS:
            database.execute(step)
        return Past(
            history=_table(database, queries.KEPT_EVENTS, HISTORY),
            archive=_table(database, "SELECT * FROM closed ORDER BY cluster_id", ARCHIVE),
            things=_table(database, queries.KEPT_THINGS, ARCHIVED_THINGS),
            members=_table(database, queries.KEPT_MEMBERS, ARCHIVED_MEMBERS),
        )
    finally:
        database.close()


def _open(database: duckdb.DuckDBPyConnection, before: Past, last: Look | None, now: Look, things: pa.Table) -> None:
    old = last or Look(now.as_of_ms, now.accounts.slice(0, 0), now.clusters.slice(0, 0), now.evidence.slice(0, 0))
    kinds: list[str] = things["type"].unique().to_pylist()
    groups = [weight_of(kind).group for kind in kinds]
    tables = {
        "old_account": old.accounts.select(["account_id", "cluster_id"]),
        "new_account": now.accounts.select(["account_id", "cluster_id"]),
        "old_cluster": old.clusters.select(FACTS),
        "new_cluster": now.clusters.select(FACTS),
        "old_evidence": old.evidence.select(THING),
        "new_evidence": now.evidence.select(THING),
        "history": before.history,
        "archive": before.archive,
        "archived_things": before.things,
        "archived_members": before.members,
        "thing": things.select(["cluster_id", "type", "id", "bits"]),
        "grouped": pa.table([pa.array(kinds, pa.string()), pa.array(groups, pa.string())], names=["type", "part"]),
        "rule": pa.table({name: [value] for name, value in (RULE | _moments(now.as_of_ms)).items()}),
    }
    for name, table in tables.items():
        database.register(name, table)


def _table(database: duckdb.DuckDBPyConnection, query: str, schema: pa.Schema) -> pa.Table:
    return database.sql(query).to_arrow_table().select(schema.names).cast(schema).combine_chunks()


def _moments(now_ms: int) -> dict[str, float]:
    return {"now_ms": now_ms, "quiet_before_ms": now_ms - QUIET_MS}
