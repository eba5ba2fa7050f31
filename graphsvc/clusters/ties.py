"""What two clusters, or a cluster and an account outside it, share beyond chance.

Of a thing that one member in eight has, log2(8) bits are taken off, on both sides: the likelihood ratio of sharing it
(two to the power of its bits) is averaged over all pairs of accounts of the two. So a chance link of one member says
little, however many pairs it makes (a proxy exit that twelve members used is one piece of evidence, not twelve), and
what runs through two clusters says much, though it be weak between any two of their accounts. Evidence groups add up.
Within one the strongest thing counts in full and the others a quarter each, as in pairs; or, where a large sparse ring
is held together by many things that each but two accounts have, the sum of all their ratios does.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numba as nb
import numpy as np
import numpy.typing as npt

from graphsvc.links.pairs import COMBINATION, REMAINDER, THREADS, Evidence
from graphsvc.links.weights import GROUPS

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Int8s = npt.NDArray[np.int8]
Int16s = npt.NDArray[np.int16]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
Found = tuple[Int32s, Int32s, Float32s, Int16s]

EXCUSE_BITS = 1.5
"""Taken off what is shared of networks. Behind one address, exit or campus are strangers every day: of ties of four
bits and more that lie in networks alone a quarter joined clusters of one hand, of the others seven in eight (on worlds
of two makers)."""
SCATTER_BITS = 1.0
"""Taken off the sum of ratios, which chance links alone raise: of many things some are shared by accident."""
PARTS = 8
"""More than threads, as some units take longer than others."""
MANY = 1000
"""Fewer units take less time than it takes to share them out."""
STEPS = 1000
"""Bits are rounded to thousandths, in which the order of things, which is that of their names, is lost."""


@dataclass(frozen=True)
class Ties:
    """Units `a` (always a cluster) and `b` (int32[T]), `bits` (float32[T]) and `groups` (int16[T], a mask as in pairs).
    A unit is named by a number below N."""

    a: Int32s
    b: Int32s
    bits: Float32s
    groups: Int16s

    @staticmethod
    def none() -> Ties:
        """No ties."""
        return Ties(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float32), np.empty(0, np.int16))

    def only(self, chosen: Bools) -> Ties:
        """Some of them."""
        return Ties(self.a[chosen], self.b[chosen], self.bits[chosen], self.groups[chosen])

    def plus(self, other: Ties) -> Ties:
        """Both together."""
        return Ties(
            np.concatenate([self.a, other.a]),
            np.concatenate([self.b, other.b]),
            np.concatenate([self.bits, other.bits]),
            np.concatenate([self.groups, other.groups]),
        )


def ties(evidence: Evidence, unit: Int32s, turn: Bools, bits_min: float) -> Ties:
    """Ties of at least `bits_min` bits between each unit of `turn` bool[N] and any other; those between two of `turn`
    once. `unit` int32[N] names the unit of each account by the row of its first. Time grows with what the members of
    those units share."""
    e = evidence
    rows = np.flatnonzero(turn[unit])
    member = rows[np.argsort(unit[rows], kind="stable")].astype(np.int32)
    size = np.bincount(unit, minlength=len(unit))
    held = np.where(turn, size, 0)
    first = (np.cumsum(held) - held).astype(np.int64)
    excuse = np.zeros(len(GROUPS))
    excuse[GROUPS.index("network")] = EXCUSE_BITS
    rest = np.full(len(GROUPS), REMAINDER)
    rest[COMBINATION] = 0.0
    facts = (
        turn, unit, member, first, size.astype(np.float64), e.start, e.thing, e.left, e.holders,
        e.holder, e.holder_left, e.bits, e.group, excuse, rest, SCATTER_BITS, bits_min,
    )  # fmt: skip
    asked = np.flatnonzero(turn)
    parts = np.array_split(asked, PARTS) if len(asked) > MANY else [asked]
    with ThreadPoolExecutor(THREADS) as threads:
        found = list(threads.map(lambda part: _ties(part, *facts), parts))
    return Ties(*(np.concatenate([part[place] for part in found]) for place in range(4)))


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _ties(
    asked: Int64s,
    turn: Bools,
    unit: Int32s,
    member: Int32s,
    first: Int64s,
    size: Float64s,
    start: Int64s,
    thing: Int32s,
    left: Float32s,
    holders: Int64s,
    holder: Int32s,
    holder_left: Float32s,
    bits: Float32s,
    group: Int8s,
    excuse: Float64s,
    rest: Float64s,
    scatter: float,
    bits_min: float,
) -> Found:
    units, things = unit.size, bits.size
    have, have_left = np.zeros(things, np.int32), np.zeros(things, np.float32)
    mine, ordered = np.empty(things, np.int32), np.empty(things, np.int32)
    there, there_left = np.zeros(units, np.int32), np.zeros(units, np.float32)
    met, in_group, near = np.empty(units, np.int32), np.empty(units, np.int32), np.empty(units, np.int32)
    ratio, total = np.zeros(units), np.zeros(units)
    best, whole = np.zeros(units), np.zeros(units)
    mask = np.zeros(units, np.int16)
    out_a, out_b = np.empty(1024, np.int32), np.empty(1024, np.int32)
    out_bits, out_mask = np.empty(1024, np.float32), np.empty(1024, np.int16)
    count = 0
    for a in asked:
        count_mine = _gathered(
            member[first[a] : first[a] + np.int64(size[a])], start, thing, left, have, have_left, mine
        )
        _by_group(mine[:count_mine], group, excuse.size, ordered)
        met_count, place = 0, 0
        while place < count_mine:
            current, group_count = group[ordered[place]], 0
            while place < count_mine and group[ordered[place]] == current:
                t = ordered[place]
                place += 1
                near_count = 0
                for at in range(holders[t], holders[t + 1]):
                    b = unit[holder[at]]
                    if b == a or (turn[b] and b < a):
                        continue
                    if there[b] == 0:
                        near[near_count] = b
                        near_count += 1
                    there[b] += 1
                    there_left[b] = max(there_left[b], holder_left[at])
                for index in range(near_count):
                    b = near[index]
                    if ratio[b] == 0.0:
                        in_group[group_count] = b
                        group_count += 1
                    off = np.log2(size[a] / have[t] * size[b] / there[b])
                    worth = bits[t] * min(have_left[t], there_left[b]) - off
                    there[b], there_left[b] = 0, 0.0
                    ratio[b] += 2.0**worth
                    if worth > 0.0:
                        best[b] = max(best[b], worth)
                        whole[b] += worth
            for index in range(group_count):
                b = in_group[index]
                worth = best[b] + min(best[b], rest[current] * (whole[b] - best[b]))
                worth = max(worth, np.log2(ratio[b]) - scatter) - excuse[current]
                best[b], whole[b], ratio[b] = 0.0, 0.0, 0.0
                if worth <= 0.0:
                    continue
                if mask[b] == 0:
                    met[met_count] = b
                    met_count += 1
                mask[b] |= np.int16(1 << current)
                total[b] += worth
        for index in range(count_mine):
            have[mine[index]], have_left[mine[index]] = 0, 0.0
        for index in range(met_count):
            b = met[index]
            worth = np.round(total[b] * STEPS) / STEPS
            if worth >= bits_min:
                if count == out_a.size:
                    out_a, out_b = np.concatenate((out_a, out_a)), np.concatenate((out_b, out_b))
                    out_bits, out_mask = np.concatenate((out_bits, out_bits)), np.concatenate((out_mask, out_mask))
                out_a[count], out_b[count], out_bits[count], out_mask[count] = a, b, worth, mask[b]
                count += 1
            total[b], mask[b] = 0.0, 0
    return out_a[:count].copy(), out_b[:count].copy(), out_bits[:count].copy(), out_mask[:count].copy()


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _gathered(
    members: Int32s,
    start: Int64s,
    thing: Int32s,
    left: Float32s,
    have: Int32s,
    have_left: Float32s,
    mine: Int32s,
) -> int:
    """Fills `mine` with the things that members have, and says how many; of each how many have it and what is left."""
    count = 0
    for account in members:
        for at in range(start[account], start[account + 1]):
            t = thing[at]
            if have[t] == 0:
                mine[count] = t
                count += 1
            have[t] += 1
            have_left[t] = max(have_left[t], left[at])
    return count


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _by_group(mine: Int32s, group: Int8s, groups: int, ordered: Int32s) -> None:
    """Fills `ordered` with the same things, those of a group together."""
    ends = np.zeros(groups + 1, np.int64)
    for t in mine:
        ends[group[t] + 1] += 1
    ends = np.cumsum(ends)
    for t in mine:
        ordered[ends[group[t]]] = t
        ends[group[t]] += 1
