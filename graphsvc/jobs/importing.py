"""Tables into the ledger: rows mapped, checked and tokenised on all cores, appended in order; refused ones kept."""

from __future__ import annotations

import gc
import hashlib
import multiprocessing
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import msgspec

from graphsvc.config import Settings
from graphsvc.errors import BadInput
from graphsvc.events.arrive import Arrival
from graphsvc.events.mapped import Made, Mapper, Refused
from graphsvc.events.mapping import TableMapping
from graphsvc.events.record import LabelRecord
from graphsvc.events.rows import Header, Rows, header_of, read_rows
from graphsvc.events.tokens import Tokeniser, load_key
from graphsvc.jobs.crew import end_with_parent
from graphsvc.ledger import open_ledger
from graphsvc.ledger.accept import KNOWN_OTHERWISE
from graphsvc.ledger.base import Draft, Ledger, Outcome

INLINE_BATCHES = 2
"""A table of at most this many batches is not worth starting processes for."""
MARK_EVERY_S = 2.0
FIRST_REFUSALS = 5
KEY_PURPOSE = "import"
CONFLICT = ("conflict", KNOWN_OTHERWISE, "Was it imported by another mapping? Import into a fresh data folder.")


Told = Callable[[int, float], None]
"""Hears the rows done so far and the share of the table that was read."""
Drafts = tuple[tuple[int, Draft], ...]
Labels = tuple[tuple[int, LabelRecord], ...]


@dataclass(frozen=True)
class ImportSummary:
    """What became of a table. `skipped` rows were done by a run that was stopped. `first` are the first refusals, in
    words; `rejects` is the file of all of them, None where there is none."""

    rows: int
    skipped: int
    events: int
    known: int
    labels: int
    refused: int
    first: tuple[str, ...]
    rejects: Path | None


class Mark(msgspec.Struct, frozen=True):
    """How far an import came: rows done of a file of this content and mapping, refused ones included, when the ledger
    ended at `offset`."""

    rows: int
    refused: int
    offset: int
    label_offset: int


def import_table(
    settings: Settings, source: str, mapping: TableMapping, strict: bool = False, told: Told | None = None
) -> ImportSummary:
    """Appends a table's events and labels. The same table again changes nothing; stopped at any moment and called
    again, it goes on. With `strict`, stops at the first row that is refused. Raises BadInput."""
    header = header_of(source, mapping.table)
    places = settings.places.create()
    Mapper(mapping, header, b"")
    tell = told or (lambda rows, share: None)
    with closing(open_ledger(settings)) as ledger:
        marks = Marks(places.root / "imports", source, mapping)
        mark = marks.read(ledger)
        totals = _Totals(source, Refusals(places.rejects, source, header, mark), mark.rows, strict)
        share = [0.0]
        batches = read_rows(source, mapping.table, mark.rows, lambda part: share.__setitem__(0, part))
        try:
            for rows, made in _made(settings, mapping, header, batches):
                totals.add(rows, made, ledger)
                marks.write(ledger, totals.rows, totals.refusals.count)
                tell(totals.rows, share[0])
        finally:
            path = totals.refusals.close()
        marks.clear()
    return totals.summary(path)


class _Totals:
    def __init__(self, source: str, refusals: Refusals, skipped: int, strict: bool) -> None:
        self.refusals = refusals
        self.rows = skipped
        self._source, self._skipped, self._strict = source, skipped, strict
        self._events = self._known = self._labels = 0
        self._first: list[str] = []

    def add(self, rows: Rows, made: Made, ledger: Ledger) -> None:
        """Appends a batch, its labels after its events: what the ledger says is on disk."""
        if self._strict and made.refused:
            self._append(ledger, *_before(made, made.refused[0].index))
            raise BadInput(
                refusal_text(self._source, rows, made.refused[0]),
                hint="The rows before it are in the ledger; correct it and import the table again.",
            )
        refused = sorted((*made.refused, *self._append(ledger, made.drafts, made.labels)), key=lambda one: one.index)
        self.refusals.add(rows, refused)
        room = max(FIRST_REFUSALS - len(self._first), 0)
        self._first += [refusal_text(self._source, rows, one) for one in refused[:room]]
        self.rows += len(rows.cells)

    def summary(self, rejects: Path | None) -> ImportSummary:
        return ImportSummary(
            rows=self.rows,
            skipped=self._skipped,
            events=self._events,
            known=self._known,
            labels=self._labels,
            refused=self.refusals.count,
            first=tuple(self._first),
            rejects=rejects,
        )

    def _append(self, ledger: Ledger, drafts: Drafts, labels: Labels) -> list[Refused]:
        outcomes = ledger.append([draft for _, draft in drafts]).outcomes
        new = ledger.append_labels([label for _, label in labels])
        self._events += outcomes.count(Outcome.ACCEPTED)
        self._labels += new
        self._known += outcomes.count(Outcome.DUPLICATE) + len(labels) - new
        clashes = {i for (i, _), outcome in zip(drafts, outcomes, strict=True) if outcome is Outcome.CONFLICT}
        return [Refused(index, "", *CONFLICT) for index in clashes]


def refusal_text(source: str, rows: Rows, refused: Refused) -> str:
    """A refusal in words: file, row, column, what is wrong, what to do."""
    line = f" (line {rows.lines[refused.index]})" if rows.lines[refused.index] else ""
    column = f", column {refused.column}" if refused.column else ""
    place = f"{Path(source).name} row {rows.first + refused.index}{line}{column}"
    return f"{place}: {refused.detail} {refused.hint}".strip()


class Refusals:
    """The refused rows of one table, each with its number, column, code, cells and what to do, in a 0600 file.

    A new run writes the file anew; one that goes on after a stop keeps the part that the stopped run is known to have
    finished.
    """

    def __init__(self, folder: Path, source: str, header: Header, mark: Mark) -> None:
        mark_of = hashlib.blake2b(str(Path(source).absolute()).encode(), digest_size=4).hexdigest()
        self._path = folder / f"{Path(source).name}.{mark_of}.ndjson"
        self._names = header.names
        self._file: int | None = None
        self.count = mark.refused
        if mark.refused:
            before = self._path.read_bytes() if self._path.is_file() else b""
            kept = before.splitlines(keepends=True)[: mark.refused]
            self._open()
            self._write(kept)
        else:
            self._path.unlink(missing_ok=True)

    def add(self, rows: Rows, refused: list[Refused]) -> None:
        if refused:
            self._open()
            self._write([self._line(rows, one) for one in refused])
            self.count += len(refused)

    def close(self) -> Path | None:
        if self._file is None:
            return None
        os.fsync(self._file)
        os.close(self._file)
        return self._path

    def _open(self) -> None:
        if self._file is None:
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)

    def _write(self, lines: list[bytes]) -> None:
        assert self._file is not None
        os.write(self._file, b"".join(lines))

    def _line(self, rows: Rows, refused: Refused) -> bytes:
        cells = rows.cells[refused.index]
        row = {
            "row": rows.first + refused.index,
            "line": rows.lines[refused.index],
            "column": refused.column,
            "code": refused.code,
            "detail": refused.detail,
            "hint": refused.hint,
            "cells": None if cells is None else dict(zip(self._names, map(_shown, cells), strict=True)),
        }
        return msgspec.json.encode(row) + b"\n"


class Marks:
    """Where an import of this file by this mapping stopped, in a small file that its end removes."""

    def __init__(self, folder: Path, source: str, mapping: TableMapping) -> None:
        self._path = folder / f"{_identity(source, mapping)}.json"
        self._written_s = time.monotonic()

    def read(self, ledger: Ledger) -> Mark:
        """The mark, or that of the beginning where there is none or the ledger is another one."""
        start = Mark(0, 0, 0, 0)
        try:
            mark = msgspec.json.decode(self._path.read_bytes(), type=Mark)
        except (FileNotFoundError, msgspec.DecodeError):
            return start
        behind = ledger.offset() < mark.offset or ledger.label_offset() < mark.label_offset
        return start if behind else mark

    def write(self, ledger: Ledger, rows: int, refused: int) -> None:
        """Notes what is done, every few seconds: what was done since is recognised as known."""
        if time.monotonic() - self._written_s < MARK_EVERY_S:
            return
        self._written_s = time.monotonic()
        self._path.parent.mkdir(mode=0o700, exist_ok=True)
        draft = self._path.with_suffix(".new")
        draft.write_bytes(msgspec.json.encode(Mark(rows, refused, ledger.offset(), ledger.label_offset())))
        draft.replace(self._path)

    def clear(self) -> None:
        self._path.unlink(missing_ok=True)


def _identity(source: str, mapping: TableMapping) -> str:
    """Stands for a file's path, size and time of change, and for the mapping."""
    facts = Path(source).stat()
    parts = str(Path(source).absolute()), facts.st_size, facts.st_mtime_ns, msgspec.json.encode(mapping).decode()
    return hashlib.blake2b(repr(parts).encode(), digest_size=8).hexdigest()


def _before(made: Made, index: int) -> tuple[Drafts, Labels]:
    return tuple(d for d in made.drafts if d[0] < index), tuple(label for label in made.labels if label[0] < index)


def _shown(cell: object) -> str | None:
    """A cell as it goes into the file of refusals."""
    if cell is None:
        return None
    return str(cell).encode("utf-8", "backslashreplace").decode()


def _made(
    settings: Settings, mapping: TableMapping, header: Header, batches: Iterator[Rows]
) -> Iterator[tuple[Rows, Made]]:
    head = list(islice(batches, INLINE_BATCHES + 1))
    if len(head) <= INLINE_BATCHES:
        arrival, mapper = _ready(settings, mapping, header)
        yield from ((rows, mapper.make(arrival, rows)) for rows in head)
        return
    workers = os.cpu_count() or 1
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(workers, context, _start_worker, (settings, mapping, header)) as pool:
        yield from _in_order(pool, chain(head, batches), waiting=2 * workers)


def _in_order(pool: ProcessPoolExecutor, batches: Iterator[Rows], waiting: int) -> Iterator[tuple[Rows, Made]]:
    """Results in the order of the table, with a bounded number of batches under way."""
    queue: deque[tuple[Rows, Future[bytes]]] = deque()
    for rows in batches:
        queue.append((rows, pool.submit(_work, rows)))
        if len(queue) >= waiting:
            yield _finished(*queue.popleft())
    while queue:
        yield _finished(*queue.popleft())


def _finished(rows: Rows, future: Future[bytes]) -> tuple[Rows, Made]:
    return rows, msgspec.msgpack.decode(future.result(), type=Made)


def _ready(settings: Settings, mapping: TableMapping, header: Header) -> tuple[Arrival, Mapper]:
    key = Tokeniser(load_key(settings)).derived_key(KEY_PURPOSE)
    return Arrival(settings), Mapper(mapping, header, key)


_worker: list[tuple[Arrival, Mapper]] = []


def _start_worker(settings: Settings, mapping: TableMapping, header: Header) -> None:
    """The garbage collector need not look again and again at what was there before the first row."""
    end_with_parent()
    _worker.append(_ready(settings, mapping, header))
    gc.freeze()


def _work(rows: Rows) -> bytes:
    arrival, mapper = _worker[0]
    return msgspec.msgpack.encode(mapper.make(arrival, rows))
