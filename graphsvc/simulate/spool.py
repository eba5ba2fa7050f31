"""Sorts lines by time without holding them all: they wait on disk, in packed pieces of one slot of time each."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec
import zstandard
from msgspec import Struct

HELD_BYTES = 96 * 2**20
Lines = list[tuple[int, bytes]]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Lines).decode


class Piece(Struct, frozen=True):
    """Sorted lines of one slot of time, packed at a place of a file. `raw_bytes`: the lines' own size."""

    slot: int
    file: str
    offset: int
    packed_bytes: int
    raw_bytes: int


class Spool:
    """A place for lines that come in any order; `edges` are the moments (ms) at which a new slot of time begins."""

    def __init__(self, file: Path, edges: Sequence[int], held_bytes: int = HELD_BYTES) -> None:
        self._file, self._edges, self._limit = file, edges, held_bytes
        self._lines: Lines = []
        self._held = 0
        self._pieces: list[Piece] = []
        self._packer = zstandard.ZstdCompressor(level=1)

    def add(self, ms: int, line: bytes) -> None:
        self._lines.append((ms, line))
        self._held += len(line)
        if self._held > self._limit:
            self._put_away()

    def close(self) -> list[Piece]:
        """Puts away what is left, and gives all pieces."""
        self._put_away()
        return self._pieces

    def _put_away(self) -> None:
        lines, self._lines, self._held = sorted(self._lines), [], 0
        with self._file.open("ab") as file:
            at = 0
            while at < len(lines):
                slot = bisect_left(self._edges, lines[at][0] + 1)
                end = len(lines)
                if slot < len(self._edges):
                    end = bisect_left(lines, (self._edges[slot],), at)
                self._pieces.append(self._put(file, slot, lines[at:end]))
                at = end

    def _put(self, file: BinaryIO, slot: int, lines: Lines) -> Piece:
        packed = self._packer.compress(_encode(lines))
        offset = file.tell()
        file.write(packed)
        return Piece(slot, str(self._file), offset, len(packed), sum(len(line) for _, line in lines))


def merged(pieces: Iterable[Piece]) -> bytes:
    """The lines of pieces of one slot as one text: by time, then by content."""
    lines: Lines = []
    unpacker = zstandard.ZstdDecompressor()
    for piece in pieces:
        with Path(piece.file).open("rb") as file:
            file.seek(piece.offset)
            lines += _decode(unpacker.decompress(file.read(piece.packed_bytes)))
    lines.sort()
    return b"".join([line for _, line in lines])


def packed(level: int, pieces: Iterable[Piece]) -> bytes:
    """`merged` as one zstd frame."""
    return zstandard.ZstdCompressor(level=level).compress(merged(pieces))
