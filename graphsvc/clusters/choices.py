"""What members of each cluster have in common, and when each cluster was at work."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from graphsvc.links.view import LinkView
from graphsvc.links.weights import DAY_MS, groups_of, population, priors_of

CHOSEN_SHARE = 0.2
"""The share of a cluster's members that have a thing from which on it counts as a choice of the cluster: operators mix
their suppliers. For the others bits are taken off. Of an organisation it takes half."""
CHOSEN_PRIOR = 0.5
"""Least prior of a thing that most of a cluster have. That one account has a common card issuer or network says little
of its hand, as many strangers do; that all of a cluster do is no longer chance, and the coincidence left is half."""
BITS_MIN = 1.0
CLUSTERS_MIN = 64
"""Few clusters are a sample of more, as few accounts are."""
TURNOVER = 0.2
"""The share of members that may come before a cluster's beginning, and go on after its end: stragglers tell nothing."""
OVER_MS = 2 * DAY_MS
"""A cluster that was quiet for this long by the end of the view is over."""
COMBINED_MAX = 8
"""Of each cluster's choices so many, the rarest, are combined in pairs."""

Int8s = npt.NDArray[np.int8]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
Float32s = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Choices:
    """Of cluster c the things `thing[start[c]:start[c+1]]` (rows of view.identifiers, ascending) that some of its
    members have, `off_bits` what is taken off for those that do not; of thing t its worth `bits[t]` and `group[t]`.
    `org` int32[C]: the organisation of half of the members, -1 for none. `begin_ms` and `end_ms` int64[C], `over`
    bool[C]."""

    start: Int64s
    thing: Int32s
    off_bits: Float32s
    bits: Float32s
    group: Int8s
    org: Int32s
    begin_ms: Int64s
    end_ms: Int64s
    over: Bools

    @property
    def clusters(self) -> int:
        return len(self.org)

    def colleagues(self, a: Int32s, b: Int32s) -> Bools:
        """bool[P]: whether half of both clusters are of one organisation, which excuses what they share."""
        same: Bools = (self.org[a] >= 0) & (self.org[a] == self.org[b])
        return same

    def joint(self) -> tuple[Int32s, Int64s]:
        """Rows of cluster and thing, or pair of things of two groups as one thing: what clusters can be found by."""
        cluster = np.repeat(np.arange(self.clusters, dtype=np.int32), np.diff(self.start))
        order = np.lexsort((self.thing, -self.bits[self.thing], cluster))
        rank = np.arange(len(order)) - self.start[cluster[order]]
        few = order[rank < COMBINED_MAX]
        rows, things = [cluster], [self.thing.astype(np.int64)]
        total = len(self.bits)
        for step in range(1, COMBINED_MAX):
            one, other = few[:-step], few[step:]
            both = (cluster[one] == cluster[other]) & (self.group[self.thing[one]] != self.group[self.thing[other]])
            low = np.minimum(self.thing[one], self.thing[other])[both].astype(np.int64)
            high = np.maximum(self.thing[one], self.thing[other])[both].astype(np.int64)
            rows.append(cluster[one[both]])
            things.append(total + low * total + high)
        _, named = np.unique(np.concatenate(things), return_inverse=True)
        return np.concatenate(rows), named.reshape(-1)


def choices_of(view: LinkView, clusters: Int32s) -> Choices:
    """The choices of all clusters int32[N]."""
    count = int(clusters.max(initial=-1)) + 1
    size = np.bincount(clusters[clusters >= 0], minlength=count)
    cluster, thing, held = _held(view, clusters)
    chosen = held >= CHOSEN_SHARE * size[cluster]
    cluster, thing, held = cluster[chosen], thing[chosen], held[chosen]
    bits = _bits(view, thing, held, count)
    org = np.full(count, -1, np.int32)
    types = view.identifiers["type"].take(pa.array(thing)).cast(pa.string())
    is_org = pc.equal(types, "org").to_numpy() & (2 * held >= size[cluster])
    org[cluster[is_org]] = thing[is_org]
    worth = bits[thing] >= BITS_MIN
    cluster, thing, held = cluster[worth], thing[worth], held[worth]
    begin_ms, end_ms = _times(view, clusters, size)
    last_ms = int(view.accounts["last_ms"].to_numpy().max(initial=0))
    return Choices(
        start=np.searchsorted(cluster, np.arange(count + 1)).astype(np.int64),
        thing=thing,
        off_bits=np.log2(size[cluster] / held).astype(np.float32),
        bits=bits,
        group=groups_of(view.identifiers["type"]),
        org=org,
        begin_ms=begin_ms,
        end_ms=end_ms,
        over=end_ms + OVER_MS < last_ms,
    )


def _held(view: LinkView, clusters: Int32s) -> tuple[Int32s, Int32s, Int64s]:
    """Rows by cluster and thing, and how many members have it; things that one account alone has are left out."""
    thing = view.links["identifier"].to_numpy()
    cluster = clusters[view.links["account"].to_numpy()]
    inside = (cluster >= 0) & (view.identifiers["degree"].to_numpy()[thing] >= 2)
    total = max(len(view.identifiers), 1)
    keys, held = np.unique(cluster[inside].astype(np.int64) * total + thing[inside], return_counts=True)
    return (keys // total).astype(np.int32), (keys % total).astype(np.int32), held


def _bits(view: LinkView, thing: Int32s, held: Int64s, clusters: int) -> Float32s:
    """float32[things]: worth of two clusters' making the same choice. It is as common as it is among accounts or among
    clusters, whichever is more; a cluster that chose it counts as one account, since its members chose together."""
    types, degree = view.identifiers["type"], view.identifiers["degree"].to_numpy()
    made = np.bincount(thing, minlength=len(types))
    holders = degree - np.bincount(thing, held, len(types)) + made
    common = np.maximum(holders / population(len(view.accounts)), made / max(clusters, CLUSTERS_MIN))
    prior = np.maximum(priors_of(types), CHOSEN_PRIOR)
    bits: Float32s = (-np.log2(np.clip(common, 1e-9, 1.0)) * prior).astype(np.float32)
    return bits


def _times(view: LinkView, clusters: Int32s, size: Int64s) -> tuple[Int64s, Int64s]:
    """int64[C] twice: when a fifth of the members had begun, and when all but a fifth had ended."""
    member = np.flatnonzero(clusters >= 0)
    ends = []
    for name, share in (("first_ms", TURNOVER), ("last_ms", 1 - TURNOVER)):
        at_ms = view.accounts[name].to_numpy()[member]
        order = np.lexsort((at_ms, clusters[member]))
        place = np.cumsum(size) - size + np.floor(share * (size - 1)).astype(np.int64)
        ends.append(at_ms[order][place])
    return ends[0], ends[1]
