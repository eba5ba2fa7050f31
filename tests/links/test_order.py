"""Orders by packed numbers are those of the plain stable sort, where there is room for them and where there is not."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from graphsvc.links.order import order_of, order_of_hashes

NUMBERS = st.sampled_from([0, 1, 2, 3, 2**20, 2**20 + 1, 2**30])


@settings(deadline=None)
@given(st.lists(st.tuples(NUMBERS, NUMBERS, st.integers(0, 15)), max_size=60), st.integers(1, 3))
def test_by_columns_as_tuples_are_sorted(rows: list[tuple[int, int, int]], columns: int) -> None:
    taken = [row[:columns] for row in rows]
    found = order_of(*(np.array([row[column] for row in rows], np.int64) for column in range(columns)))
    assert found.tolist() == sorted(range(len(rows)), key=lambda row: taken[row])


@settings(deadline=None)
@given(st.lists(st.sampled_from([0, 1, 2, 2**40, 2**40 + 1, 2**63, 2**63 + 1, 2**64 - 1]), max_size=60))
def test_by_hashes_as_numbers_are_sorted(keys: list[int]) -> None:
    found = order_of_hashes(np.array(keys, np.uint64))
    assert found.tolist() == sorted(range(len(keys)), key=lambda row: keys[row])
