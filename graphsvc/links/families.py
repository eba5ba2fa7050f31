"""Prompt families: prompts whose sketches are alike are one family.

Candidates come from banded locality-sensitive hashing over the MinHash part (Indyk and Motwani 1998; Broder 1997);
each is verified by the Jaccard similarity that MinHash values and FracMinHash samples (Irber et al. 2022) together
estimate; verified ones are joined. Each bucket decides alone and in the order of its members' contents, so that
families are a function of the set of sketches, and a bucket that nothing was added to need not be looked at again.
Time and memory grow linearly with the sketches.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b

import numba as nb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graphsvc.links.buckets import buckets, join, mixed, roots
from graphsvc.links.order import order_of_hashes
from graphsvc.links.prefetch import prefetch

SIGNATURE = 32
SAMPLE_MAX = 64
BAND_ROWS = 2
THREADS = 2
ALIKE_MIN = 0.4
"""Jaccard similarity of word pairs and triples, estimated from both parts of the sketches. So much is left where one
word in eight was replaced, or where three quarters as much again stands in the slots. From texts that share less,
joining goes on from one common sentence to the next, until a ring's prompts and everybody's are one family; those are
left to frames."""
EQUAL_MIN = 6
"""Of 32 MinHash values: with fewer equal ones, one in 200 alike pairs at most, the samples are not looked at."""
AHEAD = 12
LINE_WORDS = 16
ASKED_AHEAD = 64
"""Words of a sketch that are asked for, some members before it is looked at: most sketches are no longer."""
LEADERS = 8
"""Members that each newcomer to a bucket is compared with: a popular prompt costs no more than a rare one."""

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
UInt32s = npt.NDArray[np.uint32]
UInt64s = npt.NDArray[np.uint64]
U64 = np.uint64


@dataclass(frozen=True)
class Sketches:
    """Sketch u is `words[start[u]:start[u + 1]]`: its 32 MinHash values, then its sample, ascending."""

    words: UInt32s
    start: Int64s


def sketches_of(blobs: pa.ChunkedArray) -> Sketches:
    """Sketches from the bytes that fingerprints carry."""
    array = pa.chunked_array(blobs, pa.large_binary()).combine_chunks()
    if not len(array):
        return Sketches(np.empty(0, np.uint32), np.zeros(1, np.int64))
    start = np.frombuffer(array.buffers()[1], np.int64)[array.offset : array.offset + len(array) + 1] // 4
    return Sketches(np.frombuffer(array.buffers()[2], "<u4"), start)


def families_of(sketches: Sketches) -> Int32s:
    """Family of each sketch: the smallest row among its members. The order of rows decides nothing else."""
    parent = np.arange(len(sketches.start) - 1, dtype=np.int32)
    for ones, others in joins(sketches):
        join(parent, ones[others >= 0], others[others >= 0])
    family: Int32s = roots(parent)
    return family


def joins(sketches: Sketches) -> Iterator[tuple[Int32s, Int32s]]:
    """For each band in turn, the sketches that do not lead their bucket, each once, and the first of its leaders that
    each is like, or -1."""
    ranked = order_of_hashes(content_keys(sketches)).astype(np.int32)
    marks = marks_of(sketches.words, sketches.start)
    with ThreadPoolExecutor(THREADS) as threads:
        yield from threads.map(lambda band: _joins(sketches, ranked, marks, band), range(0, SIGNATURE, BAND_ROWS))


def content_keys(sketches: Sketches) -> UInt64s:
    """64 bits for each sketch that depend on its bytes alone."""
    keys: UInt64s = row_keys(sketches.words, sketches.start, 0, SIGNATURE + SAMPLE_MAX)
    return keys


def family_id(sketch: bytes) -> str:
    """Id of the family whose earliest member has this sketch: 22 characters, the same in every run."""
    return base64.urlsafe_b64encode(blake2b(sketch, digest_size=16).digest()).rstrip(b"=").decode()


def _joins(sketches: Sketches, ranked: Int32s, marks: UInt64s, band: int) -> tuple[Int32s, Int32s]:
    key = row_keys(sketches.words, sketches.start, band, band + BAND_ROWS)
    found: tuple[Int32s, Int32s] = verified(*buckets(key, ranked), sketches.words, sketches.start, marks)
    return found


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def row_keys(words: UInt32s, start: Int64s, first: int, last: int) -> UInt64s:
    """`key_of` every sketch."""
    keys = np.empty(start.size - 1, np.uint64)
    for row in range(start.size - 1):
        keys[row] = key_of(words, start, row, first, last)
    return keys


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def key_of(words: UInt32s, start: Int64s, row: int, first: int, last: int) -> np.uint64:
    """64 bits that stand for a sketch's words from `first` to `last`."""
    state = np.uint64(first + 1)
    for place in range(start[row] + first, min(start[row] + last, start[row + 1])):
        state = mixed(state, np.uint64(words[place]))
    return state


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def verified(row: Int32s, bucket: Int64s, words: UInt32s, start: Int64s, marks: UInt64s) -> tuple[Int32s, Int32s]:
    """Each member of a bucket beside the first of its leaders that it is like; one that is like none leads, or, where
    there are LEADERS already, is given beside -1."""
    leaders = np.empty(LEADERS, np.int32)
    ones, others = np.empty(row.size, np.int32), np.empty(row.size, np.int32)
    found = 0
    for place in range(bucket.size - 1):
        count = 0
        for at in range(bucket[place], bucket[place + 1]):
            # Sketches lie anywhere: without asking ahead half the time would go into waiting for them.
            far = np.int64(row[min(at + 2 * AHEAD, row.size - 1)])
            prefetch(start, far)
            prefetch(marks, 2 * far)
            soon = start[row[min(at + AHEAD, row.size - 1)]]
            for line in range(0, ASKED_AHEAD, LINE_WORDS):
                prefetch(words, soon + line)
            one, index = row[at], 0
            while index < count and not (
                may_be_alike(words, start, marks, one, leaders[index]) and alike(words, start, one, leaders[index])
            ):
                index += 1
            if index == count and count < LEADERS:
                leaders[count] = one
                count += 1
                continue
            ones[found], others[found] = one, leaders[index] if index < count else -1
            found += 1
    return ones[:found], others[:found]


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def marks_of(words: UInt32s, start: Int64s) -> UInt64s:
    """uint64[2 · sketches]: two for each, with a bit for each hash of its sample; several may share one."""
    marks = np.zeros(2 * (start.size - 1), np.uint64)
    for row in range(start.size - 1):
        for place in range(start[row] + SIGNATURE, start[row + 1]):
            bit = words[place] & np.uint32(127)
            marks[2 * row + (bit >> np.uint32(6))] |= U64(1) << U64(bit & np.uint32(63))
    return marks


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def may_be_alike(words: UInt32s, start: Int64s, marks: UInt64s, one: int, other: int) -> bool:
    """False only where two sketches are not `alike`: even if each hash of the one that falls on a mark of the other's
    is in its sample. Of a bucket's pairs 19 of 20 are told apart by this, in a third of the time."""
    equal = 0
    for place in range(SIGNATURE):
        equal += words[U64(start[one] + place)] == words[U64(start[other] + place)]
    if equal < EQUAL_MIN:
        return False
    size, its_size = start[one + 1] - start[one], start[other + 1] - start[other]
    if max(size, its_size) == SIGNATURE + SAMPLE_MAX:
        return True
    common = size - SIGNATURE
    for half in range(2):
        common -= ones_in(marks[2 * one + half] & ~marks[2 * other + half])
    return bool(equal + common >= ALIKE_MIN * (size + its_size - SIGNATURE - common))


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def ones_in(bits: np.uint64) -> int:
    """How many bits are set: sums of neighbours, side by side (Warren, Hacker's Delight 2002)."""
    bits -= (bits >> U64(1)) & U64(0x5555555555555555)
    bits = (bits & U64(0x3333333333333333)) + ((bits >> U64(2)) & U64(0x3333333333333333))
    bits = (bits + (bits >> U64(4))) & U64(0x0F0F0F0F0F0F0F0F)
    return int((bits * U64(0x0101010101010101)) >> U64(56))


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def alike(words: UInt32s, start: Int64s, one: int, other: int) -> bool:
    """Whether two sketches are alike, by their MinHash values and samples together."""
    a, b = words[start[one] : start[one + 1]], words[start[other] : start[other + 1]]
    equal = 0
    for place in range(SIGNATURE):
        equal += a[place] == b[place]
    if equal < EQUAL_MIN:
        return False
    reach = np.uint32(0xFFFFFFFF)
    # A full sample was cut: beyond its last hash it says nothing.
    if a.size == SIGNATURE + SAMPLE_MAX:
        reach = a[-1]
    if b.size == SIGNATURE + SAMPLE_MAX:
        reach = min(reach, b[-1])
    left, right, common = SIGNATURE, SIGNATURE, 0
    while left < a.size and right < b.size and a[left] <= reach and b[right] <= reach:
        ahead, behind = a[left] >= b[right], a[left] <= b[right]
        common += ahead and behind
        left += behind
        right += ahead
    while left < a.size and a[left] <= reach:
        left += 1
    while right < b.size and b[right] <= reach:
        right += 1
    return bool(equal + common >= ALIKE_MIN * (left + right - SIGNATURE - common))
