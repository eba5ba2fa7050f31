"""Counting records: the links and the enforcement that they bring to an account."""

from __future__ import annotations

import numpy as np
from numba import njit

from graphsvc.risk.kernels.conversations import converse, unite
from graphsvc.risk.kernels.layout import ABSENT, BAN, LINKS, NEW, Array, BaseArrays, OverlayArrays, TypeArrays
from graphsvc.risk.kernels.links import among, has_since, own_of
from graphsvc.risk.kernels.standing import probability_of, raise_to, rise, standing_of
from graphsvc.risk.kernels.tables import account_entry, find_all, identifier_entry


@njit(cache=True)  # type: ignore[untyped-decorator]
def _link(
    base: BaseArrays, over: OverlayArrays, types: TypeArrays, entry: int, keys: Array, codes: Array, rows: Array,
    stranger: float,
) -> bool:  # fmt: skip
    """Links the account to those identifiers that it had not; whether there was one."""
    account = over.accounts[entry]
    own = own_of(base, account.row)
    begin = over.sizes[LINKS]
    for place in range(len(keys)):
        if among(own, rows[place]) or has_since(over, entry, keys[place]):
            continue
        identifier = identifier_entry(base, over, keys[place], rows[place], codes[place])
        link = over.sizes[LINKS]
        over.links[link].identifier, over.links[link].next, over.links[link].type = identifier, ABSENT, codes[place]
        if account.last == ABSENT:
            account.first = link
        else:
            over.links[account.last].next = link
        account.last = link
        over.sizes[LINKS] += 1
    if over.sizes[LINKS] == begin:
        return False
    probability = probability_of(base, over, entry, stranger)
    bad, good = standing_of(base, over, entry, account.row)
    for link in range(begin, over.sizes[LINKS]):
        one = over.identifiers[over.links[link].identifier]
        if over.links[link].type == types.special[0]:
            converse(base, over, own, entry, one, types.special[2])
        one.count += 1
        rise(one, entry, 0.0, probability)
        one.bad += bad
        one.good += good
    return True


@njit(cache=True)  # type: ignore[untyped-decorator]
def _count(
    base: BaseArrays, over: OverlayArrays, types: TypeArrays, stranger: float, account: np.uint64, keys: Array,
    codes: Array, action: int, occurred_ms: int,
) -> int:  # fmt: skip
    """Counts a record; 1 where the account gained links, 2 where it is new, 4 where its enforcement changed."""
    rows = find_all(base.identifier_keys, keys)
    unite(base, over, types.special[0], keys, codes, rows, True)
    before = over.sizes[NEW]
    entry = account_entry(base, over, account)
    done = 2 if over.sizes[NEW] > before else 0
    if _link(base, over, types, entry, keys, codes, rows, stranger):
        done |= 1
    if action:
        one, banned = over.accounts[entry], 1 if action == BAN else 0
        # The last to occur counts, not the last to arrive; of two at one moment the ban, as in the link tables.
        later = occurred_ms > one.occurred_ms or (occurred_ms == one.occurred_ms and banned > one.banned)
        if one.banned == -1 or later:
            one.occurred_ms, one.banned = occurred_ms, banned
        done |= 4
    return done


@njit(cache=True)  # type: ignore[untyped-decorator]
def apply_answered(
    base: BaseArrays, over: OverlayArrays, types: TypeArrays, stranger: float, account: np.uint64, keys: Array,
    codes: Array, action: int, occurred_ms: int, probability: float,
) -> int:  # fmt: skip
    """Counts one record (`keys` are changed here), and raises the account to this where it gained links. Returns what
    `apply` fills in."""
    done = _count(base, over, types, stranger, account, keys, codes, action, occurred_ms)
    if done & 1:
        raise_to(base, over, stranger, account, probability)
    return int(done)


@njit(cache=True)  # type: ignore[untyped-decorator]
def apply(
    base: BaseArrays, over: OverlayArrays, types: TypeArrays, stranger: float, accounts: Array, starts: Array,
    keys: Array, codes: Array, actions: Array, occurred_ms: Array, done: Array,
) -> None:  # fmt: skip
    """Counts records: identifiers of record r are `starts[r]` to `starts[r + 1]` of `keys` (changed here) and `codes`.
    Fills `done` uint8[R]: 1 where the account gained links, 2 where it is new, 4 where its enforcement changed."""
    for record in range(len(accounts)):
        part = slice(starts[record], starts[record + 1])
        done[record] = _count(
            base, over, types, stranger, accounts[record], keys[part], codes[part], actions[record],
            occurred_ms[record],
        )  # fmt: skip
