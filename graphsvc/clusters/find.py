"""Clusters: groups of accounts that pairs of strong evidence hold together.

Whatever pairs connect is only a candidate: one chance link would chain two rings, or a ring and an office, into one.
Within it, groups must earn their keep (see communities), and each is then split into its connected parts.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from graphsvc.clusters.communities import communities
from graphsvc.links.view import LinkView

TOLL_BITS = 0.3
"""Mean evidence between two groups' accounts above which they are one. Measured on simulated worlds: from 0.2 to 0.8
the share of rings found changes little; below, chains join innocents to rings; above, sparse rings fall apart."""

Int32s = npt.NDArray[np.int32]


def find_clusters(view: LinkView, pairs: pa.Table, toll_bits: float = TOLL_BITS) -> Int32s:
    """Cluster of each account, int32[N]: ordinals in the order of the first member, -1 for accounts in none.

    The result depends on the accounts and pairs alone, not on the order of the pairs nor on what accounts are called.
    """
    accounts = len(view.accounts)
    a, b, bits = (pairs[name].to_numpy() for name in ("a", "b", "bits"))
    place = _places(view, a, b, bits)
    low, high = np.minimum(place[a], place[b]), np.maximum(place[a], place[b])
    order = np.lexsort((high, low))
    group = communities(low[order], high[order], bits[order].astype(np.float64), accounts, toll_bits)[place]
    inside = group[a] == group[b]
    return _ordinals(_components(a[inside], b[inside], accounts))


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


def _components(a: Int32s, b: Int32s, accounts: int) -> Int32s:
    graph = coo_array((np.ones(len(a), np.int8), (a, b)), shape=(accounts, accounts))
    component: Int32s = connected_components(graph, directed=False)[1].astype(np.int32)
    return component


def _ordinals(component: Int32s) -> Int32s:
    """Numbers components of two and more in the order of their first account."""
    size = np.bincount(component)
    _, first = np.unique(component, return_index=True)
    heads = np.sort(first[size[component[first]] > 1])
    ordinal = np.full(len(size), -1, np.int32)
    ordinal[component[heads]] = np.arange(len(heads), dtype=np.int32)
    found: Int32s = ordinal[component]
    return found
