"""Whether what a model reads, and says, still looks like what it learnt from.

A profile keeps how each feature and score was spread: tenths, and the ends. The population stability index of a later
spread (PSI; Siddiqi 2006) is the symmetric divergence of the two over those tenths. Below MOVED is calm, from ALARM on
a model should be looked at again before it is believed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2

from gnn.threads import each

MOVED, ALARM = 0.1, 0.2
"""Levels in common use: half and all of what makes a score card's owner look again."""
BINS = 10
ENDS = (0.001, 0.999)
MARGIN = 0.05
"""What lies beyond these shares of training's accounts, and further by this share of what they span, counts as not seen
there: single accounts may be anything, and the ends of a sample are only about those of what it was drawn from."""
UNSEEN = 0.5
"""So many values are added to each tenth: one that is empty in one of two samples must not make their divergence
infinite (Jeffreys' prior)."""
CHANCE = 0.01
"""How often any feature at all may show a divergence by the size of the samples alone."""
ROUNDED = 1e-6
"""As much as is lost where a profile is kept."""
OUTSIDE_FEATURES = 2
"""An account is unlike training's where so many of its features are. In worlds of the same making one account in fifty
has one of a hundred features beyond what was seen, and hardly any has two."""
ACCOUNT_SCORE, CLUSTER_SCORE = "score of accounts", "score of clusters"

_LABELS = ("bad", "good")

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Columns = Mapping[str, npt.NDArray[np.floating]]


@dataclass(frozen=True)
class Spread:
    """One column's tenths: bin i holds what lies between `edges[i - 1]` and `edges[i]`, a share `shares[i]` of
    `count` values; `low` to `high` is what nearly all of them lie in."""

    edges: tuple[float, ...]
    shares: tuple[float, ...]
    count: int
    low: float
    high: float


Profile = Mapping[str, Spread]


@dataclass(frozen=True)
class Shift:
    """How far one column moved; `chance` is the PSI that two samples of these sizes may show by chance."""

    name: str
    psi: float
    chance: float

    @property
    def level(self) -> Literal["calm", "moved", "alarm"]:
        """By MOVED and ALARM; what chance alone may do is calm."""
        if self.psi <= self.chance or self.psi < MOVED:
            return "calm"
        return "moved" if self.psi < ALARM else "alarm"


def watched(names: Sequence[str], x: Floats) -> dict[str, Floats]:
    """The columns of features float32[N, F] that are watched, by name: all but those that tell what is known of
    neighbours. How much was decided is no behaviour, and training saw all of it, half and none."""
    return {name: x[:, index] for index, name in enumerate(names) if name.rsplit("_", 1)[-1] not in _LABELS}


def profile(columns: Columns) -> dict[str, Spread]:
    """How columns [N] are spread; columns without a value have no spread and are left out."""
    filled = [(name, values) for name, values in columns.items() if len(values)]
    return dict(each(filled, lambda one: (one[0], _spread(one[1]))))


def shifts(before: Profile, columns: Columns) -> list[Shift]:
    """How far columns moved away from a profile, the furthest first; those that it does not know are left out."""
    both = [(name, values) for name, values in columns.items() if name in before and len(values)]
    found = each(both, lambda one: _shift(one[0], before[one[0]], one[1], len(both)))
    return sorted(found, key=lambda one: (-one.psi, one.name))


def outside(before: Profile, columns: Columns) -> Bools:
    """bool[N]: accounts of which OUTSIDE_FEATURES or more lie beyond nearly all of those in the profile."""
    both = [(before[name], values) for name, values in columns.items() if name in before]
    count = np.zeros(len(both[0][1]) if both else 0, dtype=np.int32)
    for spread, values in both:
        margin = MARGIN * (spread.high - spread.low) + ROUNDED * max(abs(spread.low), abs(spread.high))
        count += (values < spread.low - margin) | (values > spread.high + margin)
    return count >= OUTSIDE_FEATURES


def widened(low: Floats, high: Floats, unlike: Bools, clusters: npt.NDArray[np.int32]) -> tuple[Floats, Floats]:
    """Intervals float32[C] of clusters, opened towards 0 to 1 by the share of members that are `unlike` bool[N] what
    training saw: of what a model never saw it cannot say how sure it is. `clusters` int32[N], -1 for none."""
    inside = clusters >= 0
    size = np.maximum(np.bincount(clusters[inside], minlength=len(low)), 1)
    share = np.bincount(clusters[inside], unlike[inside], minlength=len(low)) / size
    return (low * (1 - share)).astype(np.float32), (high + (1 - high) * share).astype(np.float32)


def to_json(given: Profile) -> dict[str, Any]:
    """As it is kept; `from_json` reads it again."""
    return {
        name: {
            "edges": [_short(edge) for edge in one.edges],
            "shares": [_short(share) for share in one.shares],
            "count": one.count,
            "ends": [_short(one.low), _short(one.high)],
        }
        for name, one in given.items()
    }


def from_json(kept: Mapping[str, Any]) -> dict[str, Spread]:
    """A profile as `to_json` gave it."""
    return {
        name: Spread(tuple(one["edges"]), tuple(one["shares"]), int(one["count"]), *map(float, one["ends"]))
        for name, one in kept.items()
    }


def _spread(values: npt.NDArray[np.floating]) -> Spread:
    ordered = np.sort(values)
    edges = _edges(ordered)
    shares = _shares(ordered, edges)
    low, high = (ordered[round(end * (len(ordered) - 1))] for end in ENDS)
    return Spread(tuple(edges.tolist()), tuple(shares.tolist()), len(values), float(low), float(high))


def _shift(name: str, before: Spread, values: npt.NDArray[np.floating], columns: int) -> Shift:
    edges = np.array(before.edges)
    now = _shares(np.sort(values), edges)
    a = _filled(np.array(before.shares), before.count)
    b = _filled(now, len(values))
    return Shift(name, float(((b - a) * np.log(b / a)).sum()), _chance(len(edges), before.count, len(values), columns))


def _edges(ordered: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Between the last value of each tenth and the next greater one, so that a value that many accounts have stays on
    its side when it moves a little, as the place of equals does."""
    tenths = ordered[(len(ordered) - 1) * np.arange(1, BINS) // BINS]
    beyond = np.searchsorted(ordered, np.unique(tenths[tenths < ordered[-1]]), side="right")
    below, above = (ordered[at].astype(np.float64) for at in (beyond - 1, beyond))
    return np.asarray((below + above) / 2)


def _shares(ordered: npt.NDArray[np.floating], edges: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """The share of sorted values in each bin."""
    upto = np.searchsorted(ordered, edges.astype(ordered.dtype), side="right")
    return np.diff(upto, prepend=0, append=len(ordered)) / len(ordered)


def _filled(shares: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.float64]:
    return np.asarray((shares * count + UNSEEN) / (count + UNSEEN * len(shares)))


def _chance(freedom: int, before: int, now: int, columns: int) -> float:
    """The PSI that samples of one and the same spread stay below with probability 1 - CHANCE in all columns: PSI by
    its sample sizes has a chi-squared distribution (Yurdakul 2018)."""
    return float(chi2.isf(CHANCE / columns, max(freedom, 1)) * (1 / before + 1 / now))


def _short(value: float) -> float:
    """Seven digits, as many as a float32 holds."""
    return float(f"{value:.7g}")
