"""Allow, block and watch lists: what counts, what counted, and what is to count."""

from __future__ import annotations

import base64
import contextlib
import time
from datetime import datetime
from typing import Annotated, Any, Literal

import flask
import msgspec
from msgspec import Meta, Struct

from graphsvc.api.idempotent import once
from graphsvc.api.lists import (
    ListEntry,
    ListEntryPage,
    NewAccountEntry,
    NewIdentifierEntry,
    answer,
    list_name,
    read,
    target_of,
)
from graphsvc.api.operation import Operation, json_body, operation, query
from graphsvc.api.services import services
from graphsvc.cases.lists import Entry, ListName, Wanted
from graphsvc.errors import BadInput, NotFound, Unavailable
from graphsvc.events.types import epoch_ms

PATH = "/v1/lists/{name}/entries"
blueprint = flask.Blueprint("lists", __name__)


class EntriesQuery(Struct, frozen=True):
    """`state`: those that count now, or at `as_of`, or all that ever were. `identifier` is type:id, as answers have
    it."""

    state: Literal["counts", "all"] = "counts"
    as_of: Annotated[datetime, Meta(tz=True)] | None = None
    account_id: str | None = None
    identifier: str | None = None
    cursor: str | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 50


class TargetQuery(Struct, frozen=True):
    account_id: str | None = None
    identifier: str | None = None


@operation(
    blueprint,
    Operation(
        "GET",
        PATH,
        "Entries of the list allow, block or watch, newest first",
        "read",
        ListEntryPage,
        query=EntriesQuery,
        problems=(404, 422, 503),
    ),
)
def get_entries(name: str) -> ListEntryPage:
    """Those that ended stay, and are found by the time in which they counted."""
    given = query(EntriesQuery)
    if given.as_of is not None and given.state == "all":
        raise BadInput("Ask either for a moment or for all there ever were.", pointer="/as_of")
    now_ms = _now_ms()
    at_ms = None if given.state == "all" else now_ms if given.as_of is None else epoch_ms(given.as_of)
    wanted = Wanted(list_name(name), target_of(given.account_id, given.identifier), at_ms)
    before = None if given.cursor is None else _position(given.cursor)
    found = services().risk.lists.store.find(wanted, given.limit + 1, before)
    shown = found[: given.limit]
    return ListEntryPage(_answers(shown, now_ms), _cursor(shown[-1]) if len(found) > given.limit else None)


@operation(
    blueprint,
    Operation(
        "POST",
        PATH,
        "Put an account or an identifier on the list allow, block or watch",
        "write",
        ListEntry,
        201,
        body=(NewAccountEntry, NewIdentifierEntry),
        problems=(400, 404, 409, 413, 415, 422, 503),
        keyed=True,
    ),
)
def post_entry(name: str) -> Any:
    """On disk when the answer comes; risk answers of every process follow within a second. An entry of the same account
    or identifier that counts is replaced."""
    return once(201, lambda: _add(list_name(name), json_body()))


@operation(
    blueprint,
    Operation(
        "DELETE",
        PATH + "/{entry_id}",
        "Take an entry off the list allow, block or watch; it stays in the history",
        "write",
        ListEntry,
        problems=(404, 409, 422, 503),
        keyed=True,
    ),
)
def delete_entry(name: str, entry_id: str) -> Any:
    return once(200, lambda: _remove(list_name(name), entry_id, _now_ms()))


@operation(
    blueprint,
    Operation(
        "DELETE",
        PATH,
        "Take an account or an identifier off the list allow, block or watch; its entry stays in the history",
        "write",
        ListEntry,
        query=TargetQuery,
        problems=(404, 409, 422, 503),
        keyed=True,
    ),
)
def delete_target(name: str) -> Any:
    given = query(TargetQuery)
    target = target_of(given.account_id, given.identifier)
    if target is None:
        raise BadInput("Say which: account_id, or identifier as type:id.", pointer="/account_id")

    def act() -> ListEntry:
        now_ms = _now_ms()
        found = services().risk.lists.store.find(Wanted(list_name(name), target, now_ms), 1)
        if not found:
            raise NotFound("No entry of that account or identifier counts on this list now.")
        return _remove(found[0].list, found[0].id, now_ms)

    return once(200, act)


def _add(name: ListName, body: object) -> ListEntry:
    parts, now_ms = services(), _now_ms()
    given = read(body, parts.arrival, now_ms)
    lists = parts.risk.lists
    made = lists.store.add(name, given.target, given.reason, flask.g.caller, now_ms, given.expires_ms)
    return _taken_up(made, now_ms)


def _remove(name: ListName, entry_id: str, now_ms: int) -> ListEntry:
    return _taken_up(services().risk.lists.store.remove(name, entry_id, flask.g.caller, now_ms), now_ms)


def _taken_up(entry: Entry, now_ms: int) -> ListEntry:
    """Answers of this process follow at once; where they cannot, the next round of each process makes them."""
    with contextlib.suppress(Unavailable):
        services().risk.lists.refresh()
    return _answers([entry], now_ms)[0]


def _answers(entries: list[Entry], now_ms: int) -> list[ListEntry]:
    names = {key.id: key.name for key in services().keys.list()}
    return [answer(entry, names, now_ms) for entry in entries]


def _now_ms() -> int:
    return int(time.time() * 1000)


def _cursor(last: Entry) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode((last.created_ms, last.id))).decode()


def _position(cursor: str) -> tuple[int, str]:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(cursor.encode()), type=tuple[int, str])
    except (ValueError, UnicodeEncodeError):
        raise BadInput("The cursor is not one that this list gave.", pointer="/cursor") from None
