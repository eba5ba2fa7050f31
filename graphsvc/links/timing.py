"""Timing: pairs of accounts whose moments fall together more often than chance lets them.

Three kinds. A hand-over: one account goes quiet after a refusal and another one comes out of quiet within seconds. A
shared cooldown: both go quiet and both come back within the same half minute. Synchrony: both come out of quiet within
seconds of each other, on several days. Only pairs are looked at that share a device, a network, a text or a payment
with at most DEGREE_MAX accounts. The null hypothesis leaves each account its hours and days and its place on the clock
and moves its moments within the hour, so that time zones, office hours, lessons and schedules explain themselves; of
the pairs found, at most FALSE_MAX are expected to be false (Benjamini and Hochberg 1995), in strata by how many
accounts share what the two do.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
from scipy.special import gammainc

from graphsvc.links.moments import (
    DAY_MS,
    NEVER,
    Bools,
    Float64s,
    Int32s,
    Int64s,
    Moments,
    judge,
    moments_of,
    together,
)

DEGREE_MAX = 500
STRATA = (16, 128, DEGREE_MAX)
FALSE_MAX = 0.05
BITS_MAX = 10.0
"""Timing alone never counts for more: what it is drawn from, a few seconds, an unknown cause outside can also share."""
RATES = (0.5, 0.2, 0.1, 0.05, 0.02)
"""How often one account's moment is answered by the other's if one hand moves both: a pool of two or one of fifty."""
TYPES = ("device", "ip", "subnet", "prompt_family", "prompt_frame", "conversation", "instrument", "api_key")

SCHEMA = pa.schema(
    [
        ("a", pa.int32()),
        ("b", pa.int32()),
        ("reason", pa.string()),
        ("bits", pa.float32()),
        ("count", pa.int32()),
        ("first_ms", pa.int64()),
        ("last_ms", pa.int64()),
    ]
)

ACTS = """
SELECT account.row AS account, occurred_ms, CAST(coalesce(status, 403) AS SMALLINT) AS status
FROM events JOIN account USING (account_id)
WHERE type = 'request' OR action IN ('banned', 'suspended')
ORDER BY account, occurred_ms, status
"""
GROUPS = f"""
SELECT account.row AS account, identifier.row AS identifier, degree
FROM seen JOIN account USING (account_id) JOIN identifier USING (type, id)
WHERE degree BETWEEN 2 AND {DEGREE_MAX} AND type IN ({", ".join(f"'{name}'" for name in TYPES)})
ORDER BY account, identifier
"""  # noqa: S608


@dataclass(frozen=True)
class Kind:
    """What falls together: targets within [-before, after] of a trial, at least `least` times on `days` days. Where
    `ends` are compared, quiet times must also end within the window."""

    reason: str
    before_ms: int
    after_ms: int
    least: int
    days: int
    ends: bool = False


HAND_OVER = Kind("hand_over", 0, 15_000, 2, 1)
COOLDOWN = Kind("cooldown", 30_000, 30_000, 2, 2, ends=True)
SYNCHRONY = Kind("synchrony", 10_000, 10_000, 3, 3)
"""A program asks again within seconds; a hand takes longer. What happens on one day only, a lesson, a contest or an
outage, can move two strangers alike."""
WHY = {
    "hand_over": "one goes quiet when it is refused and the other begins within seconds",
    "cooldown": "both go quiet and come back at the same time",
    "synchrony": "both begin within seconds of each other, on several days",
}


@dataclass(frozen=True)
class Shared:
    """The things that make candidates: of account a `group[start[a]:start[a+1]]`, of degree `degree[group]`."""

    start: Int64s
    group: Int32s
    degree: Int32s


@dataclass(frozen=True)
class Candidates:
    """Ordered pairs `one` and `other` (rows of accounts) with moments that fall together, and of how many accounts the
    rarest thing is that they share."""

    one: Int32s
    other: Int32s
    degree: Int32s


@dataclass(frozen=True)
class Judged:
    """By pair: how many trials were answered, on how many days, how many by chance (`expected`), the log2 likelihood
    ratio, and the first and last answered trial."""

    count: Int32s
    days: Int32s
    expected: Float64s
    bits: Float64s
    first_ms: Int64s
    last_ms: Int64s


def timings(database: duckdb.DuckDBPyConnection) -> pa.Table:
    """Pairs whose timing says something, once `seen` and `identifier` are made: SCHEMA, by a, b and reason."""
    acts = database.sql(ACTS).to_arrow_table()
    accounts = len(database.sql("SELECT row FROM account").to_arrow_table())
    account, occurred_ms, status = (acts[name].to_numpy() for name in ("account", "occurred_ms", "status"))
    starts, rests = moments_of(account, occurred_ms, status, accounts)
    return timings_of(starts, rests, _shared(database, accounts))


def timings_of(starts: Moments, rests: Moments, shared: Shared) -> pa.Table:
    """`timings` from the moments and what accounts share."""
    cooldowns = rests.ended()
    found = [
        _found(HAND_OVER, rests, starts, shared),
        _found(COOLDOWN, cooldowns, cooldowns, shared),
        _found(SYNCHRONY, starts, starts, shared),
    ]
    order = [("a", "ascending"), ("b", "ascending"), ("reason", "ascending")]
    return pa.concat_tables(found).sort_by(order).combine_chunks()


def accepted(p: Float64s, tests: int, level: float) -> Bools:
    """Which of so many tests hold at this false-discovery rate; those of them that are not in `p` have p = 1."""
    ordered = np.sort(p)
    below = np.flatnonzero(ordered <= level * np.arange(1, len(p) + 1) / max(tests, 1))
    return np.asarray(p <= (ordered[below[-1]] if len(below) else -1.0))


def _shared(database: duckdb.DuckDBPyConnection, accounts: int) -> Shared:
    table = database.sql(GROUPS).to_arrow_table()
    identifier, group = np.unique(table["identifier"].to_numpy(), return_inverse=True)
    degree = np.zeros(len(identifier), np.int32)
    degree[group] = table["degree"].to_numpy()
    start = np.searchsorted(table["account"].to_numpy(), np.arange(accounts + 1)).astype(np.int64)
    return Shared(start, group.astype(np.int32), degree)


def _found(kind: Kind, trials: Moments, targets: Moments, shared: Shared) -> pa.Table:
    """The pairs of one kind that hold."""
    pairs = _candidates(kind, trials, targets, shared)
    judged = _judged(kind, trials, targets, pairs.one, pairs.other)
    if trials is targets:
        judged = _milder(judged, _judged(kind, trials, targets, pairs.other, pairs.one))
    p = np.where((judged.count >= kind.least) & (judged.days >= kind.days), _tail(judged), 1.0)
    stratum = np.searchsorted(STRATA, pairs.degree)
    tests = _tests(kind, trials, targets, shared)
    held = np.zeros(len(p), np.bool_)
    for place in range(len(STRATA)):
        within = stratum == place
        held[within] = accepted(p[within], int(tests[place]), FALSE_MAX)
    return _table(kind, pairs, judged, held & (p < 1.0) & (judged.bits > 0.0))


def _candidates(kind: Kind, trials: Moments, targets: Moments, shared: Shared) -> Candidates:
    """Pairs with at least `kind.least` coincidences; of a kind that has no direction each pair once."""
    one, other, degree = _coincidences(kind, trials, targets, shared)
    if trials is targets:
        one, other = np.minimum(one, other), np.maximum(one, other)
    key = one.astype(np.int64) << 32 | other
    order = np.argsort(key, kind="stable")
    found, first, count = np.unique(key[order], return_index=True, return_counts=True)
    rarest = np.minimum.reduceat(degree[order], first) if len(found) else degree
    often = count >= kind.least
    found, rarest = found[often], rarest[often]
    return Candidates((found >> 32).astype(np.int32), (found & 0xFFFFFFFF).astype(np.int32), rarest)


def _coincidences(kind: Kind, trials: Moments, targets: Moments, shared: Shared) -> tuple[Int32s, Int32s, Int32s]:
    """Accounts of the trial and of the target, and the degree of a thing that they share; once for each such thing."""
    sets = [trials] if trials is targets else [trials, targets]
    account = np.concatenate([one.account for one in sets])
    at_ms = np.concatenate([one.at_ms for one in sets])
    is_trial = np.arange(len(at_ms)) < len(trials.at_ms)
    is_target = np.arange(len(at_ms)) >= len(at_ms) - len(targets.at_ms)
    order = np.lexsort((is_target, at_ms))
    window_ms = max(kind.before_ms, kind.after_ms)
    trial, target, degree = together(
        order, account, at_ms, is_trial, is_target, shared.start, shared.group, shared.degree, window_ms
    )
    return account[trial], account[target], degree


def _judged(kind: Kind, trials: Moments, targets: Moments, one: Int32s, other: Int32s) -> Judged:
    order = np.argsort(targets.at_ms, kind="stable")
    whole_ms = targets.at_ms[order[-1]] - targets.at_ms[order[0]] if len(order) else 0
    return Judged(
        *judge(
            one, other, trials.start, trials.at_ms, trials.end_ms, targets.start, targets.at_ms, targets.end_ms,
            targets.at_ms[order], targets.end_ms[order], kind.before_ms, kind.after_ms, kind.ends,
            1 + int(whole_ms) // DAY_MS, np.array(RATES),
        )
    )  # fmt: skip


def _milder(one: Judged, other: Judged) -> Judged:
    """Of a kind without direction that reading which says less."""
    return Judged(
        count=np.minimum(one.count, other.count),
        days=np.minimum(one.days, other.days),
        expected=np.maximum(one.expected, other.expected),
        bits=np.minimum(one.bits, other.bits),
        first_ms=np.minimum(one.first_ms, other.first_ms),
        last_ms=np.maximum(one.last_ms, other.last_ms),
    )


def _tail(judged: Judged) -> Float64s:
    """Probability of so many answered trials or more by chance (Poisson, which is too large rather than too small)."""
    tail: Float64s = gammainc(np.maximum(judged.count, 1), judged.expected)
    return tail


def _tests(kind: Kind, trials: Moments, targets: Moments, shared: Shared) -> Int64s:
    """How many pairs could have been found in each stratum, counted once for each thing that they share."""
    able = [np.repeat(one.counts() >= kind.least, np.diff(shared.start)) for one in (trials, targets)]
    trying, answering = (np.bincount(shared.group, weights=one, minlength=len(shared.degree)) for one in able)
    pairs = trying * (trying - 1) / 2 if trials is targets else trying * answering
    counted = np.bincount(np.searchsorted(STRATA, shared.degree), weights=pairs, minlength=len(STRATA))
    return counted.astype(np.int64)


def _table(kind: Kind, pairs: Candidates, judged: Judged, held: Bools) -> pa.Table:
    """Pairs that hold, each once: of two directions the bits of the stronger one, and the counts of both."""
    a, b = np.minimum(pairs.one, pairs.other)[held], np.maximum(pairs.one, pairs.other)[held]
    key, row = np.unique(a.astype(np.int64) << 32 | b, return_inverse=True)
    bits, count = np.zeros(len(key)), np.zeros(len(key), np.int32)
    first_ms, last_ms = np.full(len(key), NEVER), np.zeros(len(key), np.int64)
    np.maximum.at(bits, row, judged.bits[held])
    np.add.at(count, row, judged.count[held])
    np.minimum.at(first_ms, row, judged.first_ms[held])
    np.maximum.at(last_ms, row, judged.last_ms[held])
    reasons = pa.array([kind.reason] * len(key), pa.string())
    columns = [(key >> 32).astype(np.int32), (key & 0xFFFFFFFF).astype(np.int32), reasons]
    return pa.table([*columns, np.minimum(bits, BITS_MAX).astype(np.float32), count, first_ms, last_ms], schema=SCHEMA)
