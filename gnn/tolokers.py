"""Tolokers (Platonov et al. 2023): workers of a crowdsourcing platform, linked where they did the same task; who was
banned? The same layers and trees with the workers' own facts, through direct peers, and what is told of these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from gnn.adjacency import Ties
from gnn.cluster_stats import CLUSTER_FEATURES
from gnn.dataset import Graph
from gnn.evaluate import auroc, average_precision
from gnn.kernels import mean_through_ties
from gnn.model import AccountNetwork, Shape
from gnn.sparse import csr
from gnn.told import Surroundings
from gnn.trees import TreeConfig, fit_trees, tree_logits

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Tolokers:
    """`graph` with features [N, F] and peers; `banned` bool[N]; masks bool[splits, N]; `surroundings` of the peers."""

    graph: Graph
    surroundings: Surroundings
    banned: Bools
    train: Bools
    validation: Bools
    test: Bools


@dataclass(frozen=True)
class Recipe:
    """How a network learns one split: full-batch steps with early stopping on the validation part's AUROC. At each step
    the labels of a share `hidden_labels` of the training part are what is learnt, and the others are told: one of
    `views` draws."""

    hidden: int = 128
    rounds: int = 3
    dropout: float = 0.3
    learning_rate: float = 0.003
    weight_decay: float = 1e-4
    steps: int = 300
    evaluate_every: int = 5
    patience: int = 16
    views: int = 6
    hidden_labels: float = 0.5


TREES = TreeConfig(trees=800, depth=4, learning_rate=0.03, columns=0.3, stopping=True)
BAGGED = 5
"""Sets of trees whose log odds are averaged; they differ by the rows and columns that each draws."""


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
    ends = np.concatenate([edges, edges[:, ::-1]])
    ends = ends[np.lexsort((ends[:, 1], ends[:, 0]))]
    starts = np.concatenate([[0], np.cumsum(np.bincount(ends[:, 0], minlength=len(facts)))]).astype(np.int64)
    one = np.ones(len(ends), np.float32)
    ties = Ties(starts, ends[:, 1].astype(np.int32), one, one.astype(np.int16))
    return Tolokers(_graph(facts, ties), Surroundings(ties), banned, *masks)


def _graph(facts: Floats, ties: Ties) -> Graph:
    count, degree = len(facts), np.diff(ties.starts)
    source = np.repeat(np.arange(count), degree)
    near = through(ties, facts)
    x = np.concatenate([facts, near, through(ties, near), np.log1p(degree)[:, None]], axis=1)
    return Graph(
        x=torch.from_numpy(x.astype(np.float32)),
        shared=None,
        ties={"peer": csr(source, ties.other, 1.0 / np.maximum(degree, 1)[source], (count, count))},
        cluster=torch.full((count,), -1, dtype=torch.int64),
        cluster_stats=torch.zeros(0, len(CLUSTER_FEATURES)),
    )


def through(ties: Ties, facts: Floats) -> Floats:
    """float32[N, F]: means of facts over neighbours."""
    out = np.zeros_like(facts)
    for index in range(facts.shape[1]):
        fact = np.ascontiguousarray(facts[:, index])
        mean_through_ties(ties.starts, ties.other, ties.weight, fact, out[:, index])
    return out


def features(data: Tolokers, known: Bools, seed: int) -> Floats:
    """float32[N, F]: facts of workers and of those around them, where they are, and what is told of them by the labels
    of those that are `known`, bool[N]."""
    told = data.surroundings.told(data.banned, known, seed)
    return np.concatenate([data.graph.x.numpy(), told, data.surroundings.places.astype(np.float32)], axis=1)


def learn(data: Tolokers, split: int, recipe: Recipe, seed: int, progress: Callable[[str, float], None]) -> Floats:
    """float32[N]: log odds of a ban by the network trained on one official split."""
    torch.manual_seed(seed)
    looks = _looks(data, split, recipe, seed)
    whole = replace(data.graph, x=torch.from_numpy(features(data, data.train[split], seed)))
    network = AccountNetwork(Shape(whole.x.shape[1], recipe.hidden, recipe.rounds, recipe.dropout))
    network.standardise(whole.x)
    truth = torch.from_numpy(data.banned.astype(np.float32))
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    best, best_score, since = np.zeros(len(truth), dtype=np.float32), -1.0, 0
    for step in range(recipe.steps):
        graph, chosen = looks[step % len(looks)]
        network.train()
        optimizer.zero_grad()
        logits = network(graph).account_logit[chosen]
        functional.binary_cross_entropy_with_logits(logits, truth[chosen]).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if (step + 1) % recipe.evaluate_every:
            continue
        network.eval()
        with torch.inference_mode():
            said: Floats = network(whole).account_logit.numpy()
        held = score(data, split, said, data.validation)
        since = 0 if held.auroc > best_score else since + 1
        if since == 0:
            best, best_score = said, held.auroc
        progress(f"split {split}: validation AUROC {held.auroc:.4f}", (step + 1) / recipe.steps)
        if since >= recipe.patience:
            break
    return best


def _looks(data: Tolokers, split: int, recipe: Recipe, seed: int) -> list[tuple[Graph, Tensor]]:
    """Graphs in which some labels of the training part are hidden, and the rows of these: what a label tells of others
    flows back to its own account through the layers, so that nothing may be told of what is to be learnt."""
    luck = np.random.default_rng(seed)
    looks = []
    for _ in range(recipe.views):
        hidden = data.train[split] & (luck.random(len(data.banned)) < recipe.hidden_labels)
        x = torch.from_numpy(features(data, data.train[split] & ~hidden, seed))
        looks.append((replace(data.graph, x=x), torch.from_numpy(np.flatnonzero(hidden))))
    return looks


def trees(data: Tolokers, split: int, seed: int, config: TreeConfig = TREES) -> Floats:
    """float32[N]: log odds of a ban by boosted trees on the same features, as many of them as are best for the
    validation part. Trees look at one account alone, so all labels but its own may be told."""
    x = features(data, data.train[split], seed)
    weight, held = data.train[split].astype(np.float32), data.validation[split].astype(np.float32)
    grown = [
        fit_trees(x, data.banned, weight, replace(config, seed=seed * BAGGED + number), held=held)
        for number in range(BAGGED)
    ]
    return np.asarray(np.mean([tree_logits(one, x) for one in grown], axis=0))


def score(data: Tolokers, split: int, scores: Floats, masks: Bools | None = None) -> Score:
    """Measures on the test part of a split, or on the part that `masks` give."""
    part = (data.test if masks is None else masks)[split]
    return Score(auroc(data.banned[part], scores[part]), average_precision(data.banned[part], scores[part]))
