"""The evidence of pairs as a join: what graphsvc.links.pairs sums in its kernel, in SQL that any engine runs.

What accounts share is joined with itself, the worth of each shared thing is summed by pair and group, and the groups
are summed by pair. Both ways count in whole units (see UNIT), so that they agree to the last bit in whatever order an
engine adds. The kernel needs a tenth of the time and no room for the join; the join spreads over executors.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from graphsvc.links.engine import Database, Engine
from graphsvc.links.pairs import BITS_MIN, COMBINATION, REMAINDER, SCHEMA, UNIT, Evidence, pairs_of

WORTHS = f"""
CREATE TABLE worths AS
SELECT one.account AS a, other.account AS b, one.mask,
    CAST(floor(CAST(one.bits * least(one.remains, other.remains) AS DOUBLE) * {UNIT}) AS BIGINT) AS worth
FROM holder AS one JOIN holder AS other ON one.thing = other.thing AND one.account < other.account
"""  # noqa: S608
IN_GROUPS = f"""
CREATE TABLE in_groups AS
SELECT a, b, mask, best + CASE WHEN mask = {1 << COMBINATION} THEN 0
    ELSE least(best, CAST(floor({REMAINDER} * (whole - best)) AS BIGINT)) END AS worth
FROM (
    SELECT a, b, mask, max(worth) AS best, CAST(sum(worth) AS BIGINT) AS whole
    FROM worths WHERE worth > 0 GROUP BY a, b, mask
) AS grouped
"""  # noqa: S608
PAIRS = """
SELECT a, b, CAST(CAST(sum(worth) AS DOUBLE) / {unit} AS FLOAT) AS bits, CAST(sum(mask) AS SMALLINT) AS "groups"
FROM in_groups GROUP BY a, b HAVING sum(worth) >= CAST({least} AS DOUBLE)
ORDER BY a, b
"""


def pairs_on(engine: Engine, evidence: Evidence) -> pa.Table:
    """Pairs as graphsvc.links.pairs.pairs_of gives them, found where the engine finds them best."""
    if not engine.joins_pairs:
        return pairs_of(evidence)
    with engine.database() as database:
        return joined_pairs(database, evidence)


def joined_pairs(database: Database, evidence: Evidence, bits_min: float = BITS_MIN) -> pa.Table:
    """What graphsvc.links.pairs.pairs_of gives, made in a database that is empty before."""
    thing = np.repeat(np.arange(len(evidence.bits)), np.diff(evidence.holders))
    mask = np.left_shift(1, evidence.group.astype(np.int32), dtype=np.int32)
    holder = {
        "thing": thing,
        "account": evidence.holder,
        "remains": evidence.holder_left,
        "bits": evidence.bits[thing],
        "mask": mask[thing],
    }
    database.register("holder", pa.table(holder))
    database.execute(WORTHS)
    database.execute(IN_GROUPS)
    return database.table(PAIRS.format(unit=UNIT, least=repr(bits_min * UNIT))).cast(SCHEMA)
