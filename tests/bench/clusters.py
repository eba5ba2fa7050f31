"""Ways of making clusters, side by side on the same worlds and the same links.

    python -m tests.bench.clusters --accounts 6000 --seeds 71 72
    python -m tests.bench.clusters --drawn 1000000 --methods ours former components leiden

Prints one JSON line a world and method, and a line with the mean of each method over worlds of both makers. B-cubed
precision, recall and F1 are over accounts of rings (Bagga and Baldwin 1998; an account in no cluster is alone);
`ring_recall` is the share of rings of which half or more lies in one cluster; `innocents_by_association` the share of
innocents in a cluster that holds two accounts of rings or more, `innocents_accused` in one of which half is abusive.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import igraph
import networkx as nx
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graphsvc.clusters.communities import communities
from graphsvc.clusters.find import find_clusters
from graphsvc.evaluation.matching import held
from graphsvc.links.pairs import BITS_MIN, Evidence, evidence_of, pairs_of
from tests.bench.cluster_worlds import OTHER, SIMULATED, World, drawn, made

Clusters = npt.NDArray[np.int64]
NETWORKX_MAX = 50_000
FORMER_TOLL_BITS = 0.3
WEAK_BITS = 4.0


class Links:
    """What all methods are given: the evidence of a world, and pairs of strong and of weak bits."""

    def __init__(self, world: World) -> None:
        self.view = world.view
        self.evidence: Evidence = evidence_of(world.view)
        self.weak: pa.Table = pairs_of(self.evidence, WEAK_BITS)
        self.strong: pa.Table = self.weak.filter(self.weak["bits"].to_numpy() >= BITS_MIN)

    @property
    def accounts(self) -> int:
        return len(self.view.accounts)

    def graph(self, pairs: pa.Table) -> igraph.Graph:
        ends = np.stack([pairs["a"].to_numpy(), pairs["b"].to_numpy()], axis=1)
        return igraph.Graph(n=self.accounts, edges=ends, edge_attrs={"bits": pairs["bits"].to_numpy().tolist()})


def ours(links: Links) -> Clusters:
    return find_clusters(links.view, links.strong, evidence=links.evidence).astype(np.int64)


def former(links: Links) -> Clusters:
    """Strong pairs, the constant Potts model, connected parts."""
    a, b, bits = (links.strong[name].to_numpy() for name in ("a", "b", "bits"))
    group = communities(a, b, bits.astype(np.float64), np.ones(links.accounts), FORMER_TOLL_BITS)
    inside = group[a] == group[b]
    return _parted(links, links.strong.filter(inside))


def components(links: Links) -> Clusters:
    return _parted(links, links.strong)


def components_of_weak_pairs(links: Links) -> Clusters:
    return _parted(links, links.weak)


def louvain(links: Links) -> Clusters:
    return np.array(links.graph(links.strong).community_multilevel(weights="bits").membership)


def leiden(links: Links) -> Clusters:
    graph = links.graph(links.strong)
    return np.array(graph.community_leiden(objective_function="modularity", weights="bits", n_iterations=-1).membership)


def leiden_potts(links: Links) -> Clusters:
    graph = links.graph(links.strong)
    found = graph.community_leiden(objective_function="CPM", weights="bits", resolution=1.0, n_iterations=-1)
    return np.array(found.membership)


def label_propagation(links: Links) -> Clusters:
    return np.array(links.graph(links.strong).community_label_propagation(weights="bits").membership)


def networkx_louvain(links: Links) -> Clusters:
    graph = nx.Graph()
    graph.add_weighted_edges_from(zip(*(links.strong[name].to_pylist() for name in ("a", "b", "bits")), strict=True))
    return _of_sets(links.accounts, nx.community.louvain_communities(graph, seed=1))


def networkx_label_propagation(links: Links) -> Clusters:
    graph = nx.Graph(zip(links.strong["a"].to_pylist(), links.strong["b"].to_pylist(), strict=True))
    return _of_sets(links.accounts, nx.community.label_propagation_communities(graph))


def splink_threshold(links: Links) -> Clusters:
    """Splink's clustering of links: connected components at a match weight, here bits. Its estimates of weights are for
    records of one entity compared column by column, and do not apply to shared infrastructure."""
    from splink import DuckDBAPI
    from splink.clustering import cluster_pairwise_predictions_at_threshold

    nodes = pa.table({"account": np.arange(links.accounts)})
    chance = 1 / (1 + np.exp2(-links.weak["bits"].to_numpy().astype(np.float64)))
    edges = pa.table({"account_l": links.weak["a"], "account_r": links.weak["b"], "match_probability": chance})
    at = 1 / (1 + 2**-BITS_MIN)
    found = cluster_pairwise_predictions_at_threshold(
        nodes, edges, DuckDBAPI(), "account", threshold_match_probability=at
    )
    table = found.as_duckdbpyrelation().to_arrow_table().sort_by("account")
    return np.unique(table["cluster_id"].to_numpy(), return_inverse=True)[1].reshape(-1)


METHODS: dict[str, Callable[[Links], Clusters]] = {
    "ours": ours,
    "former": former,
    "components": components,
    "components_of_weak_pairs": components_of_weak_pairs,
    "louvain": louvain,
    "leiden": leiden,
    "leiden_potts": leiden_potts,
    "label_propagation": label_propagation,
    "networkx_louvain": networkx_louvain,
    "networkx_label_propagation": networkx_label_propagation,
    "splink": splink_threshold,
}


def _parted(links: Links, pairs: pa.Table) -> Clusters:
    return np.array(links.graph(pairs).connected_components().membership)


def _of_sets(accounts: int, parts: object) -> Clusters:
    found = np.full(accounts, -1, np.int64)
    for number, part in enumerate(parts):  # type: ignore[arg-type,var-annotated]
        found[list(part)] = number
    return found


def figures(world: World, clusters: Clusters) -> dict[str, float]:
    """The figures of the heading. Clusters of one account are none."""
    size = np.bincount(clusters[clusters >= 0], minlength=1)
    clusters = np.where((clusters >= 0) & (size[clusters] > 1), clusters, -1)
    on = world.ring >= 0
    found_key, ring_key = _alone(clusters), _alone(world.ring)
    together = _sizes(found_key * len(clusters) + ring_key)
    precision = float(np.mean((together / _sizes(found_key))[on]))
    recall = float(np.mean((together / _sizes(ring_key))[on]))
    inside, count = clusters >= 0, int(clusters.max(initial=-1)) + 1
    abusive = np.bincount(clusters[inside], world.abusive[inside], count)
    size = np.bincount(clusters[inside], minlength=count)
    near, majority = np.append(abusive >= 2, False)[clusters], np.append(2 * abusive >= size, False)[clusters]
    return {
        "bcubed_precision": precision,
        "bcubed_recall": recall,
        "bcubed_f1": 2 * precision * recall / (precision + recall),
        "ring_recall": float(held(world.ring, clusters).found.mean()),
        "innocents_by_association": float(near[~world.abusive].mean()),
        "innocents_accused": float(majority[~world.abusive].mean()),
        "largest": int(size.max(initial=0)),
    }


def _alone(groups: Clusters) -> Clusters:
    return np.unique(np.where(groups >= 0, groups, -1 - np.arange(len(groups))), return_inverse=True)[1].reshape(-1)


def _sizes(keys: Clusters) -> Clusters:
    _, place, size = np.unique(keys, return_inverse=True, return_counts=True)
    return size[place.reshape(-1)]


def worlds(asked: argparse.Namespace) -> Iterator[tuple[int, World]]:
    for size in asked.drawn:
        yield 1, drawn(size, 1)
    for seed in asked.seeds:
        for name in asked.worlds:
            with tempfile.TemporaryDirectory() as folder:
                yield seed, made(name, Path(folder), asked.accounts, asked.days, seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--accounts", type=int, default=6_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--seeds", type=int, nargs="*", default=[])
    parser.add_argument("--worlds", nargs="*", default=[*SIMULATED, *OTHER])
    parser.add_argument("--drawn", type=int, nargs="*", default=[])
    parser.add_argument("--methods", nargs="*", choices=METHODS, default=list(METHODS))
    asked = parser.parse_args()
    rows: dict[str, list[dict[str, float]]] = {}
    find_clusters_once()
    for seed, world in worlds(asked):
        links = Links(world)
        for name in asked.methods:
            if name.startswith("networkx") and links.accounts > NETWORKX_MAX:
                continue
            started_s = time.perf_counter()
            clusters = METHODS[name](links)
            row = figures(world, clusters) | {"seconds": time.perf_counter() - started_s}
            rows.setdefault(name, []).append(row)
            facts = {"accounts": links.accounts, "pairs": len(links.strong)}
            print(json.dumps({"case": f"{world.name}-{seed}", "method": name} | facts | _rounded(row)), flush=True)
    for name, found in rows.items():
        mean = {key: statistics.fmean(row[key] for row in found) for key in found[0]}
        print(json.dumps({"case": "mean", "method": name, "worlds": len(found)} | _rounded(mean)), flush=True)


def find_clusters_once() -> None:
    """Compiles what is timed later."""
    ours(Links(drawn(2_000, 1)))


def _rounded(row: dict[str, float]) -> dict[str, float]:
    return {key: round(value, 4) for key, value in row.items()}


if __name__ == "__main__":
    main()
