"""Campaigns: clusters that one operator is behind, though no account of one shares enough with an account of another.

What many members of a cluster have is a choice of whoever is behind it: a card issuer, a mail domain, a hosting
network, a client, a template. Two clusters that made the same rare choices, in several respects, made them together.
Each choice is worth the bits of its rarity; choices of one evidence group depend on each other and count once. The
more clusters there are to be compared with, the more it takes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba as nb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import csr_array, triu

from graphsvc.clusters.choices import CLUSTERS_MIN, Choices, choices_of
from graphsvc.clusters.communities import communities
from graphsvc.links.pairs import REMAINDER
from graphsvc.links.view import LinkView
from graphsvc.links.weights import DAY_MS, GROUPS

LINKS = pa.schema([("a", pa.int32()), ("b", pa.int32()), ("bits", pa.float32()), ("reason", pa.string())])
ACCUSED = 0.5
"""A cluster below this probability of abuse joins no campaign: to be in one is an accusation."""
CROWD = 256
"""A choice of more clusters than this suggests no pair of them by itself, though it counts where two have others in
common too: time stays in proportion to the clusters."""
MATES = 4
"""So many clusters of its campaign a cluster that is in one is taken to have; of all others that one compares it with,
more than chance must speak for these."""
GAP_MAX_MS = 3 * DAY_MS
GAP_MIN_MS = DAY_MS // 4
FOLLOWS_BITS = 3.0
"""At most so much for beginning where another ended: bans, terms and offers make many begin and end at once."""
INHERITED_BITS = 2.0
"""A successor inherits something: without so much in common a beginning after an end is one of many."""
TOLL_BITS = 1.0
EVERYDAY = ("network", "mail", "org")
"""Groups that one firm's teams and one campus's departments share by being that: without another they say nothing."""
STEPS = 1000

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
Float32s = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Joined:
    """`campaign` int32[C]: the campaign of each cluster, ordinals in the order of the first cluster, -1 for none.
    `links`: LINKS, what joins clusters a < b of one campaign, by a and b."""

    campaign: Int32s
    links: pa.Table


def campaigns(view: LinkView, clusters: Int32s, probability: Float32s | None = None) -> Joined:
    """Campaigns of the clusters int32[N] (-1 for none) whose `probability` float32[C] of abuse is ACCUSED and more, or
    of all. Clusters of one organisation join none. Time grows with the links of their members."""
    choices = choices_of(view, clusters)
    a, b = _suggested(choices)
    able = np.ones(choices.clusters, np.bool_) if probability is None else probability >= ACCUSED
    kept = able[a] & able[b] & ~choices.colleagues(a, b)
    a, b = a[kept], b[kept]
    by_group = _by_group(a, b, choices)
    gap_ms = _gaps(choices, a, b)
    chosen = by_group.sum(axis=1)
    follows = np.where(gap_ms >= 0, np.log2(2 * GAP_MAX_MS / np.maximum(gap_ms, GAP_MIN_MS)), 0.0)
    follows = np.where(chosen >= INHERITED_BITS, np.minimum(follows, FOLLOWS_BITS), 0.0)
    everyday = np.isin(np.arange(len(GROUPS)), [GROUPS.index(name) for name in EVERYDAY])
    respects = (by_group > 0).sum(axis=1) + (follows > 0)
    telling = (by_group[:, ~everyday] > 0).any(axis=1) & (respects > 1)
    bits = np.round((chosen + follows) * STEPS) / STEPS
    joined = telling & (bits >= np.log2(max(int(able.sum()), CLUSTERS_MIN) / MATES))
    return _campaigns(choices, a[joined], b[joined], bits[joined], by_group[joined], gap_ms[joined])


def _campaigns(
    choices: Choices, a: Int32s, b: Int32s, bits: npt.NDArray[np.float64], by_group: Float32s, gap_ms: Int64s
) -> Joined:
    group = communities(a, b, bits, np.ones(choices.clusters), TOLL_BITS)
    inside = group[a] == group[b]
    size = np.bincount(group)
    alone = size[group] < 2
    _, first, place = np.unique(np.where(alone, -1, group), return_index=True, return_inverse=True)
    named = np.where(alone, -1, first[place.reshape(-1)])
    heads = np.unique(named[named >= 0])
    campaign = np.where(alone, -1, np.searchsorted(heads, named)).astype(np.int32)
    rows = np.flatnonzero(inside)
    reason = [_reason(by_group[row], int(gap_ms[row])) for row in rows.tolist()]
    table = pa.table([a[rows], b[rows], bits[rows].astype(np.float32), pa.array(reason, pa.string())], schema=LINKS)
    return Joined(campaign, table)


def _reason(by_group: Float32s, gap_ms: int) -> str:
    named = ", ".join(
        f"{GROUPS[place]} ({by_group[place]:.1f} bits)" for place in np.argsort(-by_group) if by_group[place]
    )
    after = f"; one began {gap_ms / DAY_MS:.1f} days after the other ended" if gap_ms >= 0 else ""
    return f"Accounts of both have the same of: {named}{after}."


def _suggested(choices: Choices) -> tuple[Int32s, Int32s]:
    """Pairs of clusters a < b that share a choice, or a pair of choices of two groups, which no crowd shares."""
    cluster, thing = choices.joint()
    count = np.bincount(thing)
    rare = (count[thing] >= 2) & (count[thing] <= CROWD)
    _, place = np.unique(thing[rare], return_inverse=True)
    cluster, place = cluster[rare], place.reshape(-1)
    ones = np.ones(len(cluster), np.int32)
    made = csr_array((ones, (cluster, place)), shape=(choices.clusters, int(place.max(initial=-1)) + 1))
    shared = triu(made @ made.T, k=1).tocoo()
    order = np.lexsort((shared.col, shared.row))
    return shared.row[order].astype(np.int32), shared.col[order].astype(np.int32)


def _by_group(a: Int32s, b: Int32s, choices: Choices) -> Float32s:
    """float32[P, groups]: bits of what both clusters chose."""
    found: Float32s = _shared_bits(
        a, b, choices.start, choices.thing, choices.off_bits, choices.bits, choices.group, len(GROUPS)
    )
    return found


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _shared_bits(
    a: Int32s,
    b: Int32s,
    start: Int64s,
    thing: Int32s,
    off_bits: Float32s,
    bits: Float32s,
    group: npt.NDArray[np.int8],
    groups: int,
) -> Float32s:
    out = np.zeros((a.size, groups), np.float32)
    best, whole = np.zeros(groups), np.zeros(groups)
    for pair in range(a.size):
        best[:], whole[:] = 0.0, 0.0
        one, one_end, other, other_end = start[a[pair]], start[a[pair] + 1], start[b[pair]], start[b[pair] + 1]
        while one < one_end and other < other_end:
            if thing[one] < thing[other]:
                one += 1
            elif thing[one] > thing[other]:
                other += 1
            else:
                t = thing[one]
                worth = bits[t] - off_bits[one] - off_bits[other]
                if worth > 0.0:
                    best[group[t]] = max(best[group[t]], worth)
                    whole[group[t]] += worth
                one += 1
                other += 1
        for place in range(groups):
            out[pair, place] = best[place] + min(best[place], REMAINDER * (whole[place] - best[place]))
    return out


def _gaps(choices: Choices, a: Int32s, b: Int32s) -> Int64s:
    """int64[P]: how long after the end of one cluster the other began, -1 where neither followed the other closely."""
    found = np.full(len(a), -1, np.int64)
    for before, after in ((a, b), (b, a)):
        gap = choices.begin_ms[after] - choices.end_ms[before]
        close = choices.over[before] & (np.abs(gap) <= GAP_MAX_MS)
        found = np.where(close, np.abs(gap), found)
    return found
