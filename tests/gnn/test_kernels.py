"""The streamed passes give what numpy and scipy give, and what one thread gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

from gnn.kernels import grouped, mean_ranks, seen_from_to, sort_by_time
from gnn.threads import PARTS, each, in_parts


@settings(deadline=None)
@given(st.lists(st.integers(-3, 3), max_size=40))
def test_ranks_are_those_of_scipy(numbers: list[int]) -> None:
    values = np.array(numbers, np.float32)
    assert mean_ranks(np.argsort(values), values).tolist() == rankdata(values).tolist()


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 50)), max_size=150))
def test_links_are_in_the_order_of_identifier_and_time(links: list[tuple[int, int]]) -> None:
    identifier = np.array([link[0] for link in links], np.int32)
    first_ms = np.array([link[1] for link in links], np.int64)
    starts = np.searchsorted(np.sort(identifier), np.arange(4)).astype(np.int64)
    order = grouped(starts, identifier)
    assert order.tolist() == np.argsort(identifier, kind="stable").tolist()
    sort_by_time(0, 3, starts, first_ms, order)
    assert order.tolist() == np.lexsort((first_ms, identifier)).tolist()


def test_an_identifier_is_seen_from_its_first_link_to_its_last() -> None:
    first, last = np.full(3, 100, np.int64), np.zeros(3, np.int64)
    seen_from_to(np.array([0, 2, 0], np.int32), np.array([5, 7, 3]), np.array([6, 9, 4]), first, last)
    assert (first.tolist(), last.tolist()) == ([3, 100, 7], [6, 0, 9])


@pytest.mark.parametrize("rows", [0, 1, PARTS - 1, PARTS, 1000])
def test_parts_cover_all_rows_once(rows: int) -> None:
    times = np.zeros(rows, np.int64)

    def once(first: int, last: int) -> None:
        times[first:last] += 1

    in_parts(rows, once)
    assert times.tolist() == [1] * rows


def test_what_a_part_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        each([1, 0], lambda number: 1 // number)
