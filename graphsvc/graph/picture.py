"""A cluster as a picture: its accounts, the identifiers that hold it together, and the links between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graphsvc.errors import BadInput
from graphsvc.graph.model import TYPE_OF_LABEL
from graphsvc.graph.queries import LIMIT_MAX, Answer

MAX_DEGREE = 100
ACCOUNT_SHARE = 0.6
"""Of the nodes, so that a large cluster leaves room for what its accounts share."""

PEERS_PER_ACCOUNT = 4
Ask = Callable[[str, dict[str, object], int], Answer]


@dataclass(frozen=True)
class Node:
    """`key` names the node within the picture; `type` is "account" or an identifier's type. Facts of the other sort of
    node are None."""

    key: str
    type: str
    id: str
    degree: int | None = None
    bits: float | None = None
    probability: float | None = None
    status: str | None = None
    verdict: str | None = None


@dataclass(frozen=True)
class Edge:
    """`source` and `target` are node keys; `type` is the relationship's, or a peer's own kind."""

    source: str
    target: str
    type: str
    first_seen: int
    last_seen: int
    count: int


@dataclass(frozen=True)
class ClusterGraph:
    """`truncated`: the cluster has more accounts or shared identifiers than are shown."""

    cluster_id: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    truncated: bool


def cluster_graph(ask: Ask, cluster_id: str, max_nodes: int, max_degree: int) -> ClusterGraph:
    """At most `max_nodes` nodes: accounts most likely abusive first, identifiers strongest first."""
    if not 2 <= max_nodes <= LIMIT_MAX:
        raise BadInput(f"A picture has 2 to {LIMIT_MAX:,} nodes.", pointer="/max_nodes")
    most = max(1, int(max_nodes * ACCOUNT_SHARE))
    members = ask("cluster-members", {"cluster_id": cluster_id}, most)
    shown = [row["account_id"] for row in members.records()]
    shared = ask(
        "cluster-identifiers",
        {"cluster_id": cluster_id, "max_degree": max_degree, "max_members": max(1, len(shown))},
        max_nodes - len(shown) or 1,
    )
    identifiers = shared.records()[: max_nodes - len(shown)]
    peers = ask("cluster-peers", {"cluster_id": cluster_id}, min(LIMIT_MAX, PEERS_PER_ACCOUNT * max_nodes))
    nodes = [_account(row) for row in members.records()] + [_identifier(row) for row in identifiers]
    edges = [edge for row in identifiers for edge in _links(row)] + _peers(peers.records(), set(shown))
    truncated = members.truncated or shared.truncated or peers.truncated
    return ClusterGraph(cluster_id, tuple(nodes), tuple(edges), truncated)


def _account(row: dict[str, Any]) -> Node:
    return Node(
        _key("account", row["account_id"]),
        "account",
        row["account_id"],
        probability=row["probability"],
        status=row["status"],
        verdict=row["verdict"],
    )


def _identifier(row: dict[str, Any]) -> Node:
    kind = TYPE_OF_LABEL.get(row["type"], row["type"])
    return Node(_key(kind, row["id"]), kind, row["id"], degree=row["degree"], bits=row["bits"])


def _links(row: dict[str, Any]) -> list[Edge]:
    target = _identifier(row).key
    return [
        Edge(
            _key("account", link["account_id"]),
            target,
            link["link"],
            link["first_seen"],
            link["last_seen"],
            link["count"],
        )
        for link in row["links"]
    ]


def _peers(rows: list[dict[str, Any]], shown: set[str]) -> list[Edge]:
    return [
        Edge(
            _key("account", row["from_id"]),
            _key("account", row["to_id"]),
            row["type"],
            row["first_seen"],
            row["last_seen"],
            row["count"],
        )
        for row in rows
        if row["from_id"] in shown and row["to_id"] in shown
    ]


def _key(kind: str, one: str) -> str:
    return f"{kind}:{one}"
