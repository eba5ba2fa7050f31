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


NEVER_MS = 2**62
"""Stands for the first time of what did not happen, and its opposite for the last."""


def _count(of: str) -> str:
    return f"CAST(count(*) FILTER (WHERE {of}) AS INTEGER)"


def _first(of: str) -> str:
    return f"coalesce(min(occurred_ms) FILTER (WHERE {of}), {NEVER_MS})"


def _last(of: str) -> str:
    return f"coalesce(max(occurred_ms) FILTER (WHERE {of}), {-NEVER_MS})"


def _total(column: str) -> str:
    return f"CAST(coalesce(sum({column}), 0) AS BIGINT)"


PAYMENT = "type = 'payment'"
REQUEST = "type = 'request'"
OWN_ACT = "type <> 'enforcement'"
SUMMED = {
    "first_any_ms": "min(occurred_ms)",
    "last_any_ms": "max(occurred_ms)",
    "first_signup_ms": _first("type = 'signup'"),
    "first_own_ms": _first(OWN_ACT),
    "last_own_ms": _last(OWN_ACT),
    "last_removed_ms": _last("action IN ('suspended', 'banned')"),
    "last_reinstated_ms": _last("action = 'reinstated'"),
    "events": "CAST(count(*) AS INTEGER)",
    "logins": _count("type = 'login'"),
    "payments": _count(PAYMENT),
    "requests": _count(REQUEST),
    "declined": _count("payment_outcome = 'declined'"),
    "charged_back": _count("payment_outcome = 'charged_back'"),
    "prepaid": _count("funding = 'prepaid'"),
    "status_429": _count("status = 429"),
    "status_5xx": _count("status BETWEEN 500 AND 599"),
    "status_401": _count("status = 401"),
    "input_told": "CAST(count(input_tokens) AS INTEGER)",
    "input_tokens": _total("input_tokens"),
    "output_told": "CAST(count(output_tokens) AS INTEGER)",
    "output_tokens": _total("output_tokens"),
    "models": "CAST(count(DISTINCT model) AS INTEGER)",
    "tools": _count("tool_count > 0"),
    "prompts": _count("prompted"),
    "warned": _count("action = 'warned'"),
    **asking.SUMMED,
}
"""What is counted of each account's events. The sums of two stretches of events give those of both: `first_` by the
least, `last_` by the greatest, others by addition, but for models, which both may name."""

SUMS = f"""
SELECT account_key, min(account_id) AS account_id, {", ".join(f"{of} AS {name}" for name, of in SUMMED.items())}
FROM events GROUP BY account_key
"""  # noqa: S608


def _share(of: str, among: str) -> str:
    """Of a count that of another, 0 where there are none."""
    return f"CAST(coalesce({of} / nullif({among}, 0), 0) AS FLOAT)"


def _mean(of: str, among: str) -> str:
    return f"CAST(coalesce(CAST({of} AS DOUBLE) / nullif({among}, 0), 0) AS FLOAT)"


def _fact(name: str) -> str:
    return f"CAST({name} AS FLOAT) AS {name}"


ACCOUNTS = f"""
CREATE TABLE account AS
SELECT
    CAST(row_number() OVER (ORDER BY account_id) - 1 AS INTEGER) AS row,
    account_key,
    account_id,
    CASE WHEN first_signup_ms < {NEVER_MS} THEN first_signup_ms ELSE first_any_ms END AS created_ms,
    CASE WHEN first_own_ms < {NEVER_MS} THEN first_own_ms ELSE first_any_ms END AS first_ms,
    CASE WHEN last_own_ms > {-NEVER_MS} THEN last_own_ms ELSE last_any_ms END AS last_ms,
    {", ".join(_fact(name) for name in ("events", "logins", "payments", "requests", "models", "prompts", "warned"))},
    {_share("declined", "payments")} AS declined_share,
    {_share("charged_back", "payments")} AS charged_back_share,
    {_share("prepaid", "payments")} AS prepaid_share,
    {_share("status_429", "requests")} AS status_429_share,
    {_share("status_5xx", "requests")} AS status_5xx_share,
    {_share("status_401", "requests")} AS status_401_share,
    {_mean("input_tokens", "input_told")} AS input_tokens_mean,
    {_mean("output_tokens", "output_told")} AS output_tokens_mean,
    {_share("tools", "requests")} AS tools_share,
    CAST(last_removed_ms >= greatest(last_reinstated_ms, -1) AS FLOAT) AS banned
FROM sums
"""  # noqa: S608
"""A table, and not a view over `sums`: row numbers are the order of account ids."""

ASKING = f"SELECT {', '.join(asking.SUMMED)} FROM sums ORDER BY account_id"  # noqa: S608

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
SELECT account.row AS account, sketch.row AS sketch,
    min(event.occurred_ms) AS first_ms, max(event.occurred_ms) AS last_ms, count(*) AS count
FROM events AS event JOIN sketch USING (sketch_key) JOIN account USING (account_key)
GROUP BY account.row, sketch.row
"""

ASKED = """
CREATE TABLE asked AS
SELECT asks.account, family_of.family, min(first_ms) AS first_ms, max(last_ms) AS last_ms,
    CAST(sum(count) AS BIGINT) AS count
FROM asks JOIN family_of USING (sketch)
GROUP BY asks.account, family_of.family
"""

ASKED_FACTS = """
SELECT
    CAST(count(asked.family) AS FLOAT) AS prompt_families,
    CAST(coalesce((sum(asked.count) - count(asked.family)) / sum(asked.count), 0) AS FLOAT) AS family_repeat_share
FROM account LEFT JOIN asked ON asked.account = account.row
GROUP BY account.row ORDER BY account.row
"""

SHARED_FAMILIES = """
SELECT shared.family, sketch.sketch
FROM (SELECT family FROM asked GROUP BY family HAVING count(*) > 1) AS shared
JOIN sketch ON sketch.row = shared.family ORDER BY shared.family
"""
"""With the sketch of the earliest prompt, which is the family's row. A family that one account alone asks is a fact of
that account, and no link."""

HELD = """
SELECT account_key, key, min(occurred_ms) AS first_ms, max(occurred_ms) AS last_ms, CAST(count(*) AS INTEGER) AS count
FROM identifiers
WHERE type NOT IN ('conversation', 'conversation_in_org', 'prompt_family', 'prompt_frame')
GROUP BY account_key, key
UNION ALL
SELECT account_key, key, min(occurred_ms), max(occurred_ms), CAST(count(*) AS INTEGER)
FROM identifiers
WHERE type = 'conversation' AND "offset" NOT IN (SELECT "offset" FROM events WHERE length_of(chain) > 0)
GROUP BY account_key, key
"""
"""What events name: conversations only where they lack the chain that a record names them by."""

SEEN = f"""
CREATE TABLE seen AS
SELECT account.row AS account, key, held.first_ms, held.last_ms, held.count
FROM ({HELD}) AS held JOIN account USING (account_key)
"""  # noqa: S608

BELONGS = """
CREATE TABLE belongs AS
SELECT seen.account, org.id AS org
FROM seen JOIN (SELECT DISTINCT key, id FROM names WHERE type = 'org') AS org USING (key)
"""
"""The organisations of accounts."""

DERIVED = """
CREATE TABLE derived (
    account INTEGER, type STRING, id STRING, first_ms BIGINT, last_ms BIGINT, count INTEGER
)
"""
"""What accounts have that no event names as such: families and frames of prompts, conversations."""

DERIVED_FAMILIES = """
INSERT INTO derived
SELECT account, 'prompt_family', family_name.id, first_ms, last_ms, CAST(count AS INTEGER)
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
SELECT account, text_key(type, id), first_ms, last_ms, count FROM derived
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

NO_STATUS = -1
REMOVED = 403
ACTS = f"""
SELECT account.row AS account, occurred_ms, type <> 'enforcement' AS own,
    CAST(CASE WHEN type = 'request' OR action IN ('banned', 'suspended') THEN coalesce(status, {REMOVED})
        ELSE {NO_STATUS} END AS SMALLINT) AS status
FROM events JOIN account USING (account_key)
WHERE {OWN_ACT} OR action IN ('banned', 'suspended')
ORDER BY account, occurred_ms, status
"""  # noqa: S608
"""When accounts acted themselves, and when they asked or were removed: the status that they got, as of a refusal where
they were removed, NO_STATUS for what else they did."""

BANS = """
SELECT account_id, occurred_ms, action FROM events
WHERE action IN ('suspended', 'banned', 'reinstated')
ORDER BY occurred_ms, account_id, action
"""
