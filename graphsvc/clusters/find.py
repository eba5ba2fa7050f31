"""Clusters: groups of accounts that evidence holds together.

Strong pairs seed them. Whatever pairs connect is only a candidate: one chance link would chain two rings, or a ring and
an office, into one. Within it, groups must earn their keep (see communities), and each is split into its connected
parts. Weaker evidence then extends the seeds (see extend).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graphsvc.clusters.communities import communities
from graphsvc.clusters.constraints import NONE, Constraints, united
from graphsvc.clusters.extend import extended
from graphsvc.links.order import order_of
from graphsvc.links.pairs import BITS_MIN, Evidence, evidence_of
from graphsvc.links.view import LinkView

TOLL_BITS = 1.0
"""Mean evidence between two groups' accounts above which they are one. An eighth of what a strong pair has: with less,
chains join innocents to rings; with more, sparse rings fall apart into parts that weaker evidence must find again."""

Int32s = npt.NDArray[np.int32]
Float32s = npt.NDArray[np.float32]


def find_clusters(
    view: LinkView, pairs: pa.Table, constraints: Constraints = NONE, evidence: Evidence | None = None
) -> Int32s:
    """Cluster of each account, int32[N]: ordinals in the order of the first member, -1 for accounts in none.

    `pairs` below BITS_MIN are left aside. `evidence` is what accounts share, if it is at hand. Accounts that must lie
    together do, and those that must lie apart do, which wins where the two contradict each other. The result depends on
    the accounts, their evidence and constraints alone, not on the order of any nor on what accounts are called.
    """
    strong = pairs["bits"].to_numpy() >= BITS_MIN
    a, b, bits = (pairs[name].to_numpy()[strong] for name in ("a", "b", "bits"))
    place = _places(view, a, b, bits)
    seeds = _seeds(a, b, bits, place, constraints)
    grown = extended(evidence_of(view) if evidence is None else evidence, seeds, place, constraints)
    return _ordinals(grown)


def _seeds(a: Int32s, b: Int32s, bits: Float32s, place: Int32s, constraints: Constraints) -> Int32s:
    """int32[N]: groups of strong pairs, each named by the row of its first account."""
    every = np.arange(len(place), dtype=np.int32)
    must = constraints.must
    unit = united(every, must[:, 0], must[:, 1], np.ones(len(must)), place, constraints)
    one, other = unit[a], unit[b]
    between = one != other
    one, other, bits = one[between], other[between], bits[between]
    low, high = np.minimum(place[one], place[other]), np.maximum(place[one], place[other])
    order = order_of(low, high)
    size = np.zeros(len(place))
    size[place] = np.bincount(unit, minlength=len(place))
    group = communities(low[order], high[order], bits[order].astype(np.float64), size, TOLL_BITS)[place]
    inside = group[one] == group[other]
    return united(unit, one[inside], other[inside], bits[inside], place, constraints)


def _places(view: LinkView, a: Int32s, b: Int32s, bits: npt.NDArray[np.float32]) -> Int32s:
    """int32[N]: the turn of each account in the search, by what it did and what it shares. Which group an account falls
    to can hang on whose turn comes first; a turn by account id would let a name decide that."""
    accounts = len(view.accounts)
    ends = np.concatenate([a, b])
    strongest = np.zeros(accounts, np.float32)
    np.maximum.at(strongest, ends, np.concatenate([bits, bits]))
    acts = [view.accounts[name].to_numpy() for name in ("events", "last_ms", "first_ms", "created_ms")]
    place = np.empty(accounts, np.int32)
    place[np.lexsort((strongest, np.bincount(ends, minlength=accounts), *acts))] = np.arange(accounts, dtype=np.int32)
    return place


def _ordinals(component: Int32s) -> Int32s:
    """Numbers components of two and more in the order of their first account."""
    size = np.bincount(component)
    _, first = np.unique(component, return_index=True)
    heads = np.sort(first[size[component[first]] > 1])
    ordinal = np.full(len(size), -1, np.int32)
    ordinal[component[heads]] = np.arange(len(heads), dtype=np.int32)
    found: Int32s = ordinal[component]
    return found
