"""The index that answers are made from: opened or made in the background, followed, and replaced as one."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog
from prometheus_client import Gauge

from graphsvc.clusters.results import ResultsReader
from graphsvc.config import Settings
from graphsvc.events.record import Record
from graphsvc.ledger import open_ledger
from graphsvc.links.tables import LinkTables
from graphsvc.risk.base import empty_base
from graphsvc.risk.build import made
from graphsvc.risk.follow import (
    BATCH_RECORDS,
    FAR_RECORDS,
    Sources,
    count,
    count_stored,
    follow,
    follow_labels,
    index_of,
)
from graphsvc.risk.index import Index, Keyed
from graphsvc.risk.keys import seed_of
from graphsvc.risk.labels import LabelBook
from graphsvc.risk.loops import Loop
from graphsvc.risk.rehearsal import rehearse
from graphsvc.risk.score import Scorer, load_scorer, stranger
from graphsvc.risk.seen import Seen
from graphsvc.risk.snapshot import Kept, Snapshots
from graphsvc.risk.spool import Peers
from graphsvc.risk.writer import Writer, recorded

log = structlog.get_logger("risk")
TAIL_EVERY_S = 0.1
"""So long at most what another process answered is not counted; each look costs as much as to count some events."""
REFRESH_EVERY_S = 1.0
BUILD_LOOK_S = 0.2
FOREVER_S = 3600.0
READ_RECORDS = 8 * BATCH_RECORDS
"""A read costs as much as to count several records."""
FILL_EVERY_S = 0.002
"""After so many ids that take less than a millisecond; answers go on in between."""
BEHIND_S = 2.0
"""An index that did not reach the ledger's end for so long is behind."""
OVERRUN_RECORDS = 20_000
"""Some ten seconds of what comes in at most."""
SMALL_RECORDS = 20_000
"""The base of so few events is made within a second or two; more would hold up answers, and a process of its own does
it."""
INDEX_OFFSET = Gauge(
    "graphsvc_risk_index_offset",
    "Offset of the last ledger record that risk answers count",
    multiprocess_mode="livemin",
)


@dataclass(frozen=True)
class State:
    """What answers are made from; replaced as one. `built` is False until the data folder was read; `graph_as_of` the
    moment of the last detection (RFC 3339), or None."""

    index: Index
    scorer: Scorer
    model_problem: str
    built: bool
    graph_as_of: str | None


class IndexKeeper:
    """Two threads: one follows the ledger and what other processes answered, one looks for a new detection or model."""

    def __init__(self, settings: Settings, model_folder: Callable[[], Path], peers: Peers, writer: Writer) -> None:
        places = settings.places
        self._settings, self._model_folder, self._peers, self._writer = settings, model_folder, peers, writer
        self._seed = seed_of(settings)
        self._snapshots = Snapshots(places.risk, self._seed)
        self._results_path = places.results
        self._ledger = open_ledger(settings, lean=True)
        self._sources = Sources(self._ledger, LinkTables(places.links), ResultsReader(places.results))
        scorer, problem = load_scorer(model_folder())
        rehearse(scorer)
        book = LabelBook(self._seed)
        self.state = _state(Index(empty_base(stranger(scorer), book), book, 0), scorer, problem, built=False)
        self._following = threading.Lock()
        self.built = threading.Event()
        self.seen = Seen(self._ledger.offset())
        self._source: tuple[object, ...] = ()
        self._caught_up_s = 0.0
        self._tail = Loop("tail", TAIL_EVERY_S, self._follow)
        self._refresher = Loop("refresh", REFRESH_EVERY_S, self._refresh)
        self._filler = Loop("ids", FOREVER_S, self._fill)

    def start(self) -> None:
        self._refresher.start()
        self._tail.start()
        self._filler.start()

    def stop(self) -> None:
        self._filler.stop()
        self._tail.stop()
        self._refresher.stop()
        self._ledger.close()
        gc.unfreeze()

    def wake(self) -> None:
        """Follows now rather than later."""
        self._tail.wake()

    @property
    def lag(self) -> int:
        return max(self._ledger.offset() - self.state.index.offset, 0)

    @property
    def behind(self) -> bool:
        return not self.state.built or time.monotonic() - self._caught_up_s > BEHIND_S

    @property
    def overrun(self) -> bool:
        """Whether so much came in that the index does not keep up."""
        return self.state.built and self.behind and self.lag > OVERRUN_RECORDS

    def states(self) -> dict[str, str]:
        """For index, model and detection "ok", or what is missing."""
        state = self.state
        index = "behind the ledger" if self.behind else "ok"
        return {
            "index": index if state.built else "being built",
            "model": state.model_problem or "ok",
            "detection": "ok" if state.graph_as_of is not None else "no detection has run yet",
        }

    def count(self, record: Record, probability: float, keyed: Keyed | None = None) -> None:
        """Counts a record that was just answered, in the index that answers when it is done. `keyed`: what an index
        made of it before."""
        while True:
            index = self.state.index
            with index.lock:
                if self.state.index is not index:
                    continue
                if keyed is None or keyed.index is not index:
                    keyed = index.keyed(record.account_id, record.identifiers)
                index.apply_answered(record, keyed, probability)
                return

    def _count_next(self, state: State) -> int:
        """Counts what the ledger has next, a few records at a time."""
        with self._following:
            stored = self._ledger.read(state.index.offset, READ_RECORDS)
            self.seen.add(one.record.event_id for one in stored)
            follow_labels(state.index, self._ledger)
        for start in range(0, len(stored), BATCH_RECORDS):
            started_s = time.perf_counter()
            with self._following:
                if self._tail.stopping or self.state is not state:
                    break
                count_stored(state.index, stored[start : start + BATCH_RECORDS], state.scorer)
            # As long a pause: where much came at once, answers would else get a turn only now and then.
            self._tail.rest(time.perf_counter() - started_s)
        return len(stored)

    def _fill(self) -> None:
        """All ids that the ledger holds, once; with a pause after each page, in which answers go on."""
        while not self.seen.whole and not self._filler.stopping and self.seen.fill(self._ledger):
            self._filler.rest(FILL_EVERY_S)

    def _follow(self) -> None:
        state = self.state
        if not state.built:
            return
        while not self._tail.stopping and self.state is state:
            if self._count_next(state) < READ_RECORDS:
                self._caught_up_s = time.monotonic()
                break
        for entry in self._peers.news():
            if entry.record is not None:
                self.count(entry.record, entry.probability)
        INDEX_OFFSET.set(state.index.offset)

    def _refresh(self) -> None:
        """Makes a new index when there is a new detection or model, or when the base lies too far back."""
        source, index = self._present(), self.state.index
        if source == self._source and index.offset - index.base.offset <= FAR_RECORDS:
            return
        scorer, problem = load_scorer(self._model_folder())
        kept = self._kept(scorer)
        if kept is None:
            return
        new = _state(index_of(kept, self._ledger), scorer, problem, built=True)
        while follow(new.index, self._ledger, scorer) == BATCH_RECORDS and not self._refresher.stopping:
            pass
        self._swap(new)
        self._source = source

    def _kept(self, scorer: Scorer) -> Kept | None:
        """The base that lies in the folder, or that is made now; None where that did not succeed."""
        wanted = self._sources.wanted(scorer)
        known = self._snapshots.open(wanted)
        if known is not None:
            return known
        if self._ledger.offset() <= SMALL_RECORDS:
            return made(self._settings, self._model_folder())
        self._build()
        return self._snapshots.open(self._sources.wanted(scorer))

    def _build(self) -> None:
        """Makes the base in a process of its own, which waits for another that does the same."""
        environment = {**os.environ, "GRAPHSVC_DATA": str(self._settings.places.root)}
        command = [sys.executable, "-m", "graphsvc.risk.build", str(self._model_folder())]
        with subprocess.Popen(command, env=environment) as builder:
            while builder.poll() is None:
                if self._refresher.stopping:
                    builder.terminate()
                self._refresher.rest(BUILD_LOOK_S)
        if builder.returncode and not self._refresher.stopping:
            log.warning("risk_base_not_made", status=builder.returncode)

    def _swap(self, new: State) -> None:
        """No record is counted by the old index alone: whoever counts one holds its lock and looks whether it still
        answers; and what waits for the ledger is counted by the new one."""
        with self._following, self.state.index.lock:
            while follow(new.index, self._ledger, new.scorer) == BATCH_RECORDS:
                pass
            count(new.index, recorded(self._writer.entries()), new.scorer)
            self._peers.again()
            self.state = new
            self._caught_up_s = time.monotonic()
        self.built.set()
        # What was just built lives long; to walk it would hold up answers for 0.1 s at each full collection.
        gc.freeze()

    def _present(self) -> tuple[object, ...]:
        """What tells one detection and one model from the next."""
        folder = self._model_folder()
        return _mark(self._results_path), folder, _mark(folder / "manifest.json"), _mark(folder / "model.safetensors")


def _state(index: Index, scorer: Scorer, problem: str, *, built: bool) -> State:
    as_of_ms = index.base.as_of_ms
    return State(index, scorer, problem, built, _rfc3339(as_of_ms) if as_of_ms is not None else None)


def _mark(path: Path) -> tuple[int, int] | None:
    try:
        seen = path.stat()
    except FileNotFoundError:
        return None
    return seen.st_ino, seen.st_mtime_ns


def _rfc3339(moment_ms: int) -> str:
    return datetime.fromtimestamp(moment_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
