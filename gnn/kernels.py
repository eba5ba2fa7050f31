"""Streamed passes over links, O(links) time and O(accounts + identifiers) memory besides the links themselves.

Every pass leaves the account's own part out of what it learns from an identifier.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

GROUP_COLUMNS = ("best", "crowd", "count", "burst_day", "burst_week", "bad", "good")
TIE_COLUMNS = ("count", "weight_max", "groups_mean", "near_day", "near_week", "bad", "good")
_FEW = 32
"""So many are sorted in place faster than by a call."""


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def mean_ranks(order: Longs, values: npt.NDArray[np.number]) -> npt.NDArray[np.float64]:
    """float64[N]: the rank of each value from 1, equals sharing the mean of theirs; `order` sorts the values."""
    out = np.empty(len(values), dtype=np.float64)
    first = 0
    while first < len(order):
        last = first + 1
        while last < len(order) and values[order[last]] == values[order[first]]:
            last += 1
        for place in range(first, last):
            out[order[place]] = 0.5 * (first + last + 1)
        first = last
    return out


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def grouped(starts: Longs, key: Ints) -> Longs:
    """int64[L]: the rows of each key in turn, in their own order; those of key k belong at `starts[k]` and on."""
    room = starts[:-1].copy()
    out = np.empty(len(key), dtype=np.int64)
    for row in range(len(key)):
        out[room[key[row]]] = row
        room[key[row]] += 1
    return out


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def sort_by_time(first: int, last: int, starts: Longs, first_ms: Longs, links: Longs) -> None:
    """Sort the `links` of each identifier from `first` to before `last` by time; equals keep their order."""
    for identifier in range(first, last):
        start, end = starts[identifier], starts[identifier + 1]
        if end - start > _FEW:
            mine = links[start:end].copy()
            links[start:end] = mine[np.argsort(first_ms[mine], kind="mergesort")]
            continue
        for place in range(start + 1, end):
            link, at = links[place], place
            while at > start and first_ms[links[at - 1]] > first_ms[link]:
                links[at] = links[at - 1]
                at -= 1
            links[at] = link


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def near_in_time(
    first: int, last: int, starts: Longs, by_time: Longs, first_ms: Longs, window_ms: int, out: Ints
) -> None:
    """Fill `out` int32[L], of the links of the identifiers from `first` to before `last`, with how many other links of
    the same identifier began within `window_ms` of each."""
    for identifier in range(first, last):
        end = starts[identifier + 1]
        low = high = starts[identifier]
        for position in range(starts[identifier], end):
            now = first_ms[by_time[position]]
            while first_ms[by_time[low]] < now - window_ms:
                low += 1
            while high < end and first_ms[by_time[high]] <= now + window_ms:
                high += 1
            out[by_time[position]] = high - low - 1


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def seen_from_to(identifier: Ints, first_ms: Longs, last_ms: Longs, first: Longs, last: Longs) -> None:
    """Lower `first` and raise `last`, int64[I] each, to the times of each identifier's links."""
    for link in range(len(identifier)):
        node = identifier[link]
        first[node] = min(first[node], first_ms[link])
        last[node] = max(last[node], last_ms[link])


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def group_evidence(
    first: int,
    last: int,
    starts: Longs,
    identifier: Ints,
    degree: Ints,
    strength: Floats,
    group: npt.NDArray[np.int8],
    day: Ints,
    week: Ints,
    identifier_bad: npt.NDArray[np.float64],
    identifier_good: npt.NDArray[np.float64],
    bad: Floats,
    good: Floats,
    groups: int,
    out: Floats,
) -> None:
    """Fill `out` float32[N, groups * 7], of the accounts from `first` to before `last`, with GROUP_COLUMNS of each
    group; means are weighted by strength."""
    sums = np.zeros((groups, 5), dtype=np.float64)
    for account in range(first, last):
        sums[:] = 0.0
        for link in range(starts[account], starts[account + 1]):
            node = identifier[link]
            base = group[node] * 7
            out[account, base + 2] += 1.0
            others = degree[node] - 1
            if others <= 0:
                continue
            tie = strength[node]
            out[account, base] = max(out[account, base], tie)
            out[account, base + 1] = max(out[account, base + 1], np.log1p(others))
            total = sums[group[node]]
            total[0] += tie
            total[1] += tie * day[link] / others
            total[2] += tie * week[link] / others
            total[3] += tie * max(identifier_bad[node] - bad[account], 0.0) / others
            total[4] += tie * max(identifier_good[node] - good[account], 0.0) / others
        for index in range(groups):
            out[account, index * 7 + 2] = np.log1p(out[account, index * 7 + 2])
            if sums[index, 0] > 0.0:
                for slot in range(4):
                    out[account, index * 7 + 3 + slot] = sums[index, slot + 1] / sums[index, 0]


@njit(cache=True)  # type: ignore[untyped-decorator]
def mean_through_ties(starts: Longs, other: Ints, weight: Floats, fact: Floats, out: Floats) -> None:
    """Fill `out` float32[N] with the weighted mean of `fact` over tied accounts; 0 where there are none."""
    for account in range(len(starts) - 1):
        mass = 0.0
        total = 0.0
        for tie in range(starts[account], starts[account + 1]):
            mass += weight[tie]
            total += weight[tie] * fact[other[tie]]
        out[account] = total / mass if mass > 0.0 else 0.0


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def tie_evidence(
    first: int,
    last: int,
    starts: Longs,
    other: Ints,
    weight: Floats,
    groups: npt.NDArray[np.int16],
    created_ms: Longs,
    bad: Floats,
    good: Floats,
    day_ms: int,
    out: Floats,
) -> None:
    """Fill `out` float32[N, 7], of the accounts from `first` to before `last`, with TIE_COLUMNS."""
    sums = np.zeros(5, dtype=np.float64)
    for account in range(first, last):
        ties = starts[account + 1] - starts[account]
        if ties == 0:
            continue
        sums[:] = 0.0
        for tie in range(starts[account], starts[account + 1]):
            node = other[tie]
            gap = abs(created_ms[node] - created_ms[account])
            out[account, 1] = max(out[account, 1], weight[tie])
            sums[0] += groups[tie]
            sums[1] += gap <= day_ms
            sums[2] += gap <= 7 * day_ms
            sums[3] += bad[node]
            sums[4] += good[node]
        out[account, 0] = np.log1p(ties)
        for slot in range(5):
            out[account, slot + 2] = sums[slot] / ties


@njit(cache=True)  # type: ignore[untyped-decorator]
def before(
    starts: Longs, by_time: Longs, account: Ints, probability: Floats, bad: Floats, good: Floats
) -> npt.NDArray[np.float64]:
    """float64[5, L]: of the accounts that came to the same identifier before each link, their number, the sum and the
    maximum of their probabilities, and the sums of `bad` and `good`."""
    out = np.zeros((5, len(account)), dtype=np.float64)
    for identifier in range(len(starts) - 1):
        count, total, highest, worse, better = 0.0, 0.0, 0.0, 0.0, 0.0
        for position in range(starts[identifier], starts[identifier + 1]):
            link = by_time[position]
            node = account[link]
            out[0, link] = count
            out[1, link] = total
            out[2, link] = highest
            out[3, link] = worse
            out[4, link] = better
            count += 1.0
            total += probability[node]
            highest = max(highest, probability[node])
            worse += bad[node]
            better += good[node]
    return out
