"""Tolokers (Platonov et al. 2023): workers of a crowdsourcing platform, linked where they did the same task; who was
banned? The same layers with the workers' own facts, through direct peers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from gnn.cluster_stats import CLUSTER_FEATURES
from gnn.dataset import Graph
from gnn.evaluate import auroc, average_precision
from gnn.kernels import mean_through_ties
from gnn.model import AccountNetwork, Shape
from gnn.sparse import csr
from gnn.trees import TreeConfig, fit_trees, score_trees

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Tolokers:
    """`graph` with features [N, F] and peers; `banned` bool[N]; masks bool[splits, N]."""

    graph: Graph
    banned: Bools
    train: Bools
    validation: Bools
    test: Bools


@dataclass(frozen=True)
class Recipe:
    """How one split is learnt: full-batch steps with early stopping on the validation part's AUROC."""

    hidden: int = 128
    rounds: int = 3
    dropout: float = 0.3
    learning_rate: float = 0.003
    weight_decay: float = 1e-4
    steps: int = 300
    evaluate_every: int = 5
    patience: int = 16


@dataclass(frozen=True)
class Score:
    """AUROC and average precision on one split's test part."""

    auroc: float
    average_precision: float


def read(path: Path) -> Tolokers:
    """The data set from its published .npz file."""
    with np.load(path) as data:
        facts = data["node_features"].astype(np.float32)
        edges = data["edges"].astype(np.int64)
        masks = [data[f"{name}_masks"].astype(np.bool_) for name in ("train", "val", "test")]
        banned = data["node_labels"].astype(np.bool_)
    return Tolokers(_graph(facts, edges), banned, *masks)


def _graph(facts: Floats, edges: npt.NDArray[np.int64]) -> Graph:
    count = len(facts)
    source, other = np.concatenate([edges[:, 0], edges[:, 1]]), np.concatenate([edges[:, 1], edges[:, 0]])
    degree = np.bincount(source, minlength=count)
    x = np.concatenate([facts, *_neighbour_facts(facts, source, other), np.log1p(degree)[:, None]], axis=1)
    return Graph(
        x=torch.from_numpy(x.astype(np.float32)),
        shared=None,
        ties={"peer": csr(source, other, 1.0 / np.maximum(degree, 1)[source], (count, count))},
        cluster=torch.full((count,), -1, dtype=torch.int64),
        cluster_stats=torch.zeros(0, len(CLUSTER_FEATURES)),
    )


def _neighbour_facts(
    facts: Floats, source: npt.NDArray[np.int64], other: npt.NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Means of facts over neighbours and over neighbours of neighbours, as the account features have them."""
    order = np.argsort(source, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(source, minlength=len(facts)))])
    near, far = np.zeros_like(facts), np.zeros_like(facts)
    ones, others = np.ones(len(source), dtype=np.float32), other[order].astype(np.int32)
    for index in range(facts.shape[1]):
        mean_through_ties(starts, others, ones, np.ascontiguousarray(facts[:, index]), near[:, index])
        mean_through_ties(starts, others, ones, np.ascontiguousarray(near[:, index]), far[:, index])
    return near, far


def learn(data: Tolokers, split: int, recipe: Recipe, seed: int, progress: Callable[[str, float], None]) -> Floats:
    """float32[N]: log odds of a ban by the network trained on one official split."""
    torch.manual_seed(seed)
    network = AccountNetwork(Shape(data.graph.x.shape[1], recipe.hidden, recipe.rounds, recipe.dropout))
    network.standardise(data.graph.x)
    truth = torch.from_numpy(data.banned.astype(np.float32))
    chosen = torch.from_numpy(np.flatnonzero(data.train[split]))
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    best, best_score, since = np.zeros(len(truth), dtype=np.float32), -1.0, 0
    for step in range(recipe.steps):
        network.train()
        optimizer.zero_grad()
        loss = functional.binary_cross_entropy_with_logits(_logits(network, data)[chosen], truth[chosen])
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if (step + 1) % recipe.evaluate_every:
            continue
        network.eval()
        with torch.inference_mode():
            logits = _logits(network, data).numpy()
        held = score(data, split, logits, data.validation)
        since = 0 if held.auroc > best_score else since + 1
        if since == 0:
            best, best_score = logits, held.auroc
        progress(f"split {split}: validation AUROC {held.auroc:.4f}", (step + 1) / recipe.steps)
        if since >= recipe.patience:
            break
    return best


def trees(data: Tolokers, split: int, seed: int) -> Floats:
    """float32[N]: probability of a ban by boosted trees on the same features."""
    weight = data.train[split].astype(np.float32)
    x = data.graph.x.numpy()
    return score_trees(fit_trees(x, data.banned, weight, TreeConfig(seed=seed, trees=250, learning_rate=0.03)), x)


def score(data: Tolokers, split: int, scores: Floats, masks: Bools | None = None) -> Score:
    """Measures on the test part of a split, or on the part that `masks` give."""
    part = (data.test if masks is None else masks)[split]
    return Score(auroc(data.banned[part], scores[part]), average_precision(data.banned[part], scores[part]))


def _logits(network: AccountNetwork, data: Tolokers) -> Tensor:
    logits: Tensor = network(data.graph).account_logit
    return logits
