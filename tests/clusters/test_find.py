"""Clusters are the components that networkx finds, and a thin giant one is taken apart."""

from __future__ import annotations

import random
from itertools import combinations
from pathlib import Path

import networkx as nx
import numpy as np
import pyarrow as pa
import pytest

from graphsvc.clusters.find import FindConfig, find_clusters
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
def test_clusters_are_networkx_components(thousand: LinkView, seed: int) -> None:
    graph = nx.gnm_random_graph(1000, 350, seed=seed)
    found = find_clusters(thousand, _pairs([(a, b, 9.0) for a, b in graph.edges]))
    expected = {frozenset(part) for part in nx.connected_components(graph) if len(part) > 1}
    assert _parts(found) == expected


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


def test_a_large_ring_that_is_well_woven_stays_whole(thousand: LinkView) -> None:
    rng = random.Random(1)
    woven = {(min(a, b), max(a, b)) for a in range(800) for b in rng.sample(range(800), 12) if a != b}
    found = find_clusters(thousand, _pairs([(a, b, 8.1) for a, b in woven]))
    assert len(_parts(found)) == 1


def test_small_components_are_left_alone_however_thin(thousand: LinkView) -> None:
    path = [(place, place + 1, 8.1) for place in range(400)]
    assert len(_parts(find_clusters(thousand, _pairs(path)))) == 1
    assert len(_parts(find_clusters(thousand, _pairs(path), FindConfig(large=100)))) == 0


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
