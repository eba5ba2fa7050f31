"""What the graph neural network is measured against, on the same features, targets and held-out operators."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gnn.adjacency import Ties
from gnn.trees import TreeConfig, fit_folds, score_trees
from gnn.views import View

Floats = npt.NDArray[np.float32]


def held_out_trees(views: Sequence[View], folds: int, config: TreeConfig) -> list[Floats]:
    """float32[N] for each view: the probability from trees that saw no account of the same fold."""
    trees = fit_folds(views, folds, config)
    out = []
    for view in views:
        scores = np.stack([score_trees(one, view.graph.x.numpy()) for one in trees])
        out.append(scores[view.fold, np.arange(len(view.fold))])
    return out


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
