"""The fewest things without which a score stays below a line: greedy, pruned, then checked against all smaller sets.

A counterfactual in the sense of Wachter et al. (2018): what would have to be different for another verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations

Score = Callable[[frozenset[int]], float]
_TRIED = 3
"""Things that greed weighs at each step."""


@dataclass(frozen=True)
class Fewest:
    """`items` in ascending order, and the score without them. Putting any one back reaches the line again; `proven`
    says that every smaller set was tried."""

    items: tuple[int, ...]
    score: float
    proven: bool


@dataclass
class _Tried:
    """Scores without sets of items, each reckoned once; `spent` once there are `budget` of them."""

    score: Score
    budget: int
    known: dict[frozenset[int], float] = field(default_factory=dict)

    def __call__(self, gone: frozenset[int]) -> float:
        if gone not in self.known:
            self.known[gone] = self.score(gone)
        return self.known[gone]

    @property
    def spent(self) -> bool:
        return len(self.known) >= self.budget


def fewest(score: Score, items: Sequence[int], line: float, budget: int) -> Fewest | None:
    """The smallest set of `items` without which `score` is below `line`, or None where none was found. `items` come
    strongest first. About `budget` sets are scored; where that is too few for a proof, the set is one that nothing can
    be put back into."""
    tried = _Tried(score, budget)
    if tried(frozenset()) < line:
        return Fewest((), tried(frozenset()), True)
    found = _greedy(tried, items, line)
    if found is None:
        return None
    found = _pruned(tried, items, found, line)
    for smaller in _smaller(items, len(found)):
        if tried.spent:
            return Fewest(tuple(sorted(found)), tried(found), False)
        if tried(smaller) < line:
            found = smaller
            break
    return Fewest(tuple(sorted(found)), tried(found), True)


def _greedy(tried: _Tried, items: Sequence[int], line: float) -> frozenset[int] | None:
    """Take away what lowers the score most, of the few that did so at their last trial, again and again. Two things
    that say the same each count for nothing while the other is there, so that a step which gains nothing is no reason
    to stop."""
    gone: frozenset[int] = frozenset()
    gain = {one: tried(gone) - tried(frozenset((one,))) for one in items}
    while gain and tried(gone) >= line:
        first = sorted(gain, key=lambda one: -gain[one])[:_TRIED]
        gain |= {one: tried(gone) - tried(gone | {one}) for one in first}
        best = max(first, key=lambda one: gain[one])
        gone |= {best}
        del gain[best]
    return gone if tried(gone) < line else None


def _pruned(tried: _Tried, items: Sequence[int], found: frozenset[int], line: float) -> frozenset[int]:
    """Without what can be put back, the weakest first, until nothing can."""
    while True:
        kept = found
        for one in reversed([one for one in items if one in found]):
            if tried(kept - {one}) < line:
                kept -= {one}
        if kept == found:
            return found
        found = kept


def _smaller(items: Sequence[int], size: int) -> Iterator[frozenset[int]]:
    for count in range(1, size):
        yield from (frozenset(some) for some in combinations(items, count))
