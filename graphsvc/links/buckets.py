"""Banded locality-sensitive hashing: who shares a band of a MinHash signature, and sets that joins make.

Indyk and Motwani 1998. The order within a bucket is that of contents, and only buckets of two and more are sorted.
"""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

from graphsvc.links.order import order_of_hashes

FILTER_BITS = 26

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
UInt32s = npt.NDArray[np.uint32]
UInt64s = npt.NDArray[np.uint64]
U64 = np.uint64


def buckets(key: UInt64s, ranked: Int32s) -> tuple[Int32s, Int64s]:
    """Rows that share their key with another: `row[start[i]:start[i + 1]]` is a bucket, in the order of `ranked`."""
    row = crowded(key, ranked)
    row = row[order_of_hashes(key[row])]
    ordered = key[row]
    start = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1], [True]])[: len(row) + 1])
    return row, start.astype(np.int64)


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def crowded(key: UInt64s, ranked: Int32s) -> Int32s:
    """Rows that may share their key: a count by part of the key leaves out most that do not."""
    bits = 16
    while bits < FILTER_BITS and 1 << bits < 8 * key.size:
        bits += 1
    shift = U64(64 - bits)
    seen = np.zeros(1 << bits, np.uint8)
    for one in key:
        slot = one >> shift
        seen[slot] = min(seen[slot] + 1, 2)
    out = np.empty(ranked.size, np.int32)
    count = 0
    for row in ranked:
        if seen[key[row] >> shift] > 1:
            out[count] = row
            count += 1
    return out[:count]


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def mixed(state: np.uint64, value: np.uint64) -> np.uint64:
    """One step of a hash of many values, all bits of which are of use."""
    state = (state ^ value) * U64(0xFF51AFD7ED558CCD)
    state ^= state >> U64(32)
    state *= U64(0xC4CEB9FE1A85EC53)
    return state ^ (state >> U64(29))


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def root(parent: Int32s, row: int) -> int:
    """The smallest row of a set."""
    while parent[row] != row:
        parent[row] = parent[parent[row]]
        row = parent[row]
    return row


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def join(parent: Int32s, ones: Int32s, others: Int32s) -> None:
    """Joins the sets of each pair (union-find with path halving, Tarjan and van Leeuwen 1984)."""
    for place in range(ones.size):
        one, other = root(parent, ones[place]), root(parent, others[place])
        parent[max(one, other)] = min(one, other)


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def roots(parent: Int32s) -> Int32s:
    """The smallest row of each row's set."""
    for row in range(parent.size):
        parent[row] = root(parent, row)
    return parent
