"""Parts of a large network, small enough to learn from one at a time: what bounds the memory of a training.

Clusters are drawn whole, those with labels first, then single accounts; each part gets about as many of every sort
(blocks of a graph as batches: Cluster-GCN, Chiang et al. 2019). Round them lie some of the accounts with which they
share an identifier or a tie, a few of each identifier's (neighbour caps as in GraphSAGE, Hamilton et al. 2017): they
are seen, but nothing is learnt of them. Features were computed on the whole network, so that a part changes only what
messages a step passes on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_array, diags_array
from torch import Tensor

from gnn.dataset import Graph, SharedLinks
from gnn.sparse import compressed
from gnn.targets import Targets

Bools = npt.NDArray[np.bool_]
Longs = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

NEIGHBOURS = 8
"""So many of an identifier's accounts, and of an account's ties, stand for all of them."""
CONTEXT = 1.0
"""Accounts seen around a part, at most, for each account in it."""
CLUSTER_SHARE = 0.25
"""Of a part that one cluster may fill; of a larger one some members stand for all."""
SHARES = (0.4, 0.3, 0.15, 0.15)
"""Of the accounts drawn: from clusters that labels call abusive, other labelled ones, other clusters, and the rest.
What a sort does not use up goes to the next."""


@dataclass(frozen=True)
class Sampling:
    """A network of more accounts than `whole` is learnt from in `parts` parts of about `size` accounts each."""

    whole: int = 40_000
    size: int = 12_000
    parts: int = 4


@dataclass(frozen=True)
class Part:
    """Rows of a network: `core` int64[n], those to learn from, in order, and `rows` int64[m], them and what is around
    them, in order."""

    core: Longs
    rows: Longs


def parts_of(graph: Graph, targets: Targets, sampling: Sampling, seed: int) -> list[Part]:
    """The parts of a network, each account in one at most. The same seed draws the same."""
    random = np.random.default_rng(seed)
    cluster = graph.cluster.numpy()
    block = _blocks(cluster, max(int(sampling.size * CLUSTER_SHARE), 2), random)
    part = _drawn(block, _sorts(cluster, targets), sampling, random)
    around = _Around(graph)
    return [
        Part(core, around.rows(core, int(sampling.size * CONTEXT), random))
        for core in (np.flatnonzero(part == index) for index in range(sampling.parts))
        if len(core)
    ]


def _blocks(cluster: Longs, most: int, random: np.random.Generator) -> Longs:
    """int64[N]: what is drawn together: a cluster, at random so many of a large one, or one account."""
    inside = np.flatnonzero(cluster >= 0)
    inside = inside[np.lexsort((random.random(len(inside)), cluster[inside]))]
    starts = np.searchsorted(cluster[inside], cluster[inside])
    piece = (np.arange(len(inside)) - starts) // most
    key = np.full(len(cluster), -1, dtype=np.int64)
    key[inside] = cluster[inside] * (len(cluster) + 1) + piece
    alone = np.flatnonzero(cluster < 0)
    key[alone] = -1 - np.arange(len(alone))
    return np.unique(key, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _sorts(cluster: Longs, targets: Targets) -> Longs:
    """int64[N]: 0 with or beside somebody abusive, 1 with or beside a label, 2 another cluster, 3 the rest."""

    def beside(chosen: Bools) -> Bools:
        hit = np.zeros(int(cluster.max(initial=-1)) + 2, dtype=np.bool_)
        hit[cluster[chosen & (cluster >= 0)]] = True
        return np.asarray(chosen | (hit[cluster] & (cluster >= 0)))

    abusive, labelled = beside(targets.abusive), beside(targets.labelled)
    return np.where(abusive, 0, np.where(labelled, 1, np.where(cluster >= 0, 2, 3))).astype(np.int64)


def _drawn(block: Longs, sort: Longs, sampling: Sampling, random: np.random.Generator) -> Longs:
    """int64[N]: the part in which each account is, -1 for none."""
    accounts = np.bincount(block)
    order = random.permutation(len(accounts))
    sort_of_block = np.zeros(len(accounts), dtype=np.int64)
    sort_of_block[block] = sort
    part = np.full(len(accounts), -1, dtype=np.int64)
    left = 0.0
    for number, share in enumerate(SHARES):
        mine = order[sort_of_block[order] == number]
        wanted = share * sampling.size * sampling.parts + left
        taken = mine[: int(np.searchsorted(np.cumsum(accounts[mine]), wanted, side="right"))]
        left = wanted - int(accounts[taken].sum())
        part[taken] = _dealt(accounts[taken], sampling.parts)
    return part[block]


def _dealt(accounts: Longs, count: int) -> Longs:
    """Blocks in the order drawn, cut into stretches of equally many accounts."""
    middle = np.cumsum(accounts) - accounts / 2
    return np.minimum(middle * count / max(int(accounts.sum()), 1), count - 1).astype(np.int64)


class _Around:
    """Who shares what with whom, as the graph's links tell."""

    def __init__(self, graph: Graph) -> None:
        shared = graph.shared
        self._links = (_matrix(shared.spread), _matrix(shared.gather)) if shared is not None else None
        self._ties = [_matrix(tie) for tie in graph.ties.values()]

    def rows(self, core: Longs, most: int, random: np.random.Generator) -> Longs:
        """The core and at most so many others around it, in order."""
        found = [_capped(tie, core, random) for tie in self._ties]
        if self._links is not None:
            spread, gather = self._links
            found.append(_capped(gather, np.unique(_columns(spread, core)), random))
        others = np.setdiff1d(np.concatenate(found) if found else core[:0], core)
        if len(others) > most:
            others = random.choice(others, most, replace=False)
        return np.union1d(core, others)


def _capped(matrix: csr_array, rows: Longs, random: np.random.Generator) -> Longs:
    """Columns of some rows: all of a short row, NEIGHBOURS drawn of a long one."""
    starts, sizes = matrix.indptr[rows].astype(np.int64), np.diff(matrix.indptr)[rows]
    few = rows[sizes <= NEIGHBOURS]
    long = np.flatnonzero(sizes > NEIGHBOURS)
    luck = random.random((len(long), NEIGHBOURS))
    places = starts[long][:, None] + (luck * sizes[long][:, None]).astype(np.int64)
    return np.concatenate([_columns(matrix, few), matrix.indices[places.reshape(-1)]]).astype(np.int64)


def _columns(matrix: csr_array, rows: Longs) -> Longs:
    """All columns of some rows, one after another."""
    starts, sizes = matrix.indptr[rows].astype(np.int64), np.diff(matrix.indptr)[rows].astype(np.int64)
    ends = np.cumsum(sizes)
    places = np.arange(int(ends[-1]) if len(ends) else 0) + np.repeat(starts - (ends - sizes), sizes)
    return np.asarray(matrix.indices[places], dtype=np.int64)


def clusters_in(cluster: Longs, part: Part) -> tuple[Longs, Longs]:
    """The network's clusters that the core lies in, int64[c] in order, and the cluster of each of the part's rows among
    them, int64[m], -1 for none: what is only around lies in none, as its cluster is not here whole."""
    own = np.where(np.isin(part.rows, part.core), cluster[part.rows], -1)
    present, place = np.unique(own, return_inverse=True)
    first = int(present.size > 0 and present[0] < 0)
    return present[first:].astype(np.int64), (place.reshape(-1) - first).astype(np.int64)


@dataclass(frozen=True)
class Cut:
    """The links of a part, cut out once; features and cluster statistics come from each view of the whole."""

    part: Part
    present: Longs
    graph: Graph

    def of(self, graph: Graph) -> Graph:
        """The part of the same network with other accounts known."""
        rows = torch.from_numpy(self.part.rows)
        stats = graph.cluster_stats[torch.from_numpy(self.present)]
        return replace(self.graph, x=graph.x[rows], cluster_stats=stats)


def cut(graph: Graph, part: Part) -> Cut:
    """A part's own graph. Means over an identifier's accounts and over ties are taken over those that are here."""
    present, cluster = clusters_in(graph.cluster.numpy(), part)
    ties = {name: _tensor(_means(_matrix(tie)[part.rows][:, part.rows])) for name, tie in graph.ties.items()}
    own = Graph(
        x=graph.x[:0],
        shared=_shared(graph.shared, part.rows) if graph.shared is not None else None,
        ties={name: tie for name, tie in ties.items() if tie.values().numel()},
        cluster=torch.from_numpy(cluster),
        cluster_stats=graph.cluster_stats[:0],
    )
    return Cut(part, present, own)


def _shared(links: SharedLinks, rows: Longs) -> SharedLinks | None:
    spread = _matrix(links.spread)[rows]
    used = np.unique(spread.indices)
    if not len(used):
        return None
    gather = _means(_matrix(links.gather)[used][:, rows])
    bounds = [np.searchsorted(used, (row.start, row.stop)) for row in links.rows.values()]
    within = {name: slice(int(low), int(high)) for name, (low, high) in zip(links.rows, bounds, strict=True)}
    return SharedLinks(
        rows={name: row for name, row in within.items() if row.start < row.stop},
        gather=_tensor(gather),
        spread=_tensor(spread[:, used]),
        nodes=links.nodes[torch.from_numpy(used.astype(np.int64))],
    )


def _means(matrix: csr_array) -> csr_array:
    """Rows that sum to 1 where they have anything."""
    total = np.asarray(matrix.sum(axis=1)).reshape(-1)
    return csr_array(diags_array(np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)) @ matrix)


def _matrix(tensor: Tensor) -> csr_array:
    starts, columns, values = (part.numpy() for part in (tensor.crow_indices(), tensor.col_indices(), tensor.values()))
    return csr_array((values, columns, starts), shape=tuple(tensor.shape))


def _tensor(matrix: csr_array) -> Tensor:
    matrix.sort_indices()
    return compressed(matrix.indptr, matrix.indices, matrix.data, matrix.shape)
