"""One way of judging a network, so that several can be held against each other on the same accounts and clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xgboost

from gnn.ensemble import Model, run
from gnn.network import Network
from gnn.predict import graph_of
from gnn.trees import tree_logits

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Judgement:
    """Probabilities of abuse, or scores that order alike and accuse from one half on: `account` float32[N], `cluster`
    float32[C]."""

    account: Floats
    cluster: Floats


def by_model(model: Model, network: Network) -> Judgement:
    """The whole model on the network's own clusters, without the second look at them that detection takes."""
    return _by(model, model.trees, network)


def by_trees(model: Model, network: Network) -> Judgement:
    """The model's boosted trees alone: the mean of their log odds, a cluster's being that of its members. They read the
    same features as the networks and know clusters only through them. The whole model's calibration is applied, which
    keeps the order and was fitted on the mean of trees and networks."""
    x = graph_of(model, network).x.numpy()
    logits = np.mean([tree_logits(trees, x) for trees in model.trees], axis=0)
    return Judgement(
        model.account.probability(logits),
        model.cluster.probability(cluster_means(logits, network.clusters, network.cluster_count)),
    )


def by_network(model: Model, network: Network) -> Judgement:
    """The model's graph networks alone, under the whole model's calibration."""
    return _by(model, (), network)


def _by(model: Model, trees: tuple[xgboost.Booster, ...], network: Network) -> Judgement:
    raw = run(model.networks, trees, graph_of(model, network), model.correction)
    return Judgement(model.account.probability(raw.account_logit), model.cluster.probability(raw.cluster_logit))


def cluster_means(values: Floats, clusters: npt.NDArray[np.int32], count: int) -> Floats:
    """float32[count]: the mean of `values` float32[N] over the members of each cluster."""
    inside = clusters >= 0
    size = np.maximum(np.bincount(clusters[inside], minlength=count), 1)
    return (np.bincount(clusters[inside], values[inside], minlength=count) / size).astype(np.float32)
