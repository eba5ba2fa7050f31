"""The SQL of a view: plain grouping and joining, the same texts for every engine (see graphsvc.links.engine).

Each reads the views `events`, `identifiers` and `peers`, which hold what occurred by the view's moment.
"""

from __future__ import annotations

from graphsvc.links import asking

TIMES = ("created_ms", "first_ms", "last_ms")
FACTS = (
    "events",
    "logins",
    "payments",
    "requests",
    "active_days",
    "declined_share",
    "charged_back_share",
    "prepaid_share",
    "status_429_share",
    "status_5xx_share",
    "status_401_share",
    "input_tokens_mean",
    "output_tokens_mean",
    "models",
    "tools_share",
    "hour_entropy",
    "gap_cv",
    "prompts",
    "prompt_families",
    "family_repeat_share",
    "conversations",
    "warned",
    "banned",
    *asking.FACTS,
)
"""Float32 facts of accounts, each 0 where nothing is known."""


def _share(of: str, among: str) -> str:
    """Rows that fulfil `of` among those that fulfil `among`, 0 where there are none; counts are exact."""
    return f"CAST(coalesce(count(*) FILTER (WHERE {of}) / nullif(count(*) FILTER (WHERE {among}), 0), 0) AS FLOAT)"


def _count(of: str) -> str:
    return f"CAST(count(*) FILTER (WHERE {of}) AS FLOAT)"


def _mean(column: str) -> str:
    return f"CAST(coalesce(CAST(sum({column}) AS DOUBLE) / nullif(count({column}), 0), 0) AS FLOAT)"


PAYMENT = "type = 'payment'"
REQUEST = "type = 'request'"
OWN_ACT = "type <> 'enforcement'"

ACCOUNTS = f"""
CREATE TABLE account AS
SELECT
    CAST(row_number() OVER (ORDER BY min(account_id)) - 1 AS INTEGER) AS row,
    account_key,
    min(account_id) AS account_id,
    coalesce(min(occurred_ms) FILTER (WHERE type = 'signup'), min(occurred_ms)) AS created_ms,
    coalesce(min(occurred_ms) FILTER (WHERE {OWN_ACT}), min(occurred_ms)) AS first_ms,
    coalesce(max(occurred_ms) FILTER (WHERE {OWN_ACT}), max(occurred_ms)) AS last_ms,
    CAST(count(*) AS FLOAT) AS events,
    {_count("type = 'login'")} AS logins,
    {_count(PAYMENT)} AS payments,
    {_count(REQUEST)} AS requests,
    {_share("payment_outcome = 'declined'", PAYMENT)} AS declined_share,
    {_share("payment_outcome = 'charged_back'", PAYMENT)} AS charged_back_share,
    {_share("funding = 'prepaid'", PAYMENT)} AS prepaid_share,
    {_share("status = 429", REQUEST)} AS status_429_share,
    {_share("status BETWEEN 500 AND 599", REQUEST)} AS status_5xx_share,
    {_share("status = 401", REQUEST)} AS status_401_share,
    {_mean("input_tokens")} AS input_tokens_mean,
    {_mean("output_tokens")} AS output_tokens_mean,
    CAST(count(DISTINCT model) AS FLOAT) AS models,
    {_share("tool_count > 0", REQUEST)} AS tools_share,
    {_count("prompted")} AS prompts,
    {_count("action = 'warned'")} AS warned,
    CAST(coalesce(max(occurred_ms) FILTER (WHERE action IN ('suspended', 'banned'))
        >= coalesce(max(occurred_ms) FILTER (WHERE action = 'reinstated'), -1), false) AS FLOAT) AS banned
FROM events
GROUP BY account_key
"""  # noqa: S608
"""A table, and not a view over `events`: row numbers are the order of account ids."""

SKETCHES = """
CREATE TABLE sketch AS
SELECT CAST(row_number() OVER (ORDER BY first_ms, sketch_key) - 1 AS INTEGER) AS row, sketch_key, sketch
FROM (
    SELECT sketch_key, min(occurred_ms) AS first_ms, min(sketch) AS sketch
    FROM events WHERE sketch_key IS NOT NULL GROUP BY sketch_key
)
"""

ASKS = """
CREATE TABLE asks AS
SELECT account.account_id, sketch.row AS sketch, min(event.occurred_ms) AS first_ms, max(event.occurred_ms) AS last_ms,
    count(*) AS count
FROM events AS event JOIN sketch USING (sketch_key) JOIN account USING (account_key)
GROUP BY account.account_id, sketch.row
"""

ASKED = """
CREATE TABLE asked AS
SELECT asks.account_id, family_of.family, min(first_ms) AS first_ms, max(last_ms) AS last_ms,
    CAST(sum(count) AS BIGINT) AS count
FROM asks JOIN family_of USING (sketch)
GROUP BY asks.account_id, family_of.family
"""

ASKED_FACTS = """
SELECT
    CAST(count(asked.family) AS FLOAT) AS prompt_families,
    CAST(coalesce((sum(asked.count) - count(asked.family)) / sum(asked.count), 0) AS FLOAT) AS family_repeat_share
FROM account LEFT JOIN asked USING (account_id)
GROUP BY account.row ORDER BY account.row
"""

SHARED_FAMILIES = """
SELECT shared.family, sketch.sketch
FROM (SELECT family FROM asked GROUP BY family HAVING count(*) > 1) AS shared
JOIN sketch ON sketch.row = shared.family ORDER BY shared.family
"""
"""With the sketch of the earliest prompt, which is the family's row. A family that one account alone asks is a fact of
that account, and no link."""

SEEN = """
CREATE TABLE seen AS
SELECT account.row AS account, key, held.first_ms, held.last_ms, held.count
FROM (
    SELECT account_key, key, min(occurred_ms) AS first_ms, max(occurred_ms) AS last_ms,
        CAST(count(*) AS INTEGER) AS count
    FROM identifiers
    WHERE type NOT IN ('conversation', 'conversation_in_org', 'prompt_family', 'prompt_frame')
    GROUP BY account_key, key
) AS held JOIN account USING (account_key)
"""

DERIVED = """
CREATE TABLE derived (
    account_id STRING, type STRING, id STRING, first_ms BIGINT, last_ms BIGINT, count INTEGER
)
"""
"""What accounts have that no event names as such: families and frames of prompts, conversations."""

DERIVED_FAMILIES = """
INSERT INTO derived
SELECT account_id, 'prompt_family', family_name.id, first_ms, last_ms, CAST(count AS INTEGER)
FROM asked JOIN family_name USING (family)
"""

NAMED = """
CREATE TABLE named AS
SELECT key, min(type) AS type, min(id) AS id FROM names WHERE key IN (SELECT key FROM seen) GROUP BY key
UNION ALL
SELECT DISTINCT text_key(type, id), type, id FROM derived
"""

SEEN_DERIVED = """
INSERT INTO seen
SELECT account.row, text_key(type, id), derived.first_ms, derived.last_ms, derived.count
FROM derived JOIN account USING (account_id)
"""

IDENTIFIERS = """
CREATE TABLE identifier AS
SELECT CAST(row_number() OVER (ORDER BY type, id) - 1 AS INTEGER) AS row, key, type, id, degree, first_ms
FROM (SELECT key, CAST(count(*) AS INTEGER) AS degree, min(first_ms) AS first_ms FROM seen GROUP BY key)
JOIN named USING (key)
"""

LINKS = """
SELECT seen.account, identifier.row AS identifier, seen.first_ms, seen.last_ms, seen.count
FROM seen JOIN identifier USING (key)
ORDER BY account, identifier
"""

PEERS = """
SELECT one.row AS source, other.row AS target, peers.type, max(peers.weight) AS weight, min(occurred_ms) AS first_ms
FROM peers
JOIN account AS one ON one.account_id = peers.source
JOIN account AS other ON other.account_id = peers.target
WHERE one.row <> other.row
GROUP BY one.row, other.row, peers.type
ORDER BY source, target, peers.type
"""
"""A peer that no event by then names as its account is left out until one does."""

ATTRIBUTES = """
SELECT account.account_id, given.name, max(given.number) FILTER (WHERE given.occurred_ms = newest.last_ms) AS last,
    CAST(sum(CAST(given.number AS DECIMAL(38, 9))) AS DOUBLE) / count(given.number) AS mean,
    max(given.text) FILTER (WHERE given.occurred_ms = newest.last_ms) AS text
FROM attributes AS given
JOIN (SELECT account_key, name, max(occurred_ms) AS last_ms FROM attributes GROUP BY account_key, name) AS newest
    ON newest.account_key = given.account_key AND newest.name = given.name
JOIN account ON account.account_key = given.account_key
GROUP BY account.account_id, given.name
ORDER BY account.account_id, given.name
"""
"""Of several values at an account's last moment the largest counts; sums of decimals are exact in any order."""

ACTS = f"""
SELECT account.row AS account, occurred_ms
FROM events JOIN account USING (account_key) WHERE {OWN_ACT}
ORDER BY account, occurred_ms
"""  # noqa: S608


BANS = """
SELECT account_id, occurred_ms, action FROM events
WHERE action IN ('suspended', 'banned', 'reinstated')
ORDER BY occurred_ms, account_id, action
"""
