"""Which event ids the ledger may hold: a filter in memory (Bloom 1970), so that an answer asks the disk only for an id
that was there before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
from numba import njit

from graphsvc.ledger import SqliteLedger

BITS_AN_ID = 16
HASHES = 6
"""Of a million new ids about 900 are looked for in the ledger for nothing."""
LEAST_IDS = 1_000_000
PAGE = 1_000
KEY_BYTES = 16

Bits = npt.NDArray[np.uint64]


class Seen:
    """Ids go in and never out. `whole` once all that the ledger held at the start are in it."""

    def __init__(self, expected: int) -> None:
        wanted = max(2 * expected, LEAST_IDS) * BITS_AN_ID
        self._bits: Bits = np.zeros(1 << ((wanted - 1).bit_length() - 6), np.uint64)
        self._last = b""
        self.whole = False

    def add(self, event_ids: Iterable[str]) -> None:
        self._add([event_key(one) for one in event_ids])

    def fill(self, ledger: SqliteLedger) -> bool:
        """Adds a page of what the ledger holds, in order of keys; whether there is more."""
        keys = ledger.event_keys(self._last, PAGE)
        if keys:
            self._last = keys[-1]
            self._add(keys)
        self.whole = len(keys) < PAGE
        return not self.whole

    def may_hold(self, event_id: str) -> bool:
        """False where the id was never there; True where it was, or while that is not known."""
        return not self.whole or bool(_has(self._bits, _words([event_key(event_id)])))

    def _add(self, keys: Sequence[bytes]) -> None:
        if keys:
            _put(self._bits, _words(keys))


def event_key(event_id: str) -> bytes:
    """As the ledger has it."""
    return hashlib.blake2b(event_id.encode("utf-8", "surrogatepass"), digest_size=KEY_BYTES).digest()


def _words(keys: Sequence[bytes]) -> Bits:
    return np.frombuffer(b"".join(keys), np.uint64).reshape(-1, 2)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _put(bits: Bits, words: Bits) -> None:
    mask = np.uint64(64 * len(bits) - 1)
    for row in range(len(words)):
        for turn in range(HASHES):
            # Two hashes do for as many as are wanted (Kirsch and Mitzenmacher 2006).
            place = (words[row, 0] + np.uint64(turn) * (words[row, 1] | np.uint64(1))) & mask
            bits[place >> np.uint64(6)] |= np.uint64(1) << (place & np.uint64(63))


@njit(cache=True)  # type: ignore[untyped-decorator]
def _has(bits: Bits, words: Bits) -> bool:
    mask = np.uint64(64 * len(bits) - 1)
    for turn in range(HASHES):
        place = (words[0, 0] + np.uint64(turn) * (words[0, 1] | np.uint64(1))) & mask
        if not (bits[place >> np.uint64(6)] >> (place & np.uint64(63))) & np.uint64(1):
            return False
    return True
