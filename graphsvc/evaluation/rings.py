"""When each true ring was found: out of looks at the network one after another, each as of its own time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gnn.membership import FLAGGED
from graphsvc.evaluation.figures import RingFound
from graphsvc.evaluation.matching import Held, held, most_common
from graphsvc.evaluation.truth import Truth

if TYPE_CHECKING:
    from graphsvc.evaluation.looks import Look

HOUR_MS = 3_600_000

Longs = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Sight:
    """What of a look tells rings found from others: `called` int64[n], the flagged cluster of each account or -1."""

    as_of_ms: int
    account_ids: pa.Array
    called: Longs

    @staticmethod
    def of(look: Look) -> Sight:
        flagged = np.append(look.probability >= FLAGGED, False)[look.clusters]
        return Sight(look.as_of_ms, pa.array(look.account_ids, pa.string()), np.where(flagged, look.clusters, -1))


def rings_found(
    truth: Truth, account_ids: Sequence[str], born_ms: Longs, sights: Iterable[Sight]
) -> tuple[RingFound, ...]:
    """Each ring of two known accounts or more, by name; the last of the sights (in order of time) is the end.

    `born_ms` int64[N]: the first event of each account. A ring is found when half of its known accounts so far, two or
    more, lie in one flagged cluster. It is looked for at the moments of the sights only, so that hours and accounts
    until then are at most too high by what lies between two of them.
    """
    names = pa.array(account_ids, pa.string())
    ring = np.where(truth.known, truth.ring, -1)
    first: dict[int, tuple[int, int]] = {}
    last = held(ring, np.full(len(ring), -1))
    for sight in sights:
        place = pc.index_in(sight.account_ids, value_set=names).to_numpy().astype(np.int64)
        last = held(ring[place], sight.called)
        for number, size in zip(last.ring[last.found].tolist(), last.size[last.found].tolist(), strict=True):
            first.setdefault(number, (sight.as_of_ms, size))
    kinds, begun = _kinds(truth, ring), _begun(ring, born_ms, len(truth.ring_names))
    found = [_found(truth, last, row, kinds, begun, first) for row in range(len(last.ring))]
    return tuple(sorted(found, key=lambda one: one.ring))


def _found(
    truth: Truth, rings: Held, row: int, kinds: list[str], begun: Longs, first: dict[int, tuple[int, int]]
) -> RingFound:
    number = int(rings.ring[row])
    when = first.get(number)
    return RingFound(
        ring=truth.ring_names[number],
        kind=kinds[number],
        size=int(rings.size[row]),
        share=float(rings.most[row] / rings.size[row]),
        hours=None if when is None else (when[0] - int(begun[number])) / HOUR_MS,
        accounts=None if when is None else when[1],
    )


def _begun(ring: Longs, born_ms: Longs, rings: int) -> Longs:
    """int64[rings]: when the first account of each began."""
    begun = np.full(rings, np.iinfo(np.int64).max)
    np.minimum.at(begun, ring[ring >= 0], born_ms[ring >= 0])
    return begun


def _kinds(truth: Truth, ring: Longs) -> list[str]:
    """The kind of most accounts of each ring."""
    names, code = np.unique(truth.kind, return_inverse=True)
    inside = ring >= 0
    common = most_common(ring[inside], code.reshape(-1)[inside], len(truth.ring_names))
    return [str(name) for name in np.append(names, "")[common]]
