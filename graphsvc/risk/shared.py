"""What an account shares with others, identifier by identifier: the rows that the model's head reads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gnn.groups import group_index
from gnn.head import SharedRows
from graphsvc.links.weights import hub_discount, population, weight_of
from graphsvc.risk.base import BAD, GOOD, HIGHEST, TOTAL

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Counts:
    """Of the other accounts that have each identifier: `others` float64[n] how many, and `sums` float64[n, 5] with the
    columns of graphsvc.risk.base."""

    others: Doubles
    sums: Doubles


@dataclass(frozen=True)
class Shared:
    """Identifiers that others have too: `types`, the head's `rows`, and `cluster` ordinals that more than half of the
    holders are in, or -1."""

    types: tuple[str, ...]
    rows: SharedRows
    cluster: tuple[int, ...]


NOTHING = Shared((), SharedRows.empty(), ())


def shared(types: list[str], counts: Counts, cluster: npt.NDArray[np.int32], accounts: int) -> Shared:
    """The identifiers among `types` that others have, bits reckoned among so many accounts."""
    held = np.flatnonzero(counts.others > 0)
    if not len(held):
        return NOTHING
    chosen = [types[place] for place in held.tolist()]
    others, sums = counts.others[held], counts.sums[held]
    rows = SharedRows(
        group=np.fromiter((group_index(name) for name in chosen), np.int64, len(chosen)),
        bits=_bits(chosen, others + 1, accounts),
        others=others.astype(np.int64),
        mean_probability=np.clip(sums[:, TOTAL] / others, 0.0, 1.0).astype(np.float32),
        max_probability=sums[:, HIGHEST].astype(np.float32),
        confirmed_abusive=np.rint(sums[:, BAD]).astype(np.int64),
        confirmed_benign=np.rint(sums[:, GOOD]).astype(np.int64),
    )
    return Shared(tuple(chosen), rows, tuple(cluster[held].tolist()))


def _bits(types: list[str], degree: Doubles, accounts: int) -> npt.NDArray[np.float32]:
    """As graphsvc.links.weights.bits_of, for a handful of identifiers without a table."""
    prior = np.fromiter((weight_of(name).prior for name in types), np.float64, len(types))
    rarity = np.maximum(np.log2(population(accounts) / degree), 0.0)
    bits: npt.NDArray[np.float32] = (rarity * prior * hub_discount(degree)).astype(np.float32)  # type: ignore[arg-type]
    return bits
