"""Rows to events and labels, by a mapping. A row is taken whole or refused whole."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from graphsvc.errors import BadInput
from graphsvc.events.arrive import Arrival, label_record, now_ms
from graphsvc.events.cells import BadCell, Read, reading, text_of
from graphsvc.events.check import Rejected, check_label
from graphsvc.events.mapping import (
    EventEntry,
    LabelEntry,
    TableMapping,
    Value,
    When,
    as_value,
    columns_in,
    entry_name,
    fields_of,
)
from graphsvc.events.record import LabelRecord
from graphsvc.events.rows import Cell, Header, Rows
from graphsvc.events.tokens import keyed_digest
from graphsvc.ledger.base import Draft

Row = tuple[Cell, ...]
Object = dict[str, Any]
Test = Callable[[Row], bool]
SORTS = {
    "/occurred_at": "time",
    "/decided_at": "time",
    "/payment/amount_minor": "integer",
    "/request/status": "integer",
    "/request/input_tokens": "integer",
    "/request/output_tokens": "integer",
    "/confidence": "number",
}
NEEDED = ("/account_id", "/occurred_at", "/decided_at")
HINT_OF = {
    "missing": "Name a column that has it, or give a `default`.",
    "in_future": "See `format` and `zone` of the time.",
    "out_of_range": "See `format` or `scale` of the column.",
    "bad_ip": "Take the column as an identifier of your own kind, or leave it out.",
}


class Refused(Struct, frozen=True, array_like=True):
    """A row that is not taken: its `index` in the batch, the `column` at fault ('' where no single one is), a code,
    what is wrong and what to do. Never what the cell holds."""

    index: int
    column: str
    code: str
    detail: str
    hint: str


class Made(Struct, frozen=True, array_like=True):
    """What a batch of rows gave, each with the row's index in the batch."""

    drafts: tuple[tuple[int, Draft], ...]
    labels: tuple[tuple[int, LabelRecord], ...]
    refused: tuple[Refused, ...]


class Misread(Exception):
    """A row that cannot be taken, see Refused."""

    def __init__(self, column: str, code: str, detail: str, hint: str) -> None:
        super().__init__(detail)
        self.column = column
        self.code = code
        self.detail = detail
        self.hint = hint


@dataclass(frozen=True)
class Filled:
    """One field of an entry: its JSON pointer, its `column` ('' for a constant or the row), and how to read it."""

    pointer: str
    column: str
    read: Callable[[Row], Any]


@dataclass(frozen=True)
class Entry:
    """An entry of the mapping, ready to be read off rows. A label has neither `name` nor `type`. `kinds` are those
    of its peers; `row_prefix` goes before an account that is the row itself."""

    name: str
    type: str
    wanted: Test
    fields: tuple[Filled, ...]
    kinds: tuple[str, ...]
    row_prefix: str

    def column_of(self, pointer: str, one: Object) -> str:
        """The column behind a place in an event or label that this entry made, '' where there is none."""
        parts = pointer[1:].split("/")
        if parts[0] == "identifiers" and len(parts) > 1:
            pointer = f"/identifiers/{one['identifiers'][int(parts[1])]['type']}"
        elif parts[0] == "peers" and len(parts) > 1:
            pointer = f"/peers/{self.kinds.index(one['peers'][int(parts[1])]['type'])}/{parts[-1]}"
        return next((field.column for field in self.fields if field.pointer == pointer), "")


class Mapper:
    """Reads events and labels off rows of a table with this header. `key` makes the ids of rows: unkeyed, what a row
    holds could be guessed from its id.

    Raises BadInput where the table lacks a column that the mapping names."""

    def __init__(self, mapping: TableMapping, header: Header, key: bytes) -> None:
        check_columns(mapping, header)
        self._place = {name: place for place, name in enumerate(header.names)}
        self._form = mapping.table
        self._key = key
        self._many_ids = sum(one.id is not None for one in mapping.event) > 1
        self.entries = tuple(self._entry(mapping, one) for one in mapping.entries)

    def objects(self, row: Row, number: int) -> list[tuple[Entry, Object]]:
        """The events and labels of a row, as the contract writes them. Raises Misread."""
        content = "\x1f".join("" if cell is None else str(cell) for cell in row)
        made = ((entry, self._object(entry, row, number, content)) for entry in self.entries if entry.wanted(row))
        return [(entry, one) for entry, one in made if entry.type or "verdict" in one]

    def make(self, arrival: Arrival, rows: Rows) -> Made:
        """The drafts and labels of a batch, checked and tokenised as every event is, and the rows that are refused."""
        drafts: list[tuple[int, Draft]] = []
        labels: list[tuple[int, LabelRecord]] = []
        refused: list[Refused] = []
        received_ms = now_ms()
        for index, row in enumerate(rows.cells):
            if row is None:
                refused.append(Refused(index, "", "bad_row", rows.spoilt[index], "Correct the row, or [table]."))
                continue
            try:
                objects = self.objects(row, rows.first + index)
                events = [_draft(arrival, entry, one, received_ms) for entry, one in objects if entry.type]
                decided = [_label(entry, one, received_ms) for entry, one in objects if not entry.type]
            except Misread as error:
                refused.append(Refused(index, error.column, error.code, error.detail, error.hint))
            else:
                drafts += [(index, one) for one in events]
                labels += [(index, one) for one in decided]
        return Made(tuple(drafts), tuple(labels), tuple(refused))

    def _object(self, entry: Entry, row: Row, number: int, content: str) -> Object:
        found: Object = {"type": entry.type} if entry.type else {}
        if entry.type in ("signup", "payment", "request", "enforcement"):
            found[entry.type] = {}
        for one in entry.fields:
            try:
                value = one.read(row)
            except BadCell as error:
                raise Misread(one.column, error.code, error.detail, error.hint) from None
            if value is not None:
                _put(found, one.pointer, value, entry.kinds)
            elif one.pointer in NEEDED:
                raise Misread(one.column, "missing", "The cell is empty.", HINT_OF["missing"])
        found["peers"] = [peer for peer in found.get("peers", ()) if "account_id" in peer]
        if not found["peers"]:
            del found["peers"]
        if "account_id" not in found:
            found["account_id"] = f"{entry.row_prefix}{self._id(content, number, '')}"
        if entry.type and "event_id" not in found:
            found["event_id"] = f"row-{self._id(content, number, entry.name)}"
        elif entry.type and self._many_ids:
            found["event_id"] = f"{found['event_id']}-{entry.name}"
        return found

    def _id(self, content: str, number: int, name: str) -> str:
        """The same row of the same table has the same id, whatever the file is called and however it is packed."""
        return keyed_digest(self._key, f"{number}\0{name}\0{content}".encode("utf-8", "surrogatepass")).hex()

    def _entry(self, mapping: TableMapping, given: EventEntry | LabelEntry) -> Entry:
        event = isinstance(given, EventEntry)
        own = dict(fields_of(given))
        time = "/occurred_at" if event else "/decided_at"
        for pointer, inherited in (("/account_id", mapping.account), (time, mapping.time)):
            if pointer not in own and inherited is not None:
                own = {pointer: as_value(inherited), **own}
        account = own["/account_id"]
        return Entry(
            name=entry_name(given) if isinstance(given, EventEntry) else "",
            type=given.type if isinstance(given, EventEntry) else "",
            wanted=self._test(given.when),
            fields=tuple(self._filled(pointer, value) for pointer, value in own.items() if not value.row),
            kinds=tuple(peer.type for peer in given.peers) if isinstance(given, EventEntry) else (),
            row_prefix=account.prefix or "row-",
        )

    def _filled(self, pointer: str, value: Value) -> Filled:
        read = reading(value, sort_of(pointer, value), self._form)
        if value.token:
            read = self._tokens_of(read)
        if value.column is None:
            # A constant is as good as a cell that always holds it.
            constant = value.value
            return Filled(pointer, "", lambda row: read(constant))
        place = self._place[value.column]
        return Filled(pointer, value.column, lambda row: read(row[place]))

    def _tokens_of(self, read: Read) -> Read:
        """The same with a keyed token in place of an account's id, whatever the case of its letters."""

        def token(cell: Any) -> str | None:
            text = read(cell)
            return None if text is None else keyed_digest(self._key, f"account\0{text.casefold()}".encode()).hex()

        return token

    def _test(self, when: When | None) -> Test:
        if when is None:
            return lambda row: True
        place = self._place[when.column]
        read = reading(Value(column=when.column), "text", self._form)
        bounded = when.above is not None or when.below is not None
        size = reading(Value(column=when.column), "number", self._form) if bounded else None

        def wanted(row: Row) -> bool:
            try:
                return _passes(when, read(row[place])) and (size is None or _lies(when, size(row[place])))
            except BadCell as error:
                raise Misread(when.column, error.code, error.detail, error.hint) from None

        return wanted


def sort_of(pointer: str, value: Value) -> str:
    """What a field is read as: text, integer, number, boolean, category or time."""
    if pointer.startswith("/attributes/"):
        return value.sort or "number"
    if pointer.startswith("/peers/"):
        return "number" if pointer.endswith("/weight") else "text"
    return SORTS.get(pointer, "text")


def check_columns(mapping: TableMapping, header: Header) -> None:
    """Raises BadInput where the table lacks a column that the mapping names, with the nearest one that it has."""
    for column in columns_in(mapping):
        if column not in header.names:
            near = difflib.get_close_matches(column, header.names, 1)
            hint = f"Did you mean {near[0]!r}?" if near else f"It has {_listed(header.names)}."
            raise BadInput(f"The table has no column {column!r}.", hint=hint)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:20]) + (" …" if len(names) > 20 else "")


def _passes(when: When, value: str | None) -> bool:
    if when.present is not None and when.present != (value is not None):
        return False
    if when.within is not None and value not in [text_of(one) for one in when.within]:
        return False
    return when.not_in is None or value not in [text_of(one) for one in when.not_in]


def _lies(when: When, size: float | None) -> bool:
    """Whether a number is given and within the bounds."""
    low = -float("inf") if when.above is None else when.above
    high = float("inf") if when.below is None else when.below
    return size is not None and low < size < high


def _put(found: Object, pointer: str, value: Any, kinds: tuple[str, ...]) -> None:
    """Writes a value to its place in an event or a label."""
    parts = pointer[1:].split("/", 2)
    if len(parts) == 1:
        found[parts[0]] = value
    elif parts[0] == "identifiers":
        found.setdefault("identifiers", []).append({"type": parts[1], "value": value})
    elif parts[0] == "peers":
        peers = found.setdefault("peers", [{"type": kind} for kind in kinds])
        peers[int(parts[1])][parts[2]] = value
    else:
        found.setdefault(parts[0], {})[pointer.split("/", 2)[2]] = value


def _draft(arrival: Arrival, entry: Entry, one: Object, received_ms: int) -> Draft:
    try:
        return arrival.draft(arrival.check(one), received_ms)
    except Rejected as error:
        raise _misread(entry, one, error) from None


def _label(entry: Entry, one: Object, received_ms: int) -> LabelRecord:
    try:
        return label_record(check_label(one), received_ms)
    except Rejected as error:
        raise _misread(entry, one, error) from None


def _misread(entry: Entry, one: Object, error: Rejected) -> Misread:
    column = entry.column_of(error.pointer, one)
    what = error.message if column else f"{error.message.rstrip('.')} ({error.pointer or 'the row'})."
    return Misread(column, error.reason, what, HINT_OF.get(error.reason, "See `map` of the column, or the mapping."))
