"""What people know of accounts: which belong together and which do not, held in every cluster.

Accounts that must lie together are one node from the start. Whatever would bring accounts together that must not be is
left out, the weakest evidence first. Where the two contradict each other, keeping apart wins: to join two operators
wrongly accuses someone, to split one wrongly costs a second look.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]


def _no_pairs() -> Int32s:
    return np.empty((0, 2), np.int32)


@dataclass(frozen=True)
class Constraints:
    """Rows of accounts. must int32[M, 2]: pairs that lie in one cluster. cannot int32[K, 2]: pairs that lie in two."""

    must: Int32s = field(default_factory=_no_pairs)
    cannot: Int32s = field(default_factory=_no_pairs)

    def broken(self, unit: Int32s) -> Bools:
        """bool[N]: whether the unit of that number (int32[N], below N) holds accounts that must lie apart."""
        bad = np.zeros(len(unit), np.bool_)
        ends = unit[self.cannot]
        bad[ends[ends[:, 0] == ends[:, 1], 0]] = True
        return bad

    def conflict(self, unit: Int32s, a: Int32s, b: Int32s) -> Bools:
        """bool[P]: whether units a and b must not become one. No unit is broken itself."""
        ends = unit[self.cannot].astype(np.int64)
        keys = ends.min(axis=1) * len(unit) + ends.max(axis=1)
        return np.isin(np.minimum(a, b).astype(np.int64) * len(unit) + np.maximum(a, b), keys)


NONE = Constraints()


def united(unit: Int32s, a: Int32s, b: Int32s, bits: Floats, place: Int32s, constraints: Constraints) -> Int32s:
    """int32[N]: the units after units a[i] and b[i] (int32[P]) became one, each named by its first account. Where that
    would break a constraint, joins count in the order of their bits, and those that would are left out; of equal bits
    those first whose accounts come first by `place` int32[N]."""
    new = _joined(unit, a, b)
    broken = constraints.broken(new)
    if not broken.any():
        return new
    doubtful = broken[new[a]]
    sets = _Sets(unit, np.concatenate([a[doubtful], b[doubtful]]), constraints)
    one, other = np.minimum(place[a], place[b])[doubtful], np.maximum(place[a], place[b])[doubtful]
    kept = doubtful.copy()
    for index in np.flatnonzero(doubtful)[np.lexsort((other, one, -bits[doubtful]))].tolist():
        kept[index] = sets.join(int(a[index]), int(b[index]))
    kept |= ~doubtful
    return _joined(unit, a[kept], b[kept])


def _joined(unit: Int32s, a: Int32s, b: Int32s) -> Int32s:
    graph = coo_array((np.ones(len(a), np.int8), (a, b)), shape=(len(unit), len(unit)))
    part = connected_components(graph, directed=False)[1][unit]
    first = np.empty(len(part), np.int32)
    # Written from the last account to the first, so that the first one stays.
    first[part[::-1]] = np.arange(len(part) - 1, -1, -1, dtype=np.int32)
    named: Int32s = first[part]
    return named


class _Sets:
    """Units that grow together one join at a time, and know what they must not join."""

    def __init__(self, unit: Int32s, units: Int32s, constraints: Constraints) -> None:
        self._parent = {one: one for one in units.tolist()}
        self._foes: dict[int, set[int]] = {one: set() for one in self._parent}
        for one, other in unit[constraints.cannot].tolist():
            if one in self._foes and other in self._foes:
                self._foes[one].add(other)
                self._foes[other].add(one)

    def join(self, a: int, b: int) -> bool:
        """Joins the units' sets unless they must lie apart; says whether they are one now."""
        one, other = sorted((self._root(a), self._root(b)), key=lambda root: len(self._foes[root]))
        if one == other:
            return True
        if other in self._foes[one]:
            return False
        self._parent[one] = other
        for foe in self._foes.pop(one):
            self._foes[foe].discard(one)
            self._foes[foe].add(other)
            self._foes[other].add(foe)
        return True

    def _root(self, unit: int) -> int:
        while (above := self._parent[unit]) != unit:
            self._parent[unit] = unit = self._parent[above]
        return unit
