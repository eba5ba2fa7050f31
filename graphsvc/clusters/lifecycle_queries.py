"""The SQL of the lifecycle of clusters (DuckDB).

Each step reads the tables that lifecycle.py registers: of the last run and this one the accounts, clusters and
evidence, what was carried over, and `rule`, one row of bounds.
"""

from __future__ import annotations

OVERLAPS = """
CREATE TABLE shared AS
SELECT o.cluster_id AS old, n.cluster_id AS new, count(*) AS accounts
FROM old_account AS o JOIN new_account AS n USING (account_id)
WHERE o.cluster_id IS NOT NULL AND n.cluster_id IS NOT NULL
GROUP BY o.cluster_id, n.cluster_id
"""
CONTINUED = """
CREATE TABLE continued AS
SELECT new_cluster.*, old_cluster.size AS old_size, coalesce(shared.accounts, 0) AS stayed
FROM new_cluster JOIN old_cluster USING (id) LEFT JOIN shared ON shared.old = id AND shared.new = id
"""


def _nearest(of: str, other: str) -> str:
    """For each cluster of one run the one of the other run that it has most accounts in common with, if it has enough:
    rows of `shared`."""
    return f"""(
    SELECT * FROM shared WHERE accounts >= (SELECT overlap_min FROM rule)
    QUALIFY row_number() OVER (PARTITION BY {of} ORDER BY accounts DESC, {other}) = 1
)"""  # noqa: S608


FRESH = f"""
CREATE TABLE fresh AS
SELECT new_cluster.*, nearest.old AS origin, nearest.accounts AS brought
FROM new_cluster LEFT JOIN {_nearest("new", "old")} AS nearest ON nearest.new = id
WHERE id NOT IN (SELECT id FROM old_cluster) AND id NOT IN (SELECT cluster_id FROM archive)
"""  # noqa: S608
"""Clusters with a new id, and the one that most of their members come from."""
GONE = f"""
CREATE TABLE gone AS
SELECT old_cluster.*, nearest.new AS heir, nearest.accounts AS brought
FROM old_cluster LEFT JOIN {_nearest("old", "new")} AS nearest ON nearest.old = id
WHERE id NOT IN (SELECT id FROM new_cluster)
"""  # noqa: S608
"""Clusters whose id is no more, and the one that most of their members went to."""
EVENTS = """
CREATE TABLE found AS
SELECT id AS cluster_id, now_ms AS at_ms, event, other, accounts, size, since_ms, CAST(0 AS DOUBLE) AS bits
FROM rule, (
    SELECT id, 'born' AS event, '' AS other, size AS accounts, size, first_seen_ms AS since_ms
    FROM fresh WHERE origin IS NULL
    UNION ALL
    SELECT id, 'split_from', origin, brought, size, first_seen_ms FROM fresh WHERE origin IS NOT NULL
    UNION ALL
    SELECT origin, 'split_into', id, brought, size, first_seen_ms FROM fresh WHERE origin IS NOT NULL
    UNION ALL
    SELECT id, 'grew', '', size - stayed, size, last_activity_ms FROM continued WHERE size > stayed
    UNION ALL
    SELECT id, 'shrank', '', old_size - stayed, size, last_activity_ms FROM continued WHERE old_size > stayed
    UNION ALL
    SELECT id, 'merged_into', heir, brought, size, last_activity_ms FROM gone WHERE heir IS NOT NULL
    UNION ALL
    SELECT heir, 'absorbed', id, brought, size, last_activity_ms FROM gone WHERE heir IS NOT NULL
    UNION ALL
    SELECT id, 'closed', '', 0, size, last_activity_ms
    FROM gone WHERE heir IS NULL AND id NOT IN (SELECT cluster_id FROM archive)
    UNION ALL
    SELECT id, 'closed', '', size, size, last_activity_ms
    FROM new_cluster, rule WHERE last_activity_ms < quiet_before_ms AND id NOT IN (SELECT cluster_id FROM archive)
    UNION ALL
    SELECT id, 'reopened', '', new_cluster.size, new_cluster.size, archive.closed_ms
    FROM new_cluster JOIN archive ON archive.cluster_id = id, rule WHERE new_cluster.last_activity_ms >= quiet_before_ms
)
"""
"""`accounts` says how many it is about; `size` how many the cluster has, or had at its end; of 'split_into' and
'absorbed' the size of the other."""
CLOSED = """
CREATE TABLE closed AS
SELECT * FROM (
    SELECT cluster_id, coalesce(gone.heir, merged_into) AS merged_into, closed_ms, archive.first_seen_ms,
        greatest(archive.last_activity_ms, coalesce(gone.last_activity_ms, 0)) AS last_activity_ms,
        archive.size, archive.kind, archive.status
    FROM archive LEFT JOIN gone ON gone.id = cluster_id
    WHERE cluster_id NOT IN (SELECT cluster_id FROM found WHERE event = 'reopened')
    UNION ALL
    SELECT id, coalesce(heir, ''), now_ms, first_seen_ms, last_activity_ms, size, kind, status
    FROM gone, rule WHERE id NOT IN (SELECT cluster_id FROM archive)
    UNION ALL
    SELECT id, '', now_ms, first_seen_ms, last_activity_ms, size, kind, status
    FROM new_cluster, rule WHERE last_activity_ms < quiet_before_ms AND id NOT IN (SELECT cluster_id FROM archive)
)
QUALIFY row_number() OVER (ORDER BY closed_ms DESC, size DESC, cluster_id) <= (SELECT archive_max FROM rule)
"""
THINGS = """
CREATE TABLE closed_things AS
SELECT DISTINCT cluster_id, identifier_type, identifier_id FROM (
    SELECT * FROM archived_things
    UNION ALL
    SELECT cluster_id, identifier_type, identifier_id FROM (
        SELECT * FROM old_evidence WHERE cluster_id IN (SELECT id FROM gone)
        UNION ALL
        SELECT * FROM new_evidence
    )
    WHERE NOT counter AND identifier_id <> '' AND rank <= (SELECT things_max FROM rule)
        AND cluster_id NOT IN (SELECT cluster_id FROM archive)
)
WHERE cluster_id IN (SELECT cluster_id FROM closed)
"""
SUCCESSORS = """
INSERT INTO found
WITH both_have AS (
    SELECT closed.cluster_id AS old, live.id AS new, part, CAST(round(thing.bits * 1000) AS BIGINT) AS millibits,
        live.size, closed.size AS old_size, live.first_seen_ms, closed.last_activity_ms
    FROM closed
    JOIN closed_things USING (cluster_id)
    JOIN thing ON thing.type = identifier_type AND thing.id = identifier_id
    JOIN grouped ON grouped.type = thing.type
    JOIN new_cluster AS live ON live.id = thing.cluster_id
    JOIN rule ON live.last_activity_ms >= quiet_before_ms
    WHERE merged_into = '' AND live.id <> closed.cluster_id AND thing.bits > 0
        AND live.first_seen_ms > closed.first_seen_ms
        AND live.first_seen_ms >= closed.last_activity_ms - handover_ms
), parts AS (
    SELECT old, new, part, any_value(size) AS size, any_value(old_size) AS old_size, count(*) AS things,
        any_value(first_seen_ms) AS first_seen_ms, any_value(last_activity_ms) AS last_activity_ms,
        max(millibits) + least(max(millibits), remainder * (sum(millibits) - max(millibits))) AS millibits
    FROM both_have, rule GROUP BY old, new, part, remainder
), inherited AS (
    SELECT old, new, any_value(size) AS size, any_value(old_size) AS old_size, CAST(sum(things) AS BIGINT) AS things,
        any_value(first_seen_ms) AS first_seen_ms, any_value(last_activity_ms) AS last_activity_ms,
        sum(CAST(round(millibits) AS BIGINT)) / 1000 AS bits
    FROM parts GROUP BY old, new
), chosen AS (
    SELECT * FROM inherited, rule WHERE bits >= successor_bits
    QUALIFY row_number() OVER (PARTITION BY new ORDER BY bits DESC, old) <= predecessors_max
)
SELECT cluster_id, now_ms, event, other, things, size, since_ms, bits FROM rule, (
    SELECT new AS cluster_id, 'succeeds' AS event, old AS other, things, old_size AS size,
        last_activity_ms AS since_ms, bits
    FROM chosen
    UNION ALL
    SELECT old, 'succeeded_by', new, things, size, first_seen_ms, bits FROM chosen
) AS said
WHERE NOT EXISTS (
    FROM history
    WHERE history.cluster_id = said.cluster_id AND history.event = said.event AND history.other = said.other
)
"""
"""Per evidence group the strongest thing that both have counts in full and the others of the group a quarter each, at
most as much again, as for pairs. `accounts` of these events counts things."""
KEPT_EVENTS = """
WITH events AS (
    SELECT * FROM found
    UNION ALL
    SELECT * FROM history WHERE NOT EXISTS (
        FROM found WHERE found.cluster_id = history.cluster_id AND found.at_ms = history.at_ms
            AND found.event = history.event AND found.other = history.other
    )
)
SELECT * FROM events
WHERE cluster_id IN (SELECT id FROM new_cluster UNION ALL SELECT cluster_id FROM closed)
QUALIFY row_number() OVER (PARTITION BY cluster_id ORDER BY at_ms DESC, event, other) < (SELECT events_max FROM rule)
    OR row_number() OVER (PARTITION BY cluster_id ORDER BY at_ms, event, other) = 1
ORDER BY cluster_id, at_ms, event, other
"""
KEPT_THINGS = "SELECT * FROM closed_things ORDER BY ALL"
KEPT_MEMBERS = """
SELECT former.account_id, former.cluster_id FROM (
    SELECT account_id, cluster_id FROM archived_members
    UNION ALL
    SELECT account_id, cluster_id FROM (
        SELECT account_id, cluster_id FROM old_account
        WHERE cluster_id IN (SELECT id FROM gone WHERE heir IS NULL)
        QUALIFY row_number() OVER (PARTITION BY cluster_id ORDER BY account_id) <= (SELECT members_max FROM rule)
    )
) AS former
JOIN new_account AS seen USING (account_id)
WHERE seen.cluster_id IS NULL AND former.cluster_id IN (SELECT cluster_id FROM closed)
ORDER BY former.account_id
"""
"""Members of clusters that fell apart and are in none since; an account that is erased is in no view, and gone here."""
STEPS = (OVERLAPS, CONTINUED, FRESH, GONE, EVENTS, CLOSED, THINGS, SUCCESSORS)
