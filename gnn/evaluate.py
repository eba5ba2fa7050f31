"""Measures of account scores, in numpy: small enough to read, checked against scikit-learn in tests."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.floating]
Truth = npt.NDArray[np.bool_]


def average_precision(truth: Truth, scores: Scores) -> float:
    """Mean precision over the recall steps; equal scores count as one step. nan without a positive."""
    tp, fp = _steps(truth, scores)
    if not truth.any():
        return math.nan
    precision = tp / (tp + fp)
    return float(np.sum(np.diff(tp, prepend=0.0) / truth.sum() * precision))


def auroc(truth: Truth, scores: Scores) -> float:
    """The chance that a positive scores above a negative, ties counting half. nan without both classes."""
    positives, negatives = int(truth.sum()), int((~truth).sum())
    if not positives or not negatives:
        return math.nan
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2.0)[inverse]
    return float((rank[truth].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def calibration_error(truth: Truth, probabilities: Scores, bins: int = 15) -> float:
    """Expected calibration error over equal-width bins (Guo et al. 2017)."""
    slot = np.clip((probabilities * bins).astype(np.int64), 0, bins - 1)
    count = np.bincount(slot, minlength=bins)
    gap = np.bincount(slot, probabilities, minlength=bins) - np.bincount(slot, truth, minlength=bins)
    return float(np.abs(gap).sum() / max(int(count.sum()), 1))


def _steps(truth: Truth, scores: Scores) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """True and false positives at each distinct threshold, from the highest down."""
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.diff(scores[order]) != 0, True)[: len(order)]
    hits = np.cumsum(truth[order], dtype=np.float64)[last]
    return hits, (np.flatnonzero(last) + 1.0) - hits


def wilson(count: float, total: float, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a share that was counted (Wilson 1927); 0 to 1 where nothing was counted."""
    if total == 0:
        return 0.0, 1.0
    share = count / total
    centre = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)
