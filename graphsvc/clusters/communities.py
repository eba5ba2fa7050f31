"""Groups within a weighted graph by the constant Potts model: each pair inside a group must earn its keep.

A partition is worth the sum over its groups of (bits between members − toll × possible pairs). Two groups belong
together when the mean evidence between their accounts is above the toll, however large they are (Traag, Van Dooren and
Nesterov 2011; no resolution limit). Found by local moves and aggregation as in Louvain (Blondel et al. 2008).
"""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array, csr_array

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
Float64s = npt.NDArray[np.float64]

ROUNDS_MAX = 32
LEAST_GAIN = 1e-9


def communities(a: Int32s, b: Int32s, bits: Float64s, size: Float64s, toll_bits: float) -> Int32s:
    """Group of each node, int32[nodes]. Pairs a[i], b[i] carry bits[i]; a node without pairs is a group of its own.
    `size` float64[nodes]: the accounts that each node stands for."""
    graph = _symmetric(a, b, bits, len(size))
    group = np.arange(len(size), dtype=np.int32)
    while True:
        found = _moved(graph.indptr.astype(np.int64), graph.indices.astype(np.int32), graph.data, size, toll_bits)
        _, found = np.unique(found, return_inverse=True)
        group = found.astype(np.int32)[group]
        count = int(found.max(initial=-1)) + 1
        if count == len(size):
            return group
        size = np.bincount(found, size, count).astype(np.float64)
        edges = graph.tocoo()
        one, other = found[edges.row], found[edges.col]
        between = one < other
        graph = _symmetric(one[between], other[between], edges.data[between], count)


def _symmetric(a: Int32s, b: Int32s, bits: Float64s, nodes: int) -> csr_array:
    """Both directions of each pair; repeated pairs add up."""
    rows, columns = np.concatenate([a, b]), np.concatenate([b, a])
    weights = np.concatenate([bits, bits]).astype(np.float64)
    return coo_array((weights, (rows, columns)), shape=(nodes, nodes)).tocsr()


@nb.njit(cache=True)  # type: ignore[untyped-decorator]
def _moved(start: Int64s, neighbour: Int32s, bits: Float64s, size: Float64s, toll: float) -> Int32s:
    """Moves single nodes, in their order, to the group where they are worth most, until none moves."""
    nodes = len(start) - 1
    group = np.arange(nodes).astype(np.int32)
    group_size = size.copy()
    pull = np.zeros(nodes)
    touched = np.empty(nodes, np.int32)
    for _ in range(ROUNDS_MAX):
        moves = 0
        for node in range(nodes):
            count = 0
            for edge in range(start[node], start[node + 1]):
                near = group[neighbour[edge]]
                if pull[near] == 0.0:
                    touched[count] = near
                    count += 1
                pull[near] += bits[edge]
            home = group[node]
            group_size[home] -= size[node]
            best, best_worth = home, pull[home] - toll * size[node] * group_size[home]
            for place in range(count):
                near = touched[place]
                worth = pull[near] - toll * size[node] * group_size[near]
                if worth > best_worth + LEAST_GAIN:
                    best, best_worth = near, worth
            for place in range(count):
                pull[touched[place]] = 0.0
            group_size[best] += size[node]
            if best != home:
                group[node] = best
                moves += 1
        if moves == 0:
            break
    return group
