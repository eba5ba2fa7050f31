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
    saved."""

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


@dataclass(frozen=True)
class Raw:
    """Uncalibrated outputs of each of K networks: `account` float32[K, N], `embedding` float32[N, d] of the first
    network, `kinds` float32[K, C, 9]."""

    account: Floats
    embedding: Floats
    kinds: Floats


def run(networks: tuple[AccountNetwork, ...], trees: tuple[xgboost.Booster, ...], graph: Graph) -> Raw:
    """Forward passes without gradients; one network at a time, so that memory stays that of one. Without trees, the
    networks alone."""
    accounts, kinds = [], []
    embedding = np.zeros((0, 0), dtype=np.float32)
    with torch.inference_mode():
        for index, network in enumerate(networks):
            network.eval()
            output = network(graph)
            own, kind = output.account_logit.cpu().numpy(), output.kind_logits.cpu().numpy()
            if trees:
                own, kind = _with_trees(own, kind, tree_logits(trees[index], graph.x.numpy()), graph.cluster.numpy())
            accounts.append(own)
            kinds.append(kind)
            if index == 0:
                embedding = output.embedding.cpu().numpy()
    return Raw(np.stack(accounts), embedding, np.stack(kinds))


def _with_trees(own: Floats, kinds: Floats, trees: Floats, cluster: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Log odds of accounts [N] and kinds [C, 9] averaged with the trees'; the shares among abusive kinds stay."""
    inside = cluster >= 0
    size = np.maximum(np.bincount(cluster[inside], minlength=len(kinds)), 1)
    mean = np.bincount(cluster[inside], trees[inside], minlength=len(kinds)) / size
    shift = (mean - abusive_logit(torch.from_numpy(kinds)).numpy()) / 2.0
    moved = kinds.copy()
    moved[:, : len(ABUSIVE_KINDS)] += shift[:, None].astype(np.float32)
    return (own + trees) / 2.0, moved
