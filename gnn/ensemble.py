"""A trained model: a few networks that each held other operators out, trees beside each, their calibration, and the
real-time head.

Each network's log odds are averaged with those of boosted trees that held out the same operators; a cluster's with the
mean of its members' trees. The network sees structure, the trees do not extrapolate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import xgboost

from gnn.attributes import Attribute
from gnn.calibrate import Interval, Platt
from gnn.correction import Correction
from gnn.dataset import Graph
from gnn.groups import ABUSIVE_KINDS
from gnn.head import Head
from gnn.model import AccountNetwork, Shape, abusive_logit
from gnn.trees import tree_logits

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Model:
    """`features` are the names of the columns that the networks read, those of `attributes` follow them; `notes`
    (configuration, data window, metrics) go into the manifest as they are. `version` is empty until the model is
    saved. `correction` is what a deployment's own labels added, see gnn.adapt."""

    networks: tuple[AccountNetwork, ...]
    trees: tuple[xgboost.Booster, ...]
    shape: Shape
    features: tuple[str, ...]
    account: Platt
    cluster: Platt
    interval: Interval
    head: Head
    notes: Mapping[str, Any]
    version: str = ""
    attributes: tuple[Attribute, ...] = ()
    correction: Correction | None = None


@dataclass(frozen=True)
class Raw:
    """Uncalibrated outputs of each of K networks: `account` float32[K, N], `embedding` float32[N, d] of the first
    network, `kinds` float32[K, C, 9]; and what clusters are read out from, of the M accounts that are in one: `inside`
    int64[M] their rows, `state` float32[K, M, d], and the trees' log odds `trees` float32[K, M], empty without trees.
    """

    account: Floats
    embedding: Floats
    kinds: Floats
    inside: npt.NDArray[np.int64]
    state: Floats
    trees: Floats

    @property
    def account_logit(self) -> Floats:
        """float32[N]: the mean of what all say of each account."""
        return np.asarray(self.account.mean(axis=0))

    @property
    def cluster_logit(self) -> Floats:
        """float32[C]: the mean of their log odds that each cluster is abusive."""
        return np.asarray(abusive_logits(self.kinds).mean(axis=0))


def run(
    networks: tuple[AccountNetwork, ...],
    trees: tuple[xgboost.Booster, ...],
    graph: Graph,
    correction: Correction | None = None,
) -> Raw:
    """Forward passes without gradients; one network at a time, so that memory stays that of one. Without trees, the
    networks alone. A correction is said with the trees, twice, as only half of what they say counts."""
    inside = np.flatnonzero(graph.cluster.numpy() >= 0)
    cluster = graph.cluster.numpy()[inside]
    accounts, kinds, states, told = [], [], [], []
    added = 2.0 * correction.log_odds(graph.x.numpy()) if correction is not None else np.float32(0.0)
    embedding = np.zeros((0, 0), dtype=np.float32)
    with torch.inference_mode():
        for index, network in enumerate(networks):
            network.eval()
            output = network(graph)
            own, kind = output.account_logit.cpu().numpy(), output.kind_logits.cpu().numpy()
            if trees:
                logits = tree_logits(trees[index], graph.x.numpy()) + added
                own, kind = (own + logits) / 2.0, _with_trees(kind, logits[inside], cluster)
                told.append(logits[inside])
            accounts.append(own)
            kinds.append(kind)
            states.append(output.embedding.cpu().numpy()[inside])
            if index == 0:
                embedding = output.embedding.cpu().numpy()
    trees_said = np.stack(told) if told else np.zeros((0, len(inside)), dtype=np.float32)
    return Raw(np.stack(accounts), embedding, np.stack(kinds), inside, np.stack(states), trees_said)


def read_again(
    networks: tuple[AccountNetwork, ...], raw: Raw, clusters: npt.NDArray[np.int32], stats: Floats
) -> Floats:
    """float32[K, C, 9]: the kinds of other clusters int32[N] of the same accounts, with their statistics
    float32[C, len(CLUSTER_FEATURES)]; what is known of each account is not asked again."""
    cluster = clusters[raw.inside].astype(np.int64)
    kinds = []
    with torch.inference_mode():
        for index, network in enumerate(networks):
            state = torch.from_numpy(raw.state[index])
            kind = network.read(state, torch.from_numpy(cluster), torch.from_numpy(stats)).numpy()
            kinds.append(_with_trees(kind, raw.trees[index], cluster) if len(raw.trees) else kind)
    return np.stack(kinds)


def abusive_logits(kinds: Floats) -> Floats:
    """float32[K, C]: the log odds that clusters are abusive, from their kind logits float32[K, C, 9]."""
    return np.stack([abusive_logit(torch.from_numpy(each)).numpy() for each in kinds])


def _with_trees(kinds: Floats, trees: Floats, cluster: npt.NDArray[np.int64]) -> Floats:
    """Log odds of kinds [C, 9] averaged with the mean of their members' trees, float32[M] for accounts that are in
    `cluster` int64[M]; the shares among abusive kinds stay."""
    size = np.maximum(np.bincount(cluster, minlength=len(kinds)), 1)
    mean = np.bincount(cluster, trees, minlength=len(kinds)) / size
    shift = (mean - abusive_logit(torch.from_numpy(kinds)).numpy()) / 2.0
    moved = kinds.copy()
    moved[:, : len(ABUSIVE_KINDS)] += shift[:, None].astype(np.float32)
    return moved
