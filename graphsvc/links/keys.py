"""64-bit keys that stand for texts, so that millions of rows are grouped and joined by numbers.

FNV-1a (Fowler, Noll and Vo 1991) over the bytes of a row's texts, finished as in SplitMix64 (Steele et al. 2014); the
same on every machine. Among ten million texts two share a key with a chance of three in a million.
"""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

U64 = np.uint64
OFFSET = U64(0xCBF29CE484222325)
PRIME = U64(0x100000001B3)
BETWEEN = U64(0x1F)

Int64s = npt.NDArray[np.int64]
UInt8s = npt.NDArray[np.uint8]
UInt64s = npt.NDArray[np.uint64]


def keys_of(*columns: pa.Array) -> Int64s:
    """int64[rows]: the key of each row's texts, taken in the order of the columns; none may be null."""
    state = np.full(len(columns[0]), OFFSET, np.uint64)
    for column in columns:
        texts = column.cast(pa.large_string())
        ends = np.frombuffer(texts.buffers()[1], np.int64)[texts.offset : texts.offset + len(texts) + 1]
        data = texts.buffers()[2]
        _stirred(state, ends, np.frombuffer(data, np.uint8) if data else np.empty(0, np.uint8))
    keys: Int64s = _finished(state).view(np.int64)
    return keys


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _stirred(state: UInt64s, ends: Int64s, data: UInt8s) -> None:
    for row in range(state.size):
        mixed = state[row]
        for place in range(ends[row], ends[row + 1]):
            mixed = (mixed ^ U64(data[place])) * PRIME
        state[row] = (mixed ^ BETWEEN) * PRIME


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _finished(state: UInt64s) -> UInt64s:
    for row in range(state.size):
        mixed = state[row]
        mixed = (mixed ^ (mixed >> U64(30))) * U64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> U64(27))) * U64(0x94D049BB133111EB)
        state[row] = mixed ^ (mixed >> U64(31))
    return state
