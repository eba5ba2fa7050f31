"""What was answered and is not in the databases yet: on its way through files that outlive the process.

One write() to a file of this process's own, and an entry is safe from a killed process; a thread brings it to the
ledger, whose flush makes it safe from a power cut, and flushes the file where the ledger refuses. A file goes when all
in it is kept. The files of a process that died are taken over by those that live, and all read each other's, so that
what one answered counts for the answers of another even while the ledger is locked.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import threading
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from msgspec import Struct

from graphsvc.cases.assessments import AssessmentRow
from graphsvc.errors import Unavailable
from graphsvc.events.record import Record
from graphsvc.ledger.base import Draft

SEGMENT_BYTES = 1 << 20
SEGMENT_S = 1.0
"""A file is closed when it is so large or so old; the next one goes on."""
HEAD_BYTES = 8
SUFFIX = ".spool"


class Entry(Struct, frozen=True, array_like=True):
    """An assessment, and the event that it was of where that is to be recorded. `probability`: what the head said."""

    row: AssessmentRow
    record: Record | None = None
    digest: bytes = b""
    probability: float = 0.0

    @property
    def draft(self) -> Draft | None:
        return Draft(self.record, self.digest) if self.record is not None else None


_decode = msgspec.msgpack.Decoder(Entry).decode


@dataclass(eq=False)
class Segment:
    """A file with `waiting` entries that are not kept yet; `closed` when no more are added."""

    path: Path
    file: int
    started_s: float
    size: int = 0
    waiting: int = 0
    closed: bool = False
    unflushed: bool = field(default=False)


class Spool:
    """The files of this process; thread-safe."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._name = secrets.token_hex(8)
        self._number = 0
        self._lock = threading.Lock()
        self._segment: Segment | None = None
        self._encode = msgspec.msgpack.Encoder().encode
        self._all: set[Segment] = set()

    def add(self, entry: Entry) -> Segment:
        """Keeps an entry in a file, which `kept` is told of later. Raises Unavailable where it cannot be written, and
        UnicodeEncodeError where a text has no UTF-8."""
        body = self._encode(entry)
        block = len(body).to_bytes(4, "little") + zlib.crc32(body).to_bytes(4, "little") + body
        with self._lock:
            segment = self._open()
            try:
                written = os.write(segment.file, block)
            except OSError:
                written = -1
            if written != len(block):
                # What is behind half an entry could not be read; the next one goes to another file.
                self._close(segment)
                raise Unavailable("The disk of the data folder is full or cannot be written.", hint="Free some space.")
            segment.size += written
            segment.waiting += 1
            segment.unflushed = True
            return segment

    def kept(self, segment: Segment, entries: int) -> None:
        """So many entries of a file are in the databases now."""
        with self._lock:
            segment.waiting -= entries
            self._sweep(segment)

    def flush(self) -> None:
        """All that waits is on disk when this returns."""
        with self._lock:
            files = [os.dup(segment.file) for segment in self._all if segment.unflushed and segment.waiting]
            for segment in self._all:
                segment.unflushed = False
        for file in files:
            with contextlib.suppress(OSError):
                os.fsync(file)
            os.close(file)

    def take_over(self) -> Iterator[tuple[Segment, list[Entry]]]:
        """The files of processes that died, with what is in them; they are this process's now."""
        for path in self.others():
            with contextlib.suppress(FileNotFoundError):
                file = os.open(path, os.O_RDWR)
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    entries, _ = read(path, 0)
                except OSError:
                    # Its process lives, or it is gone: another one was quicker.
                    os.close(file)
                    continue
                segment = Segment(path, file, time.monotonic(), waiting=len(entries), closed=True)
                with self._lock:
                    self._all.add(segment)
                    self._sweep(segment)
                yield segment, entries

    def others(self) -> list[Path]:
        """The files that are not this process's own."""
        with self._lock:
            own = {segment.path for segment in self._all}
        with os.scandir(self._folder) as present:
            paths = [Path(one.path) for one in present if one.name.endswith(SUFFIX)]
        return sorted(path for path in paths if path not in own)

    def close(self) -> None:
        """Lets go of the files; what still waits is taken over by the next process."""
        with self._lock:
            if self._segment is not None:
                self._close(self._segment)
            for segment in self._all:
                os.close(segment.file)
            self._all.clear()

    def _open(self) -> Segment:
        now_s = time.monotonic()
        segment = self._segment
        if segment is not None and (segment.size >= SEGMENT_BYTES or now_s - segment.started_s >= SEGMENT_S):
            self._close(segment)
            segment = None
        if segment is None:
            self._number += 1
            path = self._folder / f"{self._name}-{self._number:08d}{SUFFIX}"
            segment = self._segment = Segment(path, _created(path), now_s)
            self._all.add(segment)
        return segment

    def _close(self, segment: Segment) -> None:
        segment.closed = True
        if self._segment is segment:
            self._segment = None
        self._sweep(segment)

    def _sweep(self, segment: Segment) -> None:
        if segment.closed and segment.waiting <= 0 and segment in self._all:
            self._all.remove(segment)
            segment.path.unlink(missing_ok=True)
            os.close(segment.file)


def _created(path: Path) -> int:
    """A new file that is locked before anybody sees it: the lock is held for as long as the process lives, and by it
    the others know that it does."""
    draft = path.with_suffix(".new")
    try:
        file = os.open(draft, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_TRUNC, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        draft.rename(path)
    except OSError:
        raise Unavailable("The data folder cannot be written.", hint="Is its disk full, or not writable?") from None
    return file


def read(path: Path, start: int) -> tuple[list[Entry], int]:
    """The whole entries of a file from a place on, and the place behind them. One that was cut off by a kill, and what
    follows, is left out: nobody was answered."""
    with path.open("rb") as file:
        file.seek(start)
        data = file.read()
    entries: list[Entry] = []
    place = 0
    while place + HEAD_BYTES <= len(data):
        size = int.from_bytes(data[place : place + 4], "little")
        body = data[place + HEAD_BYTES : place + HEAD_BYTES + size]
        if len(body) < size or zlib.crc32(body) != int.from_bytes(data[place + 4 : place + HEAD_BYTES], "little"):
            break
        entries.append(_decode(body))
        place += HEAD_BYTES + size
    return entries, start + place


class Peers:
    """Reads what other processes answered, as they write it."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._places: dict[Path, int] = {}

    def news(self) -> list[Entry]:
        """Entries that were not there at the last call."""
        found: list[Entry] = []
        present = self._spool.others()
        for path in present:
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_size > self._places.get(path, 0):
                    entries, self._places[path] = read(path, self._places.get(path, 0))
                    found += entries
        self._places = {path: place for path, place in self._places.items() if path in set(present)}
        return found

    def again(self) -> None:
        """Reads all from the start at the next call."""
        self._places.clear()
