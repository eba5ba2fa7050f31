"""The risk endpoint: one event or one account in, a probability with its reasons out."""

from __future__ import annotations

from typing import Any

import flask
from msgspec import Struct

from graphsvc.api.answers import rfc3339
from graphsvc.api.idempotent import once
from graphsvc.api.operation import Operation, json_body, operation
from graphsvc.api.services import Services, services
from graphsvc.events.check import Rejected
from graphsvc.events.types import Event
from graphsvc.risk import Assessment, Outcome

blueprint = flask.Blueprint("risk", __name__)


class EventRequest(Struct, frozen=True):
    """`record` false: assess only, and remember nothing of the event."""

    event: Event
    record: bool = True


class AccountRequest(Struct, frozen=True):
    account_id: str


class OutcomeRequest(Struct, frozen=True):
    """What became of it: abusive and benign become labels of the source "outcome"."""

    outcome: Outcome


class Opposite(Struct, frozen=True):
    """A label of the account that says the opposite of what was told now."""

    verdict: str
    source: str
    decided_at: str


class Done(Struct, frozen=True):
    """`told_at`: when it was told first; the same of the same assessment again changes nothing. `contradicts`: of each
    source the last label of the account, where it says the opposite. Of the source "outcome" the later label counts;
    between sources the more confident one, and of equals the later."""

    assessment_id: str
    outcome: Outcome
    told_at: str
    contradicts: list[Opposite]


@operation(
    blueprint,
    Operation(
        "POST",
        "/v1/risk",
        "Assess an event or an account",
        "risk",
        Assessment,
        body=(EventRequest, AccountRequest),
        problems=(400, 404, 409, 413, 415, 422),
        keyed=True,
    ),
)
def post_risk() -> Any:
    """Answers from the parts that are up; `degraded` says that one was missing, and `degraded_reasons` which."""
    parts = services()
    return once(200, lambda: assess(parts, json_body()))


@operation(
    blueprint,
    Operation(
        "POST",
        "/v1/risk/{assessment_id}/outcome",
        "Tell what became of an assessed account",
        "risk",
        Done,
        body=(OutcomeRequest,),
        problems=(400, 404, 413, 415, 422, 503),
    ),
)
def post_outcome(assessment_id: str) -> Done:
    body = json_body()
    given = body.get("outcome") if isinstance(body, dict) else None
    try:
        outcome = Outcome(given)
    except ValueError:
        names = ", ".join(one.value for one in Outcome)
        raise Rejected("invalid", f"An outcome is one of {names}.", "/outcome") from None
    told = services().risk.outcome(assessment_id, outcome)
    against = [Opposite(one.verdict, one.source, rfc3339(one.decided_ms)) for one in told.against]
    return Done(assessment_id, outcome, rfc3339(told.told_ms), against)


def assess(parts: Services, body: object) -> Assessment:
    """The answer to a decoded body. Raises Rejected with a pointer, Conflict, NotFound."""
    if not isinstance(body, dict) or ("event" in body) == ("account_id" in body):
        raise Rejected("invalid", "Send an object with either event or account_id.")
    if "account_id" in body:
        account_id = body["account_id"]
        if not isinstance(account_id, str) or not 1 <= len(account_id) <= 128:
            raise Rejected("invalid", "Expected a text of 1 to 128 characters.", "/account_id")
        return parts.risk.assess_account(account_id)
    record = body.get("record", True)
    if not isinstance(record, bool):
        raise Rejected("invalid", "Expected true or false.", "/record")
    try:
        return parts.risk.assess_event(parts.arrival.check(body["event"]), record)
    except Rejected as error:
        raise Rejected(error.reason, error.message, f"/event{error.pointer}") from None
