"""Which rings are taken out of clusters that as a whole are innocent."""

from __future__ import annotations

from dataclasses import replace

import networkx as nx
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn.ensemble import Model
from gnn.membership import FLOOR
from gnn.network import PAIR_SCHEMA, Network
from gnn.predict import predict
from gnn.refine import RING_MIN, RING_SHARE_MAX, refined
from tests.gnn.worlds import World, example_of

SIZE = 12


@pytest.fixture(scope="module")
def network(world: World) -> Network:
    return example_of(world, known_share=0.3).network


def pairs_of(edges: list[tuple[int, int]]) -> pa.Table:
    ordered = sorted({(min(pair), max(pair)) for pair in edges if pair[0] != pair[1]})
    a, b = ([pair[side] for pair in ordered] for side in (0, 1))
    return pa.table([a, b, [10.0] * len(a), [1] * len(a)], names=PAIR_SCHEMA.names).cast(PAIR_SCHEMA)


def small(network: Network, edges: list[tuple[int, int]], clusters: list[int]) -> Network:
    rows = np.full(network.account_count, -1, np.int32)
    rows[: len(clusters)] = clusters
    return replace(network, pairs=pairs_of(edges), clusters=rows)


def scores(network: Network, hot: set[int]) -> np.ndarray:
    out = np.full(network.account_count, 0.1, np.float32)
    out[list(hot)] = 0.9
    return out


def test_a_ring_among_more_innocents_becomes_a_cluster_of_its_own(network: Network) -> None:
    one = small(network, [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)], [0] * 6)
    found = refined(one, scores(one, {0, 1, 2}), np.array([0.3], np.float32))
    assert found[:6].tolist() == [1, 1, 1, 0, 0, 0]


def test_what_is_flagged_as_a_whole_stays_whole(network: Network) -> None:
    one = small(network, [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)], [0] * 6)
    assert (refined(one, scores(one, {0, 1, 2}), np.array([0.6], np.float32)) == one.clusters).all()


@settings(max_examples=60, deadline=None)
@given(
    edges=st.lists(st.tuples(st.integers(0, SIZE - 1), st.integers(0, SIZE - 1)), max_size=40),
    clusters=st.lists(st.integers(0, 1), min_size=SIZE, max_size=SIZE),
    hot=st.sets(st.integers(0, SIZE - 1)),
)
def test_the_parts_are_those_that_networkx_finds(
    network: Network, edges: list[tuple[int, int]], clusters: list[int], hot: set[int]
) -> None:
    clusters = [0, 0, 1, 1, *clusters[4:]]
    one = small(network, edges, clusters)
    found = refined(one, scores(one, hot), np.array([0.2, 0.3], np.float32))
    graph = nx.Graph()
    graph.add_nodes_from(hot)
    graph.add_edges_from(
        pair for pair in edges if {*pair} <= hot and clusters[pair[0]] == clusters[pair[1]] and pair[0] != pair[1]
    )
    expected = {frozenset(part) for part in nx.connected_components(graph) if len(part) >= RING_MIN}
    for cluster in (0, 1):
        mine = {part for part in expected if clusters[min(part)] == cluster}
        taken = {row for part in mine for row in part}
        rest = [row for row in range(SIZE) if clusters[row] == cluster and row not in taken]
        doubted = np.mean([0.9 if row in hot else 0.1 for row in rest]) if rest else 1.0
        if len(taken) > RING_SHARE_MAX * clusters.count(cluster) or doubted >= FLOOR:
            expected -= mine
    taken = {frozenset(np.flatnonzero(found == number).tolist()) for number in range(2, found.max() + 1)}
    assert taken == expected
    kept = found[:SIZE] < 2
    assert (found[:SIZE][kept] == np.array(clusters)[kept]).all()


def test_a_prediction_has_a_probability_and_a_kind_for_each_cluster_it_shows(network: Network, model: Model) -> None:
    largest = network.clusters == np.bincount(network.clusters[network.clusters >= 0]).argmax()
    line = float(np.quantile(predict(model, network).account_probability[largest], 0.6))
    steep = 50.0
    sharp = replace(
        model.account,
        slope=steep * model.account.slope,
        shift=steep * (model.account.shift - float(np.log(line / (1.0 - line)))),
    )
    said = predict(replace(model, cluster=replace(model.cluster, shift=-50.0), account=sharp), network)
    count = len(said.cluster_probability)
    assert count > network.cluster_count
    assert said.clusters.max() < count == len(said.cluster_kind) == len(said.cluster_low) == len(said.cluster_high)
    assert np.isfinite(said.cluster_probability).all()


def test_reading_the_same_clusters_again_says_the_same(network: Network, model: Model) -> None:
    from gnn.cluster_stats import cluster_stats
    from gnn.ensemble import read_again, run
    from gnn.labels import known
    from gnn.network import column
    from gnn.predict import graph_of

    raw = run(model.networks, model.trees, graph_of(model, network))
    pairs = sum(np.bincount(column(network.pairs, side, np.int64), minlength=network.account_count) for side in "ab")
    stats = cluster_stats(network.clusters, np.asarray(pairs), known(network))
    again = read_again(model.networks, raw, network.clusters, stats)
    np.testing.assert_allclose(again, raw.kinds, atol=1e-5)


def test_some_that_are_hardly_worse_than_their_company_stay(network: Network) -> None:
    one = small(network, [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 7)], [0] * 8)
    close = np.full(network.account_count, 0.45, np.float32)
    close[:3] = 0.55
    assert (refined(one, close, np.array([0.4], np.float32)) == one.clusters).all()
