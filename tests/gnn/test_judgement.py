"""Ways of judging one network: each is what its name says, over the same accounts and clusters."""

from __future__ import annotations

import numpy as np
import pytest

from gnn.calibrate import sigmoid
from gnn.dataset import build
from gnn.ensemble import Model
from gnn.judgement import by_model, by_network, by_trees, cluster_means
from gnn.labels import known
from gnn.network import Network
from gnn.predict import predict
from gnn.trees import score_trees
from tests.gnn.worlds import World, example_of


@pytest.fixture
def network(world: World) -> Network:
    return example_of(world, known_share=0.2).network


def test_the_model_judges_as_detection_does(model: Model, network: Network) -> None:
    said, judged = predict(model, network), by_model(model, network)
    assert np.array_equal(judged.account, said.account_probability)
    assert np.array_equal(judged.cluster, said.cluster_probability)


def test_trees_judge_by_their_own_probabilities(model: Model, network: Network) -> None:
    x = build(network, known(network)).x.numpy()
    scores = np.stack([score_trees(trees, x) for trees in model.trees]).astype(np.float64)
    logits = np.log(scores / (1.0 - scores)).mean(axis=0)
    expected = sigmoid(model.account.slope * logits + model.account.shift)
    assert by_trees(model, network).account == pytest.approx(expected, abs=1e-4)


def test_the_whole_lies_between_its_halves(model: Model, network: Network) -> None:
    whole, trees, networks = (by(model, network).account for by in (by_model, by_trees, by_network))
    assert np.all(whole >= np.minimum(trees, networks) - 1e-5)
    assert np.all(whole <= np.maximum(trees, networks) + 1e-5)
    assert not np.allclose(trees, networks)


def test_all_judge_the_same_accounts_and_clusters(model: Model, network: Network) -> None:
    for by in (by_model, by_trees, by_network):
        judged = by(model, network)
        assert judged.account.shape == (network.account_count,)
        assert judged.cluster.shape == (network.cluster_count,)
        assert judged.account.dtype == judged.cluster.dtype == np.float32
        assert np.all((judged.account >= 0) & (judged.account <= 1))


def test_a_cluster_has_the_mean_of_its_members() -> None:
    clusters = np.array([1, 0, -1, 1, 1], dtype=np.int32)
    means = cluster_means(np.array([1, 5, 100, 2, 6], dtype=np.float32), clusters, 3)
    assert means.tolist() == [5.0, 3.0, 0.0]
