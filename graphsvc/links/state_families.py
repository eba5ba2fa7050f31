"""Families of sketches some of which are new: only buckets that a new one falls into are looked at again.

What a bucket decides depends on its members alone, in the order of their contents. A newcomer that is like a leader
before it, or comes too late to lead, changes nothing for the others; after one that leads, the bucket is decided anew.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numba as nb
import numpy as np
import numpy.typing as npt

from graphsvc.links.buckets import join, mixed, roots
from graphsvc.links.families import (
    BAND_ROWS,
    LEADERS,
    SAMPLE_MAX,
    SIGNATURE,
    THREADS,
    Int32s,
    Int64s,
    Sketches,
    UInt32s,
    UInt64s,
    alike,
    joins,
    key_of,
    row_keys,
    verified,
)
from graphsvc.links.state import BANDS

FILTER_BITS = 12
FILTER_ROOM = 16
U64 = np.uint64

Bools = npt.NDArray[np.bool_]
Int8s = npt.NDArray[np.int8]


def leaders_of(sketches: Sketches, known: Int32s) -> Int32s:
    """[sketches, BANDS]: the sketch that each is like in its bucket of each band, itself if it leads, or -1. `known`
    are those of the first sketches, as this function gave them."""
    old, count = len(known), len(sketches.start) - 1
    new = np.repeat(np.arange(old, count, dtype=np.int32)[:, None], BANDS, axis=1)
    leader = np.concatenate([known, new])
    if not old:
        for band, (ones, others) in enumerate(joins(sketches)):
            leader[ones, band] = others
    elif old < count:
        _decide(sketches, leader, old)
    return leader


def joined(leader: Int32s) -> Int32s:
    """The smallest row of each sketch's family."""
    parent = np.arange(len(leader), dtype=np.int32)
    for band in range(BANDS):
        ones = np.flatnonzero((leader[:, band] >= 0) & (leader[:, band] != parent)).astype(np.int32)
        join(parent, ones, leader[ones, band])
    family: Int32s = roots(parent)
    return family


def _decide(sketches: Sketches, leader: Int32s, old: int) -> None:
    """First what the new ones are to the leaders there are, then all members of old buckets that a new one leads."""
    start = sketches.start[old:]
    keys = [
        np.unique(row_keys(sketches.words, start, band, band + BAND_ROWS)) for band in range(0, SIGNATURE, BAND_ROWS)
    ]
    near = _near(sketches, leader, keys, True)
    with ThreadPoolExecutor(THREADS) as threads:
        led = list(threads.map(lambda band: _join_old(sketches, *near[band], old, leader[:, band]), range(BANDS)))
        every = _near(sketches, leader, led, False)
        list(threads.map(lambda band: _decide_whole(sketches, *every[band], leader[:, band]), range(BANDS)))


def _near(sketches: Sketches, leader: Int32s, keys: list[UInt64s], leading: bool) -> list[tuple[Int32s, UInt64s]]:
    """By band, the sketches in buckets of these keys, if `leading` leaders alone, and the key of each."""
    bits = FILTER_BITS
    while 1 << bits < FILTER_ROOM * max(len(one) for one in keys):
        bits += 1
    filters = np.zeros((BANDS, 1 << bits), np.bool_)
    for band, key in enumerate(keys):
        filters[band, key >> U64(64 - bits)] = True
    bounds = pairwise(np.linspace(0, len(leader), THREADS + 1).astype(np.int64).tolist())
    words, start = sketches.words, sketches.start
    with ThreadPoolExecutor(THREADS) as threads:
        found = list(threads.map(lambda at: _passing(words, start, *at, filters, leader, leading), bounds))
    rows, bands, passing = (np.concatenate(part) for part in zip(*found, strict=True))
    by_band = [bands == band for band in range(BANDS)]
    kept = [np.flatnonzero(mine)[np.isin(passing[mine], key)] for mine, key in zip(by_band, keys, strict=True)]
    return [(rows[at], passing[at]) for at in kept]


def _join_old(sketches: Sketches, row: Int32s, key: UInt64s, old: int, leader: Int32s) -> UInt64s:
    """Puts new ones beside old leaders and new leaders of new buckets; the keys of old buckets that a new one leads,
    which are left undecided."""
    row, key, start = _buckets(sketches, row, key)
    led = _beside_old(row, start, old, sketches.words, sketches.start, leader)
    undecided: UInt64s = key[start[:-1][led]]
    return undecided


def _decide_whole(sketches: Sketches, row: Int32s, key: UInt64s, leader: Int32s) -> None:
    row, _, start = _buckets(sketches, row, key)
    ones, others = verified(row, start, sketches.words, sketches.start)
    leader[row] = row
    leader[ones] = others


def _buckets(sketches: Sketches, row: Int32s, key: UInt64s) -> tuple[Int32s, UInt64s, Int64s]:
    """Rows in the order of their keys and contents, the keys, and where each bucket begins and the last one ends."""
    order = np.lexsort((_contents(sketches.words, sketches.start, row), key))
    key = key[order]
    start = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1], [True]])[: len(key) + 1])
    return row[order], key, start.astype(np.int64)


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _passing(
    words: UInt32s, start: Int64s, first: int, last: int, filters: Bools, leader: Int32s, leading: bool
) -> tuple[Int32s, Int8s, UInt64s]:
    """Sketches, bands and keys that pass the filter; of sketches from `first` to `last`, if `leading` only leaders."""
    bits = 0
    while 1 << bits < filters.shape[1]:
        bits += 1
    rows, bands, keys = np.empty(1024, np.int32), np.empty(1024, np.int8), np.empty(1024, np.uint64)
    count = 0
    for row in range(first, last):
        for band in range(BANDS):
            if leading and leader[row, band] != row:
                continue
            place = start[row] + BAND_ROWS * band
            if place + BAND_ROWS <= start[row + 1]:
                # As `key_of` does, without its loop.
                key = mixed(mixed(U64(BAND_ROWS * band + 1), U64(words[place])), U64(words[place + 1]))
            else:
                key = key_of(words, start, row, band * BAND_ROWS, (band + 1) * BAND_ROWS)
            if filters[band, key >> U64(64 - bits)]:
                if count == rows.size:
                    rows = np.concatenate((rows, np.empty_like(rows)))
                    bands = np.concatenate((bands, np.empty_like(bands)))
                    keys = np.concatenate((keys, np.empty_like(keys)))
                rows[count], bands[count], keys[count] = row, band, key
                count += 1
    return rows[:count], bands[:count], keys[:count]


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _contents(words: UInt32s, start: Int64s, row: Int32s) -> UInt64s:
    content = np.empty(row.size, np.uint64)
    for place in range(row.size):
        content[place] = key_of(words, start, row[place], 0, SIGNATURE + SAMPLE_MAX)
    return content


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _beside_old(row: Int32s, bucket: Int64s, old: int, words: UInt32s, start: Int64s, leader: Int32s) -> Bools:
    """Sets the leader of each new member, those from `old` on; old ones are leaders. Which old buckets a new one leads.

    A bucket without an old leader has no old member at all.
    """
    leading = np.empty(LEADERS, np.int32)
    led = np.zeros(bucket.size - 1, np.bool_)
    for place in range(bucket.size - 1):
        count = 0
        is_old = row[bucket[place] : bucket[place + 1]].min() < old
        for at in range(bucket[place], bucket[place + 1]):
            index = 0
            while row[at] >= old and index < count and not alike(words, start, row[at], leading[index]):
                index += 1
            if row[at] < old or (index == count and count < LEADERS):
                if row[at] >= old and is_old:
                    led[place] = True
                    break
                leading[count] = row[at]
                count += 1
                continue
            leader[row[at]] = leading[index] if index < count else -1
    return led
