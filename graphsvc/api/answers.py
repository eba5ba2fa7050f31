"""What the API answers: the shapes of the contract."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from graphsvc.clusters.chronicle import event_text
from graphsvc.clusters.results import AccountRow, ClusterRow, EventRow, EvidenceRow
from graphsvc.clusters.rows import EventName
from graphsvc.clusters.verdict import Verdict, account_verdict, cluster_verdict
from graphsvc.graph.picture import ClusterGraph
from graphsvc.ledger.accept import Accepted


class Rejection(Struct, frozen=True):
    """`pointer` is RFC 6901, within the event or label."""

    index: int
    event_id: str | None
    code: str
    detail: str
    pointer: str


class Receipt(Struct, frozen=True):
    """What became of a batch; what was accepted is on disk. `offset` is that of the ledger's last event."""

    accepted: int
    duplicates: int
    rejected: list[Rejection]
    offset: int


class EvidenceHead(Struct, frozen=True):
    identifier_type: str
    text: str
    bits: float


class Evidence(Struct, frozen=True):
    """`counter`: speaks against the accusation. `accounts` of the cluster have it, and `outside` it has others."""

    identifier_type: str
    identifier_id: str
    text: str
    bits: float
    accounts: int
    outside: int
    first_seen: str
    last_seen: str
    counter: bool


class Cluster(Struct, frozen=True):
    """`probability` is that of being abusive, with its interval; `verdict` is abusive, innocent, or unknown where the
    interval reaches far to both sides, whatever people decided since; `confirmed` counts accounts labelled abusive;
    `campaign_id` is shared by the clusters that seem to have one operator behind them."""

    id: str
    kind: str
    probability: float
    probability_low: float
    probability_high: float
    verdict: Verdict
    size: int
    confirmed: int
    status: str
    first_seen: str
    last_activity: str
    growth_24h: int
    campaign_id: str | None
    top_evidence: list[EvidenceHead]


class ClusterPage(Struct, frozen=True):
    items: list[Cluster]
    next_cursor: str | None


class HistoryEvent(Struct, frozen=True):
    """`at`: the moment of the detection that saw it. `other` is another cluster. `accounts` says how many it is about
    (of succeeds and succeeded_by: how many identifiers both have), `size` how many the cluster had then, or the other
    one; `since` is the activity that it rests on; `bits` what a successor inherited."""

    at: str
    event: EventName
    text: str
    other: str | None
    accounts: int
    size: int
    since: str
    bits: float


class History(Struct, frozen=True):
    """What became of a cluster, oldest first. `now_in`: of a former one the cluster that it is part of now."""

    items: list[HistoryEvent]
    now_in: str | None


class Member(Struct, frozen=True):
    """`strength`: how firmly the account belongs to the cluster, 0 to 1; null where that was not measured. `verdict` is
    unknown where the cluster's is, or speaks against the account's own probability."""

    account_id: str
    probability: float
    verdict: Verdict
    strength: float | None


class MemberPage(Struct, frozen=True):
    items: list[Member]
    next_cursor: str | None


class GraphNode(Struct, frozen=True):
    key: str
    type: str
    id: str
    degree: int | None
    bits: float | None
    probability: float | None
    status: str | None
    verdict: str | None


class GraphEdge(Struct, frozen=True):
    source: str
    target: str
    type: str
    first_seen: str
    last_seen: str
    count: int


class Graph(Struct, frozen=True):
    """`truncated`: there is more than is shown."""

    nodes: list[GraphNode]
    edges: list[GraphEdge]
    truncated: bool


class Decision(Struct, frozen=True):
    """A label of an account as it stands."""

    verdict: str
    kind: str | None
    source: str
    decided_at: str
    confidence: float


class Account(Struct, frozen=True):
    """`probability`, `verdict` and `cluster_id` are those of the last detection; null where it had not seen the
    account. The verdict is unknown where the account's cluster is, or speaks against its own probability."""

    account_id: str
    probability: float | None
    verdict: Verdict | None
    cluster_id: str | None
    labels: list[Decision]


class SharedIdentifier(Struct, frozen=True):
    type: str
    id: str
    degree: int
    bits: float | None


class Neighbour(Struct, frozen=True):
    """Another account, and at most ten of the `identifiers` that both have; `bits` is their sum."""

    account_id: str
    bits: float
    identifiers: int
    shared: list[SharedIdentifier]
    last_seen: str
    status: str | None
    verdict: str | None
    probability: float | None
    cluster_id: str | None


class NeighbourList(Struct, frozen=True):
    items: list[Neighbour]


class Health(Struct, frozen=True):
    status: str


class Readiness(Struct, frozen=True):
    """`parts`: "ok" or what is missing, for each part. Ready means that events are taken and risk is answered."""

    ready: bool
    parts: dict[str, str]


def rfc3339(moment_ms: int) -> str:
    return datetime.fromtimestamp(moment_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def receipt(done: Accepted) -> Receipt:
    rejected = [Rejection(r.index, r.event_id, r.code, r.detail, r.pointer) for r in done.rejected]
    return Receipt(done.accepted, done.duplicates, rejected, done.offset)


def cluster(row: ClusterRow, top: list[EvidenceRow]) -> Cluster:
    return Cluster(
        id=row.id,
        kind=row.kind,
        probability=row.probability,
        probability_low=row.probability_low,
        probability_high=row.probability_high,
        verdict=verdict_of(row),
        size=row.size,
        confirmed=row.confirmed,
        status=row.status,
        first_seen=rfc3339(row.first_seen_ms),
        last_activity=rfc3339(row.last_activity_ms),
        growth_24h=row.growth_24h,
        campaign_id=row.campaign_id,
        top_evidence=[EvidenceHead(e.identifier_type, e.text, e.bits) for e in top],
    )


def verdict_of(row: ClusterRow) -> Verdict:
    return cluster_verdict(row.probability, row.probability_low, row.probability_high)


def evidence(row: EvidenceRow) -> Evidence:
    return Evidence(
        identifier_type=row.identifier_type,
        identifier_id=row.identifier_id,
        text=row.text,
        bits=row.bits,
        accounts=row.accounts,
        outside=row.outside,
        first_seen=rfc3339(row.first_ms),
        last_seen=rfc3339(row.last_ms),
        counter=row.counter,
    )


def history(rows: list[EventRow], now_in: str | None) -> History:
    return History([_event(row) for row in rows], now_in)


def _event(row: EventRow) -> HistoryEvent:
    return HistoryEvent(
        at=rfc3339(row.at_ms),
        event=row.event,
        text=event_text(row),
        other=row.other or None,
        accounts=row.accounts,
        size=row.size,
        since=rfc3339(row.since_ms),
        bits=row.bits,
    )


def member(row: AccountRow, cluster_says: Verdict) -> Member:
    return Member(row.account_id, row.probability, account_verdict(row.probability, cluster_says), row.strength)


def neighbour(record: dict[str, Any]) -> Neighbour:
    return msgspec.convert(record | {"last_seen": rfc3339(record["last_seen"])}, Neighbour)


def graph(picture: ClusterGraph) -> Graph:
    nodes = [
        GraphNode(n.key, n.type, n.id, n.degree, n.bits, n.probability, n.status, n.verdict) for n in picture.nodes
    ]
    edges = [
        GraphEdge(e.source, e.target, e.type, rfc3339(e.first_seen), rfc3339(e.last_seen), e.count)
        for e in picture.edges
    ]
    return Graph(nodes, edges, picture.truncated)
