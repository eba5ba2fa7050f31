"""Rows of tables: CSV (plain, .gz, .zst) and Parquet, streamed in batches of bounded size, each row with its number."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from graphsvc.errors import BadInput
from graphsvc.events.mapping import TableFormat
from graphsvc.events.read import open_bytes

BATCH_ROWS = 2_000
CELL_CHARACTERS_MAX = 1 << 20
"""A longer cell is a quotation mark that was never closed."""
Cell = Any
"""What a table's cell holds: text in CSV, a plain Python value in Parquet."""


@dataclass(frozen=True)
class Rows:
    """Consecutive rows; the header is none, and `first` counts from 1. `lines`: the line of the file each row ends on,
    0 in Parquet. A row of None could not be read; `spoilt` says why, by its place in the batch."""

    first: int
    cells: list[tuple[Cell, ...] | None]
    lines: list[int]
    spoilt: dict[int, str]


@dataclass(frozen=True)
class Header:
    """What a table has: `names` of its columns; `total_rows` where the file tells."""

    names: tuple[str, ...]
    total_rows: int | None


def is_parquet(source: str, form: TableFormat) -> bool:
    """By the mapping, else by the file's name."""
    return form.format == "parquet" or (form.format is None and source.endswith((".parquet", ".pq")))


def header_of(source: str, form: TableFormat) -> Header:
    """Raises BadInput where the file is missing, is no table, or names a column twice."""
    if is_parquet(source, form):
        with closing(_parquet(source)) as file:
            header = Header(tuple(file.schema_arrow.names), file.metadata.num_rows)
    elif form.columns is not None:
        header = Header(tuple(form.columns), None)
    else:
        with _Text(source, form) as text:
            names = _guarded(source, lambda: next(iter(_reader(text, form)), None))
        if not names:
            raise BadInput(f"{Path(source).name} is empty: it has not even a header line.")
        header = Header(tuple(name.strip() for name in names), None)
    twice = next((name for name in header.names if header.names.count(name) > 1), None)
    if twice is not None:
        raise BadInput(
            f"{Path(source).name} has two columns called {twice!r}.",
            hint="Name them in the mapping, in their order: [table] columns = […], and drop the header line.",
        )
    return header


def read_rows(
    source: str, form: TableFormat, skip: int = 0, told: Callable[[float], None] = lambda _: None
) -> Iterator[Rows]:
    """All rows after the first `skip`. `told` hears the share of the file that was read. Raises BadInput where it is
    broken, with the row reached."""
    if is_parquet(source, form):
        yield from _parquet_rows(source, skip, told)
    else:
        yield from _csv_rows(source, form, skip, told)


def _csv_rows(source: str, form: TableFormat, skip: int, told: Callable[[float], None]) -> Iterator[Rows]:
    size = max(Path(source).stat().st_size, 1) if Path(source).is_file() else 1
    width = len(header_of(source, form).names)
    csv.field_size_limit(CELL_CHARACTERS_MAX)
    with _Text(source, form) as text:
        reader = iter(_reader(text, form))
        if form.columns is None:
            next(reader)
        number = 0
        batch = _Batch(skip + 1)
        while True:
            try:
                row = next(reader)
            except StopIteration:
                break
            except csv.Error:
                row, why = [], "A cell never ends: a quotation mark is not closed, or [table] quote is wrong."
            except UnicodeError:
                raise _wrong_encoding(source, form, number) from None
            except (EOFError, gzip.BadGzipFile, zstandard.ZstdError):
                raise BadInput(
                    f"{Path(source).name} is broken after row {number}.", hint="Make it again and import it again."
                ) from None
            else:
                if not row:
                    continue
                why = "" if len(row) == width else f"The row has {len(row)} cells where the header has {width}."
            number += 1
            if number > skip:
                batch.add(None if why else tuple(row), reader_line(reader), why)
            if batch.full:
                yield batch.take()
                told(min(text.raw_bytes() / size, 1.0))
        if batch.cells:
            yield batch.take()
    told(1.0)


def reader_line(reader: Any) -> int:
    return int(reader.line_num)


def _parquet_rows(source: str, skip: int, told: Callable[[float], None]) -> Iterator[Rows]:
    with closing(_parquet(source)) as file:
        total = max(file.metadata.num_rows, 1)
        done = 0
        try:
            for part in file.iter_batches(BATCH_ROWS):
                kept = part.slice(max(skip - done, 0)) if done + part.num_rows > skip else None
                done += part.num_rows
                if kept is not None and kept.num_rows:
                    columns = [_plain(column) for column in kept.columns]
                    cells: list[tuple[Cell, ...] | None] = list(zip(*columns, strict=True))
                    yield Rows(done - kept.num_rows + 1, cells, [0] * len(cells), {})
                told(done / total)
        except (pa.ArrowException, OSError):
            raise BadInput(
                f"{Path(source).name} is broken after row {done}.", hint="Make it again and import it again."
            ) from None


def _plain(column: pa.Array) -> list[Cell]:
    """Python values; times to the microsecond, which is what they can hold."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    return list(column.to_pylist())


def _parquet(source: str) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(source)
    except FileNotFoundError:
        raise BadInput(f"There is no file {Path(source).name}.") from None
    except (pa.ArrowException, OSError):
        raise BadInput(f"{Path(source).name} is no Parquet file.") from None


class _Batch:
    def __init__(self, first: int) -> None:
        self._first = first
        self.cells: list[tuple[Cell, ...] | None] = []
        self._lines: list[int] = []
        self._spoilt: dict[int, str] = {}

    @property
    def full(self) -> bool:
        return len(self.cells) >= BATCH_ROWS

    def add(self, row: tuple[Cell, ...] | None, line: int, why: str) -> None:
        if why:
            self._spoilt[len(self.cells)] = why
        self.cells.append(row)
        self._lines.append(line)

    def take(self) -> Rows:
        rows = Rows(self._first, self.cells, self._lines, self._spoilt)
        self._first += len(self.cells)
        self.cells, self._lines, self._spoilt = [], [], {}
        return rows


class _Text:
    """A CSV file as text, decompressed and decoded as the mapping says."""

    def __init__(self, source: str, form: TableFormat) -> None:
        self._source = source
        try:
            name = codecs.lookup(form.encoding).name
        except LookupError:
            raise BadInput(f"[table] encoding {form.encoding!r} is not known.", hint="Such as utf-8, cp1252.") from None
        self._encoding = "utf-8-sig" if name == "utf-8" else name
        self._raw: BinaryIO | None = None

    def __enter__(self) -> _Text:
        try:
            self._opened = open_bytes(self._source)
            self._raw, stream = self._opened.__enter__()
        except FileNotFoundError:
            raise BadInput(f"There is no file {Path(self._source).name}.") from None
        except OSError as error:
            raise BadInput(f"{Path(self._source).name} cannot be read: {error.strerror}.") from None
        # A byte that is wrong in this encoding spoils its row and no other.
        self._stream = io.TextIOWrapper(stream, self._encoding, errors="surrogateescape", newline="")
        return self

    def __exit__(self, *failure: object) -> None:
        self._stream.detach()
        self._opened.__exit__(None, None, None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._stream)

    def raw_bytes(self) -> int:
        return self._raw.tell() if self._raw is not None else 0


def _reader(text: _Text, form: TableFormat) -> Any:
    if form.quote:
        return csv.reader(text, delimiter=form.delimiter, quotechar=form.quote)
    return csv.reader(text, delimiter=form.delimiter, quoting=csv.QUOTE_NONE)


def _guarded(source: str, read: Callable[[], list[str] | None]) -> list[str] | None:
    try:
        return read()
    except (csv.Error, UnicodeError, EOFError, gzip.BadGzipFile, zstandard.ZstdError):
        raise BadInput(
            f"The header line of {Path(source).name} cannot be read.",
            hint="See [table] delimiter, quote and encoding in the mapping.",
        ) from None


def _wrong_encoding(source: str, form: TableFormat, number: int) -> BadInput:
    return BadInput(
        f"{Path(source).name} is not {form.encoding} after row {number}.", hint="Set [table] encoding in the mapping."
    )
