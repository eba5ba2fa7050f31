"""A second look at clusters once accounts are judged: a ring that lies among more innocents is taken out.

Clusters are found before anything is judged, by shared evidence alone. A ring that hides behind a campus or a carrier
then lies in one cluster with strangers, which as a whole is rightly called innocent. Its members that speak against
themselves, and hang together among themselves, make a cluster of their own, which is read out anew.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gnn.membership import FLAGGED, FLOOR
from gnn.network import Network, column

RING_MIN = 3
"""Two accounts that score high side by side are as often a household as a ring."""
RING_SHARE_MAX = 0.5
"""What speaks against most of a cluster's members is for the cluster's readout to weigh. So is what speaks a little
less against the others than against some: to stand out, these must be among accounts that FLOOR would let go."""

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]


def refined(network: Network, account: Floats, cluster: Floats) -> Ints:
    """int32[N]: the clusters of the network, and after them those that were taken out of one, by the probabilities of
    accounts [N] and of clusters [C]; the network's own clusters where nothing is to be taken out."""
    clusters, count = network.clusters, network.cluster_count
    hot = (clusters >= 0) & (account >= FLAGGED) & np.append(cluster < FLAGGED, False)[clusters]
    part = _parts(network, hot)
    together = np.bincount(part[hot], minlength=network.account_count)
    leaving = hot & (together[part] >= RING_MIN)
    rest = (clusters >= 0) & ~leaving
    taken, left = (np.bincount(clusters[chosen], minlength=count) for chosen in (leaving, rest))
    speaks = np.bincount(clusters[rest], account[rest], minlength=count)
    stands_out = (taken <= RING_SHARE_MAX * (taken + left)) & (speaks < FLOOR * left)
    leaving &= np.append(stands_out, False)[clusters]
    _, number = np.unique(part[leaving], return_inverse=True)
    out = clusters.copy()
    out[leaving] = count + number
    return out


def _parts(network: Network, chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """int64[N]: numbers of connected parts among the chosen accounts, by pairs within one cluster."""
    a, b = column(network.pairs, "a", np.int64), column(network.pairs, "b", np.int64)
    kept = chosen[a] & chosen[b] & (network.clusters[a] == network.clusters[b])
    edges = np.ones(int(kept.sum()), dtype=np.int8), (a[kept], b[kept])
    graph = coo_array(edges, shape=(network.account_count, network.account_count))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)
