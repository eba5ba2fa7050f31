"""What came to one identifier since the base, summed up as it comes, so that a hub costs what a card costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphsvc.risk.base import BAD, GOOD, HIGHEST, TOTAL
from graphsvc.risk.keys import ABSENT
from graphsvc.risk.labels import Standing
from graphsvc.risk.shared import Counts


@dataclass(slots=True)
class Arrivals:
    """`count` accounts came, with the `total` of their probabilities and the two highest by account. `bad` and `good`
    are the standings of those that came, and the changes of those that were there."""

    count: int = 0
    total: float = 0.0
    highest: float = 0.0
    highest_node: int = ABSENT
    second: float = 0.0
    second_node: int = ABSENT
    bad: float = 0.0
    good: float = 0.0

    def join(self, node: int, probability: float, standing: Standing) -> None:
        """An account comes."""
        self.count += 1
        self.rise(node, 0.0, probability)
        self.shift(standing.bad, standing.good)

    def rise(self, node: int, old: float, probability: float) -> None:
        """The probability of an account that came is higher now; since it never falls, two are enough to know the
        highest without any one account."""
        self.total += probability - old
        if node == self.highest_node:
            self.highest = probability
        elif probability > self.highest:
            self.second, self.second_node = self.highest, self.highest_node
            self.highest, self.highest_node = probability, node
        elif node == self.second_node or probability > self.second:
            self.second, self.second_node = probability, node

    def shift(self, bad: float, good: float) -> None:
        """Standings changed by so much."""
        self.bad += bad
        self.good += good

    def add_to(self, counts: Counts, place: int, node: int, probability: float | None, standing: Standing) -> None:
        """Adds what came to a row of `counts`, without the account `node` itself: its `standing` is taken off, and its
        `probability` where it is among those that came."""
        came = probability is not None
        sums = counts.sums[place]
        counts.others[place] += self.count - came
        sums[TOTAL] += self.total - (probability or 0.0)
        sums[BAD] += self.bad - standing.bad
        sums[GOOD] += self.good - standing.good
        sums[HIGHEST] = np.maximum(sums[HIGHEST], self.second if came and node == self.highest_node else self.highest)
