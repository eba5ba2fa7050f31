"""Spark SQL as the engine of a view, in local mode: the queries of DuckDB, run by Spark.

Tables made on the way are Parquet files in a temporary folder, and tables pass to Spark and back the same way, so that
neither Java's heap nor a socket bounds them. Plain SQL alone: no MLlib, no Python in the executors. On one machine it
is slower than DuckDB by ten times and more; it shares out the scans, the grouping and the joins. What it does not
share out: row numbers are given by one task, and the array kernels read their columns in this process.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pyarrow as pa
import pyarrow.parquet as pq

from graphsvc.errors import Unavailable
from graphsvc.links.engine import THREADS
from graphsvc.links.scratch import Scratch
from graphsvc.links.segments import SCHEMAS, files_of
from graphsvc.links.spark_jvm import Jvm

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

HEAP = "2g"
HINT = (
    "Where memory is short, set GRAPHSVC_SPARK_HEAP; where a file is damaged, remove the folder links: it is made anew "
    "from the ledger. Or use --engine duckdb."
)
CONF = {
    "spark.app.name": "graphsvc",
    "spark.master": f"local[{THREADS}]",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": str(4 * THREADS),
    "spark.sql.ansi.doubleQuotedIdentifiers": "true",
    "spark.sql.parquet.compression.codec": "uncompressed",
}
_FUNCTIONS = (
    "CREATE TEMPORARY FUNCTION text_key(type STRING, id STRING) RETURNS BIGINT RETURN xxhash64(type, id)",
    "CREATE TEMPORARY FUNCTION length_of(list ARRAY<BIGINT>) RETURNS INTEGER RETURN size(list)",
)


class SparkEngine:
    """A Spark of its own, with its Java, from here until `close`. Raises Unavailable where a part of it is missing."""

    joins_pairs = True

    def __init__(self, heap: str = HEAP) -> None:
        self._scratch = Scratch("graphsvc-spark-")
        folder = self._scratch.path
        places = {"spark.local.dir": str(folder / "shuffle"), "spark.sql.warehouse.dir": str(folder / "tables")}
        try:
            with warnings.catch_warnings():
                # pyspark warns of a newer pandas wherever it is installed; no table passes through pandas here.
                warnings.simplefilter("ignore", FutureWarning)
                self._jvm = Jvm(self._scratch, heap, CONF | places)
                self._session = self._jvm.session
        except BaseException:
            self._scratch.cleanup()
            raise
        self._folders = (folder / f"database{number}" for number in count())

    def database(self) -> SparkDatabase:
        with _told():
            return SparkDatabase(self._session.newSession(), next(self._folders))

    def close(self) -> None:
        try:
            self._jvm.close()
        finally:
            self._scratch.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()


class SparkDatabase:
    """A session of its own, whose tables lie in `folder`."""

    def __init__(self, session: SparkSession, folder: Path) -> None:
        self._session = session
        self._folder = folder
        self._passed = count()
        folder.mkdir()
        session.sql(f"CREATE DATABASE {folder.name}")
        session.sql(f"USE {folder.name}")
        for function in _FUNCTIONS:
            session.sql(function)

    def open(self, segments: Sequence[Path], as_of_ms: int) -> None:
        for name, schema in SCHEMAS:
            files = files_of(segments, name)
            if not files:
                self.register(name, schema.empty_table())
                continue
            by_then = f"occurred_ms <= {int(as_of_ms)}" if "occurred_ms" in schema.names else "true"
            with _told():
                read = self._session.read.parquet(*(str(file) for file in files))
                read.where(by_then).createOrReplaceTempView(name)

    def execute(self, statement: str) -> None:
        with _told():
            self._session.sql(statement)

    def table(self, query: str) -> pa.Table:
        folder = self._next()
        with _told():
            self._session.sql(query).write.parquet(str(folder))
        # Names of parts begin with their number, which is their place in the order.
        parts = [pq.read_table(path) for path in sorted(folder.glob("part-*"))]
        return pa.concat_tables(parts).replace_schema_metadata().combine_chunks()

    def register(self, name: str, table: pa.Table) -> None:
        path = self._next()
        pq.write_table(table, path)
        with _told():
            self._session.read.parquet(str(path)).createOrReplaceTempView(name)

    def close(self) -> None:
        shutil.rmtree(self._folder)
        with _told():
            self._session.sql("USE default")
            self._session.sql(f"DROP DATABASE {self._folder.name} CASCADE")

    def _next(self) -> Path:
        return self._folder / f"passed{next(self._passed)}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()


@contextmanager
def _told() -> Iterator[None]:
    """What went wrong in Spark, in a few words: its own tell of paths, queries and sometimes of what is in the rows."""
    from py4j.protocol import Py4JError, Py4JJavaError
    from pyspark.errors import PySparkException

    try:
        yield
    except PySparkException as error:
        name = error.getCondition() or type(error).__name__
        raise Unavailable(f"Spark could not go on: {name}.", hint=HINT) from None
    except Py4JJavaError as error:
        name = error.java_exception.getClass().getSimpleName()
        raise Unavailable(f"Spark could not go on: {name}.", hint=HINT) from None
    except (Py4JError, OSError) as error:
        raise Unavailable(f"Java ended while Spark was at work: {type(error).__name__}.", hint=HINT) from None
