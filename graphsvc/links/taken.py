"""What clusters took: exchanges, tokens, areas, techniques and models, by week and in all.

An exchange is a request that was answered; one turned away (status 400 and above) took nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graphsvc.events.lexicon import TECHNIQUES
from graphsvc.links.asking import TEMPLATED
from graphsvc.links.engine import DUCKDB, Engine
from graphsvc.links.keys import keys_of

WEEK_MS = 7 * 86_400_000
MONDAY_MS = 4 * 86_400_000
"""Weeks begin on Mondays at 0:00 UTC; the first Monday of 1970 was its fifth day."""
ALL_WEEKS = 0
TAKEN = pa.schema(
    [
        ("cluster", pa.int32()),
        ("part", pa.string()),
        ("name", pa.string()),
        ("week_ms", pa.int64()),
        ("accounts", pa.int64()),
        ("exchanges", pa.int64()),
        ("input_tokens", pa.int64()),
        ("output_tokens", pa.int64()),
        ("templated", pa.float64()),
        ("repeated", pa.float64()),
    ]
)

_TAKEN = f"""
CREATE TABLE answered AS
SELECT
    member.cluster, member.account, model, area, techniques, templated, sketch_key, input_tokens, output_tokens,
    occurred_ms - ((occurred_ms - {MONDAY_MS}) % {WEEK_MS} + {WEEK_MS}) % {WEEK_MS} AS week_ms
FROM events JOIN member USING (account_key)
WHERE type = 'request' AND coalesce(status, 200) < 400
"""  # noqa: S608
_REPEATED = "coalesce(1 - count(DISTINCT sketch_key) / nullif(count(sketch_key), 0), 0)"
_PARTS = (
    ("all", "''", "answered"),
    ("area", "area", "answered WHERE area IS NOT NULL"),
    ("model", "model", "answered WHERE model IS NOT NULL"),
    ("technique", "technique.name", "answered JOIN technique ON techniques & bit <> 0"),
)


def taken_of(
    segments: Sequence[Path],
    as_of_ms: int,
    account_ids: pa.ChunkedArray,
    clusters: npt.NDArray[np.int32],
    engine: Engine = DUCKDB,
) -> pa.Table:
    """What the members of each cluster (`clusters` int32[N], -1 for none, beside `account_ids`) took by `as_of_ms`.

    TAKEN, sorted by its first four columns: `part` is all, area, model or technique, and `name` one of these; `week_ms`
    is the Monday that begins the week, ALL_WEEKS for the time as a whole. A prompt may use several techniques. Areas
    and techniques are known of prompts whose text was seen. `templated`: their mean likeness to a template; `repeated`:
    the share of prompts whose sketch an earlier one of the cluster had, told of the whole alone and 0 elsewhere.
    """
    row = np.flatnonzero(clusters >= 0).astype(np.int32)
    key = keys_of(account_ids.take(pa.array(row)).combine_chunks())
    members = pa.table({"account_key": key, "account": row, "cluster": clusters[row]})
    bits = pa.table({"name": list(TECHNIQUES), "bit": [1 << bit for bit in range(len(TECHNIQUES))]})
    with engine.database() as database:
        database.open(segments, as_of_ms)
        database.register("member", members)
        database.register("technique", bits)
        database.execute(_TAKEN)
        database.register("nothing", TAKEN.empty_table())
        database.execute("CREATE TABLE taken AS SELECT * FROM nothing")
        for part in _PARTS:
            for week in (str(ALL_WEEKS), "week_ms"):
                database.execute(f"INSERT INTO taken {_sums(*part, week)}")
        found = database.table("SELECT * FROM taken ORDER BY cluster, part, name, week_ms")
    return found.cast(TAKEN)


def _sums(part: str, name: str, source: str, week: str) -> str:
    by = "cluster, part, name, week_ms"
    repeated = _REPEATED if part == "all" and week == str(ALL_WEEKS) else "0"
    return f"""
SELECT {by}, count(DISTINCT account) AS accounts, count(*) AS exchanges,
    CAST(coalesce(sum(input_tokens), 0) AS BIGINT) AS input_tokens,
    CAST(coalesce(sum(output_tokens), 0) AS BIGINT) AS output_tokens,
    coalesce({TEMPLATED}, 0) AS templated, CAST({repeated} AS DOUBLE) AS repeated
FROM (
    SELECT cluster, '{part}' AS part, {name} AS name, CAST({week} AS BIGINT) AS week_ms,
        account, input_tokens, output_tokens, templated, sketch_key
    FROM {source}
)
GROUP BY {by}
"""  # noqa: S608
