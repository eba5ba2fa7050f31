"""What a cluster's readout sees beside its members: how it is woven, what its members share, how it came together."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gnn.features import DAY_MS, LINK_GROUPS, Sources
from gnn.network import column

_WHOLE = ("size", "density", "tie_weight", "tie_groups", "created_span", "created_near", "bad", "good")
CLUSTER_FEATURES: tuple[str, ...] = (
    *_WHOLE,
    *(f"{group}_coverage" for group in LINK_GROUPS),
    *(f"{group}_woven" for group in LINK_GROUPS),
)
"""coverage: the largest share of members on one identifier of the group; woven: the mean strength of what a member
shares with another."""

WORTH = 0.1
"""An identifier of less strength than this covers nothing: it is a hub."""

Floats = npt.NDArray[np.float32]


def cluster_stats(given: Sources) -> Floats:
    """float32[C, len(CLUSTER_FEATURES)]."""
    return np.concatenate([_whole(given), *_shared(given)], axis=1, dtype=np.float32)


def _whole(given: Sources) -> npt.NDArray[np.float64]:
    """float64[C, len(_WHOLE)]: size, the pairs inside, when the accounts were made, what is known of them."""
    network, known, ties = given.network, given.known, given.pairs
    clusters, count = network.clusters, network.cluster_count
    inside = np.flatnonzero(clusters >= 0)
    ordinal = clusters[inside]
    size = np.maximum(np.bincount(ordinal, minlength=count), 1)

    def mean(values: npt.NDArray[np.number]) -> npt.NDArray[np.float64]:
        return np.asarray(np.bincount(ordinal, values[inside], minlength=count) / size)

    created = column(network.accounts, "created_ms", np.int64) / DAY_MS
    gap = np.abs(created - np.where(clusters >= 0, np.append(mean(created), 0.0)[clusters], 0.0))
    degree = np.diff(ties.starts)
    source = np.repeat(np.arange(network.account_count), degree)
    each = np.maximum(degree, 1)
    columns = (
        np.log1p(size) / 3.0,
        mean(degree) / size,
        mean(np.bincount(source, ties.weight, minlength=network.account_count) / each),
        mean(np.bincount(source, ties.groups, minlength=network.account_count) / each) / 3.0,
        np.log1p(mean(gap)) / 3.0,
        mean((gap <= 7.0).astype(np.float64)),
        mean(known.bad),
        mean(known.good),
    )
    return np.stack(columns, axis=1)


def _shared(given: Sources) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Coverage and woven, float64[C, len(LINK_GROUPS)] each, over identifiers that two members or more have."""
    links, clusters, count = given.incidence, given.network.clusters, given.network.cluster_count
    groups = len(LINK_GROUPS)
    size = np.maximum(np.bincount(clusters[clusters >= 0], minlength=count), 1)
    group = links.group[links.identifier]
    rows = np.flatnonzero(
        (clusters[links.account] >= 0) & (links.strength[links.identifier] >= WORTH) & (group < groups)
    )
    identifier, cluster = links.identifier[rows].astype(np.int64), clusters[links.account[rows]].astype(np.int64)
    _, place, members = np.unique(cluster * len(links.degree) + identifier, return_inverse=True, return_counts=True)
    shared = members[place] > 1
    rows, cluster, held = rows[shared], cluster[shared], members[place][shared]
    slot = cluster * groups + group[rows]
    coverage = np.zeros(count * groups)
    np.maximum.at(coverage, slot, held / size[cluster])
    best = np.zeros(len(clusters) * groups)
    np.maximum.at(
        best, links.account[rows].astype(np.int64) * groups + group[rows], links.strength[links.identifier[rows]]
    )
    inside = np.flatnonzero(clusters >= 0)
    woven = np.zeros((count, groups))
    np.add.at(woven, clusters[inside], best.reshape(-1, groups)[inside])
    return coverage.reshape(count, groups), woven / size[:, None]
