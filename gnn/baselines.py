"""What the graph neural network is measured against, on the same features, targets and held-out operators."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gnn.adjacency import Ties
from gnn.trees import TreeConfig, fit_trees, score_trees
from gnn.views import View

Floats = npt.NDArray[np.float32]


def held_out_trees(views: Sequence[View], folds: int, config: TreeConfig) -> list[Floats]:
    """float32[N] for each view: the probability from trees that saw no account of the same fold."""
    x = np.concatenate([view.graph.x.numpy() for view in views])
    abusive = np.concatenate([view.targets.abusive for view in views])
    weight = np.concatenate([view.weight for view in views])
    fold = np.concatenate([view.fold for view in views])
    out = np.zeros(len(x), dtype=np.float32)
    for index in range(folds):
        held = fold == index
        trees = fit_trees(x[~held], abusive[~held], weight[~held], config)
        out[held] = score_trees(trees, x[held])
    return np.split(out, np.cumsum([len(view.fold) for view in views])[:-1])


def propagate_labels(ties: Ties, bad: Floats, good: Floats, rounds: int = 10, keep: float = 0.8) -> Floats:
    """float32[N]: the share of abuse that flows from known accounts over ties (Zhou et al. 2004)."""
    count = len(ties.starts) - 1
    source = np.repeat(np.arange(count), np.diff(ties.starts))
    total = np.maximum(np.bincount(source, ties.weight, minlength=count), 1e-9)
    seed = bad.astype(np.float64) - good
    score = seed.copy()
    for _ in range(rounds):
        flow = np.bincount(source, ties.weight * score[ties.other], minlength=count) / total
        score = (1.0 - keep) * seed + keep * flow
    return score.astype(np.float32)
