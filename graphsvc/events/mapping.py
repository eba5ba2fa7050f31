"""Mappings: TOML files that say which column of a table is what of an event or a label. Strict, version 1.

A field is given by the name of its column, or by a table with the keys of `Value`. See docs/import.md.
"""

from __future__ import annotations

import difflib
import tomllib
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

from graphsvc.errors import BadInput
from graphsvc.events.protected import is_protected
from graphsvc.events.types import EventType, KindName

VERSION = 1
GUIDE = "docs/import.md explains every key."
Scalar = bool | int | float | str


class Value(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a value comes from: a `column`, or the same `value` for every row.

    `map` turns what the column holds into what it means (`"*"` is everything else); `default` stands for an empty cell;
    `scale` multiplies numbers; `prefix` goes before ids; `as` names the sort of an attribute; `format` and `zone` read
    a time; `row` makes an id of the row itself; `token` keeps a keyed token of an account's id in its place, for ids
    that say who it is, such as mail addresses.
    """

    column: str | None = None
    value: Scalar | None = None
    row: bool = False
    map: dict[str, Scalar] | None = None
    default: Scalar | None = None
    scale: float = 1.0
    prefix: str = ""
    token: bool = False
    sort: Literal["number", "boolean", "category"] | None = msgspec.field(name="as", default=None)
    format: str = ""
    zone: str = ""


Field = str | Value


class When(Struct, frozen=True, forbid_unknown_fields=True):
    """Which rows an entry is for: those whose `column` is `in` a list, is `not_in` one, is given (`present`) or not,
    or is a number `above` or `below` a bound."""

    column: str
    within: list[Scalar] | None = msgspec.field(name="in", default=None)
    not_in: list[Scalar] | None = None
    present: bool | None = None
    above: float | None = None
    below: float | None = None


class DeviceFields(Struct, frozen=True, forbid_unknown_fields=True):
    id: Field | None = None
    user_agent: Field | None = None
    tls: Field | None = None


class SignupFields(Struct, frozen=True, forbid_unknown_fields=True):
    email: Field | None = None
    phone: Field | None = None
    referral_code: Field | None = None
    channel: Field | None = None
    plan: Field | None = None


class PaymentFields(Struct, frozen=True, forbid_unknown_fields=True):
    method: Field
    outcome: Field
    fingerprint: Field | None = None
    bin: Field | None = None
    funding: Field | None = None
    amount_minor: Field | None = None
    currency: Field | None = None


class RequestFields(Struct, frozen=True, forbid_unknown_fields=True):
    model: Field
    status: Field
    api_key_id: Field | None = None
    input_tokens: Field | None = None
    output_tokens: Field | None = None


class EnforcementFields(Struct, frozen=True, forbid_unknown_fields=True):
    action: Field
    reason: Field | None = None


class PeerFields(Struct, frozen=True, forbid_unknown_fields=True):
    type: KindName
    account: Field
    weight: Field | None = None


class EventEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """One event for each row that `when` lets through. `name` tells entries of one type apart."""

    type: EventType
    name: str = ""
    when: When | None = None
    account: Field | None = None
    time: Field | None = None
    id: Field | None = None
    org: Field | None = None
    ip: Field | None = None
    device: DeviceFields | None = None
    signup: SignupFields | None = None
    payment: PaymentFields | None = None
    request: RequestFields | None = None
    enforcement: EnforcementFields | None = None
    identifiers: dict[KindName, Field] = {}
    peers: list[PeerFields] = []
    attributes: dict[str, Field] = {}


class LabelEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """One label for each row that `when` lets through; a row without a verdict has none."""

    verdict: Field
    source: Field
    when: When | None = None
    account: Field | None = None
    time: Field | None = None
    kind: Field | None = None
    operator_id: Field | None = None
    confidence: Field | None = None


class TableFormat(Struct, frozen=True, forbid_unknown_fields=True):
    """How the file is written. `columns` names the columns of a CSV file that has no header line."""

    format: Literal["csv", "parquet"] | None = None
    delimiter: Annotated[str, Meta(min_length=1, max_length=1)] = ","
    quote: Annotated[str, Meta(max_length=1)] = '"'
    encoding: str = "utf-8"
    decimal: Literal[".", ","] = "."
    thousands: Annotated[str, Meta(max_length=1)] = ""
    null: tuple[str, ...] = ("", "NULL", "null", "\\N", "NaN", "nan", "None", "N/A")
    columns: list[str] | None = None


class TableMapping(Struct, frozen=True, forbid_unknown_fields=True):
    """A whole mapping. `account` and `time` hold for every entry that names none itself."""

    version: Literal[1]
    table: TableFormat = TableFormat()
    account: Field | None = None
    time: Field | None = None
    event: list[EventEntry] = []
    label: list[LabelEntry] = []

    @property
    def entries(self) -> tuple[EventEntry | LabelEntry, ...]:
        """The events, then the labels."""
        events: tuple[EventEntry | LabelEntry, ...] = tuple(self.event)
        return events + tuple(self.label)


def read_mapping(path: Path) -> TableMapping:
    """The mapping in a TOML file. Raises BadInput that says what is wrong, where, and which key is nearest."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise BadInput(f"There is no mapping {path.name}.", hint="graphsvc import FILE --infer proposes one.") from None
    except (OSError, UnicodeDecodeError):
        raise BadInput(f"The mapping {path.name} cannot be read as UTF-8 text.") from None
    return parse_mapping(text, path.name)


def parse_mapping(text: str, name: str = "the mapping") -> TableMapping:
    """The mapping in a TOML text; `name` is for messages."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{name} is not TOML: {error}.", hint=GUIDE) from None
    if "version" not in raw:
        raise BadInput(f"{name} has no version.", hint=f"Begin it with version = {VERSION}.")
    if raw["version"] != VERSION:
        raise BadInput(f"{name} is of a version that is not known here.", hint=f"Write it for version = {VERSION}.")
    for place, key, known in _unknown(raw, TableMapping, ""):
        raise BadInput(f"{name}: {place or 'the top'} has no key {key!r}.", hint=_nearest(key, known))
    try:
        mapping = msgspec.convert(raw, TableMapping)
    except msgspec.ValidationError as error:
        raise BadInput(f"{name}: {_said(str(error))}", hint=GUIDE) from None
    _check(mapping, name)
    return mapping


def fields_of(entry: EventEntry | LabelEntry) -> Iterator[tuple[str, Value]]:
    """The fields of an entry that are filled from a table, each with its JSON pointer in an event or label."""
    for name in entry.__struct_fields__:
        given = getattr(entry, name)
        if isinstance(given, str | Value) and name not in ("type", "name"):
            pointer = "decided_at" if name == "time" and isinstance(entry, LabelEntry) else POINTERS.get(name, name)
            yield f"/{pointer}", as_value(given)
        elif isinstance(given, Struct) and not isinstance(given, When):
            yield from (
                (f"/{name}/{inner}", as_value(value))
                for inner in given.__struct_fields__
                if (value := getattr(given, inner)) is not None
            )
        elif isinstance(given, dict):
            yield from ((f"/{name}/{key}", as_value(value)) for key, value in given.items())
    if isinstance(entry, EventEntry):
        for index, peer in enumerate(entry.peers):
            yield f"/peers/{index}/account_id", as_value(peer.account)
            if peer.weight is not None:
                yield f"/peers/{index}/weight", as_value(peer.weight)


def columns_in(mapping: TableMapping) -> dict[str, list[str]]:
    """The columns that a mapping reads, each with what it is taken as."""
    taken: dict[str, list[str]] = {}
    for pointer, value in (("account", mapping.account), ("time", mapping.time)):
        if value is not None and (column := as_value(value).column):
            taken.setdefault(column, []).append(pointer)
    for entry in mapping.entries:
        title = entry_name(entry) if isinstance(entry, EventEntry) else "label"
        if entry.when is not None:
            taken.setdefault(entry.when.column, []).append(f"{title} when")
        for pointer, value in fields_of(entry):
            if value.column:
                taken.setdefault(value.column, []).append(f"{title} {_kind_pointer(entry, pointer)}")
    return taken


def entry_name(entry: EventEntry) -> str:
    return entry.name or entry.type


def as_value(field: Field) -> Value:
    return Value(column=field) if isinstance(field, str) else field


POINTERS = {"account": "account_id", "time": "occurred_at", "id": "event_id", "org": "org_id"}


def _kind_pointer(entry: EventEntry | LabelEntry, pointer: str) -> str:
    parts = pointer.strip("/").split("/")
    if parts[0] == "peers" and isinstance(entry, EventEntry):
        parts[1] = entry.peers[int(parts[1])].type
    return ".".join(parts)


def _check(mapping: TableMapping, name: str) -> None:
    if not mapping.event and not mapping.label:
        raise BadInput(f"{name} names neither events nor labels.", hint="Add [[event]] or [[label]]. " + GUIDE)
    names = [entry_name(entry) for entry in mapping.event]
    twice = next((one for one in names if names.count(one) > 1), None)
    if twice is not None:
        raise BadInput(f"{name}: two [[event]] are called {twice!r}.", hint='Tell them apart: name = "…".')
    for entry in mapping.entries:
        title = f"[[event]] {entry_name(entry)}" if isinstance(entry, EventEntry) else "[[label]]"
        _check_entry(mapping, entry, f"{name}: {title}")


def _check_entry(mapping: TableMapping, entry: EventEntry | LabelEntry, place: str) -> None:
    for needed in ("account", "time"):
        if getattr(entry, needed) is None and getattr(mapping, needed) is None:
            raise BadInput(f"{place} has no {needed}.", hint=f"Name its column there, or once at the top: {needed} = …")
    for pointer, value in (*_inherited(mapping), *fields_of(entry)):
        given = (value.column is not None) + (value.value is not None) + value.row
        if given != 1:
            raise BadInput(f"{place} {pointer} takes one of column, value and row.", hint=GUIDE)
        if value.row and pointer != "/account_id":
            raise BadInput(f"{place} {pointer}: only an account can be the row itself.", hint=GUIDE)
        if value.token and not pointer.endswith("account_id"):
            raise BadInput(f"{place} {pointer}: identifiers become tokens anyway; `token` is for accounts.", hint=GUIDE)
        if value.sort is not None and not pointer.startswith("/attributes/"):
            raise BadInput(f"{place} {pointer}: `as` is for attributes.", hint=GUIDE)
    if isinstance(entry, EventEntry):
        _check_protected(entry, place)
        if entry.type in ("signup", "payment", "request", "enforcement") and getattr(entry, entry.type) is None:
            raise BadInput(f"{place} needs [event.{entry.type}].", hint='Or take type = "activity". ' + GUIDE)


def _check_protected(entry: EventEntry, place: str) -> None:
    """Nobody is judged, or linked to others, by where they are from, what they speak or are called."""
    for what, fields in (("attribute", entry.attributes), ("identifier", entry.identifiers)):
        for name, field in fields.items():
            if is_protected(name) or is_protected(as_value(field).column or ""):
                raise BadInput(
                    f"{place}: the {what} {name!r} tells where a person is from, what they speak or are called.",
                    hint="That is never a feature of a model or a rule: leave it out.",
                )


def _inherited(mapping: TableMapping) -> list[tuple[str, Value]]:
    both = (("/account_id", mapping.account), ("/occurred_at", mapping.time))
    return [(pointer, as_value(field)) for pointer, field in both if field is not None]


def _unknown(raw: Mapping[str, Any], kind: type[Struct], place: str) -> Iterator[tuple[str, str, list[str]]]:
    """Keys that a table of the mapping does not know: its place, the key, and those that it knows."""
    known = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
    for key, value in raw.items():
        if key not in known:
            yield place, key, list(known)
            continue
        for inner, part, where in _inside(value, known[key], f"{place}.{key}".lstrip(".")):
            yield from _unknown(part, inner, where)


def _inside(value: Any, annotation: Any, place: str) -> Iterator[tuple[type[Struct], Mapping[str, Any], str]]:
    """The tables inside a value that are structs by its annotation."""
    if isinstance(annotation, type) and issubclass(annotation, Struct):
        if isinstance(value, dict):
            yield annotation, value, place
    elif get_origin(annotation) in (Union, types.UnionType):
        for one in get_args(annotation):
            yield from _inside(value, one, place)
    elif get_origin(annotation) is list and isinstance(value, list):
        for number, part in enumerate(value, 1):
            yield from _inside(part, get_args(annotation)[0], f"{place} number {number}")
    elif get_origin(annotation) is dict and isinstance(value, dict):
        for key, part in value.items():
            yield from _inside(part, get_args(annotation)[1], f"{place}.{key}")


def _nearest(key: str, known: list[str]) -> str:
    if is_protected(key):
        return "Nothing makes use of it: leave it out."
    near = difflib.get_close_matches(key, known, 1)
    return f"Did you mean {near[0]!r}?" if near else f"It knows {', '.join(sorted(known))}."


def _said(text: str) -> str:
    return text.replace("$.", "").rstrip(".") + "."
