"""What makes comparing prompts fast leaves out nothing: the order of buckets, and pairs that are looked at no further."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from graphsvc.links.buckets import buckets
from graphsvc.links.families import SAMPLE_MAX, SIGNATURE, alike, marks_of, may_be_alike

SAMPLES = st.sets(st.integers(0, 300), max_size=SAMPLE_MAX)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([0, 1, 2, 3, 2**40, 2**40 + 1, 2**63, 2**64 - 1]), min_size=1, max_size=60), st.randoms()
)
def test_buckets_are_in_the_order_of_ranks_even_where_keys_differ_in_their_last_bits_alone(
    keys: list[int], chance: random.Random
) -> None:
    key = np.array(keys, np.uint64)
    ranked = np.arange(len(keys), dtype=np.int32)
    ranked = np.array(chance.sample(ranked.tolist(), len(keys)), np.int32)
    row, start = buckets(key, ranked)
    found = [row[first:last].tolist() for first, last in pairwise(start)]
    plain = [[one for one in ranked.tolist() if keys[one] == value] for value in sorted(set(keys))]
    assert [one for one in found if len(one) > 1] == [one for one in plain if len(one) > 1]
    assert all(len({keys[one] for one in bucket}) == 1 for bucket in found)


@settings(deadline=None)
@given(SAMPLES, SAMPLES, st.integers(0, SIGNATURE))
def test_pairs_that_are_looked_at_no_further_are_not_alike(one: set[int], other: set[int], equal: int) -> None:
    first, second = (np.arange(SIGNATURE) + 1_000, np.arange(SIGNATURE) + 1_000 + (np.arange(SIGNATURE) >= equal) * 100)
    parts = [first, np.sort(list(one)), second, np.sort(list(other))]
    words = np.concatenate(parts).astype(np.uint32)
    start = np.cumsum([0, SIGNATURE + len(one), SIGNATURE + len(other)]).astype(np.int64)
    marks = marks_of(words, start)
    assert may_be_alike(words, start, marks, 0, 1) or not alike(words, start, 0, 1)
    assert may_be_alike(words, start, marks, 0, 0)
