"""What detection found, shown in the graph: clusters, memberships, probabilities, prompt families.

Every statement sets values and adds none, so that a run that was cut off is simply written again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from graphsvc.graph import model
from graphsvc.graph.projection import pieces, read_watermark
from graphsvc.graph.rows import Row

if TYPE_CHECKING:
    import neo4j

    from graphsvc.links.view import LinkView

PAGE = 1000
CLUSTER_FACTS = {
    "kind": "kind",
    "probability": "probability",
    "probability_low": "probability_low",
    "probability_high": "probability_high",
    "size": "size",
    "confirmed": "confirmed",
    "status": "status",
    "first_seen": "first_seen_ms",
    "last_activity": "last_activity_ms",
    "growth_24h": "growth_24h",
}
"""Properties of a cluster in the graph, and their names in the results."""

MERGE_CLUSTERS = "UNWIND $rows AS row MERGE (c:Cluster {id: row.id}) SET c += row"
PLACE_ACCOUNTS = """
UNWIND $rows AS row
MATCH (a:Account {id: row.account_id})
SET a.probability = row.probability, a.cluster_id = row.cluster_id
WITH a, row
OPTIONAL MATCH (a)-[old:MEMBER_OF]->(left:Cluster) WHERE row.cluster_id IS NULL OR left.id <> row.cluster_id
DELETE old
WITH DISTINCT a, row WHERE row.cluster_id IS NOT NULL
MATCH (c:Cluster {id: row.cluster_id})
MERGE (a)-[:MEMBER_OF]->(c)
"""
SHOW_RUN = "MATCH (p:Projection {name: 'ledger'}) SET p.shown_run = $created_ms"
SHOWN_RUN = "MATCH (p:Projection {name: 'ledger'}) RETURN p.shown_run AS created_ms"
CLUSTER_IDS = "MATCH (c:Cluster) RETURN c.id AS id"
REMOVE_CLUSTERS = "UNWIND $rows AS row MATCH (c:Cluster {id: row.id}) DETACH DELETE c"

MERGE_FAMILIES = f"""
UNWIND $rows AS row
MERGE (i:{model.FAMILY.label} {{id: row.id}})
SET i.degree = row.degree, i.weight_bits = {model.cypher_bits("row.degree")}
"""
MERGE_ASKS = f"""
UNWIND $rows AS row
MATCH (a:Account {{id: row.account_id}})
MATCH (i:{model.FAMILY.label} {{id: row.id}})
MERGE (a)-[r:{model.FAMILY.relationship}]->(i)
SET r.first_seen = row.first_seen, r.last_seen = row.last_seen, r.count = row.count
"""
FAMILY_SIZES = f"""
MATCH (i:{model.FAMILY.label})
RETURN i.id AS id, i.degree AS degree, COUNT {{ (i)<-[:{model.FAMILY.relationship}]-() }} AS linked
"""
REMOVE_ASKS = f"""
UNWIND $rows AS row
MATCH (i:{model.FAMILY.label} {{id: row.id}})<-[r:{model.FAMILY.relationship}]-(a:Account)
WHERE NOT a.id IN row.accounts
DELETE r
"""
REMOVE_FAMILIES = f"UNWIND $rows AS row MATCH (i:{model.FAMILY.label} {{id: row.id}}) DETACH DELETE i"


class RunFacts(Protocol):
    @property
    def created_ms(self) -> int: ...


class Account(Protocol):
    @property
    def account_id(self) -> str: ...
    @property
    def probability(self) -> float: ...
    @property
    def cluster_id(self) -> str | None: ...


class ClusterPage(Protocol):
    @property
    def items(self) -> Sequence[Any]: ...
    @property
    def next_cursor(self) -> str | None: ...


class Results(Protocol):
    """What is read of a detection run; graphsvc.clusters.results.ResultsReader offers it."""

    def run(self) -> RunFacts: ...
    def clusters(self, *, cursor: str | None, limit: int) -> ClusterPage: ...
    def accounts(self) -> Sequence[Account]: ...


def write_results(session: neo4j.Session, found: Results) -> None:
    """Shows a detection run. Accounts that the graph does not have yet are left to the next run."""
    created_ms = found.run().created_ms
    clusters = list(_clusters(found))
    _write(session, MERGE_CLUSTERS, clusters)
    accounts = found.accounts()
    _write(session, PLACE_ACCOUNTS, [_placed(account) for account in accounts])
    kept = {row["id"] for row in clusters}
    gone = [{"id": row["id"]} for row in _read(session, CLUSTER_IDS) if row["id"] not in kept]
    _write(session, REMOVE_CLUSTERS, gone)
    session.run(SHOW_RUN, created_ms=created_ms).consume()


def shown_run(session: neo4j.Session) -> int | None:
    """`created_ms` of the run that the graph shows."""
    rows = _read(session, SHOWN_RUN)
    return rows[0]["created_ms"] if rows else None


def write_families(session: neo4j.Session, view: LinkView) -> None:
    """Shows the prompt families of `view`."""
    families, asks = _families(view)
    weighed_accounts = read_watermark(session).weighed_accounts
    _write(session, MERGE_FAMILIES, families, weighed_accounts=weighed_accounts)
    _write(session, MERGE_ASKS, asks)
    _remove_stale(session, {row["id"] for row in families}, asks)


def _remove_stale(session: neo4j.Session, kept: set[str], asks: list[Row]) -> None:
    """Removes families that are no more, and accounts from families that they left."""
    shown = _read(session, FAMILY_SIZES)
    _write(session, REMOVE_FAMILIES, [{"id": row["id"]} for row in shown if row["id"] not in kept])
    shrunken: dict[str, list[str]] = {row["id"]: [] for row in shown if row["linked"] > row["degree"]}
    for row in asks:
        if row["id"] in shrunken:
            shrunken[row["id"]].append(row["account_id"])
    _write(session, REMOVE_ASKS, [{"id": one, "accounts": accounts} for one, accounts in shrunken.items()])


def _families(view: LinkView) -> tuple[list[Row], list[Row]]:
    """Families and who asks them."""
    types = view.identifiers["type"].to_numpy(zero_copy_only=False)
    is_family = types == model.FAMILY.type
    families = view.identifiers.select(["id", "degree"]).filter(is_family).to_pylist()
    links = view.links.filter(is_family[view.links["identifier"].to_numpy()])
    accounts = view.accounts["account_id"].take(links["account"]).to_pylist()
    ids = view.identifiers["id"].take(links["identifier"]).to_pylist()
    times = (np.asarray(links[name]).tolist() for name in ("first_ms", "last_ms", "count"))
    names = ("account_id", "id", "first_seen", "last_seen", "count")
    return families, [dict(zip(names, row, strict=True)) for row in zip(accounts, ids, *times, strict=True)]


def _clusters(found: Results) -> Iterator[Row]:
    cursor: str | None = None
    while True:
        page = found.clusters(cursor=cursor, limit=PAGE)
        for cluster in page.items:
            yield {"id": cluster.id, **{name: getattr(cluster, source) for name, source in CLUSTER_FACTS.items()}}
        if (cursor := page.next_cursor) is None:
            return


def _placed(account: Account) -> Row:
    return {
        "account_id": account.account_id,
        "probability": account.probability,
        "cluster_id": account.cluster_id,
    }


def _write(session: neo4j.Session, statement: str, rows: Sequence[Row], **parameters: Any) -> None:
    for piece in pieces(rows):
        session.execute_write(lambda tx, rows: tx.run(statement, rows=rows, **parameters).consume(), piece)


def _read(session: neo4j.Session, statement: str) -> list[Row]:
    return session.execute_read(lambda tx: tx.run(statement).data())
