"""The way in, shared by files and HTTP: check, tokenise, append; each refusal with its place and reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from msgspec import Struct

from graphsvc.events.arrive import Arrival, label_record, now_ms
from graphsvc.events.check import Rejected, check_label, parse, unknown_fields
from graphsvc.events.record import LabelRecord
from graphsvc.ledger.base import Draft, Ledger, Outcome

KNOWN_OTHERWISE = "This event_id is known with other content."
MOST = 1_000
Take = Callable[[bytes, bool], "Accepted"]
"""Takes the body of a call, JSON or else lines, as `taken` does."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """`index` counts from 0 within the batch; `event_id` only where it could be read; `pointer` is RFC 6901."""

    index: int
    event_id: str | None
    code: str
    detail: str
    pointer: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a batch. `offset` is that of the ledger's last record."""

    accepted: int
    duplicates: int
    rejected: tuple[Rejection, ...]
    offset: int


class Placed(Struct, frozen=True, array_like=True):
    """A draft with its place in the batch."""

    index: int
    draft: Draft


class Prepared(Struct, frozen=True, array_like=True):
    """A batch that is ready for the ledger, with the refusals so far. Unknown fields are ignored and counted."""

    drafts: tuple[Placed, ...]
    rejected: tuple[Rejection, ...]
    unknown_fields: int


def batch(data: bytes, lines: bool, name: str) -> list[object]:
    """The items of a body: one item, `{name: [...]}` of at most MOST, or NDJSON, whose lines stay bytes. Raises
    Rejected."""
    if lines:
        return [line for line in data.split(b"\n") if line.strip()]
    body = parse(data)
    if not isinstance(body, dict):
        raise Rejected("invalid", "Expected a JSON object.")
    given = body.get(name) if name in body and "account_id" not in body else [body]
    if not isinstance(given, list):
        raise Rejected("invalid", "Expected an array.", f"/{name}")
    if len(given) > MOST:
        raise Rejected("too_many", f"A call takes at most {MOST} of these.", f"/{name}")
    return given


def taken(ledger: Ledger, arrival: Arrival, data: bytes, lines: bool) -> Accepted:
    """Appends the events of a body."""
    return accept(ledger, arrival, batch(data, lines, "events"))


def accept(ledger: Ledger, arrival: Arrival, objects: Sequence[object]) -> Accepted:
    """Appends decoded JSON objects; what was accepted is on disk when this returns."""
    return append(ledger, prepare(arrival, objects))


def prepare(arrival: Arrival, objects: Sequence[object]) -> Prepared:
    """Checks and tokenises; bytes among the objects are parsed first. Touches no ledger."""
    drafts: list[Placed] = []
    rejected: list[Rejection] = []
    unknown = 0
    received_ms = now_ms()
    for index, item in enumerate(objects):
        obj: object = None
        try:
            obj = parse(item) if isinstance(item, bytes) else item
            drafts.append(Placed(index, arrival.draft(arrival.check(obj), received_ms)))
            unknown += unknown_fields(obj)
        except Rejected as error:
            rejected.append(_rejection(index, obj, error))
    return Prepared(tuple(drafts), tuple(rejected), unknown)


def append(ledger: Ledger, prepared: Prepared) -> Accepted:
    """Appends prepared drafts. The same event_id with other content is rejected as a conflict."""
    done = ledger.append([placed.draft for placed in prepared.drafts])
    conflicts = tuple(
        Rejection(p.index, p.draft.record.event_id, "conflict", KNOWN_OTHERWISE, "/event_id")
        for p, outcome in zip(prepared.drafts, done.outcomes, strict=True)
        if outcome is Outcome.CONFLICT
    )
    return Accepted(
        accepted=done.outcomes.count(Outcome.ACCEPTED),
        duplicates=done.outcomes.count(Outcome.DUPLICATE),
        rejected=tuple(sorted((*prepared.rejected, *conflicts), key=lambda r: r.index)),
        offset=done.offset,
    )


def accept_labels(ledger: Ledger, objects: Sequence[object]) -> Accepted:
    """Appends labels; the same label again changes nothing."""
    labels: list[LabelRecord] = []
    rejected: list[Rejection] = []
    received_ms = now_ms()
    for index, item in enumerate(objects):
        try:
            obj = parse(item) if isinstance(item, bytes) else item
            labels.append(label_record(check_label(obj), received_ms))
        except Rejected as error:
            rejected.append(Rejection(index, None, error.reason, error.message, error.pointer))
    new = ledger.append_labels(labels)
    return Accepted(new, len(labels) - new, tuple(rejected), ledger.offset())


def _rejection(index: int, obj: object, error: Rejected) -> Rejection:
    event_id = obj.get("event_id") if isinstance(obj, dict) else None
    known = event_id if isinstance(event_id, str) and len(event_id) <= 128 else None
    return Rejection(index, known, error.reason, error.message, error.pointer)
