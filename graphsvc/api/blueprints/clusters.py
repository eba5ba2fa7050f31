"""Clusters: the list, one, its members, evidence and graph."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Literal

import flask
from msgspec import Meta, Struct

from graphsvc.api import answers, packs
from graphsvc.api.operation import Operation, operation, query
from graphsvc.api.services import services
from graphsvc.api.taken import ClusterDetail, cluster_detail
from graphsvc.clusters.packs import pack_for
from graphsvc.clusters.results import ClusterFilter
from graphsvc.errors import BadInput

Limit = Annotated[int, Meta(ge=1, le=1000)]
blueprint = flask.Blueprint("clusters", __name__)


class ListQuery(Struct, frozen=True):
    """`identifier`: type:id as evidence shows them."""

    kind: str | None = None
    status: str | None = None
    min_probability: Annotated[float, Meta(ge=0, le=1)] | None = None
    min_size: Annotated[int, Meta(ge=1, le=10**12)] | None = None
    identifier: str | None = None
    campaign: str | None = None
    sort: Literal["probability", "size", "last_activity", "growth"] = "probability"
    cursor: str | None = None
    limit: Limit = 50


class MembersQuery(Struct, frozen=True):
    cursor: str | None = None
    limit: Limit = 100


class EvidenceQuery(Struct, frozen=True):
    max_bonds: Annotated[int, Meta(ge=0, le=10_000)] = 200


class GraphQuery(Struct, frozen=True):
    max_nodes: Annotated[int, Meta(ge=2, le=2000)] = 200


@operation(
    blueprint,
    Operation("GET", "/v1/clusters", "Clusters", "read", answers.ClusterPage, query=ListQuery, problems=(404, 422)),
)
def list_clusters() -> answers.ClusterPage:
    given = query(ListQuery)
    identifier = _identifier(given.identifier)
    facts = (given.kind, given.status, given.min_probability, given.min_size)
    filters = ClusterFilter(*facts, identifier=identifier, campaign=given.campaign)
    results = services().results
    page = results.clusters(filters, given.sort, given.cursor, given.limit)
    items = [answers.cluster(row, results.top_evidence(row.id)) for row in page.items]
    return answers.ClusterPage(items, page.next_cursor)


@operation(
    blueprint,
    Operation(
        "GET", "/v1/clusters/{cluster_id}", "One cluster, and what it took", "read", ClusterDetail, problems=(404,)
    ),
)
def get_cluster(cluster_id: str) -> ClusterDetail:
    results = services().results
    return cluster_detail(results.cluster(cluster_id), results.top_evidence(cluster_id), results.taken(cluster_id))


@operation(
    blueprint,
    Operation(
        "GET",
        "/v1/clusters/{cluster_id}/members",
        "A cluster's accounts",
        "read",
        answers.MemberPage,
        query=MembersQuery,
        problems=(404, 422),
    ),
)
def get_members(cluster_id: str) -> answers.MemberPage:
    given = query(MembersQuery)
    results = services().results
    said = answers.verdict_of(results.cluster(cluster_id))
    rows = results.members(cluster_id, _after(given.cursor), given.limit + 1)
    shown = rows[: given.limit]
    more = len(rows) > given.limit
    items = [answers.member(row, said) for row in shown]
    return answers.MemberPage(items, _cursor(shown[-1].account_id) if more else None)


@operation(
    blueprint,
    Operation(
        "GET",
        "/v1/clusters/{cluster_id}/evidence",
        "What holds a cluster together, and what speaks against it",
        "read",
        packs.EvidencePack,
        query=EvidenceQuery,
        problems=(404, 422),
    ),
)
def get_evidence(cluster_id: str) -> packs.EvidencePack:
    given = query(EvidenceQuery)
    results = services().results
    pack = pack_for(results, cluster_id)
    return packs.evidence_pack(results.evidence(cluster_id), pack, given.max_bonds)


@operation(
    blueprint,
    Operation(
        "GET",
        "/v1/clusters/{cluster_id}/history",
        "What became of a cluster from one detection to the next; of former clusters too",
        "read",
        answers.History,
        problems=(404,),
    ),
)
def get_history(cluster_id: str) -> answers.History:
    results = services().results
    return answers.history(results.history(cluster_id), results.heir(cluster_id))


@operation(
    blueprint,
    Operation(
        "GET",
        "/v1/clusters/{cluster_id}/graph",
        "A cluster's accounts, shared identifiers and links, from the graph database",
        "read",
        answers.Graph,
        query=GraphQuery,
        problems=(404, 422, 503),
    ),
)
def get_graph(cluster_id: str) -> answers.Graph:
    given = query(GraphQuery)
    parts = services()
    parts.results.cluster(cluster_id)
    return answers.graph(parts.graph.store().cluster_graph(cluster_id, given.max_nodes))


def _identifier(text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    kind, colon, value = text.partition(":")
    if not colon:
        raise BadInput("An identifier is written type:id.", pointer="/identifier")
    return kind, value


def _cursor(account_id: str) -> str:
    return base64.urlsafe_b64encode(account_id.encode()).decode()


def _after(cursor: str | None) -> str:
    try:
        return base64.b64decode(cursor or "", altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise BadInput("This cursor is not one of ours.", pointer="/cursor") from None
