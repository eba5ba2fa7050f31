"""Pairs of accounts that share enough to speak of one hand behind both.

Per pair and evidence group the strongest shared identifier counts in full and the others of the group a quarter each,
at most as much again; the groups add up. Combinations of weak identifiers overlap: of them the strongest alone counts.
Identifiers of HUB_CUT accounts and more make no pairs. Time grows with the number of shared identifiers, memory with
the number of pairs found.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise

import numba as nb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from graphsvc.links.combinations import combinations
from graphsvc.links.order import order_of
from graphsvc.links.view import LinkView
from graphsvc.links.weights import (
    GROUPS,
    HUB_CUT,
    PEER,
    Priors,
    bits_of,
    decay_of,
    encoded,
    groups_of,
    hub_discount,
    population,
)

BITS_MIN = 8.0
REMAINDER = 0.25
UNIT = 2**20
"""Evidence is summed in whole units, so many to a bit: sums of integers are the same in any order and on any engine."""
COMBINATION = GROUPS.index("combination")
THREADS = 2
CHUNKS = 16

Float32s = npt.NDArray[np.float32]
Int8s = npt.NDArray[np.int8]
Int16s = npt.NDArray[np.int16]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
Found = tuple[Int32s, Int32s, Float32s, Int16s]

SCHEMA = pa.schema([("a", pa.int32()), ("b", pa.int32()), ("bits", pa.float32()), ("groups", pa.int16())])


@dataclass(frozen=True)
class Evidence:
    """Shared things in compressed rows: of account a `thing[start[a]:start[a+1]]`, ordered by group; of thing t the
    accounts `holder[holders[t]:holders[t+1]]`, ascending. `left` and `holder_left` are what decay leaves of a link."""

    start: Int64s
    thing: Int32s
    left: Float32s
    holders: Int64s
    holder: Int32s
    holder_left: Float32s
    bits: Float32s
    group: Int8s


def pairs(view: LinkView, bits_min: float = BITS_MIN, priors: Priors | None = None) -> pa.Table:
    """Pairs of at least `bits_min` bits: a, b (int32 rows of accounts, a < b), bits (float32), groups (int16 mask whose
    bit g stands for GROUPS[g]); sorted by a and b. `priors` by type stand in for the shipped ones."""
    return pairs_of(evidence_of(view, priors), bits_min)


def pairs_of(evidence: Evidence, bits_min: float = BITS_MIN) -> pa.Table:
    """The same, where what accounts share is at hand."""
    bounds = np.linspace(0, len(evidence.start) - 1, CHUNKS + 1).astype(np.int64)
    with ThreadPoolExecutor(THREADS) as threads:
        found = list(threads.map(lambda at: _chunk(evidence, at[0], at[1], bits_min), pairwise(bounds.tolist())))
    columns = [np.concatenate([part[place] for part in found]) for place in range(4)]
    return pa.table(columns, schema=SCHEMA)


@dataclass(frozen=True)
class Shared:
    """Things that accounts share: link l says that `account[l]` has `thing[l]`, of which decay leaves `left[l]`; thing
    t is worth `bits[t]` and lies in `group[t]`."""

    account: Int32s
    thing: Int32s
    left: Float32s
    bits: Float32s
    group: Int8s


def evidence_of(view: LinkView, priors: Priors | None = None) -> Evidence:
    """Shared identifiers, combinations of weak ones, and each pair of peers or of timing as one more shared thing."""
    view = replace(view, identifiers=encoded(view.identifiers))
    with ThreadPoolExecutor(1) as beside:
        combined = beside.submit(_combinations, view, priors)
        identified, met, timed = _identifiers(view, priors), _peers(view), _timings(view)
        parts = (identified, combined.result(), met, timed)
    offsets = np.cumsum([0, *(len(part.bits) for part in parts)]).astype(np.int32)
    account = np.concatenate([part.account for part in parts])
    thing = np.concatenate([part.thing + offset for part, offset in zip(parts, offsets[:-1], strict=True)])
    left = np.concatenate([part.left for part in parts])
    bits = np.concatenate([part.bits for part in parts])
    group = np.concatenate([part.group for part in parts])
    with ThreadPoolExecutor(THREADS) as threads:
        orders = ((account, group[thing], thing), (thing, account))
        by_account, by_thing = threads.map(lambda columns: order_of(*columns), orders)
    return Evidence(
        start=_starts(account[by_account], len(view.accounts)),
        thing=thing[by_account],
        left=left[by_account],
        holders=_starts(thing[by_thing], len(bits)),
        holder=account[by_thing],
        holder_left=left[by_thing],
        bits=bits,
        group=group,
    )


def _identifiers(view: LinkView, priors: Priors | None) -> Shared:
    """Links to identifiers of at least 2 and fewer than HUB_CUT accounts.

    Age counts from the newest sighting in the view: a log that ended a year ago is judged as when it ended.
    """
    degree = view.identifiers["degree"].to_numpy()
    kept = (degree >= 2) & (degree < HUB_CUT)
    row = (np.cumsum(kept) - 1).astype(np.int32)
    identifier = view.links["identifier"].to_numpy()
    use = kept[identifier]
    types = view.identifiers["type"].filter(pa.array(kept))
    last_ms = view.links["last_ms"].to_numpy()
    age_ms = last_ms.max(initial=0) - last_ms[use]
    thing = row[identifier[use]]
    return Shared(
        account=view.links["account"].to_numpy()[use],
        thing=thing,
        left=decay_of(types.take(thing), age_ms),
        bits=bits_of(types, degree[kept], len(view.accounts), priors),
        group=groups_of(types),
    )


def _combinations(view: LinkView, priors: Priors | None) -> Shared:
    found = combinations(view, priors)
    group = np.full(len(found.bits), COMBINATION, np.int8)
    return Shared(found.account, found.combination, found.left, found.bits, group)


def _peers(view: LinkView) -> Shared:
    """Each pair of direct peers as a thing that two accounts hold. The busier of the two decides what it is worth. A
    link of negative weight, a warning or a complaint, ties nobody."""
    peers = view.peers.filter(pc.greater_equal(view.peers["weight"], 0))
    source, target = peers["source"].to_numpy(), peers["target"].to_numpy()
    ends = np.stack([np.minimum(source, target), np.maximum(source, target)], axis=1)
    ends, edge = np.unique(ends.reshape(-1, 2), axis=0, return_inverse=True)
    weight = np.zeros(len(ends), np.float32)
    np.maximum.at(weight, edge.reshape(-1), peers["weight"].to_numpy())
    degree = np.bincount(ends.reshape(-1), minlength=len(view.accounts))
    busier = np.maximum(degree[ends].max(axis=1, initial=0), 2)
    rarity = np.log2(population(len(view.accounts)) / busier)
    bits = PEER.prior * np.clip(weight, 0, 1) * rarity * hub_discount(busier)
    return _ties(ends, np.maximum(bits, 0), "peer")


def _timings(view: LinkView) -> Shared:
    ends = np.stack([view.timings["a"].to_numpy(), view.timings["b"].to_numpy()], axis=1)
    return _ties(ends, view.timings["bits"].to_numpy(), "timing")


def _ties(ends: Int32s, bits: Float32s, group: str) -> Shared:
    """What ties two accounts directly, `ends` int32[T, 2], as things that just those two have."""
    thing = np.repeat(np.arange(len(ends), dtype=np.int32), 2)
    return Shared(
        account=ends.reshape(-1).astype(np.int32),
        thing=thing,
        left=np.ones(len(thing), np.float32),
        bits=bits.astype(np.float32),
        group=np.full(len(ends), GROUPS.index(group), np.int8),
    )


def _starts(ordered: Int32s, rows: int) -> Int64s:
    return np.searchsorted(ordered, np.arange(rows + 1)).astype(np.int64)


def _chunk(evidence: Evidence, first: int, last: int, bits_min: float) -> Found:
    e = evidence
    found: Found = _pairs(
        first, last, bits_min, e.start, e.thing, e.left, e.holders, e.holder, e.holder_left, e.bits, e.group
    )
    return found


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _pairs(
    first: int,
    last: int,
    bits_min: float,
    start: Int64s,
    thing: Int32s,
    left: Float32s,
    holders: Int64s,
    holder: Int32s,
    holder_left: Float32s,
    bits: Float32s,
    group: Int8s,
) -> Found:
    accounts = start.size - 1
    total = np.zeros(accounts, np.int64)
    mask = np.zeros(accounts, np.int16)
    best = np.zeros(accounts, np.int64)
    whole = np.zeros(accounts, np.int64)
    met = np.empty(accounts, np.int32)
    in_group = np.empty(accounts, np.int32)
    out_a, out_b = np.empty(1024, np.int32), np.empty(1024, np.int32)
    out_bits, out_mask = np.empty(1024, np.float32), np.empty(1024, np.int16)
    count = 0
    for a in range(first, last):
        met_count = 0
        place = start[a]
        while place < start[a + 1]:
            current = group[thing[place]]
            group_count = 0
            while place < start[a + 1] and group[thing[place]] == current:
                t = thing[place]
                for at in range(holders[t + 1] - 1, holders[t] - 1, -1):
                    b = holder[at]
                    if b <= a:
                        break
                    worth = np.int64(bits[t] * min(left[place], holder_left[at]) * UNIT)
                    if worth <= 0:
                        continue
                    if whole[b] == 0:
                        in_group[group_count] = b
                        group_count += 1
                    best[b] = max(best[b], worth)
                    whole[b] += worth
                place += 1
            for index in range(group_count):
                b = in_group[index]
                if mask[b] == 0:
                    met[met_count] = b
                    met_count += 1
                mask[b] |= np.int16(1 << current)
                total[b] += best[b]
                if current != COMBINATION:
                    total[b] += min(best[b], np.int64(REMAINDER * (whole[b] - best[b])))
                best[b] = 0
                whole[b] = 0
        near = met[:met_count]
        near.sort()
        for b in near:
            if total[b] >= bits_min * UNIT:
                if count == out_a.size:
                    out_a, out_b = _doubled(out_a), _doubled(out_b)
                    out_bits, out_mask = _doubled(out_bits), _doubled(out_mask)
                out_a[count], out_b[count], out_bits[count], out_mask[count] = a, b, total[b] / UNIT, mask[b]
                count += 1
            total[b] = 0
            mask[b] = 0
    return out_a[:count].copy(), out_b[:count].copy(), out_bits[:count].copy(), out_mask[:count].copy()


@nb.njit(cache=True)  # type: ignore[untyped-decorator]
def _doubled(values: Float32s) -> Float32s:
    larger = np.empty(values.size * 2, values.dtype)
    larger[: values.size] = values
    return larger
