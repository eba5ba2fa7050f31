"""Plays the units of a world, here or in several processes: each has dice of its own, so that it does not matter."""

from __future__ import annotations

import os
import signal
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import partial
from itertools import accumulate
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
from msgspec import Struct
from pyarrow.json import ParseOptions, read_json

from graphsvc.simulate.scene import DAY_MS, Scene, set_scene
from graphsvc.simulate.scribe import Scribe
from graphsvc.simulate.spec import WorldSpec
from graphsvc.simulate.spool import Piece, Spool
from graphsvc.simulate.units import TruthRow, Unit, plan, play

WORK_REQUESTS = 50_000
"""Requests of one piece of work, as near as units allow."""
SHARES = 24
SLOT_BYTES = 32 * 2**20
BYTES_PER_REQUEST = 1800
BEFORE_DAYS, AFTER_DAYS = 160, 60
TEN_DAYS_MS = 10 * DAY_MS
TRUTH = pa.schema([(field.name, pa.bool_() if field.name == "abusive" else pa.string()) for field in fields(TruthRow)])


class Played(Struct, frozen=True):
    """What came of some units: where their lines lie, and the truth about their accounts."""

    events: list[Piece]
    labels: list[Piece]
    truth: pa.Table
    counts: tuple[int, int, int]


class Crew:
    """One process's means of playing units of the world: all of them are made from the spec alone."""

    def __init__(self, spec: WorldSpec, folder: Path) -> None:
        self.spec, self.folder = spec, folder
        self.scene, self.units = set_scene(spec), plan(spec)
        self._edges = _edges(spec, self.scene)
        self._accounts = list(accumulate((unit.size for unit in self.units), initial=0))

    def play(self, work: range) -> Played:
        name = uuid.uuid4().hex
        events, labels = (Spool(self.folder / f"{name}.{kind}", self._edges) for kind in ("events", "labels"))
        scribe = Scribe(events, labels)
        rows = [row for index in work for row in play(self.units[index], self.scene, scribe, self._own_texts(index))]
        counts = (scribe.events, scribe.requests, scribe.labels)
        return Played(events.close(), labels.close(), _table(rows), counts)

    def _own_texts(self, index: int) -> Iterator[str]:
        """The unit's part of the public prompts that one person alone uses: as large as its part of the accounts."""
        texts = self.scene.own_texts
        first, end = (at * len(texts) // self._accounts[-1] for at in self._accounts[index : index + 2])
        return iter(texts[first:end])


def _table(rows: list[TruthRow]) -> pa.Table:
    """By way of JSON, since making Arrow arrays of Python objects imports pandas, for a second or more a process."""
    text = b"\n".join(map(msgspec.json.encode, rows))
    return read_json(pa.py_buffer(text), parse_options=ParseOptions(explicit_schema=TRUTH))


def works(spec: WorldSpec, units: Sequence[Unit]) -> Iterator[range]:
    """All units, in runs of about equal numbers of accounts."""
    most = max(1, int(min(WORK_REQUESTS / spec.requests, spec.accounts / SHARES)))
    first = accounts = 0
    for index, unit in enumerate(units):
        if accounts and accounts + unit.size > most:
            yield range(first, index)
            first, accounts = index, 0
        accounts += unit.size
    yield range(first, len(units))


def _edges(spec: WorldSpec, scene: Scene) -> list[int]:
    """When slots of time begin: outside the world's time every ten days, within it as often as memory asks for."""
    slots = 1 + int(spec.accounts * spec.requests * BYTES_PER_REQUEST / SLOT_BYTES)
    width_ms = max(60_000, (scene.end_ms - scene.start_ms) // slots)
    return [
        *range(scene.start_ms - BEFORE_DAYS * DAY_MS, scene.start_ms, TEN_DAYS_MS),
        *range(scene.start_ms, scene.end_ms, width_ms),
        *range(scene.end_ms, scene.end_ms + AFTER_DAYS * DAY_MS, TEN_DAYS_MS),
    ]


@dataclass(frozen=True)
class Hands:
    """`play` plays units; `each` applies a function to things, in order of the things, in whatever process."""

    play: Callable[[range], Played]
    each: Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]


@contextmanager
def hands(crew: Crew, processes: int) -> Iterator[Hands]:
    """This process, or as many others as wanted; they end with the block."""
    if processes == 1:
        yield Hands(crew.play, map)
        return
    # Spawned, since this process may have threads (a progress bar, a server) that a fork would break.
    pool = ProcessPoolExecutor(processes, get_context("spawn"), _begin, (crew.spec, crew.folder))
    try:
        yield Hands(_play, partial(_in_order, pool, 2 * processes))
    finally:
        pool.shutdown(cancel_futures=True)


def _in_order(
    pool: ProcessPoolExecutor, ahead: int, function: Callable[[Any], Any], things: Iterable[Any]
) -> Iterator[Any]:
    """Results in the order of the things, with few of them waiting at a time."""
    waiting: deque[Future[Any]] = deque()
    for thing in things:
        waiting.append(pool.submit(function, thing))
        if len(waiting) == ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


_crew: Crew


def _begin(spec: WorldSpec, folder: Path) -> None:
    """What a worker does first. It leaves Ctrl-C to its parent, and ends when that ends, however that may be."""
    global _crew
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if (parent := parent_process()) is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    _crew = Crew(spec, folder)


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _play(work: range) -> Played:
    return _crew.play(work)
