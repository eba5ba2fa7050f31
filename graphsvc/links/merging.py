"""Sorted tables that grow: where new rows belong among old ones, and how to put them there.

Old rows are never compared with each other again: a pass over a table costs what copying it does, a search what is new.
"""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
Ints = npt.NDArray[np.integer]
UInt8s = npt.NDArray[np.uint8]
UInt64s = npt.NDArray[np.uint64]
U64 = np.uint64
WORD_BYTES = 7


def places(among: Int64s, wanted: Int64s) -> Int64s:
    """Where each wanted value stands among distinct ones, or -1."""
    found: Int64s = _looked_up(among, wanted) if len(among) < len(wanted) else _looked_for(among, wanted)
    return found


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _looked_up(among: Int64s, wanted: Int64s) -> Int64s:
    """By a table of those that there are."""
    size = 16
    while size < 2 * among.size:
        size *= 2
    slot = np.full(size, np.int32(-1), np.int32)
    for row in range(among.size):
        at = _slot(among[row], size)
        while slot[at] >= 0:
            at = (at + 1) & (size - 1)
        slot[at] = row
    place = np.empty(wanted.size, np.int64)
    for index in range(wanted.size):
        at = _slot(wanted[index], size)
        while slot[at] >= 0 and among[slot[at]] != wanted[index]:
            at = (at + 1) & (size - 1)
        place[index] = slot[at]
    return place


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _looked_for(among: Int64s, wanted: Int64s) -> Int64s:
    """By a table of those that are wanted, where they are the fewer."""
    size = 16
    while size < 2 * wanted.size:
        size *= 2
    slot = np.full(size, np.int32(-1), np.int32)
    same = np.empty(wanted.size, np.int32)
    for index in range(wanted.size):
        at = _slot(wanted[index], size)
        while slot[at] >= 0 and wanted[slot[at]] != wanted[index]:
            at = (at + 1) & (size - 1)
        if slot[at] < 0:
            slot[at] = index
        same[index] = slot[at]
    place = np.full(wanted.size, -1, np.int64)
    for row in range(among.size):
        at = _slot(among[row], size)
        while slot[at] >= 0 and wanted[slot[at]] != among[row]:
            at = (at + 1) & (size - 1)
        if slot[at] >= 0:
            place[slot[at]] = row
    return place[same]


@nb.njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def _slot(value: int, size: int) -> np.int64:
    mixed = U64(value) * U64(0x9E3779B97F4A7C15)
    return np.int64((mixed ^ (mixed >> U64(32))) & U64(size - 1))


def inserted(before: pa.Table, new: pa.Table, at: Int64s) -> pa.Table:
    """Both tables' rows: each of `new` comes before row `at` (ascending) of `before`."""
    if not len(new) or not len(before):
        return before if len(before) else new.combine_chunks()
    # Column by column, so that no more than one is there twice.
    return pa.table(
        {name: _put_in(before[name], new[name].cast(before[name].type), at) for name in before.column_names}
    )


def _put_in(before: pa.ChunkedArray, new: pa.ChunkedArray, at: Int64s) -> pa.Array:
    rows = len(before) + len(new)
    if pa.types.is_integer(before.type):
        numbers = np.empty(rows, before.type.to_pandas_dtype())
        _numbers_put_in(before.to_numpy(), new.to_numpy(), at, numbers)
        return pa.array(numbers)
    if pa.types.is_string(before.type):
        (data, ends), (new_data, new_ends) = _buffers(before), _buffers(new)
        out = np.empty(int(ends[-1] - ends[0]) + int(new_ends[-1] - new_ends[0]), np.uint8)
        if len(out) <= np.iinfo(np.int32).max:
            out_ends = np.empty(rows + 1, np.int32)
            _texts_put_in(data, ends, new_data, new_ends, at, out, out_ends)
            return pa.Array.from_buffers(pa.string(), rows, [None, pa.py_buffer(out_ends), pa.py_buffer(out)])
    return pa.concat_arrays([*before.chunks, *new.chunks]).take(pa.array(_order(len(before), at)))


def _order(rows: int, at: Int64s) -> Int64s:
    """Which row, of so many old ones and then the new ones, stands in each place."""
    order = np.empty(rows + len(at), np.int64)
    _numbers_put_in(np.arange(rows), rows + np.arange(len(at)), at, order)
    return order


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _numbers_put_in(before: Ints, new: Ints, at: Int64s, out: Ints) -> None:
    index = 0
    for row in range(before.size + 1):
        while index < at.size and at[index] == row:
            out[row + index] = new[index]
            index += 1
        if row < before.size:
            out[row + index] = before[row]


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _texts_put_in(
    data: UInt8s, ends: Int32s, new_data: UInt8s, new_ends: Int32s, at: Int64s, out: UInt8s, out_ends: Int32s
) -> None:
    index, end = 0, 0
    out_ends[0] = 0
    for row in range(ends.size):
        while index < at.size and at[index] == row:
            for place in range(new_ends[index], new_ends[index + 1]):
                out[end] = new_data[place]
                end += 1
            index += 1
            out_ends[row + index] = end
        if row < ends.size - 1:
            for place in range(ends[row], ends[row + 1]):
                out[end] = data[place]
                end += 1
            out_ends[row + index + 1] = end


def in_order(group: Ints, texts: pa.ChunkedArray) -> Int64s:
    """The order of rows by group (0 to 65,535) and then by text; of equal rows the first comes first.

    Some bytes are compared at a time, as a number, and only rows that are alike so far are compared again.
    """
    data, ends = _buffers(texts)
    order = np.argsort(group.astype(np.uint16), kind="stable")
    # Those of one number are alike so far; numbers ascend.
    alike = group[order].astype(np.int64)
    rows, depth = np.arange(len(order)), 0
    while len(rows):
        word = _words(data, ends, order[rows], depth)
        by = np.lexsort((word, alike[rows]))
        order[rows], word, number = order[rows][by], word[by], alike[rows]
        new = np.concatenate([[True], (number[1:] != number[:-1]) | (word[1:] != word[:-1])])
        alike[rows] = rows[np.maximum.accumulate(np.where(new, np.arange(len(rows)), 0))]
        alone = new & np.append(new[1:], True)
        rows, depth = rows[~alone & (word & U64(0xFF) > WORD_BYTES)], depth + WORD_BYTES
    return order


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _words(data: UInt8s, ends: Int32s, rows: Int64s, depth: int) -> UInt64s:
    """WORD_BYTES bytes of each row's text, from `depth` on, as a number; in its lowest byte how many there are still,
    so that of two texts the one that ends comes first."""
    out = np.empty(rows.size, np.uint64)
    for index in range(rows.size):
        begin, end = ends[rows[index]] + depth, ends[rows[index] + 1]
        word = U64(0)
        for place in range(begin, begin + WORD_BYTES):
            word = word << U64(8) | U64(data[place] if place < end else 0)
        out[index] = word << U64(8) | U64(min(end - begin, WORD_BYTES + 1))
    return out


def moved(rows: int, at: Int64s) -> Int32s:
    """The new row of each of so many old ones, when new ones came before rows `at`."""
    return (np.arange(rows) + np.cumsum(np.bincount(at, minlength=rows + 1))[:rows]).astype(np.int32)


def beside(texts: pa.ChunkedArray, wanted: pa.ChunkedArray) -> Int64s:
    """Before which row of ascending texts each wanted one belongs."""
    low = np.zeros(len(wanted), np.int64)
    return _bounds(texts, wanted, low, low + len(texts), False)


def beside_both(texts: tuple[pa.ChunkedArray, ...], wanted: tuple[pa.ChunkedArray, ...]) -> Int64s:
    """`beside` for pairs of texts, ascending by the first and then by the second."""
    low = np.zeros(len(wanted[0]), np.int64)
    low, high = (_bounds(texts[0], wanted[0], low, low + len(texts[0]), after) for after in (False, True))
    return _bounds(texts[1], wanted[1], low, high, False)


def _bounds(texts: pa.ChunkedArray, wanted: pa.ChunkedArray, low: Int64s, high: Int64s, after: bool) -> Int64s:
    found: Int64s = _bound(*_buffers(texts), *_buffers(wanted), low, high, after)
    return found


def _buffers(texts: pa.ChunkedArray) -> tuple[UInt8s, Int32s]:
    array = texts.combine_chunks() if texts.num_chunks != 1 else texts.chunk(0)
    if not len(array):
        return np.empty(0, np.uint8), np.zeros(1, np.int32)
    _, ends, data = array.buffers()
    bounds = np.frombuffer(ends, np.int32)[array.offset : array.offset + len(array) + 1]
    return np.frombuffer(data, np.uint8) if data else np.empty(0, np.uint8), bounds


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _bound(
    data: UInt8s, ends: Int32s, other: UInt8s, other_ends: Int32s, low: Int64s, high: Int64s, after: bool
) -> Int64s:
    """The first row of each range that is not below a wanted text, or, if `after`, that is above it."""
    out = np.empty(low.size, np.int64)
    for index in range(low.size):
        first, last = low[index], high[index]
        while first < last:
            middle = (first + last) >> 1
            a, b = ends[middle], other_ends[index]
            while a < ends[middle + 1] and b < other_ends[index + 1] and data[a] == other[b]:
                a += 1
                b += 1
            if b == other_ends[index + 1]:
                below = after and a == ends[middle + 1]
            else:
                below = a == ends[middle + 1] or data[a] < other[b]
            if below:
                first = middle + 1
            else:
                last = middle
        out[index] = first
    return out


def beside_times(account: Int32s, at: Int64s, wanted: Int32s, wanted_at: Int64s) -> Int64s:
    """Before which row, ascending by account and by when it was, wanted ones belong: behind those of the same time."""
    low = np.searchsorted(account, wanted).astype(np.int64)
    high = np.searchsorted(account, wanted, side="right").astype(np.int64)
    out: Int64s = _after(at, wanted_at, low, high)
    return out


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _after(at: Int64s, wanted_at: Int64s, low: Int64s, high: Int64s) -> Int64s:
    out = np.empty(wanted_at.size, np.int64)
    for index in range(wanted_at.size):
        within = at[low[index] : high[index]]
        out[index] = low[index] + np.searchsorted(within, wanted_at[index], side="right")
    return out
