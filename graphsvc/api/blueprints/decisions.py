"""What people decide of a cluster: that its accounts belong with others, or not together; and undoing that."""

from __future__ import annotations

import base64
import time
from typing import Annotated, Any

import flask
import msgspec
from msgspec import Meta, Struct

from graphsvc.api.decisions import (
    BODIES,
    ClusterDecision,
    ClusterDecisionPage,
    DecisionMade,
    answer,
    meaning,
    read,
)
from graphsvc.api.idempotent import once
from graphsvc.api.operation import Operation, json_body, operation, query
from graphsvc.api.services import services
from graphsvc.cases.decisions import Decision, Wish
from graphsvc.errors import BadInput, NotFound

PATH = "/v1/clusters/{cluster_id}/decisions"
blueprint = flask.Blueprint("decisions", __name__)


class DecisionsQuery(Struct, frozen=True):
    cursor: str | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 50


@operation(
    blueprint,
    Operation(
        "POST",
        PATH,
        "Decide that a cluster's accounts belong with others, or not together; it counts from the next detection",
        "write",
        DecisionMade,
        201,
        body=tuple(BODIES.values()),
        problems=(400, 404, 409, 413, 415, 422, 503),
        keyed=True,
    ),
)
def post_decision(cluster_id: str) -> Any:
    """On disk when the answer comes. What contradicts a decision that counts is refused, with the ids of those."""
    return once(201, lambda: _decide(cluster_id, json_body()))


@operation(
    blueprint,
    Operation(
        "GET",
        PATH,
        "Decisions on a cluster and on its members, newest first; undone ones and those of former clusters too",
        "read",
        ClusterDecisionPage,
        query=DecisionsQuery,
        problems=(404, 422, 503),
    ),
)
def get_decisions(cluster_id: str) -> ClusterDecisionPage:
    given = query(DecisionsQuery)
    found = services().decisions.store.about(
        cluster_id, _members(cluster_id), given.limit + 1, None if given.cursor is None else _position(given.cursor)
    )
    items = [_answer(one) for one in found[: given.limit]]
    return ClusterDecisionPage(items, _cursor(found[given.limit - 1]) if len(found) > given.limit else None)


@operation(
    blueprint,
    Operation(
        "DELETE",
        PATH + "/{decision_id}",
        "Undo a decision, from the next detection on; it stays listed as undone",
        "write",
        ClusterDecision,
        problems=(404, 409, 503),
        keyed=True,
    ),
)
def delete_decision(cluster_id: str, decision_id: str) -> Any:
    """A look as of the time in which the decision stood still follows it."""
    return once(200, lambda: _undo(cluster_id, decision_id))


def _decide(cluster_id: str, body: object) -> DecisionMade:
    parts = services()
    given = read(body)
    said = meaning(given, cluster_id, parts.results, parts.risk.knows)
    note = given.note if isinstance(given.note, str) else ""
    wish = Wish(said.action, cluster_id, flask.g.caller, said.other, note)
    made = parts.decisions.store.keep(wish, said.pairs, _now_ms())
    return DecisionMade(_answer(made), said.collateral, "next_detection" if said.pairs else None)


def _undo(cluster_id: str, decision_id: str) -> ClusterDecision:
    store = services().decisions.store
    if not store.about(cluster_id, _members(cluster_id), 1, only=decision_id):
        raise NotFound("There is no decision of that id on this cluster.")
    return _answer(store.undo(decision_id, _now_ms(), flask.g.caller))


def _members(cluster_id: str) -> list[str]:
    """Account ids of the members; none of a former cluster. Raises NotFound where no cluster has or had that id."""
    results = services().results
    results.history(cluster_id)
    return [row.account_id for row in results.members(cluster_id)]


def _answer(decision: Decision) -> ClusterDecision:
    parts = services()
    run = parts.results.run()
    (shown,) = parts.decisions.shown([decision], run.as_of_ms, run.created_ms)
    return answer(shown)


def _now_ms() -> int:
    return int(time.time() * 1000)


def _cursor(last: Decision) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode((last.decided_ms, last.id))).decode()


def _position(cursor: str) -> tuple[int, str]:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(cursor.encode()), type=tuple[int, str])
    except (ValueError, UnicodeEncodeError):
        raise BadInput("The cursor is not one that this list gave.", pointer="/cursor") from None
