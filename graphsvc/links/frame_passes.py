"""The passes over samples of graphsvc.links.frame_kernels, each cut into stretches that run side by side.

What a stretch gives is added up, in their order, so that neither their number nor who ends first decides anything.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from graphsvc.links import frame_kernels as kernels

THREADS = 2

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
UInt8s = npt.NDArray[np.uint8]
UInt32s = npt.NDArray[np.uint32]
UInt64s = npt.NDArray[np.uint64]
Text = tuple[UInt32s, Int64s, Int32s]
Table = tuple[Int32s, UInt8s]


def repeated(text: Text, start: Int64s) -> UInt32s:
    """See `frame_kernels.repeated`."""
    with ThreadPoolExecutor(THREADS) as threads:
        found = threads.map(lambda part: kernels.repeated(*text, part), _by_account(start))
        return np.concatenate([np.empty(0, np.uint32), *found])


def askers(text: Text, start: Int64s, table: Table, shingle: UInt32s) -> Int64s:
    """See `frame_kernels.askers`."""
    with ThreadPoolExecutor(THREADS) as threads:
        found = threads.map(lambda part: kernels.askers(*text, part, *table, shingle), _by_account(start))
        count: Int64s = np.sum([np.zeros(len(shingle), np.int64), *found], axis=0)
    return count


def company(text: Text, key: UInt64s, table: Table, shingle: UInt32s) -> UInt32s:
    """See `frame_kernels.company`."""
    words, begin, sketch = text
    with ThreadPoolExecutor(THREADS) as threads:
        found = threads.map(
            lambda part: kernels.company(words, begin, part, key, *table, shingle), np.array_split(sketch, THREADS)
        )
        signature: UInt32s = np.minimum.reduce(list(found))
    return signature


def holders(
    text: Text, table: Table, shingle: UInt32s, frame: Int32s, named: UInt32s, first: Int64s
) -> tuple[Int64s, Int32s]:
    """See `frame_kernels.holders`."""
    words, begin, sketch = text
    bounds = list(pairwise(np.linspace(0, len(sketch), THREADS + 1).astype(np.int64).tolist()))
    with ThreadPoolExecutor(THREADS) as threads:
        found = list(
            threads.map(
                lambda at: kernels.holders(words, begin, sketch[at[0] : at[1]], *table, shingle, frame, named, first),
                bounds,
            )
        )
    places = [place + low for (low, _), (place, _) in zip(bounds, found, strict=True)]
    return np.concatenate(places), np.concatenate([held for _, held in found])


def _by_account(start: Int64s) -> list[Int64s]:
    """Where prompts of accounts begin, in THREADS stretches of accounts with about as many prompts each."""
    bounds = np.searchsorted(start, np.linspace(0, start[-1], THREADS + 1)).tolist()
    bounds[-1] = len(start) - 1
    return [start[low : high + 1] for low, high in pairwise(bounds) if high > low]
