"""The loops over samples that graphsvc.links.frames is made of.

Everywhere `words` and `begin` are those of Sketches, and `sketch` has the sketches of prompts, account by account.
"""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

from graphsvc.links.prefetch import prefetch

AHEAD = 12
LINE_WORDS = 16
SIGNATURE = 32
SAMPLE_MAX = 64
PROMPTS_MIN = 3
"""Prompts of an account that show a frame: two alike may be one that was sent again."""
USUAL = 3
"""Of the accounts that write a frame's shingle at all, at least one in this many repeats it."""
COMPANY = 16
LEADERS = 8
LOOKED_AT = 16
"""Prompts of one account and frame whose neighbours are compared, the first by content."""

Bools = npt.NDArray[np.bool_]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
UInt8s = npt.NDArray[np.uint8]
UInt32s = npt.NDArray[np.uint32]
UInt64s = npt.NDArray[np.uint64]
U64 = np.uint64


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def repeated(words: UInt32s, begin: Int64s, sketch: Int32s, start: Int64s) -> UInt32s:
    """Shingles, once for each account that repeats them: in PROMPTS_MIN prompts, and in more where it has many.

    What comes back by chance grows with the number of prompts, but slower: its square root is asked for.
    """
    most = total = np.int64(0)
    for account in range(start.size - 1):
        if start[account + 1] - start[account] >= PROMPTS_MIN:
            size = _entries(begin, sketch, start[account], start[account + 1])
            most = max(most, size)
            total += size // PROMPTS_MIN
    out = np.empty(total, np.uint32)
    count = 0
    capacity = _slots(most)
    owner = np.full(capacity, np.int64(-1), np.int64)
    value, times = np.empty(capacity, np.uint32), np.empty(capacity, np.int32)
    for account in range(start.size - 1):
        prompts = start[account + 1] - start[account]
        if prompts < PROMPTS_MIN:
            continue
        slots = _slots(_entries(begin, sketch, start[account], start[account + 1]))
        needed = max(PROMPTS_MIN, int(np.sqrt(prompts)))
        for place in range(start[account], start[account + 1]):
            _ask_ahead(words, begin, sketch, place)
            for at in range(begin[sketch[place]] + SIGNATURE, begin[sketch[place] + 1]):
                slot = _slot(words[at], slots)
                while owner[slot] == account and value[slot] != words[at]:
                    slot = (slot + 1) & (slots - 1)
                if owner[slot] != account:
                    owner[slot], value[slot], times[slot] = account, words[at], 0
                times[slot] += 1
                if times[slot] == needed:
                    out[count] = words[at]
                    count += 1
    return out[:count]


@nb.njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def _ask_ahead(words: UInt32s, begin: Int64s, sketch: Int32s, place: int) -> None:
    """Sketches of an account lie anywhere: without asking ahead half the time would go into waiting for them."""
    prefetch(begin, np.int64(sketch[min(place + 2 * AHEAD, sketch.size - 1)]))
    soon = begin[sketch[min(place + AHEAD, sketch.size - 1)]] + SIGNATURE
    for line in range(0, SAMPLE_MAX, LINE_WORDS):
        prefetch(words, soon + line)


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _slots(entries: int) -> int:
    slots = 16
    while slots < 2 * entries:
        slots *= 2
    return slots


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _entries(begin: Int64s, sketch: Int32s, first: int, last: int) -> int:
    size = 0
    for place in range(first, last):
        size += begin[sketch[place] + 1] - begin[sketch[place]] - SIGNATURE
    return size


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def table_of(shingle: UInt32s) -> tuple[Int32s, UInt8s]:
    """Where each shingle stands: an open table of places, -1 where empty, and a filter of one bit in 64."""
    slots = _slots(shingle.size)
    table = np.full(slots, np.int32(-1), np.int32)
    bits = np.zeros(slots * 4, np.uint8)
    for place in range(shingle.size):
        slot = _slot(shingle[place], slots)
        while table[slot] >= 0:
            slot = (slot + 1) & (slots - 1)
        table[slot] = place
        bit = _slot(shingle[place], bits.size * 8)
        bits[bit >> 3] |= np.uint8(1 << (bit & 7))
    return table, bits


@nb.njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def _slot(shingle: np.uint32, slots: int) -> np.int64:
    mixed = U64(shingle) * U64(0x9E3779B97F4A7C15)
    return np.int64((mixed ^ (mixed >> U64(29))) & U64(slots - 1))


@nb.njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def _find(value: np.uint32, shingle: UInt32s, table: Int32s, bits: UInt8s) -> int:
    bit = _slot(value, bits.size * 8)
    if not bits[bit >> 3] & np.uint8(1 << (bit & 7)):
        return -1
    slot = _slot(value, table.size)
    while table[slot] >= 0:
        if shingle[table[slot]] == value:
            return int(table[slot])
        slot = (slot + 1) & (table.size - 1)
    return -1


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def askers(
    words: UInt32s, begin: Int64s, sketch: Int32s, start: Int64s, table: Int32s, bits: UInt8s, shingle: UInt32s
) -> Int64s:
    """How many accounts of PROMPTS_MIN prompts and more have each shingle at all."""
    count = np.zeros(shingle.size, np.int64)
    last = np.full(shingle.size, np.int64(-1), np.int64)
    for account in range(start.size - 1):
        if start[account + 1] - start[account] < PROMPTS_MIN:
            continue
        for place in range(start[account], start[account + 1]):
            _ask_ahead(words, begin, sketch, place)
            for at in range(begin[sketch[place]] + SIGNATURE, begin[sketch[place] + 1]):
                found = _find(words[at], shingle, table, bits)
                if found >= 0 and last[found] != account:
                    last[found] = account
                    count[found] += 1
    return count


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def company(
    words: UInt32s, begin: Int64s, sketch: Int32s, key: UInt64s, table: Int32s, bits: UInt8s, shingle: UInt32s
) -> UInt32s:
    """MinHash of the set of prompts that have each shingle: uint32[shingles, COMPANY]; `key` by sketch."""
    signature = np.full((shingle.size, COMPANY), np.uint32(0xFFFFFFFF), np.uint32)
    for prompt in range(sketch.size):
        _ask_ahead(words, begin, sketch, prompt)
        row = sketch[prompt]
        for at in range(begin[row] + SIGNATURE, begin[row + 1]):
            found = _find(words[at], shingle, table, bits)
            if found >= 0:
                state = key[row]
                for place in range(COMPANY):
                    state = (state + U64(0x9E3779B97F4A7C15)) * U64(0xBF58476D1CE4E5B9)
                    state ^= state >> U64(31)
                    signature[found, place] = min(signature[found, place], np.uint32(state >> U64(32)))
    return signature


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def mates(row: Int32s, bucket: Int64s, company: UInt32s) -> tuple[Int32s, Int32s]:
    """Each shingle of a bucket beside the first of its leaders whose prompts are half the same or more."""
    leaders = np.empty(LEADERS, np.int32)
    ones, others = np.empty(row.size, np.int32), np.empty(row.size, np.int32)
    found = 0
    for place in range(bucket.size - 1):
        count = 0
        for at in range(bucket[place], bucket[place + 1]):
            index = 0
            while index < count and 2 * (company[row[at]] == company[leaders[index]]).sum() < COMPANY:
                index += 1
            if index < count:
                ones[found], others[found] = row[at], leaders[index]
                found += 1
            elif count < LEADERS:
                leaders[count] = row[at]
                count += 1
    return ones[:found], others[:found]


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def holders(
    words: UInt32s,
    begin: Int64s,
    sketch: Int32s,
    table: Int32s,
    bits: UInt8s,
    shingle: UInt32s,
    frame: Int32s,
    named: UInt32s,
    first: Int64s,
) -> tuple[Int64s, Int32s]:
    """Prompts that have at least half of a frame's shingles, of those that their sample reaches, and two at least.

    `frame` is that of each of `shingle`; the shingles of frame f are `named[first[f]:first[f + 1]]`, ascending.
    """
    hits = np.zeros(first.size, np.int64)
    met = np.empty(SAMPLE_MAX * 2, np.int32)
    prompts, frames = np.empty(1024, np.int64), np.empty(1024, np.int32)
    count = 0
    for place in range(sketch.size):
        _ask_ahead(words, begin, sketch, place)
        row = sketch[place]
        begins, ends = begin[row] + SIGNATURE, begin[row + 1]
        known = 0
        for at in range(begins, ends):
            found = _find(words[at], shingle, table, bits)
            if found >= 0:
                if not hits[frame[found]]:
                    met[known] = frame[found]
                    known += 1
                hits[frame[found]] += 1
        for index in range(known):
            one = met[index]
            visible = first[one + 1] - first[one]
            if ends - begins >= SAMPLE_MAX:
                visible = np.searchsorted(named[first[one] : first[one + 1]], words[ends - 1], side="right")
            if hits[one] >= 3 and 3 * hits[one] >= 2 * visible:
                if count == prompts.size:
                    prompts = np.concatenate((prompts, np.empty_like(prompts)))
                    frames = np.concatenate((frames, np.empty_like(frames)))
                prompts[count], frames[count] = place, one
                count += 1
            hits[one] = 0
    return prompts[:count], frames[:count]


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def shown(
    words: UInt32s,
    begin: Int64s,
    sketch: Int32s,
    prompt: Int64s,
    account: Int64s,
    held: Int32s,
    size: Int64s,
    varied: float,
) -> Bools:
    """Whether at least two accounts show each frame: PROMPTS_MIN of their prompts have it, and differ beside it.

    Rows are ordered by frame, account and prompt.
    """
    shown = np.zeros(size.size, np.int64)
    gathered = np.empty(LOOKED_AT * SAMPLE_MAX, np.uint32)
    at = 0
    while at < held.size:
        end = at
        while end < held.size and held[end] == held[at] and account[end] == account[at]:
            end += 1
        looked = min(end - at, LOOKED_AT)
        if looked >= PROMPTS_MIN and shown[held[at]] < 2:
            total = 0
            for place in range(at, at + looked):
                row = sketch[prompt[place]]
                for word in range(begin[row] + SIGNATURE, begin[row + 1]):
                    gathered[total] = words[word]
                    total += 1
            gathered[:total].sort()
            distinct = 0
            for place in range(total):
                distinct += place == 0 or gathered[place] != gathered[place - 1]
            new = (distinct - total / looked) / (looked - 1)
            if new >= max(1.0, varied * size[held[at]]):
                shown[held[at]] += 1
        at = end
    return shown > 1
