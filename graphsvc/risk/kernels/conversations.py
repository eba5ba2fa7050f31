"""Conversations: the several names of one, and the organisation that all of its accounts have in common."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from graphsvc.risk.kernels.layout import ABSENT, NAMES, Array, BaseArrays, OverlayArrays
from graphsvc.risk.kernels.tables import entry_of, find, slot_of


@njit(cache=True)  # type: ignore[untyped-decorator]
def known_as(base: BaseArrays, over: OverlayArrays, name: np.uint64, row: int) -> tuple[bool, np.uint64, int]:
    """Whether a conversation is known by this name, and its key and row."""
    if row == ABSENT:
        place = find(base.names, name)
        row = int(base.named[place]) if place != ABSENT else ABSENT
    if row != ABSENT:
        return True, base.identifier_keys[row], row
    entry = entry_of(over.name_table, over.names, name)
    if entry == ABSENT:
        return False, name, ABSENT
    key = over.names[entry].stands_for
    return True, key, find(base.identifier_keys, key)


@njit(cache=True)  # type: ignore[untyped-decorator]
def unite(
    base: BaseArrays, over: OverlayArrays, conversation: int, keys: Array, codes: Array, rows: Array, learn: bool
) -> None:
    """Gives all names of a record's conversation the key and row of that under which one of them is known; else those
    of the first. With `learn` the names stand for it from now on."""
    known, key, row = False, np.uint64(0), ABSENT
    first = ABSENT
    for place in range(len(keys)):
        if codes[place] == conversation and not known:
            if first == ABSENT:
                first = place
            known, key, row = known_as(base, over, keys[place], rows[place])
    if first == ABSENT:
        return
    if not known:
        key, row = keys[first], ABSENT
    for place in range(len(keys)):
        if codes[place] == conversation:
            slot = slot_of(over.name_table, over.names, keys[place])
            if learn and not over.name_table[slot]:
                entry = over.sizes[NAMES]
                over.names[entry].key, over.names[entry].stands_for = keys[place], key
                over.sizes[NAMES] += 1
                over.name_table[slot] = entry + 1
            keys[place], rows[place] = key, row


@njit(cache=True)  # type: ignore[untyped-decorator]
def _has_org(base: BaseArrays, over: OverlayArrays, own: Array, entry: int, org: int, key: np.uint64) -> bool:
    """Whether an account has the organisation of this key."""
    for row in own:
        if base.identifiers[row].type == org and base.identifier_keys[row] == key:
            return True
    link = over.accounts[entry].first if entry != ABSENT else ABSENT
    while link != ABSENT:
        if over.links[link].type == org and over.identifiers[over.links[link].identifier].key == key:
            return True
        link = over.links[link].next
    return False


@njit(cache=True)  # type: ignore[untyped-decorator]
def _least_org(base: BaseArrays, over: OverlayArrays, own: Array, entry: int, org: int) -> np.uint64:
    """The least key of an organisation of the account, or 0."""
    least = np.uint64(0)
    for row in own:
        key = base.identifier_keys[row]
        if base.identifiers[row].type == org and (least == 0 or key < least):
            least = key
    link = over.accounts[entry].first
    while link != ABSENT:
        key = over.identifiers[over.links[link].identifier].key
        if over.links[link].type == org and (least == 0 or key < least):
            least = key
        link = over.links[link].next
    return least


@njit(cache=True)  # type: ignore[untyped-decorator]
def converse(base: BaseArrays, over: OverlayArrays, own: Array, entry: int, one: Any, org: int) -> None:
    """An account goes on with a conversation that it did not have: what all its accounts have in common now."""
    fresh = one.row == ABSENT and not one.told
    before = one.org if one.told else base.orgs[one.row] if one.row != ABSENT else np.uint64(0)
    if before != 0 and _has_org(base, over, own, entry, org, before):
        one.org = before
    else:
        one.org = _least_org(base, over, own, entry, org) if fresh else np.uint64(0)
    one.told = 1


@njit(cache=True)  # type: ignore[untyped-decorator]
def is_org(given: Array, codes: Array, org: int, key: np.uint64) -> bool:
    found = False
    for place in range(len(given)):
        found |= bool(codes[place] == org and given[place] == key)
    return found


@njit(cache=True)  # type: ignore[untyped-decorator]
def type_of(code: int, special: Array, one_org: np.uint64, told: bool, has: bool) -> int:
    """The type that a conversation is to an account, which `has` the organisation that all of its accounts have."""
    conversation, in_org = special[0], special[1]
    if code != conversation and (code != in_org or not told):
        return code
    return int(in_org if one_org != 0 and has else conversation)
