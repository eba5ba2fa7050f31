"""What each event told of its account, in order of time: the log as one reads it who follows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from graphsvc.links.engine import DuckDatabase
from graphsvc.links.queries import OWN_ACT

BORN = f"""
SELECT min(account_id) AS account_id,
    coalesce(min(occurred_ms) FILTER (WHERE {OWN_ACT}), min(occurred_ms)) AS born_ms
FROM events GROUP BY account_key ORDER BY account_id
"""  # noqa: S608
TOLD = """
SELECT DISTINCT account_id, occurred_ms, told FROM (
    SELECT "offset", min(account_id) AS account_id, min(occurred_ms) AS occurred_ms, bool_or(fresh) AS fresh,
        list({'type': type, 'id': id} ORDER BY type, id) AS told
    FROM (
        SELECT *, occurred_ms = min(occurred_ms) OVER (PARTITION BY account_key, type, id) AS fresh FROM identifiers
    ) GROUP BY "offset"
) WHERE fresh ORDER BY account_id, occurred_ms, told
"""
"""In the order of their content, not of their arrival. To name again what was named before changes nothing."""


@dataclass(frozen=True)
class Lives:
    """accounts: account_id and born_ms, when its first own event occurred; by account_id. told: account_id, occurred_ms
    and `told`, the identifiers (type, id) that the event named, of events that named one for the first time."""

    accounts: pa.Table
    told: pa.Table


def lives_of(segments: Sequence[Path], as_of_ms: int) -> Lives:
    """The lives of accounts by a moment, from Parquet segments."""
    with DuckDatabase() as database:
        database.open(segments, as_of_ms)
        return Lives(database.table(BORN), database.table(TOLD))
