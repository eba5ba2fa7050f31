"""Millions of 64-bit keys as small numbers, and rows of one number folded into one row."""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

from graphsvc.links.prefetch import prefetch

AHEAD = 12
START = 1 << 16
U64 = np.uint64

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]


class Numbering:
    """Numbers for keys in the order in which they come up, by open addressing."""

    def __init__(self) -> None:
        self._slot = np.full(2 * START, -1, np.int32)
        self._key = np.empty(START, np.int64)
        self._count = 0

    @property
    def keys(self) -> Int64s:
        """The key of each number."""
        return self._key[: self._count]

    def of(self, keys: Int64s) -> Int32s:
        """The number of each key; one that did not come up before gets the next."""
        self._make_room(self._count + len(keys))
        number: Int32s
        number, self._count = _numbered(keys, self._slot, self._key, self._count, True)
        return number

    def known(self, keys: Int64s) -> Int32s:
        """The number of each key, -1 for one that did not come up."""
        number: Int32s = _numbered(keys, self._slot, self._key, self._count, False)[0]
        return number

    def _make_room(self, count: int) -> None:
        if count <= len(self._key):
            return
        size = len(self._key)
        while size < count:
            size *= 2
        self._key = np.concatenate([self._key[: self._count], np.empty(size - self._count, np.int64)])
        self._slot = np.full(2 * size, -1, np.int32)
        _placed(self._key, self._count, self._slot)


@nb.njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def _slot_of(key: int, size: int) -> np.int64:
    mixed = U64(key) * U64(0x9E3779B97F4A7C15)
    return np.int64((mixed ^ (mixed >> U64(32))) & U64(size - 1))


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _placed(key: Int64s, count: int, slot: Int32s) -> None:
    for number in range(count):
        at = _slot_of(key[number], slot.size)
        while slot[at] >= 0:
            at = (at + 1) & (slot.size - 1)
        slot[at] = number


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _numbered(keys: Int64s, slot: Int32s, known: Int64s, count: int, adding: bool) -> tuple[Int32s, int]:
    """The number of each key, and how many there are; `known` has room for all that may come."""
    number = np.empty(keys.size, np.int32)
    for row in range(keys.size):
        prefetch(slot, _slot_of(keys[min(row + AHEAD, keys.size - 1)], slot.size))
        if row and keys[row] == keys[row - 1]:
            number[row] = number[row - 1]
            continue
        at = _slot_of(keys[row], slot.size)
        while slot[at] >= 0 and known[slot[at]] != keys[row]:
            at = (at + 1) & (slot.size - 1)
        if slot[at] < 0 and adding:
            slot[at] = count
            known[count] = keys[row]
            count += 1
        number[row] = slot[at]
    return number, count


def firsts(number: Int32s, count: int) -> Int64s:
    """The first row of each number."""
    first = np.empty(count, np.int64)
    first[number[::-1]] = np.arange(len(number) - 1, -1, -1)
    return first


def folded(pair: Int64s, first_ms: Int64s, last_ms: Int64s, count: Int32s) -> tuple[Int64s, Int64s, Int64s, Int32s]:
    """Rows of one pair as one, ascending by pair: the pair, the least `first_ms`, the greatest `last_ms`, all of
    `count`."""
    order = np.argsort(pair)
    rows: tuple[Int64s, Int64s, Int64s, Int32s] = _folded(pair, order, first_ms, last_ms, count)
    return rows


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _folded(
    pair: Int64s, order: Int64s, first_ms: Int64s, last_ms: Int64s, count: Int32s
) -> tuple[Int64s, Int64s, Int64s, Int32s]:
    out, first = np.empty(pair.size, np.int64), np.empty(pair.size, np.int64)
    last, counts = np.empty(pair.size, np.int64), np.empty(pair.size, np.int32)
    end = 0
    for place in range(order.size):
        row = order[place]
        if end and out[end - 1] == pair[row]:
            first[end - 1] = min(first[end - 1], first_ms[row])
            last[end - 1] = max(last[end - 1], last_ms[row])
            counts[end - 1] += count[row]
            continue
        out[end], first[end], last[end], counts[end] = pair[row], first_ms[row], last_ms[row], count[row]
        end += 1
    return out[:end].copy(), first[:end].copy(), last[:end].copy(), counts[:end].copy()
