"""What a look has yet to take in, read column by column out of Parquet, one segment at a time.

A query would have to hold all rows together. Where a pass over them is all that is wanted, this needs a fraction of the
time, and room for one segment.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from graphsvc.errors import Unavailable

FACTS = ("offset", "occurred_ms")

Bools = npt.NDArray[np.bool_]


def unreadable() -> Unavailable:
    """What to say of a file that cannot be read."""
    return Unavailable(
        "A file of the link tables cannot be read: it is damaged, or the tables were being rebuilt.",
        hint="Try again; if that does not help, remove the folder links: it is made anew from the ledger.",
    )


@dataclass(frozen=True)
class Fresh:
    """Rows of `segments` of events that occurred by `as_of_ms`, and of these the ones that a look up to `offset` as of
    `known_ms` did not have."""

    segments: Sequence[Path]
    offset: int
    known_ms: int
    as_of_ms: int

    def read(self, kind: str, columns: Sequence[str], coded: Sequence[str] = ()) -> Iterator[pa.Table]:
        """These columns, and FACTS, of each segment's rows, each column in one chunk; those of `coded`, texts, as a
        dictionary and codes. Raises Unavailable where a file cannot be read."""
        for segment in self.segments:
            table = _table(segment / f"{kind}.parquet", (*FACTS, *columns), coded)
            wanted = self._wanted(table)
            yield table if wanted.all() else table.filter(pa.array(wanted))

    def names(self) -> Iterator[pa.Table]:
        """What keys of identifiers stand for, of each segment: key, type (coded) and id. Raises as `read` does."""
        for segment in self.segments:
            yield _table(segment / "names.parquet", ("key", "type", "id"), ("type",))

    def _wanted(self, table: pa.Table) -> Bools:
        offset, occurred_ms = (table[name].to_numpy() for name in FACTS)
        later = (offset > self.offset) | (occurred_ms > self.known_ms)
        return np.asarray(later & (occurred_ms <= self.as_of_ms))


def _table(path: Path, columns: Sequence[str], coded: Sequence[str]) -> pa.Table:
    try:
        with pq.ParquetFile(path, memory_map=True, read_dictionary=list(coded)) as file:
            # Another thread reads beside this one, which is as many as there are cores.
            table = file.read(columns=list(columns), use_threads=False)
    except (OSError, pa.ArrowException):
        raise unreadable() from None
    return table.unify_dictionaries().combine_chunks()


def is_one_of(column: pa.ChunkedArray, *values: str) -> Bools:
    """Whether each text of a coded column is one of these; of null it is not."""
    code, names = codes(column)
    return np.append(pc.is_in(names, pa.array(values, pa.string())).to_numpy(zero_copy_only=False), False)[code]


def codes(column: pa.ChunkedArray) -> tuple[npt.NDArray[np.int64], pa.Array]:
    """The codes of a coded column, -1 for null, and the texts that they stand for."""
    array = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    code = pc.fill_null(array.indices.cast(pa.int64()), -1).to_numpy(zero_copy_only=False)
    return code, array.dictionary.cast(pa.string())


def numbers(column: pa.ChunkedArray, missing: float = 0) -> npt.NDArray[Any]:
    """A column of numbers, with this in place of null."""
    return np.asarray(pc.fill_null(column, missing).to_numpy())
