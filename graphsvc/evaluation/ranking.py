"""How well scores order accounts, and how true the probabilities are: each figure for many weightings at once.

The accounts are sorted once; a weighting (how often each account was drawn) then costs two running sums.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graphsvc.evaluation.bootstrap import Figures, Units, over
from graphsvc.evaluation.figures import Bin, Point

FALSE_POSITIVE_RATES = (0.001, 0.01)
BINS = 15
POINTS = 100
RARE = 1_000.0
"""Curves show as much of the first thousandth of the innocents as of the rest."""
SLACK = 1e-9
"""A share of a weight is a product; rounding must not cost the account that just fits."""

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Ranking:
    """`order` int64[N], from the highest score down; `abusive` bool[N] in that order; `last` int64[K]: the place of the
    last account of each distinct score."""

    order: Longs
    abusive: Bools
    last: Longs

    @staticmethod
    def of(abusive: Bools, scores: Floats) -> Ranking:
        order = np.argsort(-scores, kind="stable")
        ends = np.append(np.diff(scores[order]) != 0, True)[: len(order)]
        return Ranking(order, abusive[order], np.flatnonzero(ends))

    def steps(self, weights: Floats) -> tuple[Floats, Floats]:
        """float64[d, K + 1] twice: how many abusive and how many innocent accounts lie at or above each distinct score,
        under weights float64[d, N] in the order of the scores; first that of none."""
        ordered = weights[:, self.order]
        hits = np.cumsum(ordered * self.abusive, axis=1)[:, self.last]
        both = np.cumsum(ordered, axis=1)[:, self.last]
        return np.pad(hits, ((0, 0), (1, 0))), np.pad(both - hits, ((0, 0), (1, 0)))

    def figures(self, weights: Floats, budget: int) -> Floats:
        """float64[d, 5]: AUROC, average precision, recall at both of FALSE_POSITIVE_RATES, precision at the budget."""
        hits, misses = self.steps(weights)
        recalls = [_recall_at(hits, misses, rate) for rate in FALSE_POSITIVE_RATES]
        columns = [
            _auroc(hits, misses),
            _average_precision(hits, misses),
            *recalls,
            _precision_at(hits, misses, budget),
        ]
        return np.stack(columns, axis=1)

    @property
    def roc(self) -> tuple[Point, ...]:
        """False-positive rate and recall; nothing without both classes."""
        hits, misses = (one[0] for one in self.steps(np.ones((1, len(self.order)))))
        if not hits[-1] or not misses[-1]:
            return ()
        x, y = misses / misses[-1], hits / hits[-1]
        return _curve(x, y, _spread(x, y))

    @property
    def precision_recall(self) -> tuple[Point, ...]:
        """Recall and precision; nothing without both classes."""
        hits, misses = (one[0] for one in self.steps(np.ones((1, len(self.order)))))
        if not hits[-1] or not misses[-1]:
            return ()
        kept = _spread(misses / misses[-1], hits / hits[-1])
        kept = kept[kept > 0]
        return _curve(hits / hits[-1], hits / np.maximum(hits + misses, 1), kept)


def _auroc(hits: Floats, misses: Floats) -> Floats:
    """The chance that an abusive account scores above an innocent one, ties counting half."""
    area = (np.diff(misses, axis=1) * (hits[:, 1:] + hits[:, :-1])).sum(axis=1) / 2
    return over(area, hits[:, -1] * misses[:, -1])


def _average_precision(hits: Floats, misses: Floats) -> Floats:
    """Mean precision over the steps of recall; equal scores are one step."""
    precision = over(hits[:, 1:], hits[:, 1:] + misses[:, 1:], 0.0)
    area = (np.diff(hits, axis=1) * precision).sum(axis=1)
    return np.where(misses[:, -1] > 0, over(area, hits[:, -1]), np.nan)


def _recall_at(hits: Floats, misses: Floats, rate: float) -> Floats:
    """The most abusive accounts that a threshold finds while at most `rate` of the innocents lie at or above it."""
    allowed = misses <= (rate * misses[:, -1:]) * (1 + SLACK)
    place = allowed.sum(axis=1) - 1
    recall = over(hits[np.arange(len(hits)), place], hits[:, -1])
    return np.where(misses[:, -1] > 0, recall, np.nan)


def _precision_at(hits: Floats, misses: Floats, budget: int) -> Floats:
    """The abusive share of the `budget` highest; of equal scores at the edge, as many as there is room for, drawn
    blindly. nan where there is nothing to find."""
    both = hits + misses
    room = np.minimum(float(budget), both[:, -1])
    rows, place = np.arange(len(hits)), np.minimum((both < room[:, None]).sum(axis=1), both.shape[1] - 1)
    before = np.maximum(place - 1, 0)
    part = over(room - both[rows, before], both[rows, place] - both[rows, before], 0.0)
    inside = hits[rows, before] + part * (hits[rows, place] - hits[rows, before])
    return np.where(hits[:, -1] > 0, over(inside, room), np.nan)


def _spread(x: Floats, y: Floats) -> Longs:
    """The places of at most POINTS points of a rising curve, ends included, spread over recall and, on a logarithmic
    scale, over the share of innocents."""
    along = y + np.log1p(RARE * x) / np.log1p(RARE)
    wanted = np.linspace(0.0, along[-1], POINTS)
    return np.unique(np.minimum(np.searchsorted(along, wanted), len(along) - 1))


def _curve(x: Floats, y: Floats, places: Longs) -> tuple[Point, ...]:
    return tuple(Point(float(x[place]), float(y[place])) for place in places)


@dataclass(frozen=True)
class Bins:
    """Probabilities in BINS bins of equal width. `slot` int64[n]; `abusive` bool[n]; `probability` float64[n]."""

    slot: Longs
    abusive: Bools
    probability: Floats

    @staticmethod
    def of(abusive: Bools, probability: Floats) -> Bins:
        slot = np.clip((probability * BINS).astype(np.int64), 0, BINS - 1)
        return Bins(slot, abusive, probability)

    def figures(self, units: Units) -> Figures:
        """The expected calibration error (Guo et al. 2017), from weights float64[d, units] to float64[d, 1]."""
        gap = units.table(self.slot, self.probability - self.abusive, BINS)
        size = units.sums(np.ones(len(self.slot)))
        return lambda drawn: over(np.abs(drawn @ gap).sum(axis=1), drawn @ size)[:, None]

    @property
    def curve(self) -> tuple[Bin, ...]:
        """The reliability curve: a point for each bin that is not empty."""
        size, said, true = (
            np.bincount(self.slot, weights, minlength=BINS)
            for weights in (np.ones(len(self.slot)), self.probability, self.abusive)
        )
        return tuple(
            Bin(float(said[one] / size[one]), float(true[one] / size[one]), int(size[one]))
            for one in np.flatnonzero(size)
        )
