"""What labels tell of others never reaches their own account; places do not hang on who comes first."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import numpy as np
import pytest

from gnn.adjacency import Ties
from gnn.evaluate import auroc
from gnn.told import COLUMNS, Surroundings
from gnn.tolokers import Recipe, Tolokers, features, learn, read, score, through, trees
from gnn.trees import TreeConfig

ACCOUNTS = 240


def ties_of(graph: nx.Graph) -> Ties:
    others = [sorted(graph[row]) for row in range(len(graph))]
    starts = np.concatenate([[0], np.cumsum([len(one) for one in others])]).astype(np.int64)
    flat = np.array([other for one in others for other in one], dtype=np.int32)
    return Ties(starts, flat, np.ones(len(flat), np.float32), np.ones(len(flat), np.int16))


@pytest.fixture(scope="module")
def graph() -> nx.Graph:
    """Two loose communities; in the first most are banned, whatever their own facts."""
    return nx.random_partition_graph([ACCOUNTS // 2] * 2, 0.08, 0.01, seed=3)


@pytest.fixture(scope="module")
def banned() -> np.ndarray:
    luck = np.random.default_rng(1)
    return luck.random(ACCOUNTS) < np.where(np.arange(ACCOUNTS) < ACCOUNTS // 2, 0.7, 0.1)


def column(told: np.ndarray, name: str) -> np.ndarray:
    return told[:, COLUMNS.index(name)]


def test_rates_are_those_of_neighbours_and_of_theirs(graph: nx.Graph, banned: np.ndarray) -> None:
    known = np.random.default_rng(2).random(ACCOUNTS) < 0.6
    told = Surroundings(ties_of(graph)).told(banned, known, seed=0)
    rate = banned[known].mean()
    for row in range(0, ACCOUNTS, 17):
        near = [other for other in graph[row] if known[other]]
        far = [one for other in graph[row] for one in graph[other] if one != row and known[one]]
        assert column(told, "near_rate")[row] == pytest.approx((banned[near].sum() + 2 * rate) / (len(near) + 2))
        assert column(told, "far_rate")[row] == pytest.approx((banned[far].sum() + 50 * rate) / (len(far) + 50))
        weight = {
            one: sum(1 / graph.degree(m) for m in nx.common_neighbors(graph, row, one)) / graph.degree(row)
            for one in set(far)
        }
        mean = sum(weight[one] for one in weight if banned[one]) / sum(weight.values())
        assert column(told, "far_mean")[row] == pytest.approx(mean, abs=1e-6)


def test_an_own_label_is_never_told(graph: nx.Graph, banned: np.ndarray) -> None:
    surroundings, known = Surroundings(ties_of(graph)), np.ones(ACCOUNTS, bool)
    told = surroundings.told(banned, known, seed=0)
    for row in (0, 5, 150, 239):
        other = banned.copy()
        other[row] = ~other[row]
        moved = surroundings.told(other, known, seed=0)[row]
        # The rate of all, that others are drawn towards, moves by one label of all.
        assert moved == pytest.approx(told[row], abs=2.5 / ACCOUNTS)
        exact = ("near_count", "near_bad", "far_mean", "place_rate")
        assert [column(moved[None], name)[0] for name in exact] == [column(told, name)[row] for name in exact]


def test_places_tell_communities_apart_without_their_labels(graph: nx.Graph, banned: np.ndarray) -> None:
    known = np.random.default_rng(4).random(ACCOUNTS) < 0.4
    told = Surroundings(ties_of(graph)).told(banned, known, seed=0)
    first = np.arange(ACCOUNTS) < ACCOUNTS // 2
    assert auroc(first[~known], column(told, "place_rate")[~known]) > 0.9


def test_places_are_of_the_walk(graph: nx.Graph) -> None:
    """Against the dense eigenvectors: the same space, and nobody's row moves with the order of accounts."""
    surroundings = Surroundings(ties_of(graph))
    dense = nx.to_numpy_array(graph, nodelist=range(ACCOUNTS))
    degree = dense.sum(axis=1)
    values, vectors = np.linalg.eigh(dense / np.sqrt(np.outer(degree, degree)))
    walk = vectors[:, ::-1][:, 1:6] / np.sqrt(degree)[:, None]
    walk /= np.sqrt((walk**2).mean(axis=0))
    assert np.abs(surroundings.places[:, :5]) == pytest.approx(np.abs(walk), abs=1e-6)
    assert values[-1] == pytest.approx(1.0)


def test_who_has_no_ties_is_nowhere_and_has_the_rate_of_all(graph: nx.Graph, banned: np.ndarray) -> None:
    more = nx.disjoint_union(graph, nx.empty_graph(2))
    surroundings = Surroundings(ties_of(more))
    known = np.ones(ACCOUNTS + 2, bool)
    known[-2:] = False
    told = surroundings.told(np.append(banned, [False, False]), known, seed=0)[-2:]
    assert not surroundings.places[-2:].any()
    for name in ("near_rate", "rare_rate", "rarest_rate", "far_rate", "far_mean"):
        assert column(told, name) == pytest.approx(banned.mean(), abs=1e-6)


@pytest.fixture(scope="module")
def data(graph: nx.Graph, banned: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Tolokers:
    path: Path = tmp_path_factory.mktemp("tolokers") / "small.npz"
    luck = np.random.default_rng(5)
    part = luck.permutation(ACCOUNTS) % 4
    masks = {name: np.stack([np.isin(part, of)]) for name, of in (("train", (0, 1)), ("val", (2,)), ("test", (3,)))}
    np.savez(
        path,
        node_features=luck.normal(size=(ACCOUNTS, 3)),
        edges=np.array(graph.edges),
        node_labels=banned.astype(np.int64),
        **{f"{name}_masks": mask for name, mask in masks.items()},
    )
    return read(path)


def test_facts_come_through_ties_as_means(data: Tolokers, graph: nx.Graph) -> None:
    facts = data.graph.x.numpy()[:, :3]
    near = through(data.surroundings.ties, facts)
    for row in range(0, ACCOUNTS, 31):
        assert near[row] == pytest.approx(facts[list(graph[row])].mean(axis=0), abs=1e-5)
    assert data.graph.x.numpy()[:, 3:6] == pytest.approx(near)


def test_trees_and_network_learn_what_only_others_labels_tell(data: Tolokers) -> None:
    x = features(data, data.train[0], 0)
    assert x.shape[0] == ACCOUNTS
    assert np.isfinite(x).all()
    few = TreeConfig(trees=60, depth=3, learning_rate=0.1, columns=0.3, threads=1, stopping=True)
    assert score(data, 0, trees(data, 0, seed=0, config=few)).auroc > 0.7
    heard: list[str] = []
    recipe = Recipe(hidden=16, rounds=2, steps=40, views=2)
    logits = learn(data, 0, recipe, seed=0, progress=lambda text, share: heard.append(text))
    assert score(data, 0, logits).auroc > 0.7
    assert heard
