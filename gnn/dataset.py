"""A network as tensors: features of accounts, sparse links of each evidence group, clusters and their statistics."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_array
from torch import Tensor

from gnn.adjacency import DAY_MS, Incidence, Ties
from gnn.cluster_stats import cluster_stats
from gnn.features import LINK_GROUPS, Sources, compute, sources
from gnn.kernels import seen_from_to
from gnn.labels import Known
from gnn.network import Network
from gnn.sparse import compressed

Floats = npt.NDArray[np.float32]
Longs = npt.NDArray[np.int64]

NODE_FEATURES = ("strength", "crowd", "quiet", "span", "burst_day", "burst_week")
"""What an identifier node knows of itself."""
_RECENCY_DAYS = 30.0


@dataclass(frozen=True)
class SharedLinks:
    """Links to the I identifiers that two accounts or more share, those of one evidence group in a row.

    `rows` says which those are, by the group's name, absent groups left out. `gather` sparse [I, N] takes means over an
    identifier's accounts; `spread` sparse [N, I] means over an account's identifiers of each group, weighted by
    strength and recency, and sums them; `nodes` float32[I, len(NODE_FEATURES)].
    """

    rows: dict[str, slice]
    gather: Tensor
    spread: Tensor
    nodes: Tensor

    def to(self, device: torch.device) -> SharedLinks:
        """The same on another device."""
        return SharedLinks(self.rows, self.gather.to(device), self.spread.to(device), self.nodes.to(device))


@dataclass(frozen=True)
class Graph:
    """A network ready for the model. `x` float32[N, F]; `shared`, None where no two accounts share anything; `pair` and
    `peer` ties sparse [N, N], absent ones left out; `cluster` int64[N] (-1 none); `cluster_stats`
    float32[C, len(CLUSTER_FEATURES)]."""

    x: Tensor
    shared: SharedLinks | None
    ties: dict[str, Tensor]
    cluster: Tensor
    cluster_stats: Tensor

    def to(self, device: torch.device) -> Graph:
        """The same on another device."""
        shared = self.shared.to(device) if self.shared is not None else None
        ties = {name: tie.to(device) for name, tie in self.ties.items()}
        x, cluster, stats = (part.to(device) for part in (self.x, self.cluster, self.cluster_stats))
        return Graph(x, shared, ties, cluster, stats)


def build(network: Network, known: Known) -> Graph:
    """The tensors of a network, with what is `known` of accounts as far as features may use it."""
    given = sources(network, known)
    with ThreadPoolExecutor(1) as beside:
        shared = beside.submit(shared_of, given)
        return assembled(given, compute(given), shared.result())


def assembled(given: Sources, x: Floats, shared: SharedLinks | None) -> Graph:
    """The tensors of what `given` holds, with the features float32[N, F] and what accounts share."""
    ties = {"pair": given.pairs, "peer": given.peers}
    return Graph(
        x=torch.from_numpy(x),
        shared=shared,
        ties={name: _mean_over(tie) for name, tie in ties.items() if len(tie.other)},
        cluster=torch.from_numpy(given.network.clusters.astype(np.int64)),
        cluster_stats=_cluster_stats(given),
    )


def relabelled(graph: Graph, network: Network, known: Known) -> Graph:
    """The graph with other accounts known: only features and cluster statistics depend on labels."""
    given = sources(network, known)
    return replace(graph, x=torch.from_numpy(compute(given)), cluster_stats=_cluster_stats(given))


def _cluster_stats(given: Sources) -> Tensor:
    pairs = np.diff(given.pairs.starts)
    return torch.from_numpy(cluster_stats(given.network.clusters, pairs, given.known))


def shared_of(given: Sources) -> SharedLinks | None:
    """What accounts share, as sums over identifiers and back; None where nobody shares anything."""
    links, now_ms = given.incidence, given.network.as_of_ms
    used = np.flatnonzero(links.degree > 1)
    if not len(used):
        return None
    used = used[np.argsort(links.group[used], kind="stable")]
    ends = np.cumsum(np.bincount(links.group[used], minlength=len(LINK_GROUPS)))
    rows = {name: slice(start, end) for name, start, end in zip(LINK_GROUPS, [0, *ends], ends, strict=False)}
    spread = _spread(links, used, now_ms)
    by_identifier = spread.tocsc()
    share = np.repeat(1.0 / links.degree[used], links.degree[used])
    return SharedLinks(
        rows={name: row for name, row in rows.items() if row.start < row.stop},
        gather=compressed(by_identifier.indptr, by_identifier.indices, share, spread.shape[::-1]),
        spread=compressed(spread.indptr, spread.indices, spread.data, spread.shape),
        nodes=torch.from_numpy(_node_features(links, used, now_ms)),
    )


def _spread(links: Incidence, used: Longs, now_ms: int) -> csr_array:
    """float32[N, len(used)]: an account's identifiers by strength and recency, those of a group to a sum of 1."""
    place = np.full(len(links.degree), -1, dtype=np.int32)
    place[used] = np.arange(len(used), dtype=np.int32)
    kept = np.flatnonzero(place[links.identifier] >= 0)
    account, identifier = links.account[kept], links.identifier[kept]
    recency = np.exp2(-np.maximum(now_ms - links.last_ms[kept], 0) / (_RECENCY_DAYS * DAY_MS))
    weight = (0.05 + links.strength[identifier]) * (0.25 + 0.75 * recency)
    group = account.astype(np.int64) * len(LINK_GROUPS) + links.group[identifier]
    weight /= np.bincount(group, weight)[group]
    starts = np.append(0, np.cumsum(np.bincount(account, minlength=links.accounts)))
    return csr_array((weight.astype(np.float32), place[identifier], starts), shape=(links.accounts, len(used)))


def _node_features(links: Incidence, used: Longs, now_ms: int) -> Floats:
    """float32[len(used), len(NODE_FEATURES)]."""
    size = len(links.degree)
    first = np.full(size, now_ms, dtype=np.int64)
    last = np.zeros(size, dtype=np.int64)
    seen_from_to(links.identifier, links.first_ms, links.last_ms, first, last)
    first, last, degree = first[used], last[used], links.degree[used]
    pairs = np.maximum(degree.astype(np.float64) * (degree - 1), 1.0)
    return np.stack(
        [
            links.strength[used],
            np.log1p(degree) / 5.0,
            np.log1p(np.maximum(now_ms - last, 0) / DAY_MS) / 5.0,
            np.log1p(np.maximum(last - first, 0) / DAY_MS) / 5.0,
            *(np.bincount(links.identifier, count, minlength=size)[used] / pairs for count in links.near),
        ],
        axis=1,
        dtype=np.float32,
    )


def _mean_over(tie: Ties) -> Tensor:
    accounts = len(tie.starts) - 1
    source = np.repeat(np.arange(accounts), np.diff(tie.starts))
    total = np.maximum(np.bincount(source, tie.weight, minlength=accounts), 1e-9)
    return compressed(tie.starts, tie.other, tie.weight / total[source], (accounts, accounts))
