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
        np.zeros(LEAST, CAME),
        _table(LEAST),
        np.zeros(LEAST, ARRIVED),
        np.zeros(LEAST, LINK),
        _table(LEAST),
        np.zeros(LEAST, NAME),
    )


def with_room(over: OverlayArrays, need: Need) -> OverlayArrays:
    """The same, or larger copies where there is no room for what comes: of all arrays, so that who still reads the old
    ones finds them as they were, and no place in one that another lacks."""
    sizes = over.sizes
    accounts = _size(over.accounts, int(sizes[ACCOUNTS]) + need.accounts)
    identifiers = _size(over.identifiers, int(sizes[IDENTIFIERS]) + need.identifiers)
    links = _size(over.links, int(sizes[LINKS]) + need.links)
    names = _size(over.names, int(sizes[NAMES]) + need.names)
    if (accounts, identifiers, links, names) == tuple(
        len(one) for one in (over.accounts, over.identifiers, over.links, over.names)
    ):
        return over
    return OverlayArrays(
        sizes.copy(),
        *_tabled(over.accounts, accounts, int(sizes[ACCOUNTS])),
        *_tabled(over.identifiers, identifiers, int(sizes[IDENTIFIERS])),
        _longer(over.links, links),
        *_tabled(over.names, names, int(sizes[NAMES])),
    )


def _size(entries: Array, wanted: int) -> int:
    size = len(entries)
    while size < wanted:
        size *= 2
    return size


def _tabled(entries: Array, size: int, used: int) -> tuple[Array, Array]:
    longer, table = _longer(entries, size), _table(size)
    fill(table, longer, used)
    return table, longer


def _longer(entries: Array, size: int) -> Array:
    longer = np.zeros(size, entries.dtype)
    # As bytes, which numpy copies without holding up the other threads.
    longer.view(np.uint8)[: entries.nbytes] = entries.view(np.uint8)
    return longer


def _table(entries: int) -> Array:
    """Twice as many places as entries, so that few lie in one another's way."""
    return np.zeros(2 * entries, np.int32)
