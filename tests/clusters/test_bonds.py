"""The links that hold a cluster together, against networkx."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphsvc.clusters.bonds import Tree, largest_part, spanning_tree

BITS = st.sampled_from([8.0, 8.5, 9.25, 12.0, 20.0])


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, list[tuple[int, int, float]]]:
    members = draw(st.integers(2, 14))
    ends = st.tuples(st.integers(0, members - 1), st.integers(0, members - 1)).filter(lambda one: one[0] < one[1])
    pairs = draw(st.lists(ends, unique=True, max_size=40))
    return members, [(a, b, draw(BITS)) for a, b in pairs]


def tree_of(members: int, pairs: list[tuple[int, int, float]]) -> Tree:
    a, b, bits = (np.array([pair[place] for pair in pairs]) for place in range(3))
    return spanning_tree(members, a.astype(np.int64), b.astype(np.int64), bits.astype(np.float64))


@settings(max_examples=200, deadline=None)
@given(graphs())
def test_the_tree_is_the_strongest_and_says_what_falls_apart(given: tuple[int, list[tuple[int, int, float]]]) -> None:
    members, pairs = given
    tree = tree_of(members, pairs)
    graph: nx.Graph[int] = nx.Graph()
    graph.add_nodes_from(range(members))
    graph.add_weighted_edges_from(pairs)
    chosen = [pairs[row] for row in tree.pair]
    strongest = nx.maximum_spanning_tree(graph)
    assert sum(bits for _, _, bits in chosen) == strongest.size(weight="weight")
    assert len(chosen) == strongest.number_of_edges()
    assert [bits for *_, bits in chosen] == sorted((bits for *_, bits in chosen), reverse=True)
    assert len(set(tree.component.tolist())) == nx.number_connected_components(graph)
    forest: nx.Graph[int] = nx.Graph()
    forest.add_nodes_from(range(members))
    forest.add_weighted_edges_from(chosen)
    bridges = {frozenset(one) for one in nx.bridges(graph)}
    for place, (a, b, _) in enumerate(chosen):
        forest.remove_edge(a, b)
        side = nx.node_connected_component(forest, a)
        other = nx.node_connected_component(forest, b)
        forest.add_edge(a, b)
        assert sorted((tree.part[place], tree.rest[place])) == sorted((len(side), len(other)))
        assert tree.part[place] <= tree.rest[place]
        assert tree.others[place] == nx.cut_size(graph, side, other) - 1
        assert (tree.others[place] == 0) == (frozenset((a, b)) in bridges)


@pytest.mark.parametrize("members", [1, 3])
def test_members_whom_no_pair_joins(members: int) -> None:
    tree = tree_of(members, [])
    assert len(tree.pair) == 0
    assert len(set(tree.component.tolist())) == members
    assert largest_part(members, np.empty(0, np.int64), np.empty(0, np.int64)) == 1


def test_a_long_chain() -> None:
    tree = tree_of(2_000, [(place, place + 1, 10.0 + place) for place in range(1_999)])
    assert tree.part.tolist() == [min(place + 1, 1_999 - place) for place in reversed(range(1_999))]
    assert not tree.others.any()
