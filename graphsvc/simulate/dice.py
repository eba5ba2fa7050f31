"""The one source of chance: every draw comes from dice that are seeded by the world's seed and a path of names."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Mapping, Sequence
from operator import itemgetter
from struct import unpack
from typing import TypeVar

T = TypeVar("T")
Range = tuple[float, float]
Mix = Mapping[str, float]

TABLE_SIZE = 1 << 16
"""Length of a table from which many things are drawn at once, two random bytes each."""
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


class Dice(random.Random):
    """A random stream. The same seed and path give the same draws in every process, whatever its hash seed."""

    @classmethod
    def of(cls, seed: int, *path: object) -> Dice:
        name = "/".join(str(part) for part in (seed, *path))
        return cls(int.from_bytes(hashlib.blake2b(name.encode(), digest_size=16).digest()))

    def chance(self, probability: float) -> bool:
        return self.random() < probability

    def between(self, bounds: Range) -> float:
        return bounds[0] + (bounds[1] - bounds[0]) * self.random()

    def between_log(self, bounds: Range) -> float:
        """Log-uniform within the bounds, which must be above 0."""
        return bounds[0] * math.exp(math.log(bounds[1] / bounds[0]) * self.random())

    def whole(self, bounds: Range) -> int:
        """A whole number within the bounds, both included."""
        return int(bounds[0]) + self.below(int(bounds[1]) - int(bounds[0]) + 1)

    def below(self, end: int) -> int:
        return int(self.random() * end)

    def one(self, things: Sequence[T]) -> T:
        return things[int(self.random() * len(things))]

    def several(self, table: Sequence[T], count: int) -> tuple[T, ...]:
        """Things of a table of TABLE_SIZE, each drawn by itself."""
        places = unpack(f"<{count}H", self.randbytes(2 * count))
        return itemgetter(*places)(table) if count > 1 else (table[places[0]],)

    def pick(self, mix: Mix) -> str:
        """A key of the mix, by its weight."""
        point = self.random() * sum(mix.values())
        for key, weight in mix.items():
            point -= weight
            if point < 0:
                return key
        return next(reversed(list(mix)))

    def popular(self, things: Sequence[T]) -> T:
        """One of the things, the first ones far more often than the last."""
        return things[int((len(things) + 1) ** self.random()) - 1]

    def hex(self, digits: int) -> str:
        return f"{self.getrandbits(4 * digits):0{digits}x}"

    def word(self, length: int) -> str:
        return "".join(self.several(LETTERS, length))


def table_of(things: Sequence[T]) -> tuple[T, ...]:
    """The things as a table for `Dice.several`, each as often as the others, to within one."""
    return tuple(things[place * len(things) // TABLE_SIZE] for place in range(TABLE_SIZE))


LETTERS = table_of(ALPHABET)


def mean_log(bounds: Range) -> float:
    """Mean of `Dice.between_log` over the bounds."""
    low, high = bounds
    return low if low == high else (high - low) / math.log(high / low)
