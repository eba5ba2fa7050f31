"""DuckDB and Spark on the same links: `python -m tests.bench.engines` prints one JSON line a case.

Accounts are drawn as in tests.bench.links, 12 links each; the default makes a million links. Each engine makes the view
and the pairs, Spark after a start that is timed by itself; `equal` says whether it gave what DuckDB gave, to the byte.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from graphsvc.links.engine import DUCKDB, Engine, engine_of
from graphsvc.links.pair_queries import joined_pairs
from graphsvc.links.pairs import evidence_of, pairs, pairs_of
from graphsvc.links.tables import LinkTables
from tests.bench.links import DAY_MS, START_MS, Drawn
from tests.links.worlds import as_bytes

AS_OF_MS = START_MS + 60 * DAY_MS
T = TypeVar("T")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=81_000)
    parser.add_argument("--requests", type=int, default=4, help="requests an account")
    parser.add_argument("--heap", default="4g", help="heap of Spark")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), options.accounts, options.requests, options.heap)


def measure(folder: Path, accounts: int, requests: int, heap: str) -> None:
    """Runs both engines once, after a small run of DuckDB that compiles the kernels that both use."""
    warm, tables = LinkTables(folder / "warm"), LinkTables(folder / "full")
    warm.sync(Drawn(2_000, requests))
    pairs(warm.view(AS_OF_MS))
    tables.sync(Drawn(accounts, requests))
    one, seconds = _timed(lambda: tables.view(AS_OF_MS))
    links, evidence = len(one.links), evidence_of(one)
    _print("duckdb", "view", links, links, seconds)
    expected, seconds = _timed(lambda: pairs_of(evidence))
    _print("kernel", "pairs", links, len(expected), seconds)

    def joins(name: str, engine: Engine) -> None:
        with engine.database() as database:
            found, seconds = _timed(lambda: joined_pairs(database, evidence))
        _print(name, "pairs by a join", links, len(found), seconds, found.equals(expected))

    joins("duckdb", DUCKDB)
    spark, seconds = _timed(lambda: engine_of("spark", heap))
    with spark:
        _print("spark", "start", links, 0, seconds)
        other, seconds = _timed(lambda: tables.view(AS_OF_MS, spark))
        _print("spark", "view", links, len(other.links), seconds, as_bytes(other) == as_bytes(one))
        joins("spark", spark)
    java = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(json.dumps({"engine": "spark", "step": "end", "links": links, "java_peak_gib": round(java, 2)}))


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    started = time.perf_counter()
    result = work()
    return result, time.perf_counter() - started


def _print(engine: str, step: str, links: int, rows: int, seconds: float, equal: bool = True) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    case = {"engine": engine, "step": step, "links": links, "rows": rows, "seconds": round(seconds, 2), "equal": equal}
    print(json.dumps({**case, "peak_gib": round(peak, 2)}), flush=True)


if __name__ == "__main__":
    main()
