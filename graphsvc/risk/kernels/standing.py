"""What is known of one account: its probability, its standing and its ban; and how a change reaches its identifiers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from graphsvc.risk.kernels.layout import ABSENT, BELIEVED, BaseArrays, OverlayArrays
from graphsvc.risk.kernels.links import own_of
from graphsvc.risk.kernels.tables import account_entry, entry_of, find, identifier_entry


@njit(cache=True)  # type: ignore[untyped-decorator]
def detected_of(base: BaseArrays, row: int) -> float:
    """NaN where no detection saw the account."""
    return float(base.accounts[row].probability) if row != ABSENT else np.nan


@njit(cache=True)  # type: ignore[untyped-decorator]
def base_probability(base: BaseArrays, row: int, stranger: float) -> float:
    detected = detected_of(base, row)
    return stranger if np.isnan(detected) else detected


@njit(cache=True)  # type: ignore[untyped-decorator]
def probability_of(base: BaseArrays, over: OverlayArrays, entry: int, stranger: float) -> float:
    known = over.accounts[entry].probability
    return base_probability(base, over.accounts[entry].row, stranger) if np.isnan(known) else float(known)


@njit(cache=True)  # type: ignore[untyped-decorator]
def standing_of(base: BaseArrays, over: OverlayArrays, entry: int, row: int) -> tuple[float, float]:
    if entry != ABSENT and over.accounts[entry].stands:
        return over.accounts[entry].bad, over.accounts[entry].good
    if row == ABSENT:
        return 0.0, 0.0
    return np.float64(base.accounts[row].bad), np.float64(base.accounts[row].good)


@njit(cache=True)  # type: ignore[untyped-decorator]
def banned(base: BaseArrays, over: OverlayArrays, key: np.uint64) -> int:
    """Whether an account is banned by now, or ABSENT where it was never seen."""
    entry = entry_of(over.account_table, over.accounts, key)
    if entry != ABSENT and over.accounts[entry].banned != -1:
        return int(over.accounts[entry].banned)
    row = find(base.account_keys, key)
    if row != ABSENT:
        return int(base.accounts[row].banned)
    return 0 if entry != ABSENT else ABSENT


@njit(cache=True)  # type: ignore[untyped-decorator]
def rise(one: Any, entry: int, old: float, probability: float) -> None:
    """The probability of an account that came is higher now; since it never falls, two are enough to know the highest
    without any one account."""
    one.total += probability - old
    if entry == one.highest_of:
        one.highest = probability
    elif probability > one.highest:
        one.second, one.second_of = one.highest, one.highest_of
        one.highest, one.highest_of = probability, entry
    elif entry == one.second_of or probability > one.second:
        one.second, one.second_of = probability, entry


@njit(cache=True)  # type: ignore[untyped-decorator]
def stand(base: BaseArrays, over: OverlayArrays, key: np.uint64, bad: float, good: float) -> None:
    """Takes a changed label or ban of a known account over into its standing, and to its identifiers."""
    entry = account_entry(base, over, key)
    account = over.accounts[entry]
    old_bad, old_good = standing_of(base, over, entry, account.row)
    account.bad, account.good, account.stands = bad, good, 1
    if bad == old_bad and good == old_good:
        return
    for row in own_of(base, account.row):
        place = identifier_entry(base, over, base.identifier_keys[row], row, base.identifiers[row].type)
        over.identifiers[place].bad += bad - old_bad
        over.identifiers[place].good += good - old_good
    link = account.first
    while link != ABSENT:
        one = over.identifiers[over.links[link].identifier]
        one.bad += bad - old_bad
        one.good += good - old_good
        link = over.links[link].next


@njit(cache=True)  # type: ignore[untyped-decorator]
def raise_to(base: BaseArrays, over: OverlayArrays, stranger: float, key: np.uint64, probability: float) -> None:
    """Others are judged by the worst that was said of an account since the base, as far as it is believed. The account
    has an entry or is in the base; else nothing happens."""
    entry, row = entry_of(over.account_table, over.accounts, key), find(base.account_keys, key)
    known = stranger if row == ABSENT else base_probability(base, row, stranger)
    probability = known + BELIEVED * (probability - known)
    if entry == ABSENT:
        if row == ABSENT or probability <= known:
            return
        entry = account_entry(base, over, key)
    account = over.accounts[entry]
    old = probability_of(base, over, entry, stranger)
    if probability <= old:
        return
    account.probability = probability
    link = account.first
    while link != ABSENT:
        rise(over.identifiers[over.links[link].identifier], entry, old, probability)
        link = over.links[link].next
