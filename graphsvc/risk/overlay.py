"""What came since the base: arrays that grow, and the types of identifiers by code."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from gnn.groups import group_index
from graphsvc.links.weights import weight_of
from graphsvc.risk.kernels import (
    ACCOUNTS,
    ARRIVED,
    CAME,
    IDENTIFIERS,
    LINK,
    LINKS,
    NAME,
    NAMES,
    SIZES,
    Array,
    OverlayArrays,
    TypeArrays,
    fill,
)

LEAST = 4_096
"""Entries that tables begin with room for."""
RESERVED, RESERVED_LINKS = 2**22, 2**24
"""Entries that there is room for from the beginning, more than a million events bring: what nothing was written to
takes no memory, and copying them all would keep answers waiting for a second."""
CONVERSATION, IN_ORG, ORG, OWN = "conversation", "conversation_in_org", "org", "own"
CODES_MOST = 2**15 - 1


class Types:
    """Names of identifier types by code: those of a base first, those that records bring as they come."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._lock = threading.Lock()
        self._code: dict[str, int] = {}
        self.names: tuple[str, ...] = ()
        prior = np.full(CODES_MOST + 1, weight_of(OWN).prior)
        special = np.zeros(3, np.int64)
        self.arrays = TypeArrays(special, prior)
        self.groups = np.zeros(CODES_MOST + 1, np.int64)
        self._learn((*names, OWN, CONVERSATION, IN_ORG, ORG))

    def codes(self, names: list[str]) -> Array:
        """int16[n]; a new name gets the next code, and past CODES_MOST that of a caller's own kind."""
        known = self._code
        if not all(name in known for name in names):
            known = self._learn(names)
        own = known[OWN]
        return np.array([known.get(name, own) for name in names], np.int16)

    def _learn(self, names: Iterable[str]) -> dict[str, int]:
        with self._lock:
            code = dict(self._code)
            for name in names:
                if len(code) < CODES_MOST:
                    code.setdefault(name, len(code))
            self.names = tuple(code)
            self.arrays.special[:] = [code[name] for name in (CONVERSATION, IN_ORG, ORG)]
            self.groups[: len(code)] = [group_index(name) for name in code]
            self.arrays.prior[: len(code)] = [weight_of(name).prior for name in code]
            # Last: whoever has a code finds it in the arrays.
            self._code = code
            return code


@dataclass(frozen=True)
class Need:
    """How much more there must be room for."""

    accounts: int
    identifiers: int
    links: int
    names: int


def empty_overlay() -> OverlayArrays:
    return OverlayArrays(
        np.zeros(SIZES, np.int64),
        _table(LEAST),
        np.zeros(RESERVED, CAME),
        _table(LEAST),
        np.zeros(RESERVED, ARRIVED),
        np.zeros(RESERVED_LINKS, LINK),
        _table(LEAST),
        np.zeros(RESERVED, NAME),
    )


def with_room(over: OverlayArrays, need: Need) -> OverlayArrays:
    """The same, or one with room for what comes."""
    sizes = over.sizes
    accounts, identifiers = int(sizes[ACCOUNTS]) + need.accounts, int(sizes[IDENTIFIERS]) + need.identifiers
    links, names = int(sizes[LINKS]) + need.links, int(sizes[NAMES]) + need.names
    if (
        accounts > len(over.accounts)
        or identifiers > len(over.identifiers)
        or links > len(over.links)
        or names > len(over.names)
    ):
        over = _moved(over, accounts, identifiers, links, names)
    if (
        _holds(over.account_table, accounts)
        and _holds(over.identifier_table, identifiers)
        and _holds(over.name_table, names)
    ):
        return over
    return over._replace(
        account_table=_table_for(over.account_table, over.accounts, int(sizes[ACCOUNTS]), accounts),
        identifier_table=_table_for(over.identifier_table, over.identifiers, int(sizes[IDENTIFIERS]), identifiers),
        name_table=_table_for(over.name_table, over.names, int(sizes[NAMES]), names),
    )


def _moved(over: OverlayArrays, accounts: int, identifiers: int, links: int, names: int) -> OverlayArrays:
    """Larger copies of all, so that who still reads the old ones finds them as they were, and no place in one that
    another lacks."""
    return OverlayArrays(
        over.sizes.copy(),
        over.account_table.copy(),
        _longer(over.accounts, accounts),
        over.identifier_table.copy(),
        _longer(over.identifiers, identifiers),
        _longer(over.links, links),
        over.name_table.copy(),
        _longer(over.names, names),
    )


def _size(size: int, wanted: int) -> int:
    while size < wanted:
        size *= 2
    return size


def _holds(table: Array, entries: int) -> bool:
    """Whether there are two places for each, so that few lie in one another's way."""
    return 2 * entries <= len(table)


def _table_for(table: Array, entries: Array, used: int, wanted: int) -> Array:
    if _holds(table, wanted):
        return table
    larger = _table(_size(len(table) // 2, wanted))
    fill(larger, entries, used)
    return larger


def _longer(entries: Array, wanted: int) -> Array:
    longer = np.zeros(_size(len(entries), wanted), entries.dtype)
    # As bytes, which numpy copies without holding up the other threads.
    longer.view(np.uint8)[: entries.nbytes] = entries.view(np.uint8)
    return longer


def _table(entries: int) -> Array:
    return np.zeros(2 * entries, np.int32)
