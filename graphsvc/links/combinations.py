"""Weak identifiers that few accounts have together: a cheap host, a card issuer and a mail domain, each used by
thousands, all three by five.

Each alone is worth little, since an innocent reason for it is likely. That all of them should have innocent reasons in
the same few accounts is unlikely (the priors combine as a noisy or, Pearl 1988), unless so many accounts would share
them by chance: what independence, or any two of three, already explains is taken off, and so is what is to be expected
of chance among so many combinations looked at (Benjamini and Hochberg 1995). Time and memory grow linearly with the
links.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba as nb
import numpy as np
import numpy.typing as npt
from scipy.stats import poisson

from graphsvc.links.view import LinkView
from graphsvc.links.weights import GROUPS, Priors, decay_of, groups_of, hub_discount, population, priors_of

WEAK_BITS = 4.0
"""An identifier worth more already makes pairs with one other such."""
ACCOUNTS_MIN = 3
"""What two accounts have in common is looked at as a pair; a combination is a group's."""
IN_GROUP = 2
"""The rarest identifiers of a group that an account brings; more are a traveller's, and cost."""
GROUPS_USED = ("network", "device", "payment", "mail", "phone", "referral", "key", "own")
"""Not prompts, which are copied, and not organisations, which are a reason to look alike."""
FEW = 32
"""So many links are sorted in place faster than by a call."""
PART_BITS = 21
PARTS_MAX = 2**PART_BITS - 1

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Int8s = npt.NDArray[np.int8]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Combinations:
    """Combination c is of the identifiers `parts[c]` (int32[C, 3], rows of the view's, -1 where it is of two), is held
    by `degree[c]` accounts, by chance by `expected[c]`, and is worth `bits[c]` more than its parts. Of its holders
    `account[l]` has `combination[l]`, of which decay leaves `left[l]`; sorted by combination and account."""

    parts: Int32s
    degree: Int32s
    expected: Float32s
    bits: Float32s
    account: Int32s
    combination: Int32s
    left: Float32s


@dataclass(frozen=True)
class _Weak:
    """Links to weak identifiers by account, group and degree: `start` int64[N+1]; `part` (place in `identifier`),
    `group` and `left` of each."""

    identifier: Int64s
    start: Int64s
    part: Int32s
    group: Int8s
    left: Float32s


def combinations(view: LinkView, priors: Priors | None = None) -> Combinations:
    """Combinations of two and three weak identifiers of different groups that are worth something."""
    weak = _weak(view, priors)
    keys, account, left = _keys(weak.start, weak.part, weak.group, weak.left)
    order = np.argsort(keys, kind="stable")
    keys, account, left = keys[order], account[order], left[order]
    first = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]][: len(keys)])
    key, degree = keys[first], np.diff(np.r_[first, len(keys)])
    parts = np.stack([(key >> (PART_BITS * place) & PARTS_MAX) - 1 for place in (2, 1, 0)], axis=1)
    rows = np.where(parts >= 0, np.append(weak.identifier, -1)[parts], -1).astype(np.int32)
    expected = _expected(view, key, degree, parts, rows)
    sure = _beyond_chance(degree, expected, _possible(view, weak.identifier))
    bits = _bits(view, rows, degree, expected, sure, priors)
    kept = np.flatnonzero((degree >= ACCOUNTS_MIN) & (bits > 0))
    held = np.repeat(first[kept], degree[kept]) + _ramp(degree[kept])
    return Combinations(
        parts=rows[kept],
        degree=degree[kept].astype(np.int32),
        expected=expected[kept].astype(np.float32),
        bits=bits[kept].astype(np.float32),
        account=account[held],
        combination=np.repeat(np.arange(len(kept), dtype=np.int32), degree[kept]),
        left=left[held],
    )


def _weak(view: LinkView, priors: Priors | None) -> _Weak:
    """The weak identifiers, at most PARTS_MAX of them, the commonest first choice, and the links to them."""
    types, degree = view.identifiers["type"], view.identifiers["degree"].to_numpy()
    group = groups_of(types)
    usable = np.isin(group, [GROUPS.index(name) for name in GROUPS_USED])
    bits = view.identifiers["bits"].to_numpy()
    common = np.flatnonzero(usable & (bits < WEAK_BITS) & (degree >= ACCOUNTS_MIN) & (2 * degree <= len(view.accounts)))
    identifier = np.sort(common[np.argsort(-degree[common], kind="stable")][:PARTS_MAX])
    part = np.full(len(degree), -1, np.int32)
    part[identifier] = np.arange(len(identifier), dtype=np.int32)
    linked = view.links["identifier"].to_numpy()
    use = np.flatnonzero(part[linked] >= 0)
    linked, account = linked[use], view.links["account"].to_numpy()[use]
    last_ms = view.links["last_ms"].to_numpy()
    left = decay_of(types.take(linked), last_ms.max(initial=0) - last_ms[use])
    order = np.argsort(account, kind="stable")
    start = np.searchsorted(account[order], np.arange(len(view.accounts) + 1))
    _by_rarity(start, group[linked], degree[linked], left, order)
    return _Weak(identifier, start.astype(np.int64), part[linked[order]], group[linked[order]], left[order])


def _expected(view: LinkView, key: Int64s, degree: Int64s, parts: Int64s, rows: Int32s) -> Float64s:
    """How many accounts would have all parts by chance: of two, if they were independent; of three, if the third were
    independent of the other two, whichever of them that leaves the least to explain."""
    share = np.append(view.identifiers["degree"].to_numpy(), 0)[rows] / max(len(view.accounts), 1)
    pair = parts[:, 2] < 0
    expected: Float64s = share[:, 0] * share[:, 1] * len(view.accounts)
    expected[~pair] = 0
    pair_key, pair_degree = key[pair], degree[pair]
    order = np.argsort(pair_key)
    pair_key, pair_degree = pair_key[order], pair_degree[order]
    three = np.flatnonzero(~pair)
    for one, other, third in ((0, 1, 2), (0, 2, 1), (1, 2, 0)):
        wanted = _packed(parts[three, one], parts[three, other])
        both = pair_degree[np.searchsorted(pair_key, wanted)] if len(three) else np.empty(0)
        expected[three] = np.maximum(expected[three], both * share[three, third])
    expected[pair] = share[pair, 0] * share[pair, 1] * len(view.accounts)
    return expected


def _possible(view: LinkView, weak: Int64s) -> float:
    """How many combinations of two and three weak identifiers of different groups there could be."""
    size = np.bincount(groups_of(view.identifiers["type"].take(weak)), minlength=len(GROUPS)).astype(np.float64)
    one, two, three = size.sum(), (size**2).sum(), (size**3).sum()
    pairs = (one**2 - two) / 2
    threes = (one**3 - 3 * one * two + 2 * three) / 6
    return float(pairs + threes)


def _beyond_chance(degree: Int64s, expected: Float64s, possible: float) -> Float64s:
    """0 to 1: one less the false discovery rate at which each combination, so many accounts having it where chance
    expects `expected`, is found among the possible ones."""
    p = poisson.sf(degree - 1, expected)
    order = np.argsort(p, kind="stable")
    rate = p[order] * possible / np.arange(1, len(p) + 1)
    rate = np.minimum.accumulate(rate[::-1])[::-1]
    sure = np.empty(len(p))
    sure[order] = 1 - np.minimum(rate, 1.0)
    return sure


def _packed(one: Int64s, other: Int64s) -> Int64s:
    return (one + 1) << (2 * PART_BITS) | (other + 1) << PART_BITS


def _bits(
    view: LinkView, rows: Int32s, degree: Int64s, expected: Float64s, sure: Float64s, priors: Priors | None
) -> Float64s:
    """Rarity of the whole × the chance that not all parts are innocent × how sure it is that chance does not explain
    it × the share of holders that chance does not explain × the hub discount, less what the parts are worth anyway."""
    prior = np.append(priors_of(view.identifiers["type"], priors), 0.0)[rows]
    own = np.append(view.identifiers["bits"].to_numpy(), 0.0)[rows].sum(axis=1)
    rarity = np.log2(population(len(view.accounts)) / np.maximum(degree, 1))
    unexplained = np.clip(1 - expected / np.maximum(degree, 1), 0, 1)
    doubt = 1 - np.prod(1 - np.minimum(prior, 1.0), axis=1)
    bits: Float64s = rarity * doubt * sure * unexplained * hub_discount(degree) - own
    return bits


def _ramp(lengths: Int64s) -> Int64s:
    """0, 1, … within each of the stretches."""
    ends = np.cumsum(lengths)
    ramp: Int64s = np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - lengths, lengths)
    return ramp


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _by_rarity(start: Int64s, group: Int8s, degree: Int32s, left: Float32s, order: Int64s) -> None:
    """Sorts the links of each account in `order` by group, the rarest first, of equals the one of which more is
    left."""
    for row in range(start.size - 1):
        first, last = start[row], start[row + 1]
        if last - first > FEW:
            mine = order[first:last].copy()
            mine = mine[np.argsort(-left[mine], kind="mergesort")]
            mine = mine[np.argsort(degree[mine], kind="mergesort")]
            order[first:last] = mine[np.argsort(group[mine], kind="mergesort")]
            continue
        for place in range(first + 1, last):
            link, at = order[place], place
            while at > first and _precedes(link, order[at - 1], group, degree, left):
                order[at] = order[at - 1]
                at -= 1
            order[at] = link


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _precedes(one: int, other: int, group: Int8s, degree: Int32s, left: Float32s) -> bool:
    if group[one] != group[other]:
        return bool(group[one] < group[other])
    if degree[one] != degree[other]:
        return bool(degree[one] < degree[other])
    return bool(left[one] > left[other])


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _keys(start: Int64s, part: Int32s, group: Int8s, left: Float32s) -> tuple[Int64s, Int32s, Float32s]:
    """A key for each two and three parts of different groups that an account has, the account, and the least decay."""
    keys, account, least = np.empty(1024, np.int64), np.empty(1024, np.int32), np.empty(1024, np.float32)
    mine = np.empty(64, np.int64)
    count = 0
    for row in range(start.size - 1):
        held = _rarest(start[row], start[row + 1], group, mine)
        room = count + held * held * held
        if room > keys.size:
            size = max(2 * keys.size, room)
            keys, account, least = _grown(keys, size), _grown(account, size), _grown(least, size)
        for i in range(held):
            for j in range(i + 1, held):
                one, other = mine[i], mine[j]
                if group[one] == group[other]:
                    continue
                a, b = min(part[one], part[other]), max(part[one], part[other])
                pair_left = min(left[one], left[other])
                keys[count] = (np.int64(a) + 1) << (2 * PART_BITS) | (np.int64(b) + 1) << PART_BITS
                account[count], least[count] = row, pair_left
                count += 1
                for k in range(j + 1, held):
                    third = mine[k]
                    if group[third] in (group[one], group[other]):
                        continue
                    c = part[third]
                    low, high = min(a, c), max(b, c)
                    middle = np.int64(a) + b + c - low - high
                    keys[count] = (
                        (np.int64(low) + 1) << (2 * PART_BITS) | (middle + 1) << PART_BITS | (np.int64(high) + 1)
                    )
                    account[count], least[count] = row, min(pair_left, left[third])
                    count += 1
    return keys[:count].copy(), account[:count].copy(), least[:count].copy()


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _rarest(first: int, last: int, group: Int8s, mine: Int64s) -> int:
    """Places of the IN_GROUP rarest weak links of each group, into `mine`; how many there are."""
    held, in_group = 0, 0
    for place in range(first, last):
        in_group = in_group + 1 if place > first and group[place] == group[place - 1] else 1
        if in_group <= IN_GROUP and held < mine.size:
            mine[held] = place
            held += 1
    return held


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _grown(values: Int64s, size: int) -> Int64s:
    larger = np.empty(size, values.dtype)
    larger[: values.size] = values
    return larger
