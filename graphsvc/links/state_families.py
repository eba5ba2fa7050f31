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

from graphsvc.links.buckets import crowded, join, mixed, roots
from graphsvc.links.families import (
    BAND_ROWS,
    LEADERS,
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
)
from graphsvc.links.state import BANDS

FILTER_BITS = 12
FILTER_ROOM = 16
BLOCK = 512
U64 = np.uint64

Bools = npt.NDArray[np.bool_]
Int8s = npt.NDArray[np.int8]
UInt8s = npt.NDArray[np.uint8]


def leaders_of(sketches: Sketches, content: UInt64s, known: Int32s) -> Int32s:
    """[sketches, BANDS]: the sketch that each is like in its bucket of each band, itself if it leads, or -1.

    `content`: `content_keys` of all; `known` are the leaders of the first sketches, as this function gave them.
    """
    old, count = len(known), len(sketches.start) - 1
    if old == count:
        return known
    new = np.repeat(np.arange(old, count, dtype=np.int32)[:, None], BANDS, axis=1)
    leader = np.concatenate([known, new])
    if not old:
        for band, (ones, others) in enumerate(joins(sketches)):
            leader[ones, band] = others
    else:
        _decide(sketches, content, leader, old)
    return leader


def joined(leader: Int32s) -> Int32s:
    """The smallest row of each sketch's family."""
    parent = np.arange(len(leader), dtype=np.int32)
    for band in range(BANDS):
        ones = np.flatnonzero((leader[:, band] >= 0) & (leader[:, band] != parent)).astype(np.int32)
        join(parent, ones, leader[ones, band])
    family: Int32s = roots(parent)
    return family


def _decide(sketches: Sketches, content: UInt64s, leader: Int32s, old: int) -> None:
    """First what the new ones are to the leaders there are, then all members of old buckets that a new one leads."""
    text = sketches.words, sketches.start
    bands = range(0, SIGNATURE, BAND_ROWS)

    def fallen_into(band: int) -> UInt64s:
        return np.unique(row_keys(sketches.words, sketches.start[old:], band, band + BAND_ROWS))

    def beside(band: int, near: tuple[Int32s, UInt64s]) -> UInt64s:
        row, key, start = _buckets(content, *near)
        led: UInt64s = key[start[:-1][_beside_old(row, start, old, *text, leader[:, band])]]
        return led

    def decide_again(band: int, near: tuple[Int32s, UInt64s]) -> None:
        row, _, start = _buckets(content, *near)
        _decided_again(row, start, old, *text, leader[:, band])

    with ThreadPoolExecutor(THREADS) as threads:
        keys = list(threads.map(fallen_into, bands))
        led = list(threads.map(beside, range(BANDS), _near(sketches, leader, keys, True)))
        list(threads.map(decide_again, range(BANDS), _near(sketches, leader, led, False)))


def _near(sketches: Sketches, leader: Int32s, keys: list[UInt64s], leading: bool) -> list[tuple[Int32s, UInt64s]]:
    """By band, the sketches in buckets of these keys, which ascend; if `leading`, leaders alone. And the keys."""
    bits = FILTER_BITS
    while 1 << bits < FILTER_ROOM * max(len(one) for one in keys):
        bits += 1
    filters = np.zeros((BANDS, 1 << bits >> 3), np.uint8)
    for band, key in enumerate(keys):
        slot = key >> U64(64 - bits)
        np.bitwise_or.at(filters[band], slot >> U64(3), np.uint8(1) << (slot & U64(7)).astype(np.uint8))
    first = np.cumsum([0, *(len(one) for one in keys)]).astype(np.int64)
    wanted = filters, np.concatenate(keys), first
    bounds = pairwise(np.linspace(0, len(leader), THREADS + 1).astype(np.int64).tolist())
    words, start = sketches.words, sketches.start
    with ThreadPoolExecutor(THREADS) as threads:
        found = list(threads.map(lambda at: _passing(words, start, *at, *wanted, leader, leading), bounds))
    rows, bands, passing = (np.concatenate(part) for part in zip(*found, strict=True))
    order = np.argsort(bands, kind="stable")
    ends = np.searchsorted(bands[order], np.arange(1, BANDS))
    return list(zip(np.split(rows[order], ends), np.split(passing[order], ends), strict=True))


def _buckets(content: UInt64s, row: Int32s, key: UInt64s) -> tuple[Int32s, UInt64s, Int64s]:
    """Rows in the order of their keys and contents, the keys, and where each bucket begins and the last one ends; most
    rows that are alone in their bucket are left out."""
    shared = crowded(key, np.arange(len(row), dtype=np.int32))
    row, key = row[shared], key[shared]
    order = np.lexsort((content[row], key))
    key = key[order]
    start = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1], [True]])[: len(key) + 1])
    return row[order], key, start.astype(np.int64)


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _passing(
    words: UInt32s,
    start: Int64s,
    begin: int,
    end: int,
    filters: UInt8s,
    wanted: UInt64s,
    first: Int64s,
    leader: Int32s,
    leading: bool,
) -> tuple[Int32s, Int8s, UInt64s]:
    """Sketches from `begin` to `end`, if `leading` only leaders, and bands whose keys are among those wanted in the
    band, `wanted[first[band]:first[band + 1]]`; and the keys. `filters` say of most others that they are not."""
    bits = 3
    while 1 << bits < filters.shape[1] * 8:
        bits += 1
    rows, bands, keys = np.empty(1024, np.int32), np.empty(1024, np.int8), np.empty(1024, np.uint64)
    count = 0
    # Band by band over few sketches, whose words and whose filter then stay at hand.
    for block in range(begin, end, BLOCK):
        for band in range(BANDS):
            among = wanted[first[band] : first[band + 1]]
            for row in range(block, min(block + BLOCK, end)):
                if leading and leader[row, band] != row:
                    continue
                place = start[row] + BAND_ROWS * band
                if place + BAND_ROWS <= start[row + 1]:
                    # As `key_of` does, without its loop.
                    key = mixed(mixed(U64(BAND_ROWS * band + 1), U64(words[place])), U64(words[place + 1]))
                else:
                    key = key_of(words, start, row, band * BAND_ROWS, (band + 1) * BAND_ROWS)
                slot = key >> U64(64 - bits)
                if not filters[band, slot >> U64(3)] >> (slot & U64(7)) & U64(1):
                    continue
                at = np.searchsorted(among, key)
                if at == among.size or among[at] != key:
                    continue
                if count == rows.size:
                    rows = np.concatenate((rows, np.empty_like(rows)))
                    bands = np.concatenate((bands, np.empty_like(bands)))
                    keys = np.concatenate((keys, np.empty_like(keys)))
                rows[count], bands[count], keys[count] = row, band, key
                count += 1
    return rows[:count], bands[:count], keys[:count]


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


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _decided_again(row: Int32s, bucket: Int64s, old: int, words: UInt32s, start: Int64s, leader: Int32s) -> None:
    """Sets the leader of each member, given what those before `old` had without the others.

    What a member was to the old leaders before its own, and to its own, it still is: only new leaders are compared.
    """
    leading, rank = np.empty(LEADERS, np.int32), np.empty(LEADERS, np.int32)
    led = np.empty(LEADERS, np.int32)
    for place in range(bucket.size - 1):
        count = led_count = 0
        for at in range(bucket[place], bucket[place + 1]):
            one = row[at]
            own = led_count
            if one < old and leader[one] >= 0:
                own = 0
                while own < led_count and led[own] != leader[one]:
                    own += 1
            index = 0
            while index < count:
                known = one < old and rank[index] >= 0
                if known and rank[index] == own:
                    break
                if not (known and rank[index] < own) and alike(words, start, one, leading[index]):
                    break
                index += 1
            led_before = one < old and leader[one] == one
            if led_before:
                led[led_count] = one
                led_count += 1
            if index < count:
                leader[one] = leading[index]
            elif count < LEADERS:
                leader[one] = leading[count] = one
                rank[count] = led_count - 1 if led_before else -1
                count += 1
            else:
                leader[one] = -1
