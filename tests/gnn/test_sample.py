"""Parts of a large network: whole clusters, labels first, links as in the whole, and a model as good as from the whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from gnn.dataset import Graph, build
from gnn.evaluate import average_precision
from gnn.labels import known
from gnn.predict import predict
from gnn.sample import Part, Sampling, cut, parts_of
from gnn.targets import Example, Targets, outcomes_of, targets_of
from gnn.train import TrainConfig, train
from gnn.views import views_of
from tests.gnn.worlds import example_of, make_world, network_of

SAMPLING = Sampling(whole=300, size=120, parts=3)


def quiet(text: str, share: float) -> None:
    """Progress that nobody watches."""


@pytest.fixture(scope="module")
def example() -> Example:
    return example_of(make_world(3, singles=400, rings=8, campuses=1, offices=4), known_share=0.3)


@pytest.fixture(scope="module")
def graph(example: Example) -> Graph:
    return build(example.network, known(example.network))


@pytest.fixture(scope="module")
def targets(example: Example) -> Targets:
    return targets_of(example, outcomes_of(example))


@pytest.fixture(scope="module")
def parts(graph: Graph, targets: Targets) -> list[Part]:
    return parts_of(graph, targets, SAMPLING, seed=0)


def test_parts_are_of_the_size_asked_for_and_share_no_account(parts: list[Part]) -> None:
    assert len(parts) == SAMPLING.parts
    core = np.concatenate([part.core for part in parts])
    assert len(core) == len(set(core.tolist()))
    for part in parts:
        assert 0.5 * SAMPLING.size < len(part.core) <= 1.5 * SAMPLING.size
        assert len(part.rows) <= len(part.core) + SAMPLING.size
        assert np.isin(part.core, part.rows).all()
        assert (np.diff(part.rows) > 0).all()


def test_small_clusters_are_whole_and_what_is_around_lies_in_none(graph: Graph, parts: list[Part]) -> None:
    cluster = graph.cluster.numpy()
    size = np.bincount(cluster[cluster >= 0])
    for part in parts:
        own = cut(graph, part)
        inside = own.graph.cluster.numpy()
        for number, whole in enumerate(own.present):
            if size[whole] <= SAMPLING.size * 0.25:
                assert (inside == number).sum() == size[whole]
        around = ~np.isin(part.rows, part.core)
        assert (inside[around] == -1).all()
        assert around.any()


def test_every_part_has_rings_and_innocents(targets: Targets, parts: list[Part]) -> None:
    for part in parts:
        assert 0.1 < targets.abusive[part.core].mean() < 0.9


def test_the_same_seed_draws_the_same_and_another_another(graph: Graph, targets: Targets, parts: list[Part]) -> None:
    again, other = (parts_of(graph, targets, SAMPLING, seed) for seed in (0, 1))
    assert all((a.rows == b.rows).all() and (a.core == b.core).all() for a, b in zip(parts, again, strict=True))
    assert any(len(a.core) != len(b.core) or (a.core != b.core).any() for a, b in zip(parts, other, strict=True))


def test_links_of_a_part_are_those_of_the_whole_among_its_accounts(graph: Graph, parts: list[Part]) -> None:
    """Against dense matrices."""
    part = parts[0]
    own = cut(graph, part).of(graph)
    assert graph.shared is not None
    assert own.shared is not None
    rows = torch.from_numpy(part.rows)
    torch.testing.assert_close(own.x, graph.x[rows])
    spread = graph.shared.spread.to_dense()[rows]
    used = torch.nonzero(spread.sum(dim=0)).squeeze(1)
    torch.testing.assert_close(own.shared.spread.to_dense(), spread[:, used])
    torch.testing.assert_close(own.shared.nodes, graph.shared.nodes[used])
    gather = graph.shared.gather.to_dense()[used][:, rows]
    torch.testing.assert_close(own.shared.gather.to_dense(), gather / gather.sum(dim=1, keepdim=True))
    for name, row in graph.shared.rows.items():
        inside = (used >= row.start) & (used < row.stop)
        got = own.shared.rows.get(name, slice(0, 0))
        assert got.stop - got.start == int(inside.sum())
    tie = graph.ties["pair"].to_dense()[rows][:, rows]
    total = tie.sum(dim=1, keepdim=True)
    torch.testing.assert_close(own.ties["pair"].to_dense(), torch.where(total > 0, tie / total, tie))


def test_a_part_that_is_everything_is_the_whole(graph: Graph, targets: Targets) -> None:
    everyone = np.arange(len(graph.x))
    own = cut(graph, Part(everyone, everyone)).of(graph)
    assert graph.shared is not None
    assert own.shared is not None
    for name in ("x", "cluster", "cluster_stats"):
        torch.testing.assert_close(getattr(own, name), getattr(graph, name))
    for name in ("gather", "spread", "nodes"):
        first, second = getattr(own.shared, name), getattr(graph.shared, name)
        torch.testing.assert_close(first.to_dense(), second.to_dense())
    assert own.shared.rows == graph.shared.rows


def test_a_giant_cluster_does_not_fill_a_part(graph: Graph, targets: Targets) -> None:
    giant = replace(graph, cluster=torch.where(torch.arange(len(graph.x)) < 400, 0, -1))
    one = Targets(
        targets.abusive, targets.labelled, targets.confidence, *(np.ones(1, dtype=bool),), np.zeros(1, np.int64),
        np.ones(1, dtype=bool), np.ones(1, dtype=bool),
    )  # fmt: skip
    for part in parts_of(giant, one, SAMPLING, seed=0):
        assert (part.core < 400).sum() <= 3 * SAMPLING.size * 0.25 + 1


def test_only_the_core_is_learnt_from_and_small_networks_are_seen_whole(example: Example) -> None:
    views = views_of([example], 2, (1.0, 0.5), 0.1, 0, SAMPLING)
    assert len(views) == 2 * SAMPLING.parts
    whole = views_of([example], 2, (1.0, 0.5), 0.1, 0)
    assert [view.whole for view in whole] == [None, None]
    for view in views:
        assert view.whole is not None
        inside = view.graph.cluster.numpy() >= 0
        assert (view.weight[inside] > 0).any()
        assert len(view.kinds) == len(view.cluster_weight) == len(view.graph.cluster_stats)
        assert view.whole.view().graph.x.shape[0] == example.network.account_count
    small = views_of([example], 2, (1.0,), 0.1, 0, replace(SAMPLING, whole=100_000))
    assert small[0].whole is None


def test_a_model_from_parts_finds_rings_it_never_saw(example: Example) -> None:
    config = TrainConfig(hidden=16, folds=2, steps=60, evaluate_every=20, device="cpu", sampling=SAMPLING)
    model = train([example], config, quiet)
    other = make_world(31, singles=300, rings=8)
    probability = predict(model, network_of(other)).account_probability
    assert average_precision(other.abusive, probability) > 0.8
    again = train([example], config, quiet)
    np.testing.assert_array_equal(predict(again, network_of(other)).account_probability, probability)
