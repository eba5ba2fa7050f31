"""What an import would understand of a table, without changing anything. Shows no identifier: tokens of a throw-away
key stand for them."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from pydantic import SecretStr

from graphsvc.config import Settings
from graphsvc.events.arrive import Arrival
from graphsvc.events.cells import BadCell
from graphsvc.events.mapped import Entry, Mapper, Misread, Row
from graphsvc.events.mapping import TableMapping, columns_in
from graphsvc.events.record import LabelRecord, Record
from graphsvc.events.rows import Header, Rows, header_of, read_rows
from graphsvc.events.shapes import is_mail
from graphsvc.events.tokens import Tokeniser
from graphsvc.jobs.importing import refusal_text

ROWS_NAMED = 3
EXAMPLES = 2
FIRST_REFUSALS = 5


@dataclass
class ColumnReport:
    """A column: what it is `taken` as ('' where the mapping leaves it out), empty cells, and cells that cannot be read,
    with the first rows that have one."""

    taken: str
    empty: int = 0
    bad: int = 0
    bad_rows: list[int] = field(default_factory=list)


@dataclass
class DryRun:
    """What would be understood. Times in epoch milliseconds, UTC."""

    source: str
    columns: dict[str, ColumnReport]
    rows: int = 0
    refused: int = 0
    first: list[str] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    first_ms: int | None = None
    last_ms: int | None = None
    mail_accounts: int = 0
    examples: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """The report in words."""
        yield f"{Path(self.source).name}: {self.rows:,} rows, {self.refused:,} of them would be refused."
        yield ""
        width = max(len(name) for name in self.columns)
        for name, column in self.columns.items():
            yield f"  {name:<{width}}  {_column_words(column)}"
        yield ""
        yield "events: " + (", ".join(f"{count:,} {name}" for name, count in self.events.items()) or "none")
        yield "labels: " + (", ".join(f"{count:,} {name}" for name, count in self.labels.items()) or "none")
        if self.first_ms is not None and self.last_ms is not None:
            yield f"times:  {_moment(self.first_ms)} to {_moment(self.last_ms)}"
        if self.mail_accounts:
            yield (
                f"{self.mail_accounts:,} account ids are mail addresses, and account ids are kept as they are: "
                "write account = { column = …, token = true } to keep tokens."
            )
        for example in self.examples:
            yield f"example, with tokens of a throw-away key: {example}"
        yield from self.first
        yield "Nothing was changed."


def dry_run(
    settings: Settings, source: str, mapping: TableMapping, told: Callable[[int, float], None] | None = None
) -> DryRun:
    """Reads the whole table as an import would. Raises BadInput where the import would refuse the table."""
    key = secrets.token_bytes(32)
    header = header_of(source, mapping.table)
    mapper = Mapper(mapping, header, key)
    look = _Look(
        mapper, Arrival(settings.model_copy(update={"token_key": SecretStr(key.hex())})), Tokeniser(key), header
    )
    taken = columns_in(mapping)
    report = DryRun(source, {name: ColumnReport(", ".join(taken.get(name, ()))) for name in header.names})
    share = [0.0]
    for rows in read_rows(source, mapping.table, told=lambda part: share.__setitem__(0, part)):
        look.add(rows, report)
        if told is not None:
            told(report.rows, share[0])
    return report


class _Look:
    def __init__(self, mapper: Mapper, arrival: Arrival, tokens: Tokeniser, header: Header) -> None:
        self._mapper, self._arrival, self._tokens = mapper, arrival, tokens
        self._place = {name: place for place, name in enumerate(header.names)}

    def add(self, rows: Rows, report: DryRun) -> None:
        for index, row in enumerate(rows.cells):
            if row is not None:
                self._columns(row, rows.first + index, report)
        made = self._mapper.make(self._arrival, rows)
        report.rows += len(rows.cells)
        report.refused += len(made.refused)
        room = max(FIRST_REFUSALS - len(report.first), 0)
        report.first += [refusal_text(report.source, rows, one) for one in made.refused[:room]]
        for _, draft in made.drafts:
            self._event(draft.record, report)
        for _, label in made.labels:
            _label(label, report)

    def _columns(self, row: Row, number: int, report: DryRun) -> None:
        """Counts empty and bad cells, each column once a row, of entries that the row is for."""
        bad, empty, read = set[str](), set[str](), set[str]()
        for entry in self._mapper.entries:
            self._read(entry, row, bad, empty, read)
        for name in read:
            column = report.columns[name]
            column.empty += name in empty
            if name in bad:
                column.bad += 1
                column.bad_rows += [number] if len(column.bad_rows) < ROWS_NAMED else []

    def _read(self, entry: Entry, row: Row, bad: set[str], empty: set[str], read: set[str]) -> None:
        try:
            if not entry.wanted(row):
                return
        except Misread as error:
            bad.add(error.column)
            read.add(error.column)
            return
        for one in entry.fields:
            if not one.column:
                continue
            read.add(one.column)
            try:
                if one.read(row) is None:
                    empty.add(one.column)
            except BadCell:
                bad.add(one.column)

    def _event(self, record: Record, report: DryRun) -> None:
        report.events[record.type] += 1
        report.mail_accounts += is_mail(record.account_id)
        _widen(report, record.occurred_ms)
        other = report.events[record.type] == 1
        if len(report.examples) < EXAMPLES:
            report.examples.append(self._example(record))
        elif other and len(report.events) == EXAMPLES:
            report.examples[-1] = self._example(record)

    def _example(self, record: Record) -> str:
        return msgspec.json.encode(self._shown(record)).decode()

    def _shown(self, record: Record) -> dict[str, object]:
        """A record as JSON would show it, accounts as tokens too, what it lacks left out."""
        facts = dict(zip(record.__struct_fields__, msgspec.to_builtins(record), strict=True))
        for name in ("received_ms", "occurred_ms", "event_id"):
            del facts[name]
        facts["account_id"] = self._tokens.token("account", record.account_id)
        facts["peers"] = [
            {"type": peer.type, "account_id": self._tokens.token("account", peer.account_id), "weight": peer.weight}
            for peer in record.peers
        ]
        facts["identifiers"] = {one.type: one.id for one in record.identifiers}
        return {"occurred_at": _moment(record.occurred_ms), **{name: fact for name, fact in facts.items() if fact}}


def _label(label: LabelRecord, report: DryRun) -> None:
    report.labels[label.verdict] += 1
    _widen(report, label.decided_ms)


def _widen(report: DryRun, moment_ms: int) -> None:
    report.first_ms = moment_ms if report.first_ms is None else min(report.first_ms, moment_ms)
    report.last_ms = moment_ms if report.last_ms is None else max(report.last_ms, moment_ms)


def _column_words(column: ColumnReport) -> str:
    if not column.taken:
        return "left out"
    words = [column.taken]
    words += [f"{column.empty:,} empty"] if column.empty else []
    if column.bad:
        words.append(f"{column.bad:,} cannot be read, first in rows {', '.join(map(str, column.bad_rows))}")
    return "; ".join(words)


def _moment(moment_ms: int) -> str:
    return datetime.fromtimestamp(moment_ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
