"""What clusters took and the facts of prompts' traits at size: `python -m tests.bench.taken [10000 100000 1000000]`.

Made-up requests, five an account over ninety days; a third of the accounts lies in clusters of eight, and one in fifty in
one large cluster. One JSON line a size: seconds of each step by the clock and of all its threads, rows, and the peak of
memory of the process so far.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from graphsvc.clusters.material import ROWS_TOGETHER
from graphsvc.clusters.taken import taken_from
from graphsvc.events.lexicon import AREAS, UNKNOWN
from graphsvc.links import asking, queries
from graphsvc.links.columns import EVENTS
from graphsvc.links.engine import DuckDatabase
from graphsvc.links.segments import SCHEMAS
from graphsvc.links.taken import taken_of

SIZES = (10_000, 100_000, 1_000_000)
REQUESTS, DAYS, SEGMENTS = 5, 90, 5
START_MS, DAY_MS = 1_750_000_000_000, 86_400_000


def main(sizes: list[int]) -> None:
    for accounts in sizes:
        with tempfile.TemporaryDirectory(prefix="bench-taken-") as folder:
            _case(Path(folder), accounts)


def _case(folder: Path, accounts: int) -> None:
    rng = np.random.default_rng(accounts)
    ids = pa.array(np.char.mod("acct-%07d", np.arange(accounts)))
    segments = [_segment(folder / f"{part}", ids, rng) for part in range(SEGMENTS)]
    as_of_ms = START_MS + DAYS * DAY_MS
    clusters = _clusters(accounts, rng)
    taken_s, table = _timed(lambda: taken_of(segments, as_of_ms, pa.chunked_array([ids]), clusters))
    path = folder / "taken.parquet"
    write_s, _ = _timed(lambda: pq.write_table(table, path, row_group_size=ROWS_TOGETHER, compression="zstd"))
    large = int(clusters.max())
    read_s, _ = _timed(lambda: taken_from(pq.read_table(path, filters=[("cluster", "=", large)])).sentence)
    with DuckDatabase() as database:
        database.open(segments, as_of_ms)
        database.execute(f"CREATE TABLE sums AS {queries.SUMS}")
        counts = database.table(queries.ASKING)
        facts_s, _ = _timed(lambda: asking.facts(counts, np.zeros(accounts, np.float32)))
    line = {
        "case": f"taken/{accounts}",
        "requests": accounts * REQUESTS,
        "clusters": large + 1,
        "taken_s": taken_s,
        "write_s": write_s,
        "read_one_s": read_s,
        "facts_s": facts_s,
        "rows": table.num_rows,
        "file_mib": round(path.stat().st_size / 2**20, 1),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
    }
    print(json.dumps(line), flush=True)


def _timed(step: Callable[[], object]) -> tuple[dict[str, float], pa.Table]:
    started, worked = time.perf_counter(), time.process_time()
    made = step()
    seconds = {"wall": time.perf_counter() - started, "cpu": time.process_time() - worked}
    return {name: round(value, 3) for name, value in seconds.items()}, made


def _clusters(accounts: int, rng: np.random.Generator) -> np.ndarray:
    clusters = np.full(accounts, -1, np.int32)
    within = accounts * 3 // 10
    clusters[:within] = np.arange(within) // 8
    clusters[rng.choice(accounts, accounts // 50, replace=False)] = clusters.max() + 1
    return clusters


def _segment(folder: Path, ids: pa.Array, rng: np.random.Generator) -> Path:
    count = len(ids) * REQUESTS // SEGMENTS
    models, areas = pa.array([f"model-{n}" for n in range(5)]), pa.array([*AREAS, UNKNOWN])
    columns = {
        "offset": np.arange(count),
        "account_id": ids.take(pa.array(rng.integers(0, len(ids), count))),
        "occurred_ms": START_MS + rng.integers(0, DAYS * DAY_MS, count),
        "type": pa.array(["request"]).take(pa.array(np.zeros(count, np.int64))),
        "model": models.take(pa.array(rng.integers(0, len(models), count))),
        "status": rng.choice([200, 200, 200, 200, 429], count),
        "input_tokens": rng.integers(10, 4_000, count),
        "output_tokens": rng.integers(10, 4_000, count),
        "sketch_key": rng.integers(0, count // 4, count),
        "area": areas.take(pa.array(rng.integers(0, len(areas), count))),
        "techniques": rng.choice([0, 0, 0, 0, 1, 4, 5], count),
        "templated": rng.random(count),
    }
    arrays = [pa.array(columns[f.name]).cast(f.type) if f.name in columns else pa.nulls(count, f.type) for f in EVENTS]
    folder.mkdir()
    tables = {name: schema.empty_table() for name, schema in SCHEMAS} | {"events": pa.table(arrays, schema=EVENTS)}
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet", compression="zstd")
    return folder


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or list(SIZES))
