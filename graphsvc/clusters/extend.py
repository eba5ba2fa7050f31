"""Clusters that weaker evidence extends: what no single pair of accounts is enough for, a cluster as a whole can be.

Hysteresis: strong pairs alone make a cluster; ties that are too weak for that join clusters that are there, and
accounts to them. In rounds: two clusters become one where each is the other's best, an account goes to its best
cluster if it has but one, and only what has grown is weighed anew.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graphsvc.clusters.constraints import Constraints, united
from graphsvc.clusters.ties import Ties, ties
from graphsvc.links.pairs import Evidence

JOIN_BITS = 4.0
"""Bits that join two clusters. Of those that reached them, on worlds of two makers, four in five were of one hand; of
those between two and three bits fewer than half."""
ALONE_BITS = 1.0
"""Taken off an account outside clusters: it has no mates whose other ties would bear the first one out."""
MANY_BITS = 1.5
"""Added where the bits come from two evidence groups or more: independent reasons seldom err together."""
ROUNDS_MAX = 32
"""What is best for each other halves in number with each round; a chain of ever better ones may take longer, and gains
less than it costs."""

Int32s = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]


def extended(evidence: Evidence, unit: Int32s, place: Int32s, constraints: Constraints) -> Int32s:
    """int32[N]: units after joining. `unit` int32[N]: the unit of each account, named by the row of its first; those of
    two accounts and more are clusters. `place` int32[N]: the turn of each account where all else is equal."""
    turn = np.bincount(unit, minlength=len(unit)) > 1
    known = Ties.none()
    for _ in range(ROUNDS_MAX):
        cluster = np.bincount(unit, minlength=len(unit)) > 1
        found = _enough(ties(evidence, unit, turn, JOIN_BITS - MANY_BITS), cluster)
        known = known.plus(found.only(~constraints.conflict(unit, found.a, found.b)))
        best = _best(known, cluster, _first(unit, place))
        if not len(best.a):
            break
        grown = united(unit, best.a, best.b, best.bits, place, constraints)
        turn = _changed(unit, grown)
        gone = turn | (np.bincount(grown, minlength=len(grown)) == 0)
        known = known.only(~gone[known.a] & ~gone[known.b])
        unit = grown
    return unit


def _enough(found: Ties, cluster: Bools) -> Ties:
    many = (found.groups & (found.groups - 1)) != 0
    return found.only(found.bits + MANY_BITS * many - ALONE_BITS * ~cluster[found.b] >= JOIN_BITS)


def _best(known: Ties, cluster: Bools, place: Int32s) -> Ties:
    """Ties of two clusters that are each other's best, and of accounts to their only best cluster. Of equal ties of
    clusters the first by place is best: were all of them joined at once, a chain of like chances would make a giant."""
    both = cluster[known.b]
    low, high = np.minimum(place[known.a], place[known.b]), np.maximum(place[known.a], place[known.b])
    rank = np.empty(len(both), np.int64)
    rank[np.lexsort((-high, -low, known.bits))] = np.arange(len(both))
    best = np.full(len(cluster), -1, np.int64)
    np.maximum.at(best, known.a[both], rank[both])
    np.maximum.at(best, known.b[both], rank[both])
    bits = np.zeros(len(cluster), np.float32)
    np.maximum.at(bits, known.b[~both], known.bits[~both])
    top = known.bits >= bits[known.b]
    ways = np.bincount(known.b[top & ~both], minlength=len(cluster))
    paired = (best[known.a] == rank) & (best[known.b] == rank)
    return known.only(np.where(both, paired, top & (ways[known.b] == 1)))


def _first(unit: Int32s, place: Int32s) -> Int32s:
    """int32[N]: the first place that an account of each unit has."""
    first = np.full(len(unit), len(unit), np.int32)
    np.minimum.at(first, unit, place)
    return first


def _changed(unit: Int32s, grown: Int32s) -> Bools:
    """bool[N]: the units that are larger than before."""
    before, after = np.bincount(unit, minlength=len(unit)), np.bincount(grown, minlength=len(grown))
    return (after > before) & (after > 1)
