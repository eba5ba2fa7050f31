"""The link tables: the ledger's records in columns, as Parquet segments, from which any moment can be seen."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graphsvc.ledger.base import Stored
from graphsvc.links import segments
from graphsvc.links.columns import columns_of
from graphsvc.links.engine import DUCKDB, Engine
from graphsvc.links.reading import unreadable
from graphsvc.links.segments import Segment
from graphsvc.links.state_view import Later, kept_view
from graphsvc.links.taken import taken_of
from graphsvc.links.told import Lives, lives_of
from graphsvc.links.view import LinkView, bans_of, moments_of, view_of

FORMAT = "v4"
BATCH_RECORDS = 100_000


def _silent(records: int) -> None:
    """No progress shown."""


class Source(Protocol):
    """The part of a ledger that tables are made of."""

    def offset(self) -> int:
        """Offset of the last record; 0 where there is none."""

    def scan(self, after: int = 0, batch: int = 50_000) -> Iterator[list[Stored]]:
        """All records above `after`, in batches."""


class LinkTables:
    """Lies in one folder; one process at a time writes, any number read meanwhile."""

    def __init__(self, folder: Path, batch_records: int = BATCH_RECORDS) -> None:
        self._folder = folder
        self._batch_records = batch_records
        self._segments = folder / FORMAT

    @property
    def offset(self) -> int:
        """Offset of the last record that is in the tables; 0 where there is none."""
        live = segments.live(segments.present(self._segments))
        return live[-1].last if live else 0

    @property
    def latest_ms(self) -> int:
        """When the latest event of the tables occurred; 0 where they are empty."""
        live = segments.live(segments.present(self._segments))
        return max((segments.span_ms(self._segments, segment)[1] for segment in live), default=0)

    def reaches_beyond(self, moment_ms: int, offset: int) -> bool:
        """Whether a segment that begins at or below `offset` holds an event that occurred after `moment_ms`."""
        live = segments.live(segments.present(self._segments))
        begun = (segment for segment in live if segment.first <= offset)
        return any(segments.span_ms(self._segments, segment)[1] > moment_ms for segment in begun)

    def moments(self, shares: Sequence[float], as_of_ms: int) -> list[int]:
        """The moments by which these shares (0 to 1) of the events that occurred by `as_of_ms` had occurred."""
        live = segments.live(segments.present(self._segments))
        return moments_of([self._segments / segment.name for segment in live], shares, as_of_ms)

    def bans(self, as_of_ms: int) -> pa.Table:
        """Suspensions, bans and reinstatements by `as_of_ms`: account_id, occurred_ms, action; in order of time."""
        live = segments.live(segments.present(self._segments))
        return bans_of([self._segments / segment.name for segment in live], as_of_ms)

    def lives(self, as_of_ms: int) -> Lives:
        """What the events of each account told by `as_of_ms`, in order of time."""
        live = segments.live(segments.present(self._segments))
        return lives_of([self._segments / segment.name for segment in live], as_of_ms)

    def taken(
        self,
        as_of_ms: int,
        account_ids: pa.ChunkedArray,
        clusters: npt.NDArray[np.int32],
        engine: Engine = DUCKDB,
    ) -> pa.Table:
        """What the members of each cluster took by `as_of_ms`, see graphsvc.links.taken."""
        live = segments.live(segments.present(self._segments))
        return taken_of([self._segments / segment.name for segment in live], as_of_ms, account_ids, clusters, engine)

    def sync(self, ledger: Source, progress: Callable[[int], None] = _silent) -> int:
        """Appends what the ledger has beyond `offset`, and returns the new offset.

        Killed at any moment and called again, it ends in the same tables. `progress` is told the records added so far.
        A ledger shorter than the tables is another ledger: the tables are made anew.
        """
        with self._writing():
            if self.offset > ledger.offset():
                self._clear()
            segments.sweep(self._segments)
            start = self.offset
            for batch in ledger.scan(start, self._batch_records):
                segment = Segment(batch[0].offset, batch[-1].offset)
                segments.place(self._segments, segment, columns_of(batch))
                progress(segment.last - start)
            self._merge()
            return self.offset

    def rebuild(self, ledger: Source, progress: Callable[[int], None] = _silent) -> int:
        """Throws the tables away and makes them anew from the ledger."""
        with self._writing():
            self._clear()
        return self.sync(ledger, progress)

    def view(
        self, as_of_ms: int, engine: Engine = DUCKDB, going_on: bool = False, later: Later | None = None
    ) -> LinkView:
        """All links as they were at `as_of_ms`: from events that occurred by then, whatever their order of arrival.

        `going_on`: from what the last such look kept, where DuckDB makes it. The same view, sooner; what the next one
        goes on from is written by what `later` is given to do, or at once. Raises Unavailable where a file cannot be
        read.
        """
        live = segments.live(segments.present(self._segments))
        try:
            if going_on and engine is DUCKDB:
                return kept_view(self._folder, self._segments, live, as_of_ms, later)
            return view_of([self._segments / segment.name for segment in live], as_of_ms, engine)
        except (duckdb.IOException, duckdb.InvalidInputException):
            raise unreadable() from None

    def _merge(self) -> None:
        while parts := segments.due_merge(segments.live(segments.present(self._segments))):
            segments.merge(self._segments, parts)

    def _clear(self) -> None:
        for path in self._folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
        self._segments.mkdir()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._segments.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
