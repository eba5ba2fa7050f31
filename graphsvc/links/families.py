"""Prompt families: prompts whose sketches are alike are one family.

Candidates come from banded locality-sensitive hashing over the MinHash part (Indyk and Motwani 1998; Broder 1997);
each is verified, by the estimated Jaccard similarity or, for a template inside longer texts, by the containment of the
FracMinHash samples (Irber et al. 2022); verified ones are joined. Time and memory grow linearly with the sketches.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from hashlib import blake2b

import numba as nb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

SIGNATURE = 32
BAND_ROWS = 4
BANDS = SIGNATURE // BAND_ROWS
EQUAL_MIN = 16
"""Equal MinHash values of 32: a Jaccard similarity of about a half."""
CONTAINED_MIN = 0.6
SAMPLE_MIN = 6
"""A sample of fewer shingles estimates no containment."""
LEADERS = 8
"""Members that each newcomer to a bucket is compared with: a popular prompt costs no more than a rare one."""

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
UInt32s = npt.NDArray[np.uint32]
UInt64s = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Sketches:
    """`signature` uint32[U, 32]; the samples of sketch u are `sample[start[u]:start[u + 1]]`, ascending."""

    signature: UInt32s
    start: Int64s
    sample: UInt32s


def sketches_of(blobs: pa.ChunkedArray) -> Sketches:
    """Sketches from the bytes that fingerprints carry."""
    array = pa.chunked_array(blobs, pa.large_binary()).combine_chunks()
    if not len(array):
        return Sketches(np.empty((0, SIGNATURE), np.uint32), np.zeros(1, np.int64), np.empty(0, np.uint32))
    end = np.frombuffer(array.buffers()[1], np.int64)[array.offset : array.offset + len(array) + 1] // 4
    words = np.frombuffer(array.buffers()[2], "<u4")
    lengths = np.diff(end) - SIGNATURE
    start = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Sketches(*_split(words, end[:-1], start))


def families_of(sketches: Sketches) -> Int32s:
    """Family of each sketch: the smallest row among its members. The order of rows decides nothing else."""
    parent = np.arange(len(sketches.signature), dtype=np.int32)
    for band in range(BANDS):
        key = _band_keys(sketches.signature, band * BAND_ROWS)
        order = np.argsort(key, kind="stable")
        _join_buckets(parent, key, order, sketches.signature, sketches.start, sketches.sample)
    family: Int32s = _roots(parent)
    return family


def family_id(sketch: bytes) -> str:
    """Id of the family whose earliest member has this sketch: 22 characters, the same in every run."""
    return base64.urlsafe_b64encode(blake2b(sketch, digest_size=16).digest()).rstrip(b"=").decode()


@nb.njit(cache=True)  # type: ignore[untyped-decorator]
def _split(words: UInt32s, begin: Int64s, start: Int64s) -> tuple[UInt32s, Int64s, UInt32s]:
    signature = np.empty((begin.size, SIGNATURE), np.uint32)
    sample = np.empty(start[-1], np.uint32)
    for row in range(begin.size):
        first = begin[row]
        signature[row] = words[first : first + SIGNATURE]
        length = start[row + 1] - start[row]
        sample[start[row] : start[row + 1]] = words[first + SIGNATURE : first + SIGNATURE + length]
    return signature, start, sample


@nb.njit(cache=True)  # type: ignore[untyped-decorator]
def _band_keys(signature: UInt32s, first: int) -> UInt64s:
    keys = np.empty(len(signature), np.uint64)
    for row in range(len(signature)):
        state = np.uint64(0x9E3779B97F4A7C15)
        for place in range(first, first + BAND_ROWS):
            state = (state ^ np.uint64(signature[row, place])) * np.uint64(0xFF51AFD7ED558CCD)
            state ^= state >> np.uint64(32)
        keys[row] = state
    return keys


@nb.njit(cache=True)  # type: ignore[untyped-decorator]
def _join_buckets(
    parent: Int32s, key: UInt64s, order: Int64s, signature: UInt32s, start: Int64s, sample: UInt32s
) -> None:
    leaders = np.empty(LEADERS, np.int32)
    count = 0
    for place in range(order.size):
        row = order[place]
        if place == 0 or key[row] != key[order[place - 1]]:
            count = 0
        joined = False
        for index in range(count):
            leader = leaders[index]
            if _root(parent, row) == _root(parent, leader) or _alike(signature, start, sample, row, leader):
                _join(parent, row, leader)
                joined = True
        if not joined and count < LEADERS:
            leaders[count] = row
            count += 1


@nb.njit(cache=True)  # type: ignore[untyped-decorator]
def _alike(signature: UInt32s, start: Int64s, sample: UInt32s, one: int, other: int) -> bool:
    equal = 0
    for place in range(SIGNATURE):
        equal += signature[one, place] == signature[other, place]
    if equal >= EQUAL_MIN:
        return True
    ones = sample[start[one] : start[one + 1]]
    others = sample[start[other] : start[other + 1]]
    smaller = min(ones.size, others.size)
    return bool(smaller >= SAMPLE_MIN and _common(ones, others) >= CONTAINED_MIN * smaller)


@nb.njit(cache=True)  # type: ignore[untyped-decorator]
def _common(ones: UInt32s, others: UInt32s) -> int:
    left = right = common = 0
    while left < ones.size and right < others.size:
        if ones[left] == others[right]:
            common += 1
            left += 1
            right += 1
        elif ones[left] < others[right]:
            left += 1
        else:
            right += 1
    return common


@nb.njit(cache=True)  # type: ignore[untyped-decorator]
def _root(parent: Int32s, row: int) -> int:
    while parent[row] != row:
        parent[row] = parent[parent[row]]
        row = parent[row]
    return row


@nb.njit(cache=True)  # type: ignore[untyped-decorator]
def _join(parent: Int32s, one: int, other: int) -> None:
    one, other = _root(parent, one), _root(parent, other)
    parent[max(one, other)] = min(one, other)


@nb.njit(cache=True)  # type: ignore[untyped-decorator]
def _roots(parent: Int32s) -> Int32s:
    for row in range(parent.size):
        parent[row] = _root(parent, row)
    return parent
