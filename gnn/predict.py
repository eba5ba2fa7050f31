"""Probabilities of accounts and clusters from a trained model and a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gnn.attributes import with_attributes
from gnn.cluster_stats import cluster_stats
from gnn.dataset import Graph, build
from gnn.ensemble import Model, Raw, abusive_logits, read_again, run
from gnn.forecast import unlabelled
from gnn.groups import ABUSIVE_KINDS, KINDS
from gnn.labels import known
from gnn.membership import members
from gnn.network import Network, column
from gnn.refine import refined

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Prediction:
    """Calibrated probabilities of abuse: `account_probability` float32[N], `account_embedding` float32[N, d];
    `clusters` int32[N], in which each account is shown, -1 for none (see gnn.membership): those of the network, and
    after them those that were taken out of one (see gnn.refine); `cluster_probability`, `cluster_low`, `cluster_high`
    float32[C], `cluster_kind` one of KINDS for each cluster, of the abusive ones where the probability is at least one
    half."""

    account_probability: Floats
    account_embedding: Floats
    clusters: npt.NDArray[np.int32]
    cluster_probability: Floats
    cluster_low: Floats
    cluster_high: Floats
    cluster_kind: list[str]


def graph_of(model: Model, network: Network) -> Graph:
    """The network as the model reads it."""
    if model.notes.get("config", {}).get("forecast"):
        network = unlabelled(network)
    return build(with_attributes(network, model.attributes), known(network))


def predict(model: Model, network: Network, seen: Callable[[Floats], None] = lambda x: None) -> Prediction:
    """Judge every account and cluster of a network, on the CPU. `seen` is shown what the model reads of accounts,
    float32[N, F], see gnn.reference.names_of."""
    graph = graph_of(model, network)
    seen(graph.x.numpy())
    raw = run(model.networks, model.trees, graph, model.correction)
    account = model.account.probability(raw.account_logit)
    clusters, kinds = _second_look(model, network, raw, account)
    logits = abusive_logits(kinds)
    mean = logits.mean(axis=0)
    probability = model.cluster.probability(mean)
    each = model.cluster.probability(logits)
    low, high = model.interval.at(mean)
    return Prediction(
        account_probability=account,
        account_embedding=raw.embedding,
        clusters=members(network, clusters, account, probability),
        cluster_probability=probability,
        cluster_low=np.minimum(low, each.min(axis=0)),
        cluster_high=np.maximum(high, each.max(axis=0)),
        cluster_kind=_kinds(kinds.mean(axis=0), probability),
    )


def _second_look(model: Model, network: Network, raw: Raw, account: Floats) -> tuple[npt.NDArray[np.int32], Floats]:
    """Clusters int32[N] with those that are taken out of one, see gnn.refine, and kind logits float32[K, C, 9]."""
    clusters = refined(network, account, model.cluster.probability(raw.cluster_logit))
    if clusters.max(initial=-1) < network.cluster_count:
        return clusters, raw.kinds
    pairs = sum(
        np.bincount(column(network.pairs, side, np.int64), minlength=network.account_count) for side in ("a", "b")
    )
    stats = cluster_stats(clusters, np.asarray(pairs), known(network))
    return clusters, read_again(model.networks, raw, clusters, stats)


def _kinds(kind_logits: Floats, probability: Floats) -> list[str]:
    split = len(ABUSIVE_KINDS)
    worst = kind_logits[:, :split].argmax(axis=1)
    best = kind_logits[:, split:].argmax(axis=1) + split
    return [KINDS[index] for index in np.where(probability >= 0.5, worst, best)]
