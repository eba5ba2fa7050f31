"""Looking: what an account shares, by the base and now, all in one call.

What is called for each identifier takes single arrays: to hand over all of them at each call costs a third of a look.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from graphsvc.risk.kernels.conversations import is_org, type_of, unite
from graphsvc.risk.kernels.layout import (
    ABSENT,
    BAD,
    GOOD,
    HIGHEST,
    HUB_CUT,
    NEW,
    POPULATION_MIN,
    SECOND,
    SHARED,
    TOTAL,
    Array,
    BaseArrays,
    OverlayArrays,
    TypeArrays,
)
from graphsvc.risk.kernels.links import among, own_of
from graphsvc.risk.kernels.standing import base_probability, detected_of, probability_of, standing_of
from graphsvc.risk.kernels.tables import entry_of, find, find_all


class Found(NamedTuple):
    """What a look finds: `row` in the base or ABSENT, whether the account was `seen`, its standing, and what it
    shares, by the base and now; `changed` False where nothing came, and both are the same."""

    row: int
    seen: bool
    bad: float
    good: float
    changed: bool
    then: Array
    now: Array


class _Everything(NamedTuple):
    """All identifiers that a look is about: first the `own` ones of the base, then links since up to `linked`, then
    what was given besides. `row` is ABSENT where the base lacks one, `entry` where nothing came to it since."""

    key: Array
    row: Array
    code: Array
    entry: Array
    own: int
    linked: int
    changed: bool


class _Myself(NamedTuple):
    """What the account itself adds to the sums of its identifiers, and is taken out of them: by the base, and now."""

    entry: int
    base_probability: np.float32
    base_bad: float
    base_good: float
    probability: float
    bad: float
    good: float


@njit(cache=True)  # type: ignore[untyped-decorator]
def _shared(out: Any, code: int, others: float, sums: Array, cluster: int, population: int, prior: Array) -> bool:
    """Writes what an identifier is worth to an account; whether others have it at all. Bits as in
    graphsvc.links.weights.bits_of."""
    if others <= 0:
        return False
    degree = others + 1.0
    share = min(degree / HUB_CUT, 1.0)
    rarity = max(np.log2(population / degree), 0.0)
    out.others = np.int64(others)
    out.bits = np.float32(rarity * prior[code] * np.float32(1.0 - share * share))
    out.mean = np.float32(min(max(sums[TOTAL] / others, 0.0), 1.0))
    out.highest = np.float32(sums[HIGHEST])
    out.abusive, out.benign = np.int64(np.rint(sums[BAD])), np.int64(np.rint(sums[GOOD]))
    out.cluster, out.type = cluster, code
    return True


@njit(cache=True)  # type: ignore[untyped-decorator]
def _add(sums: Array, one: Any, entry: int, joined: bool, probability: float, bad: float, good: float) -> float:
    """Adds what came to an identifier, without the account itself: its standing `bad` and `good`, and its probability
    where it is among those that came. Returns how many others came."""
    sums[TOTAL] += one.total - (probability if joined else 0.0)
    sums[BAD] += one.bad - bad
    sums[GOOD] += one.good - good
    came = one.second if joined and entry == one.highest_of else one.highest
    sums[HIGHEST] = max(sums[HIGHEST], came)
    return float(one.count - (1 if joined else 0))


@njit(cache=True)  # type: ignore[untyped-decorator]
def _everything(
    base: BaseArrays, over: OverlayArrays, row: int, entry: int, keys: Array, codes: Array, rows: Array
) -> Any:
    own = own_of(base, row)
    since = _count_since(over, entry)
    many = len(own) + since + len(keys)
    every_key, every_row = np.empty(many, np.uint64), np.empty(many, np.int64)
    every_code, every_entry = np.empty(many, np.int64), np.empty(many, np.int64)
    size = 0
    for one_row in own:
        every_key[size], every_row[size] = base.identifier_keys[one_row], one_row
        every_code[size] = base.identifiers[one_row].type
        size += 1
    link = over.accounts[entry].first if entry != ABSENT else ABSENT
    while link != ABSENT:
        one = over.identifiers[over.links[link].identifier]
        every_key[size], every_row[size], every_code[size] = one.key, one.row, over.links[link].type
        size += 1
        link = over.links[link].next
    linked = size
    for place in range(len(keys)):
        if among(own, rows[place]) or _again(every_key, len(own), size, keys[place]):
            continue
        every_key[size], every_row[size], every_code[size] = keys[place], rows[place], codes[place]
        size += 1
    changed = size > len(own)
    for place in range(size):
        every_entry[place] = entry_of(over.identifier_table, over.identifiers, every_key[place])
        changed |= every_entry[place] != ABSENT
    return _Everything(
        every_key[:size], every_row[:size], every_code[:size], every_entry[:size], len(own), linked, changed
    )


@njit(cache=True)  # type: ignore[untyped-decorator]
def _count_since(over: OverlayArrays, entry: int) -> int:
    """How many links an account gained since the base."""
    count = 0
    link = over.accounts[entry].first if entry != ABSENT else ABSENT
    while link != ABSENT:
        count += 1
        link = over.links[link].next
    return count


@njit(cache=True)  # type: ignore[untyped-decorator]
def _again(keys: Array, start: int, stop: int, wanted: np.uint64) -> bool:
    found = False
    for place in range(start, stop):
        found |= bool(keys[place] == wanted)
    return found


@njit(cache=True)  # type: ignore[untyped-decorator]
def _myself(base: BaseArrays, over: OverlayArrays, row: int, entry: int, stranger: float, linked: bool) -> Any:
    bad, good = standing_of(base, over, entry, row)
    base_bad, base_good = standing_of(base, over, ABSENT, row)
    probability = probability_of(base, over, entry, stranger) if linked else 0.0
    mine = np.float32(base_probability(base, row, stranger))
    return _Myself(entry, mine, base_bad, base_good, probability, bad, good)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _by_base(identifiers: Array, row: int, sums: Array) -> tuple[float, int]:
    """Fills the sums with what the base says of an identifier; how many accounts have it there, and its cluster."""
    sums[:] = 0.0
    if row == ABSENT:
        return 0.0, ABSENT
    tally = identifiers[row]
    for column in range(5):
        sums[column] = tally.sums[column]
    return float(tally.degree), int(tally.cluster)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _without(sums: Array, me: Any) -> None:
    """Takes the account out of the sums of an identifier that it has in the base."""
    sums[TOTAL] -= me.base_probability
    sums[BAD] -= me.base_bad
    sums[GOOD] -= me.base_good
    if sums[HIGHEST] == me.base_probability:
        sums[HIGHEST] = sums[SECOND]


@njit(cache=True)  # type: ignore[untyped-decorator]
def _since(one: Any, own: bool, linked: bool, me: Any, sums: Array) -> float:
    """Adds to the sums what came to an identifier since the base; returns how many others came. The account is among
    them where it is `linked` since, and only changed where the identifier is its `own` by the base."""
    if own:
        return float(_add(sums, one, me.entry, False, 0.0, me.bad - me.base_bad, me.good - me.base_good))
    if linked:
        return float(_add(sums, one, me.entry, True, me.probability, me.bad, me.good))
    return float(_add(sums, one, me.entry, False, 0.0, 0.0, 0.0))


@njit(cache=True)  # type: ignore[untyped-decorator]
def look(
    base: BaseArrays, over: OverlayArrays, types: TypeArrays, stranger: float, key: np.uint64, keys: Array,
    codes: Array,
) -> Any:  # fmt: skip
    """The account of this key with its identifiers and, besides, those given (`keys`, changed here, and `codes`)."""
    rows = find_all(base.identifier_keys, keys)
    unite(base, over, types.special[0], keys, codes, rows, False)
    row = find(base.account_keys, key)
    entry = entry_of(over.account_table, over.accounts, key)
    every = _everything(base, over, row, entry, keys, codes, rows)
    me = _myself(base, over, row, entry, stranger, every.linked > every.own)
    # Told to an account that no detection saw, "then" is nothing: it is judged by what is now alone.
    telling = not every.changed or not np.isnan(detected_of(base, row))
    then_population = max(len(base.account_keys), POPULATION_MIN)
    population = max(len(base.account_keys) + over.sizes[NEW], POPULATION_MIN)
    then = np.empty(every.own if telling else 0, SHARED)
    now = np.empty(len(every.key) if every.changed else 0, SHARED)
    thens, nows = 0, 0
    sums = np.zeros(5, np.float64)
    for place in range(len(every.key)):
        others, cluster = _by_base(base.identifiers, every.row[place], sums)
        if place < every.own:
            others -= 1
            _without(sums, me)
            if telling and _shared(then[thens], every.code[place], others, sums, cluster, then_population, types.prior):
                thens += 1
        if every.changed:
            code, told = every.code[place], False
            org = base.orgs[every.row[place]] if every.row[place] != ABSENT else np.uint64(0)
            if every.entry[place] != ABSENT:
                one = over.identifiers[every.entry[place]]
                others += _since(one, place < every.own, place < every.linked, me, sums)
                if one.told:
                    told, org = True, one.org
            if code == types.special[0] or code == types.special[1]:
                has = org != 0 and is_org(every.key, every.code, types.special[2], org)
                code = type_of(code, types.special, org, told, has)
            if _shared(now[nows], code, others, sums, cluster, population, types.prior):
                nows += 1
    seen = row != ABSENT or entry != ABSENT
    return Found(row, seen, me.bad, me.good, every.changed, then[:thens], now[:nows])
