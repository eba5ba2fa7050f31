"""From logits to probabilities that mean what they say, on operators that training did not see.

The share of abuse in the data that calibrates is taken for the share met later; where it differs by a known factor,
`Platt.shift` moves by the logarithm of the ratio of the odds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]

_GRID = np.linspace(-12.0, 12.0, 97)
_STEPS = 50
_POINTS = 500


@dataclass(frozen=True)
class Platt:
    """probability = sigmoid(slope · logit + shift) (Platt 1999). The slope is never negative."""

    slope: float = 1.0
    shift: float = 0.0

    def logit(self, logits: Floats) -> npt.NDArray[np.float64]:
        return np.asarray(self.slope * logits.astype(np.float64) + self.shift)

    def probability(self, logits: Floats) -> npt.NDArray[np.float32]:
        return np.asarray(sigmoid(self.logit(logits)), dtype=np.float32)


@dataclass(frozen=True)
class Interval:
    """Bounds of a calibrated probability at each point of a grid of logits, float32[97] each."""

    low: npt.NDArray[np.float32]
    high: npt.NDArray[np.float32]

    def at(self, logits: Floats) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Lower and upper bound for each logit."""
        low, high = (np.interp(logits, _GRID, bound) for bound in (self.low, self.high))
        return low.astype(np.float32), high.astype(np.float32)


def sigmoid(logits: Floats) -> npt.NDArray[np.float64]:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -60.0, 60.0))))


def fit_platt(logits: Floats, truth: npt.NDArray[np.bool_], weights: Floats) -> Platt:
    """Weighted logistic regression on one logit by Newton's method, drawn softly towards slope 1 and shift 0 so that
    few or separable examples give no certainty. The identity where one class is missing."""
    if truth.all() or not truth.any():
        return Platt()
    x = np.stack([logits.astype(np.float64), np.ones(len(logits))], axis=1)
    prior, start = np.diag([1.0, 0.1]), np.array([1.0, 0.0])
    beta = start.copy()
    for _ in range(_STEPS):
        p = sigmoid(x @ beta)
        gradient = x.T @ (weights * (p - truth)) + prior @ (beta - start)
        hessian = (x * (weights * p * (1 - p))[:, None]).T @ x + prior
        step = np.linalg.solve(hessian, gradient)
        beta -= step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-9:
            break
    return Platt(max(float(beta[0]), 0.0), float(beta[1]))


def fit_interval(logits: Floats, truth: npt.NDArray[np.bool_], weights: Floats) -> Interval:
    """Venn-Abers bounds (Vovk and Petej 2014): at each grid point, isotonic regression with the point itself added once
    as benign and once as abusive. Few examples give wide bounds, none gives 0 to 1."""
    order = np.argsort(logits, kind="stable")
    x, y, w = logits[order].astype(np.float64), truth[order].astype(np.float64), weights[order].astype(np.float64)
    if len(x) > _POINTS:
        mass = np.maximum(w, 1e-12)
        x, y, w = _pool(x, mass, mass), _pool(y, mass, mass), _pool(w, np.ones(len(w)), np.ones(len(w)))
        w = w * (weights.sum() / max(float(w.sum()), 1e-12))
    low = np.array([_isotonic_at(x, y, w, point, 0.0) for point in _GRID])
    high = np.array([_isotonic_at(x, y, w, point, 1.0) for point in _GRID])
    return Interval(low.astype(np.float32), high.astype(np.float32))


def _pool(values: Floats, weights: Floats, mass: Floats) -> npt.NDArray[np.float64]:
    """Weighted means over runs of neighbouring points, at most _POINTS runs: the fit below takes quadratic space."""
    size = -(-len(values) // _POINTS)
    starts = np.arange(0, len(values), size)
    return np.asarray(np.add.reduceat(values * weights, starts) / np.add.reduceat(mass, starts), dtype=np.float64)


def _isotonic_at(x: Floats, y: Floats, w: Floats, point: float, value: float) -> float:
    """The isotonic fit at `point` with (point, value) added at weight 1, by the max-min formula over prefix sums."""
    at = int(np.searchsorted(x, point))
    weight = np.insert(w, at, 1.0)
    mass = np.concatenate([[0.0], np.cumsum(weight)])
    hits = np.concatenate([[0.0], np.cumsum(weight * np.insert(y, at, value))])
    starts, ends = np.arange(at + 1), np.arange(at + 1, len(mass))
    share = (hits[ends][None, :] - hits[starts][:, None]) / np.maximum(
        mass[ends][None, :] - mass[starts][:, None], 1e-12
    )
    return float(share.min(axis=1).max())
