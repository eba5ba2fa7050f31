"""Found clusters beside true rings: what a cluster truly is, and how much of a ring one cluster holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from graphsvc.evaluation.bootstrap import Units
from graphsvc.evaluation.truth import Truth

FEWEST_IN_RING = 2

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Held:
    """`ring` int64[R]: the rings of two accounts or more; `size` int64[R]; `most` int64[R]: the most accounts of the
    ring in one cluster; `member` int64[R]: the row of one of its accounts."""

    ring: Longs
    size: Longs
    most: Longs
    member: Longs

    @property
    def found(self) -> Bools:
        """bool[R]: half of the ring or more lies in one cluster."""
        return 2 * self.most >= self.size


def held(ring: Longs, clusters: Longs) -> Held:
    """How rings int64[N] (-1 for none) lie in clusters int64[N] (-1 for none)."""
    inside = np.flatnonzero(ring >= 0)
    names, first, size = np.unique(ring[inside], return_index=True, return_counts=True)
    both = inside[clusters[inside] >= 0]
    rings, _, counts = _cells(ring[both], clusters[both])
    most = np.zeros(len(names), np.int64)
    np.maximum.at(most, np.searchsorted(names, rings), counts)
    large = size >= FEWEST_IN_RING
    return Held(names[large], size[large], most[large], inside[first][large])


@dataclass(frozen=True)
class Match:
    """Known accounts, N, and the clusters that they were found in, C. `clusters` int64[N], -1 for none; `flagged`
    bool[C]: clusters called abusive."""

    truth: Truth
    clusters: Longs
    flagged: Bools
    units: Units

    @staticmethod
    def of(truth: Truth, clusters: npt.NDArray[np.integer], flagged: Bools) -> Match:
        """Accounts that are not known are left out."""
        known = truth.rows(truth.known)
        return Match(known, clusters[truth.known].astype(np.int64), flagged, Units.of_truth(known))

    @cached_property
    def called(self) -> Bools:
        """bool[N]: members of flagged clusters."""
        return np.append(self.flagged, False)[self.clusters]

    @cached_property
    def rings(self) -> Held:
        """How rings lie in flagged clusters."""
        return held(self.truth.ring, np.where(self.called, self.clusters, -1))

    @cached_property
    def size(self) -> Longs:
        """int64[C]: known members."""
        return self._members(np.ones(len(self.clusters), np.bool_))

    @cached_property
    def abusive(self) -> Bools:
        """bool[C]: more than half of the known members are abusive."""
        return 2 * self._members(self.truth.abusive) > self.size

    @cached_property
    def owner(self) -> Longs:
        """int64[C]: the unit that most known members are of; -1 where there are none."""
        inside = self.clusters >= 0
        return most_common(self.clusters[inside], self.units.of[inside], len(self.flagged))

    def kinds_right(self, kinds: Sequence[str]) -> tuple[Bools, Bools]:
        """bool[C] twice, of flagged clusters that are truly abusive: whether the kind said is that of most of their
        abusive members, and whether that is known at all."""
        names, code = np.unique(self.truth.kind, return_inverse=True)
        counted = (self.clusters >= 0) & self.truth.abusive & (self.truth.kind != "")
        place = most_common(self.clusters[counted], code.reshape(-1)[counted], len(self.flagged))
        judged = self.flagged & self.abusive & (place >= 0)
        true = np.append(names, "")[place]
        return judged & (true == np.array(kinds, np.str_)), judged

    def bcubed(self) -> tuple[tuple[Floats, Bools], tuple[Floats, Bools]]:
        """B-cubed precision, over accounts in flagged clusters, and recall, over accounts of rings (Bagga and Baldwin
        1998): float64[N], each account's share, and bool[N], which accounts count. An account in no group is alone; an
        abusive one whose ring is not known is left out, and without any ring nothing counts."""
        ring, found = self.truth.ring, np.where(self.called, self.clusters, -1)
        rows = np.flatnonzero((ring >= 0) | ~self.truth.abusive) if (ring >= 0).any() else np.zeros(0, np.int64)
        found_key, ring_key = _alone(found[rows]), _alone(ring[rows])
        together = _sizes(found_key * len(ring) + ring_key)
        return (
            self._scattered(rows, together / _sizes(found_key), found[rows] >= 0),
            self._scattered(rows, together / _sizes(ring_key), ring[rows] >= 0),
        )

    def _scattered(self, rows: Longs, share: Floats, counted: Bools) -> tuple[Floats, Bools]:
        shares, counts = np.zeros(len(self.clusters)), np.zeros(len(self.clusters), np.bool_)
        shares[rows], counts[rows] = share, counted
        return shares, counts

    def _members(self, which: Bools) -> Longs:
        inside = self.clusters[which & (self.clusters >= 0)]
        return np.bincount(inside, minlength=len(self.flagged))


def most_common(group: Longs, value: Longs, groups: int) -> Longs:
    """int64[groups]: the value that most rows of each group have, of equals the largest; -1 for an empty group."""
    out = np.full(groups, -1, np.int64)
    of, values, counts = _cells(group, value)
    order = np.argsort(counts, kind="stable")
    out[of[order]] = values[order]
    return out


def _cells(left: Longs, right: Longs) -> tuple[Longs, Longs, Longs]:
    """The distinct pairs of two columns (right of 0 and more) in order, and how many rows have each."""
    width = int(right.max(initial=0)) + 1
    keys, counts = np.unique(left * width + right, return_counts=True)
    return keys // width, keys % width, counts


def _alone(groups: Longs) -> Longs:
    """Groups int64[N] as numbers from 0 to N - 1; each row in no group has one of its own."""
    _, place = np.unique(np.where(groups >= 0, groups, -1 - np.arange(len(groups))), return_inverse=True)
    return place.reshape(-1)


def _sizes(keys: Longs) -> Longs:
    """int64[N]: how many rows have the same key."""
    _, place, size = np.unique(keys, return_inverse=True, return_counts=True)
    return size[place.reshape(-1)]
