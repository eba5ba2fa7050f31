"""Files into the ledger: read, prepare on all cores, append in order, keep what was refused."""

from __future__ import annotations

import gc
import hashlib
import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import msgspec

from graphsvc.config import Settings
from graphsvc.errors import BadInput
from graphsvc.events.arrive import Arrival
from graphsvc.events.read import Lines, read_lines
from graphsvc.jobs.crew import end_with_parent
from graphsvc.ledger import open_ledger
from graphsvc.ledger.accept import Accepted, Prepared, Rejection, accept_labels, append, prepare
from graphsvc.ledger.base import Ledger

INLINE_BATCHES = 2
"""A file of at most this many batches is not worth starting processes for."""


@dataclass(frozen=True)
class IngestSummary:
    """What became of a file's lines. `rejects` is the file of refused lines, None where there is none."""

    lines: int
    accepted: int
    duplicates: int
    rejected: int
    unknown_fields: int
    rejects: Path | None


class Rejects:
    """The refused lines of one source, each with its number, code, pointer and text, in a 0600 file.

    A run of the same source writes the same file again from its start, so that a run after a kill leaves no doubles.
    """

    def __init__(self, folder: Path, source: str) -> None:
        name = "stdin" if source == "-" else Path(source).name
        mark = hashlib.blake2b(str(Path(source).absolute()).encode(), digest_size=4).hexdigest()
        self.path = folder / f"{name}.{mark}.ndjson"
        self._file: int | None = None
        self.count = 0
        self.path.unlink(missing_ok=True)

    def add(self, lines: Lines, rejected: tuple[Rejection, ...]) -> None:
        if not rejected:
            return
        if self._file is None:
            self.path.parent.mkdir(mode=0o700, exist_ok=True)
            self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self.count += len(rejected)
        os.write(self._file, b"".join(_reject_line(lines, rejection) for rejection in rejected))

    def close(self) -> Path | None:
        if self._file is None:
            return None
        os.fsync(self._file)
        os.close(self._file)
        return self.path


def ingest_events(
    settings: Settings, source: str, strict: bool = False, on_bytes: Callable[[int], None] = lambda _: None
) -> IngestSummary:
    """Appends a file's events to the ledger. With `strict`, stops at the first bad line with BadInput."""
    ledger = open_ledger(settings)
    rejects = Rejects(settings.places.rejects, source)
    totals = _Totals()
    try:
        for lines, prepared in _prepared(settings, read_lines(source, on_bytes)):
            _append(ledger, source, lines, prepared, rejects, totals, strict)
    finally:
        path = rejects.close()
        ledger.close()
    return totals.summary(path)


def ingest_labels(settings: Settings, source: str, strict: bool = False) -> IngestSummary:
    """Appends a file's labels to the ledger, with the same care for bad lines."""
    ledger = open_ledger(settings)
    rejects = Rejects(settings.places.rejects, source)
    totals = _Totals()
    try:
        for lines in read_lines(source):
            done = accept_labels(ledger, lines.texts)
            rejects.add(lines, done.rejected)
            totals.add(lines, done, 0)
            _stop_if(strict, source, lines, done.rejected)
    finally:
        path = rejects.close()
        ledger.close()
    return totals.summary(path)


def _append(
    ledger: Ledger,
    source: str,
    lines: Lines,
    prepared: Prepared,
    rejects: Rejects,
    totals: _Totals,
    strict: bool,
) -> None:
    if strict and prepared.rejected:
        first = prepared.rejected[0].index
        prepared = msgspec.structs.replace(prepared, drafts=tuple(d for d in prepared.drafts if d.index < first))
    done = append(ledger, prepared)
    rejects.add(lines, done.rejected)
    totals.add(lines, done, prepared.unknown_fields)
    _stop_if(strict, source, lines, done.rejected)


def _stop_if(strict: bool, source: str, lines: Lines, rejected: tuple[Rejection, ...]) -> None:
    if not strict or not rejected:
        return
    first = rejected[0]
    place = f"{Path(source).name} line {lines.numbers[first.index]}"
    raise BadInput(
        f"{place}: {first.code} at {first.pointer or '/'}: {first.detail}",
        hint="Correct the line and ingest the file again; the lines before it are in the ledger.",
        pointer=first.pointer,
    )


class _Totals:
    def __init__(self) -> None:
        self._lines = self._accepted = self._duplicates = self._rejected = self._unknown = 0

    def add(self, lines: Lines, done: Accepted, unknown_fields: int) -> None:
        self._lines += len(lines.numbers)
        self._accepted += done.accepted
        self._duplicates += done.duplicates
        self._rejected += len(done.rejected)
        self._unknown += unknown_fields

    def summary(self, rejects: Path | None) -> IngestSummary:
        return IngestSummary(self._lines, self._accepted, self._duplicates, self._rejected, self._unknown, rejects)


def _prepared(settings: Settings, batches: Iterator[Lines]) -> Iterator[tuple[Lines, Prepared]]:
    head = list(islice(batches, INLINE_BATCHES + 1))
    if len(head) <= INLINE_BATCHES:
        arrival = Arrival(settings)
        yield from ((lines, prepare(arrival, lines.texts)) for lines in head)
        return
    workers = os.cpu_count() or 1
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(workers, context, _start_worker, (settings,)) as pool:
        yield from _in_order(pool, chain(head, batches), waiting=2 * workers)


def _in_order(pool: ProcessPoolExecutor, batches: Iterator[Lines], waiting: int) -> Iterator[tuple[Lines, Prepared]]:
    """Results in the order of the file, with a bounded number of batches under way."""
    queue: deque[tuple[Lines, Future[bytes]]] = deque()
    for lines in batches:
        queue.append((lines, pool.submit(_work, lines.texts)))
        if len(queue) >= waiting:
            yield _finished(*queue.popleft())
    while queue:
        yield _finished(*queue.popleft())


def _finished(lines: Lines, future: Future[bytes]) -> tuple[Lines, Prepared]:
    return lines, msgspec.msgpack.decode(future.result(), type=Prepared)


_worker_arrival: list[Arrival] = []


def _start_worker(settings: Settings) -> None:
    """The garbage collector need not look again and again at what was there before the first line: a fifth of the time
    otherwise."""
    end_with_parent()
    _worker_arrival.append(Arrival(settings))
    gc.freeze()


def _work(texts: tuple[bytes, ...]) -> bytes:
    return msgspec.msgpack.encode(prepare(_worker_arrival[0], texts))


def _reject_line(lines: Lines, rejection: Rejection) -> bytes:
    row = {
        "line": lines.numbers[rejection.index],
        "code": rejection.code,
        "pointer": rejection.pointer,
        "detail": rejection.detail,
        "text": lines.texts[rejection.index].rstrip(b"\r\n").decode("utf-8", "backslashreplace"),
    }
    return msgspec.json.encode(row) + b"\n"
