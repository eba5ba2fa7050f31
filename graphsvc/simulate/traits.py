"""Traits of single accounts: what an analyst can count who looks at one at a time. From an event log, by DuckDB."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graphsvc.events.networks import NetworkTable
from graphsvc.simulate.people import ALIAS_DOMAINS, DISPOSABLE_DOMAINS

Floats = npt.NDArray[np.float64]
MEMORY, THREADS = "2GB", 2
LONGEST_LINE_BYTES = 64 * 2**20
DIGITS = 9
COMMON_VALUES = 16
"""Of a category with many values (mail domains, countries, programs), how many have a trait of their own."""

FACTS = """
CREATE TABLE fact AS
SELECT truth.place AS account, type, epoch_ms(occurred_at) AS ms, ip, device.id AS device, device.tls AS tls,
       org_id IS NOT NULL AS org, signup, payment, enforcement.action AS action,
       request.model AS model, request.status AS status, request.input_tokens AS input_tokens,
       request.output_tokens AS output_tokens, request.api_key_id IS NOT NULL AS keyed,
       coalesce(len(request.tools), 0) AS tools, len(request.messages) AS turns,
       request.messages[1].role = 'system' AS system, length(last_text) AS characters, hash(last_text) AS text,
       length(last_text) - length(replace(last_text, chr(10), '')) AS line_breaks,
       1 - length(translate(last_text, '0123456789', '')) / greatest(1, length(last_text)) AS digits,
       regexp_matches(concat(request.messages[1].content, last_text),
                      '[\\x{200B}-\\x{200D}\\x{2060}\\x{FEFF}]') AS hidden
FROM (SELECT *, request.messages[-1].content AS last_text
      FROM read_json($events, format = 'newline_delimited', maximum_object_size = $longest, columns = {
        type: 'VARCHAR', account_id: 'VARCHAR', occurred_at: 'TIMESTAMP', org_id: 'VARCHAR', ip: 'VARCHAR',
        device: 'STRUCT(id VARCHAR, tls VARCHAR)',
        signup: 'STRUCT(email VARCHAR, phone VARCHAR, referral_code VARCHAR, channel VARCHAR, plan VARCHAR,
                        country VARCHAR)',
        payment: 'STRUCT(method VARCHAR, outcome VARCHAR, fingerprint VARCHAR, funding VARCHAR, amount_minor BIGINT,
                         currency VARCHAR)',
        request: 'STRUCT(model VARCHAR, status SMALLINT, api_key_id VARCHAR, input_tokens BIGINT,
                         output_tokens BIGINT, messages STRUCT(role VARCHAR, content VARCHAR)[], tools VARCHAR[])',
        enforcement: 'STRUCT(action VARCHAR)'})) AS event
JOIN truth USING (account_id)
"""
COUNTS = """
SELECT account, count(*) FILTER (type = 'login') AS logins, count(*) FILTER (type = 'request') AS requests,
       count(*) FILTER (type = 'payment') AS payments, count(*) FILTER (action = 'warned') AS warnings,
       count(*) FILTER (action = 'rate_limited') AS limits, count(DISTINCT ms // 86400000) AS active_days,
       max(ms) - min(ms) AS lifetime_ms, (SELECT max(ms) FROM fact) - min(ms) AS age_ms,
       (SELECT max(ms) FROM fact) - max(ms) AS silent_ms,
       count(DISTINCT ip) AS addresses, count(DISTINCT subnet) AS subnets, count(DISTINCT asn) AS networks,
       count(DISTINCT kind) AS network_kinds, count(DISTINCT device) AS devices, count(DISTINCT tls) AS tls_prints,
       bool_or(org) AS in_an_org
FROM fact LEFT JOIN address USING (ip) GROUP BY account
"""
SIGNUP = """
SELECT account, any_value(ms // 3600000 % 24) AS signup_hour, any_value((ms // 86400000 + 3) % 7 > 4) AS signup_weekend,
       any_value(length(signup.email)) AS mail_length, any_value(signup.email LIKE '%+%') AS mail_plus,
       any_value(length(regexp_replace(signup.email, '[^0-9]', '', 'g'))) AS mail_digits,
       any_value(split_part(signup.email, '@', 1) LIKE '%.%') AS mail_dot,
       any_value(list_contains($disposable, split_part(signup.email, '@', 2))) AS mail_disposable,
       any_value(list_contains($alias, split_part(signup.email, '@', 2))) AS mail_alias,
       any_value(signup.phone IS NOT NULL) AS phone, any_value(signup.referral_code IS NOT NULL) AS referral
FROM fact WHERE type = 'signup' GROUP BY account
"""
PAID = """
SELECT account, count(DISTINCT payment.fingerprint) AS instruments, avg(payment.amount_minor) AS amount,
       count(*) FILTER (payment.outcome = 'declined') AS declined,
       avg((payment.outcome = 'declined')::INT) AS declined_share,
       count(*) FILTER (payment.outcome = 'charged_back') AS charged_back
FROM fact WHERE type = 'payment' GROUP BY account
"""
ASKED = """
SELECT account, avg(input_tokens) AS input_tokens, stddev_pop(input_tokens) AS input_tokens_sd,
       avg(output_tokens) FILTER (status = 200) AS output_tokens,
       stddev_pop(output_tokens) FILTER (status = 200) AS output_tokens_sd,
       sum(output_tokens) / greatest(1, sum(input_tokens)) AS output_per_input,
       avg((status = 429)::INT) AS limited_share, avg((status >= 500)::INT) AS failed_share,
       avg((status IN (401, 403))::INT) AS refused_share, avg(keyed::INT) AS keyed_share,
       avg((tools > 0)::INT) AS tools_share, avg(tools) AS tools, avg(system::INT) AS system_share,
       avg(turns) AS turns, max(turns) AS turns_max, avg((turns <= 2)::INT) AS opening_share,
       avg(characters) AS prompt_length, stddev_pop(characters) AS prompt_length_sd,
       avg(line_breaks) AS line_breaks, avg(digits) AS digits_share, avg(hidden::INT) AS hidden_characters,
       1 - count(DISTINCT text) / count(text) AS repeated_share, count(DISTINCT model) AS models,
       avg((ms // 3600000 % 24 < 6)::INT) AS night_share, avg((ms // 3600000 % 24 BETWEEN 8 AND 17)::INT) AS day_share,
       avg(((ms // 86400000 + 3) % 7 > 4)::INT) AS weekend_share, avg(ms // 3600000 % 24) AS hour,
       min(ms) - any_value(signed_ms) AS first_request_ms
FROM fact LEFT JOIN (SELECT account, min(ms) AS signed_ms FROM fact WHERE type = 'signup' GROUP BY account)
USING (account) WHERE type = 'request' GROUP BY account
"""
DAYS = """
SELECT account, avg(n) AS requests_a_day, stddev_pop(n) AS requests_a_day_sd,
       var_pop(n) / avg(n) AS requests_a_day_burst, max(n) AS busiest_day,
       max(n) / sum(n) AS busiest_day_share, max(busiest_hour) AS busiest_hour,
       max(busiest_hour) / sum(n) AS busiest_hour_share
FROM (SELECT account, hour // 24 AS day, sum(n) AS n, max(n) AS busiest_hour FROM hourly GROUP BY ALL) GROUP BY account
"""
HOURS = """
SELECT account, count(*) AS hours, -sum(n / whole * log2(n / whole)) AS hour_entropy,
       max(n) / any_value(whole) AS top_hour_share
FROM (SELECT *, sum(n) OVER (PARTITION BY account) AS whole
      FROM (SELECT account, hour % 24 AS hour, sum(n) AS n FROM hourly GROUP BY ALL)) GROUP BY account
"""
GAPS = """
SELECT account, avg(gap) AS gap, median(gap) AS gap_median, stddev_pop(gap) / greatest(1, avg(gap)) AS gap_cv,
       min(gap) AS gap_min, max(gap) AS gap_max, avg((gap < 10000)::INT) AS gaps_of_seconds,
       avg((gap < 300000)::INT) AS gaps_of_minutes, avg((gap > 86400000)::INT) AS gaps_of_days,
       count(*) FILTER (gap > 1800000) AS sessions
FROM (SELECT account, ms - lag(ms) OVER (PARTITION BY account ORDER BY ms) AS gap FROM fact WHERE type = 'request')
WHERE gap IS NOT NULL GROUP BY account
"""
SEEN = """
SELECT account, avg((kind = 'hosting')::INT) AS hosting_share, avg((kind = 'mobile')::INT) AS mobile_share,
       avg((kind = 'education')::INT) AS education_share, avg((kind = 'business')::INT) AS business_share,
       avg((ip LIKE '%:%')::INT) AS ipv6_share, count(*) / count(DISTINCT ip) AS events_per_address,
       max(on_address) / sum(on_address) AS top_address_share
FROM (SELECT account, ip, count(*) AS on_address FROM fact WHERE ip IS NOT NULL GROUP BY ALL)
JOIN address USING (ip) GROUP BY account
"""
NUMBERS = (COUNTS, SIGNUP, PAID, ASKED, DAYS, HOURS, GAPS, SEEN)
CATEGORIES = {
    "channel": "signup.channel",
    "plan": "signup.plan",
    "country": "signup.country",
    "mail_domain": "split_part(signup.email, '@', 2)",
    "signup_six_hours": "CASE WHEN type = 'signup' THEN ms // 21600000 % 4 END",
    "method": "payment.method",
    "funding": "payment.funding",
    "currency": "payment.currency",
    "model": "model",
    "status": "status",
    "tls": "tls",
    "weekday": "CASE WHEN type = 'request' THEN (ms // 86400000 + 3) % 7 END",
}


def traits(events: Path, account_ids: pa.Array, folder: Path) -> Iterator[tuple[str, Floats]]:
    """Traits of the accounts, each a name and a value an account, 0 where an account has none.

    The log is read once, as a stream; what does not fit into memory waits in `folder`.
    """
    with duckdb.connect(folder / "facts.duckdb", config={"threads": THREADS, "memory_limit": MEMORY}) as database:
        database.register("truth", pa.table({"account_id": account_ids, "place": range(len(account_ids))}))
        database.execute(FACTS, {"events": str(events), "longest": LONGEST_LINE_BYTES})
        database.register("address", _addresses(database))
        database.execute(
            "CREATE TABLE hourly AS SELECT account, ms // 3600000 AS hour, count(*) AS n FROM fact "
            "WHERE type = 'request' GROUP BY ALL"
        )
        for query in NUMBERS:
            yield from _numbers(database, query, len(account_ids))
        for name, value in CATEGORIES.items():
            yield from _shares(database, name, value, len(account_ids))


def _numbers(database: duckdb.DuckDBPyConnection, query: str, accounts: int) -> Iterator[tuple[str, Floats]]:
    lists = {"disposable": list(DISPOSABLE_DOMAINS), "alias": list(ALIAS_DOMAINS)} if "$alias" in query else {}
    columns = database.execute(query, lists).fetchnumpy()
    places = columns.pop("account")
    for name, values in columns.items():
        trait = np.zeros(accounts)
        trait[places] = np.ma.filled(np.ma.asarray(values, np.float64), 0.0)
        # Sums are added up in the order in which threads come; equal accounts must stay equal.
        yield name, np.round(np.nan_to_num(trait), DIGITS).astype(np.float64)


def _shares(database: duckdb.DuckDBPyConnection, name: str, value: str, accounts: int) -> Iterator[tuple[str, Floats]]:
    """For each common value of a category, its share of an account's events that have one."""
    database.execute(
        f"CREATE OR REPLACE TABLE share AS SELECT account, ({value})::VARCHAR AS value, "  # noqa: S608
        "count(*) / sum(count(*)) OVER (PARTITION BY account) AS share "
        f"FROM fact WHERE ({value}) IS NOT NULL GROUP BY 1, 2"
    )
    common = database.execute(
        "SELECT value FROM share GROUP BY value ORDER BY count(*) DESC, value LIMIT ?", [COMMON_VALUES]
    ).fetchall()
    for (text,) in common:
        columns = database.execute("SELECT account, share FROM share WHERE value = ?", [text]).fetchnumpy()
        trait = np.zeros(accounts)
        trait[columns["account"]] = columns["share"]
        yield f"{name} {text}", trait


def _addresses(database: duckdb.DuckDBPyConnection) -> pa.Table:
    table = NetworkTable.load(None)
    texts = [text for (text,) in database.execute("SELECT DISTINCT ip FROM fact WHERE ip IS NOT NULL").fetchall()]
    found = [table.look_up(text) for text in texts]
    return pa.table(
        {"ip": pa.array(texts, pa.string())}
        | {
            name: pa.array([getattr(address, name) for address in found], pa.string())
            for name in ("subnet", "asn", "kind")
        }
    )
