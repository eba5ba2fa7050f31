"""Which identifiers an account has: by the base, and since."""

from __future__ import annotations

import numpy as np
from numba import njit

from graphsvc.risk.kernels.layout import ABSENT, Array, BaseArrays, OverlayArrays
from graphsvc.risk.kernels.tables import entry_of, find


@njit(cache=True)  # type: ignore[untyped-decorator]
def own_of(base: BaseArrays, row: int) -> Array:
    """Rows of the identifiers of an account of the base, ascending."""
    if row == ABSENT:
        return base.links[:0]
    return base.links[base.accounts[row].start : base.accounts[row + 1].start]


@njit(cache=True)  # type: ignore[untyped-decorator]
def among(own: Array, row: int) -> bool:
    if row == ABSENT:
        return False
    place = np.searchsorted(own, row)
    return bool(place < len(own) and own[place] == row)


@njit(cache=True)  # type: ignore[untyped-decorator]
def has_since(over: OverlayArrays, entry: int, key: np.uint64) -> bool:
    link = over.accounts[entry].first
    while link != ABSENT:
        if over.identifiers[over.links[link].identifier].key == key:
            return True
        link = over.links[link].next
    return False


@njit(cache=True)  # type: ignore[untyped-decorator]
def links_of(base: BaseArrays, key: np.uint64) -> int:
    """How many identifiers an account has in the base, or ABSENT where it is not there."""
    row = find(base.account_keys, key)
    return len(own_of(base, row)) if row != ABSENT else ABSENT


@njit(cache=True)  # type: ignore[untyped-decorator]
def held(base: BaseArrays, over: OverlayArrays, key: np.uint64) -> Array:
    """Keys of all identifiers of an account, uint64[n]."""
    own = own_of(base, find(base.account_keys, key))
    entry = entry_of(over.account_table, over.accounts, key)
    keys = [base.identifier_keys[row] for row in own]
    link = over.accounts[entry].first if entry != ABSENT else ABSENT
    while link != ABSENT:
        keys.append(over.identifiers[over.links[link].identifier].key)
        link = over.links[link].next
    return np.array(keys, np.uint64)
