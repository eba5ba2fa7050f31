"""Finding a key: among the sorted ones of the base, and in the tables of what came since, where it gets an entry."""

from __future__ import annotations

import numpy as np
from numba import njit

from graphsvc.risk.kernels.layout import ABSENT, ACCOUNTS, IDENTIFIERS, NEW, Array, BaseArrays, OverlayArrays


@njit(cache=True)  # type: ignore[untyped-decorator]
def find(keys: Array, wanted: np.uint64) -> int:
    """The row of a key among sorted ones, or ABSENT. Keys are hashes, so that a straight line says nearly where one
    lies (interpolation search, Perl, Itai and Avni 1978)."""
    low, high = 0, len(keys) - 1
    while low <= high and keys[low] <= wanted <= keys[high]:
        if keys[low] == keys[high]:
            break
        share = np.float64(wanted - keys[low]) / np.float64(keys[high] - keys[low])
        guess = low + int(share * (high - low))
        if keys[guess] == wanted:
            return int(guess)
        if keys[guess] < wanted:
            low = guess + 1
        else:
            high = guess - 1
    return int(low) if low <= high and keys[low] == wanted else ABSENT


@njit(cache=True)  # type: ignore[untyped-decorator]
def find_all(keys: Array, wanted: Array) -> Array:
    """The row of each key, int64[n]."""
    rows = np.empty(len(wanted), np.int64)
    for place in range(len(wanted)):
        rows[place] = find(keys, wanted[place])
    return rows


@njit(cache=True)  # type: ignore[untyped-decorator]
def slot_of(table: Array, entries: Array, key: np.uint64) -> int:
    """Where a key lies in a table, or the free place where it belongs."""
    mask = np.uint64(len(table) - 1)
    slot = key & mask
    while table[slot] and entries[table[slot] - 1].key != key:
        slot = (slot + np.uint64(1)) & mask
    return int(slot)


@njit(cache=True)  # type: ignore[untyped-decorator]
def entry_of(table: Array, entries: Array, key: np.uint64) -> int:
    return int(table[slot_of(table, entries, key)]) - 1


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def fill(table: Array, entries: Array, count: int) -> None:
    """Puts the first `count` entries into an empty table that nobody reads yet."""
    for place in range(count):
        table[slot_of(table, entries, entries[place].key)] = place + 1


@njit(cache=True)  # type: ignore[untyped-decorator]
def account_entry(base: BaseArrays, over: OverlayArrays, key: np.uint64) -> int:
    """The entry of an account, made where there is none."""
    slot = slot_of(over.account_table, over.accounts, key)
    if over.account_table[slot]:
        return int(over.account_table[slot]) - 1
    entry = int(over.sizes[ACCOUNTS])
    one = over.accounts[entry]
    one.key, one.row = key, find(base.account_keys, key)
    one.probability, one.stands, one.banned, one.first, one.last = np.nan, 0, -1, ABSENT, ABSENT
    over.sizes[ACCOUNTS] += 1
    if one.row == ABSENT:
        over.sizes[NEW] += 1
    over.account_table[slot] = entry + 1
    return entry


@njit(cache=True)  # type: ignore[untyped-decorator]
def identifier_entry(base: BaseArrays, over: OverlayArrays, key: np.uint64, row: int, code: int) -> int:
    """The entry of what came to an identifier, made where there is none."""
    slot = slot_of(over.identifier_table, over.identifiers, key)
    if over.identifier_table[slot]:
        return int(over.identifier_table[slot]) - 1
    entry = int(over.sizes[IDENTIFIERS])
    one = over.identifiers[entry]
    one.key, one.row, one.type, one.told, one.count = key, row, code, 0, 0
    one.total, one.highest, one.second, one.bad, one.good = 0.0, 0.0, 0.0, 0.0, 0.0
    one.highest_of, one.second_of = ABSENT, ABSENT
    over.sizes[IDENTIFIERS] += 1
    over.identifier_table[slot] = entry + 1
    return entry
