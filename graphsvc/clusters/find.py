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

    The result depends on the accounts and pairs alone, not on the order of the pairs.
    """
    accounts = len(view.accounts)
    ordered = pairs.sort_by([("a", "ascending"), ("b", "ascending")])
    a, b = ordered["a"].to_numpy(), ordered["b"].to_numpy()
    group = communities(a, b, ordered["bits"].to_numpy().astype(np.float64), accounts, toll_bits)
    inside = group[a] == group[b]
    return _ordinals(_components(a[inside], b[inside], accounts))


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
