"""Intervals by a bootstrap that draws what hangs together: whole operators, whole units of innocents, never accounts.

Accounts of one operator rise and fall together, so that drawing accounts would make intervals far too narrow (Field and
Welsh 2007, on the bootstrap of clustered data). A figure is given as a function of how often each unit was drawn; with
each drawn once it is the figure itself, so that a figure and its interval cannot be computed in two ways.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from gnn.evaluate import wilson
from graphsvc.evaluation.figures import Estimate
from graphsvc.evaluation.truth import Truth

DRAWS = 200
SEED = 20_260_101
CELLS = 4_000_000
"""How many weights are held at once: what bounds memory, whatever the number of accounts."""
TAILS = (0.025, 0.975)

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Figures = Callable[[Floats], Floats]
"""From weights float64[d, units] to figures float64[d, k]."""


@dataclass(frozen=True)
class Units:
    """`of` int64[N]: the unit of each account, those of abusive accounts first; `operators` and `innocents`: how many
    there are of both. Operators are drawn among operators, units of innocents among those."""

    of: Longs
    operators: int
    innocents: int

    @staticmethod
    def of_truth(truth: Truth) -> Units:
        after = int(truth.unit.max(initial=-1)) + 1
        names, place = np.unique(truth.unit + np.where(truth.abusive, 0, after), return_inverse=True)
        return Units(place.reshape(-1), int((names < after).sum()), int((names >= after).sum()))

    @property
    def count(self) -> int:
        return self.operators + self.innocents

    def sums(self, values: npt.ArrayLike) -> Floats:
        """float64[units]: the sum over each unit's accounts of values [N]."""
        return counts(self.of, self.count, values)

    def table(self, slot: Longs, values: npt.ArrayLike, slots: int) -> csr_array:
        """[units, slots]: the sum of values [N] by unit and by slot int64[N]."""
        shape = (self.count, slots)
        return csr_array((np.asarray(values, np.float64), (self.of, slot)), shape=shape)

    def drawn(self, draws: int, width: int) -> Iterator[Floats]:
        """float64[d, units] until all draws are made: how often each unit was drawn. `width`: numbers a draw needs."""
        dice = np.random.default_rng(SEED)
        step = max(1, CELLS // max(width, self.count, 1))
        for start in range(0, draws, step):
            yield np.stack([self._draw(dice) for _ in range(min(step, draws - start))])

    def _draw(self, dice: np.random.Generator) -> Floats:
        return np.concatenate([_drawn_of(dice, self.operators), _drawn_of(dice, self.innocents)])

    @cached_property
    def once(self) -> Floats:
        """float64[1, units]: each drawn once, which is the sample itself."""
        return np.ones((1, self.count))


def counts(places: Longs, size: int, values: npt.ArrayLike = 1.0) -> Floats:
    """float64[size]: at each place the sum of its values, or how many rows have it."""
    weights = np.broadcast_to(np.asarray(values, np.float64), places.shape)
    return np.bincount(places, weights, minlength=size).astype(np.float64)


def _drawn_of(dice: np.random.Generator, units: int) -> Floats:
    if not units:
        return np.zeros(0)
    return counts(dice.integers(units, size=units), units)


@dataclass(frozen=True)
class Drawn:
    """Figures `value` float64[k], and the same over the draws, `draws` float64[d, k]."""

    value: Floats
    draws: Floats

    def share(self, column: int, independent: float) -> Estimate:
        """A share between 0 and 1 that rests on so many independent units (operators, say). Without two of them
        there is no interval. Where each draw says 0, or each says 1, the draws know no width: there it is that of a
        share counted over the units (Wilson 1927)."""
        plain = self.number(column, independent)
        if math.isnan(plain.low) or plain.low != plain.high or plain.value not in (0.0, 1.0):
            return plain
        return wider(plain, independent)

    def number(self, column: int, independent: float) -> Estimate:
        """A figure of any size: the middle 95 % of the draws in which it is defined, stretched to hold its value."""
        value = float(self.value[column])
        draws = self.draws[:, column]
        draws = draws[~np.isnan(draws)]
        if math.isnan(value) or independent < 2 or not len(draws):
            return Estimate(value, math.nan, math.nan)
        low, high = np.quantile(draws, TAILS)
        return Estimate(value, min(float(low), value), max(float(high), value))


def wider(share: Estimate, independent: float) -> Estimate:
    """The share with the wider, on both sides, of its own interval and of the one of a share counted over so many
    independent units (Wilson 1927). With none accused among n, its upper end is about 4 / n."""
    if math.isnan(share.value):
        return share
    ends = [*wilson(share.value * independent, independent), share.value, share.low, share.high]
    known = [end for end in ends if not math.isnan(end)]
    return Estimate(share.value, min(known), max(known))


def bootstrap(figures: Figures, units: Units, width: int = 0, draws: int = DRAWS) -> Drawn:
    """Figures and their draws. `width`: how many numbers `figures` needs for one draw, where more than the units."""
    value = figures(units.once)[0]
    drawn = [figures(weights) for weights in units.drawn(draws, width)]
    return Drawn(value, np.concatenate(drawn))


def ratio(weights: Floats, above: Floats, below: Floats) -> Floats:
    """float64[d]: a weighted sum over another, nan where that is 0."""
    return over(weights @ above, weights @ below)


def over(above: Floats, below: Floats, otherwise: float = np.nan) -> Floats:
    """One over another, and `otherwise` where the other is 0."""
    out: Floats = np.divide(above, below, out=np.full(np.shape(above), otherwise), where=below > 0)
    return out


def ratios(units: Units, parts: Sequence[tuple[Floats, Floats]]) -> Drawn:
    """Each part is one sum over another, both float64[units]."""
    return bootstrap(lambda drawn: np.stack([ratio(drawn, *part) for part in parts], axis=1), units)


def weighted_median(weights: Floats, values: Floats) -> Floats:
    """float64[d]: the median of values float64[n] under weights float64[d, n], nan where all weights are 0; of an even
    number the mean of the middle two."""
    if not len(values):
        return np.full(len(weights), np.nan)
    order = np.argsort(values, kind="stable")
    ordered, up_to = values[order], np.cumsum(weights[:, order], axis=1)
    half = up_to[:, -1:] / 2
    last = len(values) - 1
    lower = np.minimum((up_to < half).sum(axis=1), last)
    upper = np.minimum((up_to <= half).sum(axis=1), last)
    return np.where(half[:, 0] > 0, (ordered[lower] + ordered[upper]) / 2, np.nan)
