"""A network as tensors: features of accounts, sparse links of each evidence group, clusters and their statistics."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gnn.adjacency import DAY_MS, Incidence, Ties
from gnn.cluster_stats import cluster_stats
from gnn.features import LINK_GROUPS, Sources, compute, sources
from gnn.labels import Known
from gnn.network import Network
from gnn.sparse import csr

Floats = npt.NDArray[np.float32]

NODE_FEATURES = ("strength", "crowd", "quiet", "span", "burst_day", "burst_week")
"""What an identifier node knows of itself."""
_RECENCY_DAYS = 30.0


@dataclass(frozen=True)
class GroupLinks:
    """One evidence group: identifiers that two accounts or more share.

    `gather` sparse [I, N] takes means over an identifier's accounts, `spread` sparse [N, I] means over an account's
    identifiers weighted by strength and recency; `nodes` float32[I, len(NODE_FEATURES)].
    """

    gather: Tensor
    spread: Tensor
    nodes: Tensor


@dataclass(frozen=True)
class Graph:
    """A network ready for the model. `x` float32[N, F]; `groups` by name, absent groups left out; `pair` and `peer`
    sparse [N, N] or None; `cluster` int64[N] (-1 none); `cluster_stats` float32[C, len(CLUSTER_FEATURES)]."""

    x: Tensor
    groups: dict[str, GroupLinks]
    ties: dict[str, Tensor]
    cluster: Tensor
    cluster_stats: Tensor

    def to(self, device: torch.device) -> Graph:
        """The same on another device."""
        groups = {
            name: GroupLinks(part.gather.to(device), part.spread.to(device), part.nodes.to(device))
            for name, part in self.groups.items()
        }
        ties = {name: tie.to(device) for name, tie in self.ties.items()}
        x, cluster, stats = (part.to(device) for part in (self.x, self.cluster, self.cluster_stats))
        return Graph(x, groups, ties, cluster, stats)


def build(network: Network, known: Known) -> Graph:
    """The tensors of a network, with what is `known` of accounts as far as features may use it."""
    given = sources(network, known)
    ties = {"pair": given.pairs, "peer": given.peers}
    return Graph(
        x=torch.from_numpy(compute(given)),
        groups=_groups(given),
        ties={name: _mean_over(tie, network.account_count) for name, tie in ties.items() if len(tie.other)},
        cluster=torch.from_numpy(network.clusters.astype(np.int64)),
        cluster_stats=torch.from_numpy(cluster_stats(given)),
    )


def relabelled(graph: Graph, network: Network, known: Known) -> Graph:
    """The graph with other accounts known: only features and cluster statistics depend on labels."""
    given = sources(network, known)
    return replace(graph, x=torch.from_numpy(compute(given)), cluster_stats=torch.from_numpy(cluster_stats(given)))


def _groups(given: Sources) -> dict[str, GroupLinks]:
    links, now = given.incidence, given.network.as_of_ms
    nodes = _node_features(links, now)
    link_group = links.group[links.identifier]
    shared = links.degree[links.identifier] > 1
    out = {}
    for index, name in enumerate(LINK_GROUPS):
        rows = np.flatnonzero(shared & (link_group == index))
        if len(rows):
            out[name] = _group(links, rows, nodes, now)
    return out


def _group(links: Incidence, rows: npt.NDArray[np.int64], nodes: Floats, now_ms: int) -> GroupLinks:
    account = links.account[rows]
    used, local = np.unique(links.identifier[rows], return_inverse=True)
    shape = len(used), links.accounts
    gather = 1.0 / links.degree[used][local]
    recency = np.exp2(-np.maximum(now_ms - links.last_ms[rows], 0) / (_RECENCY_DAYS * DAY_MS))
    weight = (0.05 + links.strength[used][local]) * (0.25 + 0.75 * recency)
    total = np.bincount(account, weight, minlength=links.accounts)
    return GroupLinks(
        gather=csr(local, account, gather, shape),
        spread=csr(account, local, weight / total[account], shape[::-1]),
        nodes=torch.from_numpy(nodes[used]),
    )


def _node_features(links: Incidence, now_ms: int) -> Floats:
    """float32[I, len(NODE_FEATURES)]."""
    size = len(links.degree)
    first = np.full(size, now_ms, dtype=np.int64)
    last = np.zeros(size, dtype=np.int64)
    np.minimum.at(first, links.identifier, links.first_ms)
    np.maximum.at(last, links.identifier, links.last_ms)
    pairs = np.maximum(links.degree.astype(np.float64) * (links.degree - 1), 1.0)
    return np.stack(
        [
            links.strength,
            np.log1p(links.degree) / 5.0,
            np.log1p(np.maximum(now_ms - last, 0) / DAY_MS) / 5.0,
            np.log1p(np.maximum(last - first, 0) / DAY_MS) / 5.0,
            *(np.bincount(links.identifier, count, minlength=size) / pairs for count in links.near),
        ],
        axis=1,
        dtype=np.float32,
    )


def _mean_over(tie: Ties, accounts: int) -> Tensor:
    source = np.repeat(np.arange(accounts), np.diff(tie.starts))
    total = np.maximum(np.bincount(source, tie.weight, minlength=accounts), 1e-9)
    return csr(source, tie.other, tie.weight / total[source], (accounts, accounts))
