"""The evidence pack of one cluster: what holds it together, what is discounted, what else could explain it.

Made when asked for, from the material that the run kept. networkx finds cores (Seidman 1983), members on whom the
cluster hangs (articulation points, Hopcroft and Tarjan 1973) and their betweenness (Brandes 2001); of a large cluster
from its strongest pairs, which the pack then says.
"""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx
import numpy as np

from graphsvc.clusters.bonds import Float64s, Int64s, Tree, shared, spanning_tree, with_weaker
from graphsvc.clusters.discounts import Discount, discounts_of
from graphsvc.clusters.explanations import Explanation, case_of, explanations
from graphsvc.clusters.material import Material
from graphsvc.clusters.pack_bonds import Bond, bonds_of
from graphsvc.clusters.pack_words import pack_text

PAIRS_MAX = 100_000
"""Pairs that one analysis looks at: those of the tree, and the strongest."""
STEPS_MAX = 200_000
"""Steps from account to account in the search for betweenness: beyond them it is estimated from a sample."""
STEPS_A_MEMBER = 4
BROKERS_MAX = 10
CORES_MAX = 3
CORE_NAMES_MAX = 20
WEAKEST_MAX = 5


@dataclass(frozen=True)
class Core:
    """`accounts` that are each linked to at least `linked_to` of them; at most CORE_NAMES_MAX are named."""

    linked_to: int
    accounts: int
    account_ids: tuple[str, ...]


@dataclass(frozen=True)
class Broker:
    """An account without which the cluster falls into `parts` (sizes, largest first). `centrality`: the share of
    shortest ways between others that lead through it."""

    account_id: str
    centrality: float
    parts: tuple[int, ...]


@dataclass(frozen=True)
class Pack:
    """`parts` are the sizes of what no pair joins, largest first; `looked_at` of the `pairs` were analysed."""

    sentence: str
    members: int
    pairs: int
    looked_at: int
    parts: tuple[int, ...]
    bonds: tuple[Bond, ...]
    weakest: tuple[Bond, ...]
    cores: tuple[Core, ...]
    brokers: tuple[Broker, ...]
    discounts: tuple[Discount, ...]
    hubs: tuple[Discount, ...]
    explanations: tuple[Explanation, ...]


def pack_of(material: Material, accounts: int) -> Pack:
    """The pack of the cluster that the material is of; `accounts` is how many the run saw.

    Bonds come strongest first; `weakest` are those whose loss breaks the cluster, weakest first."""
    material = with_weaker(material)
    pairs, names = material.pairs, material.members["account_id"].to_pylist()
    a, b = (pairs[end].to_numpy().astype(np.int64) for end in ("a", "b"))
    bits = pairs["bits"].to_numpy().astype(np.float64)
    tree = spanning_tree(len(names), a, b, bits)
    rows = _looked_at(tree, bits)
    what = shared(material, a[rows], b[rows])
    bonds = bonds_of(material, tree, what, rows)
    graph = _graph(len(names), a[rows], b[rows])
    tried = tuple(explanations(case_of(material, rows, what)))
    discounts, hubs = discounts_of(material, rows, what, accounts)
    parts = tuple(sorted(np.bincount(tree.component).tolist(), reverse=True))
    weakest = tuple(bond for bond in reversed(bonds) if not bond.others)[:WEAKEST_MAX]
    return Pack(
        sentence=pack_text(len(names), parts, bonds, weakest, discounts, tried, hubs),
        members=len(names),
        pairs=len(pairs),
        looked_at=len(rows),
        parts=parts,
        bonds=bonds,
        weakest=weakest,
        cores=_cores(graph, names),
        brokers=_brokers(graph, names),
        discounts=discounts,
        hubs=hubs,
        explanations=tried,
    )


def _looked_at(tree: Tree, bits: Float64s) -> Int64s:
    """Rows of the tree's pairs and of the strongest others, at most PAIRS_MAX and the tree; in their order."""
    if len(bits) <= PAIRS_MAX:
        return np.arange(len(bits))
    strongest = np.argsort(-bits, kind="stable")[:PAIRS_MAX]
    return np.union1d(tree.pair, strongest)


def _graph(members: int, a: Int64s, b: Int64s) -> nx.Graph[int]:
    graph: nx.Graph[int] = nx.Graph()
    graph.add_nodes_from(range(members))
    graph.add_edges_from(zip(a.tolist(), b.tolist(), strict=True))
    return graph


def _cores(graph: nx.Graph[int], names: list[str]) -> tuple[Core, ...]:
    """The innermost core, and the next wider ones."""
    number = nx.core_number(graph)
    found = []
    for linked_to in sorted(set(number.values()) - {0}, reverse=True)[:CORES_MAX]:
        inside = sorted(names[member] for member, core in number.items() if core >= linked_to)
        found.append(Core(linked_to, len(inside), tuple(inside[:CORE_NAMES_MAX])))
    return tuple(found)


def _brokers(graph: nx.Graph[int], names: list[str]) -> tuple[Broker, ...]:
    """The accounts on whom the cluster hangs, those first that most ways between others lead through."""
    cuts = sorted(nx.articulation_points(graph))
    if not cuts:
        return ()
    sample = max(4, STEPS_MAX // (graph.number_of_edges() + STEPS_A_MEMBER * len(graph)))
    central = nx.betweenness_centrality(graph, k=None if sample >= len(graph) else sample, seed=0)
    order = sorted(cuts, key=lambda member: (-central[member], names[member]))[:BROKERS_MAX]
    return tuple(Broker(names[member], float(central[member]), _without(graph, member)) for member in order)


def _without(graph: nx.Graph[int], member: int) -> tuple[int, ...]:
    """Sizes of the parts that the member's own part falls into without it, largest first."""
    mine = graph.subgraph(nx.node_connected_component(graph, member) - {member})
    return tuple(sorted((len(part) for part in nx.connected_components(mine)), reverse=True))
