"""Clusters are connected, earn their keep, and no chain of chances makes a giant one."""

from __future__ import annotations

import random
from itertools import combinations
from pathlib import Path

import networkx as nx
import numpy as np
import pyarrow as pa
import pytest

from graphsvc.clusters.communities import communities
from graphsvc.clusters.find import TOLL_BITS, find_clusters
from graphsvc.links.pairs import SCHEMA, pairs
from graphsvc.links.view import LinkView
from tests.links.worlds import START_MS, event, sharing, view

Edges = list[tuple[int, int, float]]


@pytest.fixture(scope="module")
def thousand(tmp_path_factory: pytest.TempPathFactory) -> LinkView:
    """A view of 1,000 accounts."""
    records = [event(f"e{place}", f"a{place:04d}", START_MS) for place in range(1000)]
    return view(tmp_path_factory.mktemp("thousand") / "w", records)


@pytest.mark.parametrize("seed", range(5))
def test_every_cluster_is_connected_and_lies_in_one_networkx_component(thousand: LinkView, seed: int) -> None:
    graph = nx.gnm_random_graph(1000, 900, seed=seed)
    parts = _parts(find_clusters(thousand, _pairs([(a, b, 9.0) for a, b in graph.edges])))
    components = list(nx.connected_components(graph))
    assert all(nx.is_connected(graph.subgraph(part)) for part in parts)
    assert all(any(part <= component for component in components) for part in parts)


@pytest.mark.parametrize("seed", range(5))
def test_the_partition_is_worth_more_than_components_and_than_singles(thousand: LinkView, seed: int) -> None:
    graph = nx.gnm_random_graph(1000, 1500, seed=seed)
    edges = [(a, b, 8.0 + (a * b) % 7) for a, b in graph.edges]
    nx.set_edge_attributes(graph, {(a, b): bits for a, b, bits in edges}, "bits")
    group = communities(*(np.array(column) for column in zip(*edges, strict=True)), np.ones(1000), TOLL_BITS)
    assert _value(graph, group) >= max(_value(graph, np.arange(1000)), _value(graph, _components(graph)))


def _components(graph: nx.Graph) -> np.ndarray:
    found = np.zeros(len(graph), int)
    for ordinal, part in enumerate(nx.connected_components(graph)):
        found[list(part)] = ordinal
    return found


def _value(graph: nx.Graph, group: np.ndarray) -> float:
    """The constant Potts model's worth of a partition, in plain Python."""
    inside = sum(bits for a, b, bits in graph.edges.data("bits") if group[a] == group[b])
    return inside - TOLL_BITS * sum(n * (n - 1) / 2 for n in np.bincount(group).tolist())


def test_ordinals_follow_the_first_member(thousand: LinkView) -> None:
    found = find_clusters(thousand, _pairs([(7, 900, 9.0), (3, 8, 9.0), (8, 9, 9.0)]))
    assert found.dtype == np.int32
    assert {row: int(found[row]) for row in np.flatnonzero(found >= 0)} == {3: 0, 8: 0, 9: 0, 7: 1, 900: 1}


def test_no_pairs_no_clusters(thousand: LinkView) -> None:
    assert find_clusters(thousand, _pairs([])).max() == -1


def test_rings_that_a_chain_of_chances_joins_come_apart(thousand: LinkView) -> None:
    rings = [range(start, start + 20) for start in range(0, 1000, 20)]
    strong = [(a, b, 15.0) for ring in rings for a, b in combinations(ring, 2)]
    chain = [(ring[-1], ring[-1] + 1, 8.2) for ring in rings[:-1]]
    assert _parts(find_clusters(thousand, _pairs(strong + chain))) == {frozenset(ring) for ring in rings}


def test_a_large_ring_that_is_well_woven_stays_whole(tmp_path: Path) -> None:
    """No thing is shared by more than two of its accounts."""
    rng = random.Random(1)
    woven = sorted({(min(a, b), max(a, b)) for a in range(300) for b in rng.sample(range(300), 6) if a != b})
    seen = view(tmp_path / "w", sharing({("device", f"d{a}-{b}"): [f"a{a:03d}", f"a{b:03d}"] for a, b in woven}))
    assert max(len(part) for part in _parts(find_clusters(seen, pairs(seen)))) >= 290


def test_the_order_of_pairs_does_not_matter(thousand: LinkView) -> None:
    edges = [(a, b, 8.0 + (a + b) % 9) for a, b in nx.gnm_random_graph(1000, 900, seed=3).edges]
    found = find_clusters(thousand, _pairs(edges))
    assert np.array_equal(found, find_clusters(thousand, _pairs(random.Random(2).sample(edges, len(edges)))))


def test_a_ring_is_found_and_the_campus_around_it_is_not(tmp_path: Path) -> None:
    ring, campus = [f"r{place}" for place in range(8)], [f"s{place:03d}" for place in range(300)]
    shared = {("ip", "nat"): campus + ring, ("device", "phone-1"): ring[:5], ("instrument", "card"): ring[3:]}
    seen = view(tmp_path / "w", sharing(shared))
    found = find_clusters(seen, pairs(seen))
    members = {seen.accounts["account_id"][int(row)].as_py() for row in np.flatnonzero(found == 0)}
    assert found.max() == 0
    assert members == set(ring)


def _pairs(edges: Edges) -> pa.Table:
    columns = list(zip(*edges, strict=True)) or [(), (), ()]
    return pa.table([*(pa.array(column) for column in columns), pa.array([1] * len(edges))], names=SCHEMA.names).cast(
        SCHEMA
    )


def _parts(clusters: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(clusters == one).tolist()) for one in range(int(clusters.max()) + 1)}
