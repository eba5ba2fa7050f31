"""Sorts lines by time without holding them all: they wait in one file a day until the end."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

HELD_BYTES = 128 * 2**20
DAY_MS = 86_400_000
HEAD = struct.Struct("<qI")


class Spool:
    """A place for lines that come in any order. `sorted` gives them by time, then by content."""

    def __init__(self, folder: Path, held_bytes: int = HELD_BYTES) -> None:
        self._temporary = TemporaryDirectory(prefix=".spool-", dir=folder)
        self._folder = Path(self._temporary.name)
        self._days: dict[int, list[tuple[int, bytes]]] = defaultdict(list)
        self._on_disk: set[int] = set()
        self._held = 0
        self._limit = held_bytes

    def add(self, ms: int, line: bytes) -> None:
        self._days[ms // DAY_MS].append((ms, line))
        self._held += len(line)
        if self._held > self._limit:
            self._spill()

    def sorted(self) -> Iterator[bytes]:
        for day in sorted(self._on_disk | self._days.keys()):
            lines = self._days.pop(day, [])
            if day in self._on_disk:
                lines.extend(_read(self._file(day)))
            lines.sort()
            yield from (line for _, line in lines)

    def close(self) -> None:
        self._temporary.cleanup()

    def _spill(self) -> None:
        for day, lines in self._days.items():
            with self._file(day).open("ab") as file:
                file.writelines(HEAD.pack(ms, len(line)) + line for ms, line in lines)
        self._on_disk.update(self._days)
        self._days.clear()
        self._held = 0

    def _file(self, day: int) -> Path:
        return self._folder / str(day)


def _read(file: Path) -> Iterator[tuple[int, bytes]]:
    data = file.read_bytes()
    at = 0
    while at < len(data):
        ms, size = HEAD.unpack_from(data, at)
        at += HEAD.size
        yield ms, data[at : at + size]
        at += size
