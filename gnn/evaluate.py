"""Measures of account scores and of clusters, in numpy: small enough to read, checked against scikit-learn in tests."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.floating]
Truth = npt.NDArray[np.bool_]
Groups = npt.NDArray[np.integer]


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


def recall_at_fpr(truth: Truth, scores: Scores, rate: float) -> float:
    """The largest share of positives found while at most `rate` of the negatives are flagged."""
    tp, fp = _steps(truth, scores)
    allowed = fp <= rate * max(int((~truth).sum()), 1)
    return float(tp[allowed].max(initial=0.0) / max(int(truth.sum()), 1))


def precision_at(truth: Truth, scores: Scores, budget: int) -> float:
    """The share of positives among the `budget` highest scores."""
    best = np.argsort(-scores, kind="stable")[:budget]
    return float(truth[best].mean()) if len(best) else math.nan


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


@dataclass(frozen=True)
class ClusterReport:
    """How found clusters match true rings. `ring_recall`: rings of which half the members lie in one flagged cluster;
    `account_precision` and `account_recall` of membership in flagged clusters; B-cubed over accounts of true rings and
    of found clusters (Bagga and Baldwin 1998)."""

    ring_recall: float
    account_precision: float
    account_recall: float
    bcubed_precision: float
    bcubed_recall: float


def cluster_report(rings: Groups, clusters: Groups, flagged: Truth) -> ClusterReport:
    """`rings` int[N]: the true ring of each account or -1; `clusters` int[N]: the cluster found or -1;
    `flagged` bool[C]: clusters called abusive."""
    called = np.append(flagged, False)[clusters]
    abusive = rings >= 0
    precision, recall = bcubed(rings, np.where(called, clusters, -1))
    return ClusterReport(
        ring_recall=_ring_recall(rings, np.where(called, clusters, -1)),
        account_precision=float(abusive[called].mean()) if called.any() else math.nan,
        account_recall=float(called[abusive].mean()) if abusive.any() else math.nan,
        bcubed_precision=precision,
        bcubed_recall=recall,
    )


def bcubed(truth: Groups, found: Groups) -> tuple[float, float]:
    """B-cubed precision (over accounts in a found group) and recall (over accounts in a true group); an account in no
    group is alone in its own."""
    truth, found = _alone(truth), _alone(found)
    _, joint, joint_size = np.unique(np.stack([truth, found]), axis=1, return_inverse=True, return_counts=True)
    together = joint_size[joint.reshape(-1)]

    def mean(groups: Groups) -> float:
        _, inverse, size = np.unique(groups, return_inverse=True, return_counts=True)
        inside = groups >= 0
        return float((together / size[inverse])[inside].mean()) if inside.any() else math.nan

    return mean(found), mean(truth)


def _alone(groups: Groups) -> Groups:
    return np.where(groups >= 0, groups, -1 - np.arange(len(groups)))


def _ring_recall(rings: Groups, clusters: Groups) -> float:
    inside = rings >= 0
    if not inside.any():
        return math.nan
    names, sizes = np.unique(rings[inside], return_counts=True)
    both = inside & (clusters >= 0)
    if not both.any():
        return 0.0
    cells, counts = np.unique(np.stack([rings[both], clusters[both]]), axis=1, return_counts=True)
    largest = np.zeros(len(names), dtype=np.int64)
    np.maximum.at(largest, np.searchsorted(names, cells[0]), counts)
    return float((2 * largest >= sizes).mean())


@dataclass(frozen=True)
class Rate:
    """A share with its 95 % interval."""

    count: int
    total: int
    low: float
    high: float

    @property
    def value(self) -> float:
        return self.count / self.total if self.total else math.nan


def wilson(count: int, total: int, z: float = 1.96) -> Rate:
    """The interval of a share (Wilson 1927); 0 to 1 where nothing was counted."""
    if total == 0:
        return Rate(0, 0, 0.0, 1.0)
    share = count / total
    centre = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return Rate(count, total, max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale))


def false_positive_rates(names: npt.NDArray[np.str_], innocent: Truth, flagged: Truth) -> dict[str, Rate]:
    """The share of innocents flagged in each named group: `names` str[N], `innocent` bool[N], `flagged` bool[N]."""
    out = {}
    for name in np.unique(names[innocent]):
        group = innocent & (names == name)
        out[str(name)] = wilson(int(flagged[group].sum()), int(group.sum()))
    return out
