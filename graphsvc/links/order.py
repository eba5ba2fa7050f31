"""The order of millions of rows: one number a row, in which the row itself has the last bits, is sorted in a fraction
of the time that it takes to sort places, and equal ones stay in their order."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]
UInt64s = npt.NDArray[np.uint64]
BITS = 64


def order_of(*columns: npt.NDArray[np.integer]) -> Int64s:
    """The stable order of rows by columns of whole numbers of 0 and more, the first column first."""
    widths = [int(column.max(initial=0)).bit_length() for column in columns]
    if sum(widths) > BITS:
        return np.lexsort(columns[::-1])
    key = np.zeros(len(columns[0]), np.uint64)
    for column, width in zip(columns, widths, strict=True):
        key <<= np.uint64(width)
        key |= column.astype(np.uint64)
    room = _room(key)
    return _placed(key << np.uint64(room), room) if sum(widths) + room <= BITS else np.argsort(key, kind="stable")


def order_of_hashes(key: UInt64s) -> Int64s:
    """The stable order of keys that seldom agree in their upper bits without being the same."""
    room = _room(key)
    order = _placed(key, room)
    ordered = key[order]
    return np.argsort(key, kind="stable") if (ordered[1:] < ordered[:-1]).any() else order


def _room(key: UInt64s) -> int:
    """Bits for the number of a row."""
    return (len(key) - 1).bit_length() if len(key) > 1 else 1


def _placed(key: UInt64s, room: int) -> Int64s:
    """The order by all but the last `room` bits."""
    last = np.uint64((1 << room) - 1)
    return (np.sort((key & ~last) | np.arange(len(key), dtype=np.uint64)) & last).astype(np.int64)
