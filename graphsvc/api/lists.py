"""Lists by HTTP: what is sent, what is refused in it, and what is answered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from graphsvc.api.answers import rfc3339
from graphsvc.cases.lists import LIST_NAMES, Entry, ListName, Target
from graphsvc.errors import BadInput, NotFound
from graphsvc.events.arrive import Arrival
from graphsvc.events.check import Rejected, converted
from graphsvc.events.facts import coarse_fact
from graphsvc.events.record import READABLE_TYPES, Identifier
from graphsvc.events.types import Id, KindName, Moment, epoch_ms

TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")
MAILBOX = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]")
LAST_MS = 253_402_300_799_999
TOLD_MIN = 4
"""A shorter value may stand in a reason by chance."""
Why = Annotated[str, Meta(min_length=1, max_length=500)]


class NamedIdentifier(Struct, frozen=True, forbid_unknown_fields=True):
    """Either the raw `value`, of which only its token is kept, or the `id` that clusters, evidence and neighbours show:
    a token, or a mail domain, issuer range, subnet or network operator."""

    type: KindName
    value: Annotated[str, Meta(min_length=1, max_length=512)] | UnsetType = UNSET
    id: Annotated[str, Meta(min_length=1, max_length=256)] | UnsetType = UNSET


class NewAccountEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """Without `expires_at` it counts until it is removed. A `reason` holds no mail address."""

    account_id: Id
    reason: Why
    expires_at: Moment | UnsetType | None = UNSET


class NewIdentifierEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """Without `expires_at` it counts until it is removed. A `reason` does not repeat the identifier."""

    identifier: NamedIdentifier
    reason: Why
    expires_at: Moment | UnsetType | None = UNSET


class ListedIdentifier(Struct, frozen=True):
    type: str
    id: str


class ListEntry(Struct, frozen=True):
    """`created_by` and `removed_by` are names of keys. `state`: whether it counts now; a replaced one was ended by
    another entry of the same account or identifier, `replaced_by`."""

    id: str
    list: ListName
    account_id: str | None
    identifier: ListedIdentifier | None
    reason: str
    state: Literal["counts", "expired", "removed", "replaced"]
    created_at: str
    created_by: str
    expires_at: str | None
    removed_at: str | None
    removed_by: str | None
    replaced_by: str | None


class ListEntryPage(Struct, frozen=True):
    items: list[ListEntry]
    next_cursor: str | None


@dataclass(frozen=True)
class Given:
    """An entry as it is to be made; `expires_ms` None: it does not expire."""

    target: Target
    reason: str
    expires_ms: int | None


def list_name(text: str) -> ListName:
    """Raises NotFound for a list that there is not."""
    for name in LIST_NAMES:
        if name == text:
            return name
    raise NotFound("There is no such list.", hint=f"Lists are {', '.join(LIST_NAMES)}.")


def read(body: object, arrival: Arrival, now_ms: int) -> Given:
    """Raises Rejected with a JSON pointer."""
    if not isinstance(body, dict) or ("account_id" in body) == ("identifier" in body):
        raise Rejected("invalid", "Send an object with either account_id or identifier.")
    given: NewAccountEntry | NewIdentifierEntry
    if "account_id" in body:
        given = converted(body, NewAccountEntry)
        target, raw = Target(account_id=given.account_id), ""
    else:
        given = converted(body, NewIdentifierEntry)
        target = Target(identifier=_identifier(given.identifier, arrival))
        raw = given.identifier.value if isinstance(given.identifier.value, str) else ""
    return Given(target, _reason(given.reason, raw), _expires_ms(given.expires_at, now_ms))


def target_of(account_id: str | None, identifier: str | None) -> Target | None:
    """What a query asks for: an account, an identifier as type:id, or None for nothing. Raises BadInput."""
    if account_id is not None and identifier is not None:
        raise BadInput("Ask for either an account or an identifier.", pointer="/identifier")
    if account_id is not None:
        return Target(account_id=account_id)
    if identifier is None:
        return None
    kind, colon, name = identifier.partition(":")
    if not colon or not kind or not name:
        raise BadInput("An identifier is asked for as type:id.", pointer="/identifier")
    return Target(identifier=Identifier(kind, name))


def answer(entry: Entry, names: Mapping[str, str], now_ms: int) -> ListEntry:
    """`names` of keys by their ids."""
    one = entry.target.identifier
    return ListEntry(
        id=entry.id,
        list=entry.list,
        account_id=entry.target.account_id,
        identifier=None if one is None else ListedIdentifier(one.type, one.id),
        reason=entry.reason,
        state=_state(entry, now_ms),
        created_at=rfc3339(entry.created_ms),
        created_by=names.get(entry.created_by, entry.created_by),
        expires_at=_moment(entry.expires_ms),
        removed_at=_moment(entry.removed_ms),
        removed_by=None if entry.removed_by is None else names.get(entry.removed_by, entry.removed_by),
        replaced_by=entry.replaced_by,
    )


def _state(entry: Entry, now_ms: int) -> Literal["counts", "expired", "removed", "replaced"]:
    if entry.removed_ms is not None:
        return "removed" if entry.replaced_by is None else "replaced"
    return "counts" if entry.counts(max(now_ms, entry.created_ms)) else "expired"


def _moment(moment_ms: int | None) -> str | None:
    return None if moment_ms is None else rfc3339(moment_ms)


def _identifier(given: NamedIdentifier, arrival: Arrival) -> Identifier:
    if isinstance(given.value, str) and given.id is UNSET:
        return arrival.identifier(given.type, given.value, "/identifier/value")
    if isinstance(given.id, str) and given.value is UNSET:
        return _of_graph(given.type, given.id)
    raise Rejected("invalid", "An identifier has either a value or an id.", "/identifier")


def _of_graph(kind: str, name: str) -> Identifier:
    if kind not in READABLE_TYPES and TOKEN.fullmatch(name):
        return Identifier(kind, name)
    try:
        if kind in READABLE_TYPES:
            return Identifier(kind, coarse_fact(kind, name))
    except ValueError:
        pass
    raise Rejected("invalid", "This is no id of its type: send a raw identifier as value.", "/identifier/id")


def _reason(text: str, raw: str) -> str:
    """Raises Rejected where it holds what must not be kept."""
    told = raw.strip().casefold()
    if MAILBOX.search(text) or (len(told) >= TOLD_MIN and told in text.casefold()):
        raise Rejected("invalid", "A reason holds no mail address and does not repeat the identifier.", "/reason")
    if not text.strip():
        raise Rejected("invalid", "Say why.", "/reason")
    return text.strip()


def _expires_ms(given: datetime | UnsetType | None, now_ms: int) -> int | None:
    if not isinstance(given, datetime):
        return None
    moment_ms = epoch_ms(given)
    if not now_ms < moment_ms <= LAST_MS:
        raise Rejected("out_of_range", "An entry expires in the future, before the year 10000.", "/expires_at")
    return moment_ms
