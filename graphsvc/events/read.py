"""Lines of event and label files: NDJSON, plain or .gz or .zst, and standard input."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, cast

import zstandard

from graphsvc.errors import BadInput

MAX_LINE_BYTES = 16 * 2**20
KEPT_OF_LONG_LINE_BYTES = 4_096
"""A longer line is cut to this, which makes it a malformed line like any other."""
BATCH_LINES = 2_000
BATCH_BYTES = 8 * 2**20


@dataclass(frozen=True, slots=True)
class Lines:
    """Consecutive lines that hold something. `numbers` count from 1 within the file."""

    numbers: tuple[int, ...]
    texts: tuple[bytes, ...]


def read_lines(source: str, on_bytes: Callable[[int], None] = lambda _: None) -> Iterator[Lines]:
    """Batches of lines; `-` is standard input. `on_bytes` hears how many bytes of the file were read since last time.

    Raises BadInput where the file is missing or its compression is broken, with the line reached.
    """
    number = 0
    try:
        with open_bytes(source) as (raw, stream):
            seen = 0
            batch = _Batch()
            while line := stream.readline(MAX_LINE_BYTES):
                number += 1
                if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
                    line = line[:KEPT_OF_LONG_LINE_BYTES]
                    _skip_line(stream)
                if line.strip():
                    batch.add(number, line)
                if batch.full:
                    yield batch.take()
                    if raw is not None:
                        on_bytes(raw.tell() - seen)
                        seen = raw.tell()
            if batch.numbers:
                yield batch.take()
    except FileNotFoundError:
        raise BadInput(f"There is no file {_name(source)}.") from None
    except (EOFError, gzip.BadGzipFile, zstandard.ZstdError):
        raise BadInput(
            f"{_name(source)} is broken after line {number}.", hint="Make it again and ingest it again."
        ) from None
    except OSError as error:
        raise BadInput(f"{_name(source)} cannot be read: {error.strerror}.") from None


def size_bytes(source: str) -> int | None:
    """Size of a file as it lies on disk; None for standard input or a missing file."""
    path = Path(source)
    return path.stat().st_size if source != "-" and path.is_file() else None


class _Batch:
    def __init__(self) -> None:
        self.numbers: list[int] = []
        self._texts: list[bytes] = []
        self._bytes = 0

    @property
    def full(self) -> bool:
        return len(self.numbers) >= BATCH_LINES or self._bytes >= BATCH_BYTES

    def add(self, number: int, line: bytes) -> None:
        self.numbers.append(number)
        self._texts.append(line)
        self._bytes += len(line)

    def take(self) -> Lines:
        lines = Lines(tuple(self.numbers), tuple(self._texts))
        self.numbers, self._texts, self._bytes = [], [], 0
        return lines


def _skip_line(stream: BinaryIO) -> None:
    while rest := stream.readline(MAX_LINE_BYTES):
        if rest.endswith(b"\n"):
            return


@contextmanager
def open_bytes(source: str) -> Iterator[tuple[BinaryIO | None, BinaryIO]]:
    if source == "-":
        yield None, sys.stdin.buffer
        return
    with Path(source).open("rb") as raw:
        if source.endswith(".gz"):
            yield raw, cast(BinaryIO, gzip.GzipFile(fileobj=raw))
        elif source.endswith(".zst"):
            reader = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
            yield raw, cast(BinaryIO, BufferedReader(cast(BufferedReader, reader), 1 << 20))
        else:
            yield raw, raw


def _name(source: str) -> str:
    return "standard input" if source == "-" else Path(source).name
