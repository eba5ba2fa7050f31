"""Timing: pairs of accounts whose moments fall together more often than chance lets them.

Three kinds. A hand-over: one account goes quiet after a refusal and another one comes out of quiet within seconds. A
shared cooldown: both go quiet and both come back within the same half minute. Synchrony: both come out of quiet within
seconds of each other, on several days. Only pairs are looked at that share a device, a network, a text or a payment
with at most DEGREE_MAX accounts. The null hypothesis leaves each account its hours and days and its place on the clock
and moves its moments within half an hour, so that time zones, office hours, lessons and schedules explain themselves;
of the pairs found, at most FALSE_MAX are expected to be false (Benjamini and Hochberg 1995), in strata by how many
accounts share what the two do.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graphsvc.links.moments import (
    DAY_MS,
    NEVER,
    Bools,
    Float64s,
    Int32s,
    Int64s,
    Moments,
    by_thing,
    judge,
    moments_of,
    together,
)

THREADS = 2
DEGREE_MAX = 500
STRATA = (4, 16, 64, DEGREE_MAX)
SHIFTS_MS = tuple(sign * minutes * 60_000 for minutes in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14) for sign in (1, -1))
"""By how much the null moves moments: within half an hour, and whole minutes, so that clockwork stays clockwork."""
LARGE = 100_000
"""Of more moments each fourth shift is enough: where pairs are many, a few rounds tell how many are false."""
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


@dataclass(frozen=True)
class Kind:
    """What falls together: targets within [-before, after] of a trial, at least `least` times on `days` days. Where
    `ends` are compared, quiet times must also end within the window."""

    reason: str
    before_ms: int
    after_ms: int
    least: int
    days: int
    degree_max: int = DEGREE_MAX
    ends: bool = False


HAND_OVER = Kind("hand_over", 0, 10_000, 1, 1)
COOLDOWN = Kind("cooldown", 30_000, 30_000, 2, 2, ends=True)
SYNCHRONY = Kind("synchrony", 10_000, 10_000, 3, 3, degree_max=64)
"""A program asks again within seconds; a hand takes longer. What happens on one day only, a lesson, a contest or an
outage, can move two strangers alike."""


@dataclass(frozen=True)
class Shared:
    """The things that make candidates: of account a `group[start[a]:start[a+1]]`, of degree `degree[group]`."""

    start: Int64s
    group: Int32s
    degree: Int32s

    def below(self, degree_max: int) -> Shared:
        """Those of at most so many accounts."""
        kept = self.degree[self.group] <= degree_max
        before = np.concatenate([[0], np.cumsum(kept)]).astype(np.int64)
        return Shared(before[self.start], self.group[kept], self.degree)


@dataclass(frozen=True)
class Sides:
    """What is compared: moments, and the same by the things that their accounts share (see `by_thing`)."""

    trials: Moments
    targets: Moments
    trial_things: tuple[Int64s, Int32s, Int64s]
    target_things: tuple[Int64s, Int32s, Int64s]
    thing_start: Int64s
    thing: Int32s
    degree: Int32s

    @property
    def same(self) -> bool:
        """Whether neither side comes first."""
        return self.trials is self.targets


@dataclass(frozen=True)
class Candidates:
    """Ordered pairs `one` and `other` (rows of accounts) with moments that fall together, and of how many accounts the
    rarest thing is that they share."""

    one: Int32s
    other: Int32s
    degree: Int32s

    def turned(self) -> Candidates:
        """With one and other exchanged."""
        return Candidates(self.other, self.one, self.degree)


@dataclass(frozen=True)
class Judged:
    """By pair: how many trials were answered, on how many days, the log2 likelihood ratio, and the first and last
    answered trial."""

    count: Int32s
    days: Int32s
    bits: Float64s
    first_ms: Int64s
    last_ms: Int64s


def timings(acts: pa.Table, identifiers: pa.Table, links: pa.Table, accounts: int) -> pa.Table:
    """Pairs whose timing says something, from acts (see graphsvc.links.queries) and the tables of a view: SCHEMA, by a,
    b and reason."""
    asked = acts.filter(pc.greater_equal(acts["status"], 0))
    account, occurred_ms, status = (asked[name].to_numpy() for name in ("account", "occurred_ms", "status"))
    starts, rests = moments_of(account, occurred_ms, status, accounts)
    return timings_of(starts, rests, _shared(identifiers, links, accounts))


def timings_of(starts: Moments, rests: Moments, shared: Shared) -> pa.Table:
    """`timings` from the moments and what accounts share."""
    cooldowns, often = rests.ended().often(COOLDOWN.least), starts.often(SYNCHRONY.least)
    found = [
        _found(HAND_OVER, rests, starts, shared),
        _found(COOLDOWN, cooldowns, cooldowns, shared),
        _found(SYNCHRONY, often, often, shared),
    ]
    order = [("a", "ascending"), ("b", "ascending"), ("reason", "ascending")]
    return pa.concat_tables(found).sort_by(order).combine_chunks()


def accepted(score: Float64s, null: Float64s, rounds: int, level: float) -> Bools:
    """Which scores hold at this false-discovery rate, given those that as many pairs reach in so many rounds of the
    null: of all that are as high, the null reaches too few (Benjamini and Hochberg 1995, with p-values from
    permutations, Phipson and Smyth 2010; Storey and Tibshirani 2003)."""
    order = np.argsort(-score, kind="stable")
    as_high = np.searchsorted(np.sort(-score), -score[order], side="right")
    false = (np.searchsorted(np.sort(-null), -score[order], side="right") + 1) / rounds
    below = np.flatnonzero(false <= level * as_high)
    return np.asarray(score >= (score[order[below[-1]]] if len(below) else np.inf))


def _shared(identifiers: pa.Table, links: pa.Table, accounts: int) -> Shared:
    degree = identifiers["degree"].to_numpy()
    telling = (degree > 1) & (degree <= DEGREE_MAX)
    telling &= pc.is_in(identifiers["type"], pa.array(TYPES)).to_numpy()
    number = (np.cumsum(telling) - 1).astype(np.int32)
    identifier = links["identifier"].to_numpy()
    kept = telling[identifier]
    start = np.searchsorted(links["account"].to_numpy()[kept], np.arange(accounts + 1)).astype(np.int64)
    return Shared(start, number[identifier[kept]], degree[telling])


def _found(kind: Kind, trials: Moments, targets: Moments, shared: Shared) -> pa.Table:
    """The pairs of one kind that hold, each stratum by itself."""
    shared = shared.below(kind.degree_max)
    answering = _by_thing(targets, shared)
    trying = answering if trials is targets else _by_thing(trials, shared)
    sides = Sides(trials, targets, trying, answering, shared.start, shared.group, shared.degree)
    shifts_ms = SHIFTS_MS[::4] if len(trials.at_ms) > LARGE else SHIFTS_MS
    # Where there is no direction, a round of the null has each pair twice: either of the two is moved.
    rounds = len(shifts_ms) * (2 if sides.same else 1)
    with ThreadPoolExecutor(THREADS) as threads:
        null = list(threads.map(lambda by_ms: _reached(kind, sides, by_ms), shifts_ms))
    null_score, null_stratum = (np.concatenate([one[place] for one in null]) for place in range(2))
    pairs = _candidates(kind, sides, 0)
    judged = _judged(kind, sides, pairs, 0)
    if sides.same:
        judged = _milder(judged, _judged(kind, sides, pairs.turned(), 0))
    score, stratum = _score(kind, judged), _stratum(pairs)
    held = np.zeros(len(score), np.bool_)
    for place in range(len(STRATA)):
        within = (stratum == place) & (score > 0.0)
        held[within] = accepted(score[within], null_score[null_stratum == place], rounds, FALSE_MAX)
    return _table(kind, pairs, judged, held)


def _reached(kind: Kind, sides: Sides, by_ms: int) -> tuple[Float64s, Int64s]:
    """Scores above nothing, and strata, of pairs whose trials have been moved."""
    pairs = _candidates(kind, sides, by_ms)
    score = _score(kind, _judged(kind, sides, pairs, by_ms))
    return score[score > 0.0], _stratum(pairs)[score > 0.0]


def _score(kind: Kind, judged: Judged) -> Float64s:
    enough = (judged.count >= kind.least) & (judged.days >= kind.days)
    return np.where(enough, np.maximum(judged.bits, 0.0), 0.0)


def _stratum(pairs: Candidates) -> Int64s:
    return np.searchsorted(STRATA, pairs.degree)


def _candidates(kind: Kind, sides: Sides, by_ms: int) -> Candidates:
    """Pairs with at least `kind.least` coincidences; where trials and targets are the same, unmoved, each pair once."""
    # A window that reaches back is one that reaches forward from earlier trials.
    back_ms = 0 if sides.same and not by_ms else kind.before_ms
    one, other, degree = together(
        *sides.trial_things, *sides.target_things, sides.degree, by_ms - back_ms, back_ms + kind.after_ms
    )
    if sides.same and not by_ms:
        one, other = np.minimum(one, other), np.maximum(one, other)
    key = one.astype(np.int64) << 32 | other
    order = np.argsort(key, kind="stable")
    found, first, count = np.unique(key[order], return_index=True, return_counts=True)
    rarest = np.minimum.reduceat(degree[order], first) if len(found) else degree
    often = count >= kind.least
    found, rarest = found[often], rarest[often]
    return Candidates((found >> 32).astype(np.int32), (found & 0xFFFFFFFF).astype(np.int32), rarest)


def _by_thing(moments: Moments, shared: Shared) -> tuple[Int64s, Int32s, Int64s]:
    found: tuple[Int64s, Int32s, Int64s] = by_thing(
        shared.start, shared.group, len(shared.degree), moments.account, moments.by_time_ms
    )
    return found


def _judged(kind: Kind, sides: Sides, pairs: Candidates, by_ms: int) -> Judged:
    trials, targets = sides.trials, sides.targets
    whole_ms = np.ptp(targets.by_time_ms) if len(targets.by_time_ms) else 0
    return Judged(
        *judge(
            pairs.one, pairs.other, trials.start, trials.at_ms, trials.end_ms, targets.start, targets.at_ms,
            targets.end_ms, targets.by_time_ms, targets.end_by_time_ms, kind.before_ms, kind.after_ms, kind.ends,
            1 + int(whole_ms) // DAY_MS, np.array(RATES), by_ms,
            sides.thing_start, sides.thing, sides.target_things[0], sides.target_things[2],
        )
    )  # fmt: skip


def _milder(one: Judged, other: Judged) -> Judged:
    """Of two readings of a pair the one that says less."""
    return Judged(
        count=np.minimum(one.count, other.count),
        days=np.minimum(one.days, other.days),
        bits=np.minimum(one.bits, other.bits),
        first_ms=np.minimum(one.first_ms, other.first_ms),
        last_ms=np.maximum(one.last_ms, other.last_ms),
    )


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
