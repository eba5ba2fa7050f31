"""Engines that run the SQL of a view: DuckDB on one machine, Spark past it.

The queries are the same texts for both; an engine fills in a few primitives and nothing else, as in Splink (Linacre et
al. 2022). Where the two have no word in common, each gives a function of one name. Array kernels (families, frames,
conversations, rhythm, timing, combinations) run in this process for both, on what the queries give.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, Protocol, Self

import duckdb
import pyarrow as pa

from graphsvc.links.scratch import Scratch
from graphsvc.links.segments import SCHEMAS, files_of

Name = Literal["duckdb", "spark"]
THREADS = 2
MEMORY = "4GB"
_FUNCTIONS = (
    "CREATE MACRO text_key(type, id) AS CAST(hash(type, id) >> 1 AS BIGINT)",
    "CREATE MACRO length_of(list) AS len(list)",
)


class Database(Protocol):
    """What one view is made in; closed at the end of a with block.

    Both engines know `text_key(type, id)`, 64 bits that stand for two texts, and `length_of(list)`.
    """

    def open(self, segments: Sequence[Path], as_of_ms: int) -> None:
        """Makes `events`, `identifiers` and `peers`, what occurred by `as_of_ms`, and `names`, which says what keys of
        identifiers stand for; from Parquet segments."""

    def execute(self, statement: str) -> object:
        """Runs CREATE TABLE or INSERT INTO."""

    def table(self, query: str) -> pa.Table:
        """What a SELECT gives, in its order, in one chunk."""

    def register(self, name: str, table: pa.Table) -> object:
        """Makes a table readable under a name, in place of one that had it."""

    def close(self) -> None:
        """Drops everything."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *failure: object) -> None: ...


class Engine(Protocol):
    """Makes databases; ended at the end of a with block."""

    @property
    def joins_pairs(self) -> bool:
        """Whether it sums the evidence of pairs itself, in SQL, rather than leave it to the kernel of this process."""

    def database(self) -> Database:
        """A new and empty one."""

    def close(self) -> None:
        """Ends what runs it."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *failure: object) -> None: ...


class DuckDatabase:
    """A database of DuckDB in memory, which spills into a temporary folder."""

    def __init__(self) -> None:
        self._spill = Scratch("graphsvc-view-")
        config: dict[str, str | bool | int | float | list[str]] = {
            "threads": THREADS,
            "memory_limit": MEMORY,
            "temp_directory": str(self._spill.path),
        }
        self._connection = duckdb.connect(config=config)
        for function in _FUNCTIONS:
            self._connection.execute(function)

    def open(self, segments: Sequence[Path], as_of_ms: int) -> None:
        for name, schema in SCHEMAS:
            self.register(f"no_{name}", schema.empty_table())
            files = [str(file) for file in files_of(segments, name)]
            source = f"read_parquet({_literals(files)})" if files else f"no_{name}"
            by_then = f"WHERE occurred_ms <= {int(as_of_ms)}" if "occurred_ms" in schema.names else ""
            self.execute(f"CREATE VIEW {name} AS SELECT * FROM {source} {by_then}")  # noqa: S608

    def execute(self, statement: str) -> None:
        self._connection.execute(statement)

    def table(self, query: str) -> pa.Table:
        return self._connection.sql(query).to_arrow_table().combine_chunks()

    def register(self, name: str, table: pa.Table) -> None:
        self._connection.register(name, table)

    def close(self) -> None:
        self._connection.close()
        self._spill.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()


class DuckEngine:
    """DuckDB in this process: the default, and the fastest as long as the events fit on one machine's disk."""

    joins_pairs = False

    def database(self) -> DuckDatabase:
        return DuckDatabase()

    def close(self) -> None:
        """Nothing runs between views."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()


DUCKDB = DuckEngine()


def engine_of(name: Name, spark_heap: str) -> Engine:
    """The engine of a name. Raises Unavailable where a part of it is missing."""
    if name == "duckdb":
        return DUCKDB
    from graphsvc.links.spark_engine import SparkEngine

    return SparkEngine(spark_heap)


def _literals(texts: Iterable[str]) -> str:
    """A SQL list of text literals."""
    return "[" + ", ".join("'" + text.replace("'", "''") + "'" for text in texts) + "]"
