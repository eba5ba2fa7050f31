"""One account: what is known of it, whom it shares with, and why it scores as it does."""

from __future__ import annotations

from typing import Annotated

import flask
from msgspec import Meta, Struct

from graphsvc.api import answers
from graphsvc.api.operation import Operation, operation, query
from graphsvc.api.services import services
from graphsvc.clusters.verdict import account_verdict
from graphsvc.errors import NotFound
from graphsvc.risk.answer import Carried

blueprint = flask.Blueprint("accounts", __name__)


class NeighboursQuery(Struct, frozen=True):
    limit: Annotated[int, Meta(ge=1, le=500)] = 50


@operation(
    blueprint, Operation("GET", "/v1/accounts/{account_id}", "One account", "read", answers.Account, problems=(404,))
)
def get_account(account_id: str) -> answers.Account:
    parts = services()
    labels = sorted(parts.ledger.labels_of(account_id), key=lambda label: label.decided_ms)
    latest = {label.source: label for label in labels}
    decided = [
        answers.Decision(one.verdict, one.kind, one.source, answers.rfc3339(one.decided_ms), one.confidence)
        for one in latest.values()
    ]
    try:
        row = parts.results.account(account_id)
        cluster = answers.verdict_of(parts.results.cluster(row.cluster_id)) if row.cluster_id else None
    except NotFound:
        if not parts.risk.knows(account_id):
            raise NotFound("No event of this account was seen.") from None
        return answers.Account(account_id, None, None, None, decided)
    verdict = account_verdict(row.probability, cluster)
    return answers.Account(account_id, row.probability, verdict, row.cluster_id, decided)


@operation(
    blueprint,
    Operation(
        "GET",
        "/v1/accounts/{account_id}/neighbours",
        "Accounts that share identifiers with one account, strongest first, from the graph database",
        "read",
        answers.NeighbourList,
        query=NeighboursQuery,
        problems=(404, 422, 503),
    ),
)
def get_neighbours(account_id: str) -> answers.NeighbourList:
    found = services().graph.store().neighbours(account_id, query(NeighboursQuery).limit)
    return answers.NeighbourList([answers.neighbour(record) for record in found.records()])


@operation(
    blueprint,
    Operation(
        "GET",
        "/v1/accounts/{account_id}/reasons",
        "Why an account scores so: what each identifier carries, and without which it would not be flagged",
        "read",
        Carried,
        problems=(404,),
    ),
)
def get_reasons(account_id: str) -> Carried:
    return services().risk.carried(account_id)
