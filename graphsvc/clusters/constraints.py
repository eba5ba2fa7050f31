"""What people know of accounts: which belong together and which do not, held in every cluster.

Accounts that must lie together are one node from the start. Whatever would bring accounts together that must not be is
left out, the weakest evidence first. Where the two contradict each other, keeping apart wins: to join two operators
wrongly accuses someone, to split one wrongly costs a second look.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
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
    """Rows of accounts. must int32[M, 2]: pairs that lie in one cluster. cannot int32[K, 2]: pairs that lie in two.
    marks: columns of int32[N]; accounts with different marks of 0 and more in one column lie apart (-1 for no mark),
    which says in N numbers what would take a pair for every two of them."""

    must: Int32s = field(default_factory=_no_pairs)
    cannot: Int32s = field(default_factory=_no_pairs)
    marks: tuple[Int32s, ...] = ()

    def broken(self, unit: Int32s) -> Bools:
        """bool[N]: whether the unit of that number (int32[N], below N) holds accounts that must lie apart."""
        bad = np.zeros(len(unit), np.bool_)
        ends = unit[self.cannot]
        bad[ends[ends[:, 0] == ends[:, 1], 0]] = True
        for mark in self.marks:
            lowest, highest = _range(unit, mark)
            bad |= lowest < highest
        return bad

    def conflict(self, unit: Int32s, a: Int32s, b: Int32s) -> Bools:
        """bool[P]: whether units a and b must not become one. No unit is broken itself."""
        bad = np.zeros(len(a), np.bool_)
        if len(self.cannot):
            ends = unit[self.cannot].astype(np.int64)
            keys = ends.min(axis=1) * len(unit) + ends.max(axis=1)
            bad |= np.isin(np.minimum(a, b).astype(np.int64) * len(unit) + np.maximum(a, b), keys)
        for mark in self.marks:
            _, highest = _range(unit, mark)
            bad |= (highest[a] >= 0) & (highest[b] >= 0) & (highest[a] != highest[b])
        return bad


NONE = Constraints()


def constraints_of(labels: pa.Table, accounts: int) -> Constraints:
    """What labels (columns account, verdict and operator_id, of one account any number) say of `accounts` accounts:
    those of one operator lie together; those of two operators, and abusive and benign ones, lie apart. An account that
    labels disagree on is left out."""
    row = labels["account"].to_numpy()
    side = _agreed(row, pc.equal(labels["verdict"], "abusive").to_numpy(), accounts)
    named = labels.filter(pc.is_valid(labels["operator_id"]))
    code = pc.rank(named["operator_id"], tiebreaker="min").to_numpy().astype(np.int64)
    operator = _agreed(named["account"].to_numpy(), code, accounts)
    rows = np.flatnonzero(operator >= 0)
    rows = rows[np.argsort(operator[rows], kind="stable")]
    same = operator[rows[1:]] == operator[rows[:-1]]
    must = np.stack([rows[:-1][same], rows[1:][same]], axis=1).astype(np.int32)
    return Constraints(must=must, marks=(side, operator))


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
    _, first, place = np.unique(part, return_index=True, return_inverse=True)
    named: Int32s = first[place.reshape(-1)].astype(np.int32)
    return named


class _Sets:
    """Units that grow together one join at a time, and know what they must not join."""

    def __init__(self, unit: Int32s, units: Int32s, constraints: Constraints) -> None:
        self._parent = {one: one for one in units.tolist()}
        self._foes: dict[int, set[int]] = {one: set() for one in self._parent}
        self._marks = {one: [-1] * len(constraints.marks) for one in self._parent}
        for one, other in unit[constraints.cannot].tolist():
            if one in self._foes and other in self._foes:
                self._foes[one].add(other)
                self._foes[other].add(one)
        for column, mark in enumerate(constraints.marks):
            _, highest = _range(unit, mark)
            for one, marks in self._marks.items():
                marks[column] = int(highest[one])

    def join(self, a: int, b: int) -> bool:
        """Joins the units' sets unless they must lie apart; says whether they are one now."""
        one, other = sorted((self._root(a), self._root(b)), key=lambda root: len(self._foes[root]))
        if one == other:
            return True
        marks = list(zip(self._marks[one], self._marks[other], strict=True))
        if other in self._foes[one] or any(min(pair) >= 0 and pair[0] != pair[1] for pair in marks):
            return False
        self._parent[one] = other
        self._marks[other] = [max(pair) for pair in marks]
        for foe in self._foes.pop(one):
            self._foes[foe].discard(one)
            self._foes[foe].add(other)
            self._foes[other].add(foe)
        return True

    def _root(self, unit: int) -> int:
        while (above := self._parent[unit]) != unit:
            self._parent[unit] = unit = self._parent[above]
        return unit


def _range(unit: Int32s, mark: Int32s) -> tuple[Int32s, Int32s]:
    """int32[N] twice: the lowest and the highest mark in each unit; the largest number and -1 where there is none."""
    lowest, highest = np.full(len(unit), np.iinfo(np.int32).max, np.int32), np.full(len(unit), -1, np.int32)
    marked = mark >= 0
    np.minimum.at(lowest, unit[marked], mark[marked])
    np.maximum.at(highest, unit[marked], mark[marked])
    return lowest, highest


def _agreed(row: Int32s, value: npt.NDArray[np.generic], accounts: int) -> Int32s:
    """int32[N]: the value that all rows of an account have, -1 where there is none or more than one."""
    lowest, highest = np.full(accounts, np.iinfo(np.int32).max, np.int32), np.full(accounts, -1, np.int32)
    np.minimum.at(lowest, row, value.astype(np.int32))
    np.maximum.at(highest, row, value.astype(np.int32))
    agreed: Int32s = np.where(lowest == highest, highest, -1).astype(np.int32)
    return agreed
