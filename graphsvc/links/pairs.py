"""Pairs of accounts that share enough to speak of one hand behind both.

Per pair and evidence group the strongest shared identifier counts in full and the others of the group a quarter each,
at most as much again; the groups add up. Identifiers of more accounts than HUB_CUT make no pairs. Time grows with the
number of shared identifiers, memory with the number of pairs found.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numba as nb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graphsvc.links.view import LinkView
from graphsvc.links.weights import GROUPS, PEER, bits_of, decay_of, groups_of, hub_discount, population

BITS_MIN = 8.0
HUB_CUT = 128
REMAINDER = 0.25
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


def pairs(view: LinkView, bits_min: float = BITS_MIN) -> pa.Table:
    """Pairs of at least `bits_min` bits: a, b (int32 rows of accounts, a < b), bits (float32), groups (int16 mask whose
    bit g stands for GROUPS[g]); sorted by a and b."""
    evidence = _evidence(view)
    bounds = np.linspace(0, len(view.accounts), CHUNKS + 1).astype(np.int64)
    with ThreadPoolExecutor(THREADS) as threads:
        found = list(threads.map(lambda at: _chunk(evidence, at[0], at[1], bits_min), pairwise(bounds.tolist())))
    columns = [np.concatenate([part[place] for part in found]) for place in range(4)]
    return pa.table(columns, schema=SCHEMA)


def _evidence(view: LinkView) -> Evidence:
    """Shared identifiers, and each pair of direct peers as one more shared thing."""
    account, thing, left, bits, group = _shared(view)
    peer_account, peer_thing, peer_bits = _peers(view)
    account = np.concatenate([account, peer_account])
    thing = np.concatenate([thing, peer_thing + np.int32(len(bits))])
    left = np.concatenate([left, np.ones(len(peer_account), np.float32)])
    bits = np.concatenate([bits, peer_bits])
    group = np.concatenate([group, np.full(len(peer_bits), GROUPS.index("peer"), np.int8)])
    by_account = np.lexsort((thing, group[thing], account))
    by_thing = np.lexsort((account, thing))
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


def _shared(view: LinkView) -> tuple[Int32s, Int32s, Float32s, Float32s, Int8s]:
    """Links to identifiers of 2 to HUB_CUT accounts: account, thing, decay; and each thing's bits and group.

    Age counts from the newest sighting in the view: a log that ended a year ago is judged as when it ended.
    """
    degree = view.identifiers["degree"].to_numpy()
    kept = (degree >= 2) & (degree <= HUB_CUT)
    row = (np.cumsum(kept) - 1).astype(np.int32)
    identifier = view.links["identifier"].to_numpy()
    use = kept[identifier]
    types = view.identifiers["type"].filter(pa.array(kept))
    bits = bits_of(types, degree[kept], len(view.accounts))
    last_ms = view.links["last_ms"].to_numpy()
    age_ms = last_ms.max(initial=0) - last_ms[use]
    thing = row[identifier[use]]
    left = decay_of(types.take(pa.array(thing)), age_ms)
    return view.links["account"].to_numpy()[use], thing, left, bits, groups_of(types)


def _peers(view: LinkView) -> tuple[Int32s, Int32s, Float32s]:
    """Each pair of direct peers as a thing that two accounts hold. The busier of the two decides what it is worth."""
    source, target = view.peers["source"].to_numpy(), view.peers["target"].to_numpy()
    ends = np.stack([np.minimum(source, target), np.maximum(source, target)], axis=1)
    ends, edge = np.unique(ends.reshape(-1, 2), axis=0, return_inverse=True)
    weight = np.zeros(len(ends), np.float32)
    np.maximum.at(weight, edge.reshape(-1), view.peers["weight"].to_numpy())
    degree = np.bincount(ends.reshape(-1), minlength=len(view.accounts))
    busier = np.maximum(degree[ends].max(axis=1, initial=0), 2)
    rarity = np.log2(population(len(view.accounts)) / busier)
    bits = PEER.prior * np.clip(weight, 0, 1) * rarity * hub_discount(busier)
    thing = np.repeat(np.arange(len(ends), dtype=np.int32), 2)
    return ends.reshape(-1).astype(np.int32), thing, np.maximum(bits, 0).astype(np.float32)


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
    total = np.zeros(accounts, np.float32)
    mask = np.zeros(accounts, np.int16)
    best = np.zeros(accounts, np.float32)
    # In double precision, so that the order of things, which is that of their names, is lost in rounding.
    whole = np.zeros(accounts, np.float64)
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
                    worth = bits[t] * min(left[place], holder_left[at])
                    if worth <= 0.0:
                        continue
                    if whole[b] == 0.0:
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
                total[b] += best[b] + min(best[b], REMAINDER * (whole[b] - best[b]))
                best[b] = 0.0
                whole[b] = 0.0
        near = met[:met_count]
        near.sort()
        for b in near:
            if total[b] >= bits_min:
                if count == out_a.size:
                    out_a, out_b = _doubled(out_a), _doubled(out_b)
                    out_bits, out_mask = _doubled(out_bits), _doubled(out_mask)
                out_a[count], out_b[count], out_bits[count], out_mask[count] = a, b, total[b], mask[b]
                count += 1
            total[b] = 0.0
            mask[b] = 0
    return out_a[:count].copy(), out_b[:count].copy(), out_bits[:count].copy(), out_mask[:count].copy()


@nb.njit(cache=True)  # type: ignore[untyped-decorator]
def _doubled(values: Float32s) -> Float32s:
    larger = np.empty(values.size * 2, values.dtype)
    larger[: values.size] = values
    return larger
