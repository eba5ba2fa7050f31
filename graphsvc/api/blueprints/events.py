"""Events and labels in."""

from __future__ import annotations

from typing import Any

import flask
import msgspec

from graphsvc.api.answers import Receipt, receipt
from graphsvc.api.idempotent import once
from graphsvc.api.operation import JSON, NDJSON, Operation, body_and_form, operation
from graphsvc.api.services import services
from graphsvc.events.types import Event, Label
from graphsvc.ledger.accept import accept_labels, batch

blueprint = flask.Blueprint("events", __name__)


class EventBatch(msgspec.Struct, frozen=True):
    events: list[Event]


class LabelBatch(msgspec.Struct, frozen=True):
    labels: list[Label]


@operation(
    blueprint,
    Operation(
        "POST",
        "/v1/events",
        "Append one event, up to 1,000, or NDJSON",
        "write",
        Receipt,
        202,
        body=(Event, EventBatch),
        body_types=(JSON, NDJSON),
        problems=(400, 413, 415, 422, 429),
        keyed=True,
        gives_way=True,
    ),
)
def post_events() -> Any:
    """What is accepted is on disk when the answer comes; each refused event has its code and JSON pointer."""
    parts = services()

    def act() -> Receipt:
        done = parts.take(*body_and_form())
        parts.risk.news()
        return receipt(done)

    return once(202, act)


@operation(
    blueprint,
    Operation(
        "POST",
        "/v1/labels",
        "Append one label, up to 1,000, or NDJSON",
        "write",
        Receipt,
        202,
        body=(Label, LabelBatch),
        body_types=(JSON, NDJSON),
        problems=(400, 413, 415, 422, 429),
        gives_way=True,
    ),
)
def post_labels() -> Any:
    """A label counts from its decided_at on; a later one of the same account and source replaces it."""
    return receipt(accept_labels(services().ledger, batch(*body_and_form(), "labels")))
