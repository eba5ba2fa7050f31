"""Tables that grow are what they would be if they had been sorted whole."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from graphsvc.links.merging import beside, beside_both, beside_times, inserted, moved, places

TIMES = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9)))
WORDS = st.text("aé\0z", max_size=3)


def texts(values: list[str]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, pa.string())])


def by_bytes(text: str) -> bytes:
    return text.encode()


@settings(deadline=None)
@given(st.lists(st.integers(-3, 12), unique=True), st.lists(st.integers(-5, 15)))
def test_places_are_those_of_a_plain_search(among: list[int], wanted: list[int]) -> None:
    found = places(np.array(among, np.int64), np.array(wanted, np.int64))
    assert found.tolist() == [among.index(one) if one in among else -1 for one in wanted]


@settings(deadline=None)
@given(st.lists(st.integers(-9, 9)), st.lists(st.tuples(st.integers(0, 20), st.integers(-9, 9))), st.integers(0, 3))
def test_rows_of_every_type_are_put_where_they_belong(old: list[int], new: list[tuple[int, int]], cut: int) -> None:
    came = sorted((min(place, len(old)), number) for place, number in new)
    table = inserted(columns(old).slice(cut), columns([number for _, number in came]), at_of(came, cut))
    kept, expected = old[cut:], []
    for place in range(len(kept) + 1):
        expected += [number for at, number in came if max(at - cut, 0) == place]
        expected += kept[place : place + 1]
    assert table.to_pydict() == columns(expected).to_pydict()


def columns(numbers: list[int]) -> pa.Table:
    """The same numbers in each of the types that a state's tables have."""
    values = {
        "short": pa.array(numbers, pa.int16()),
        "long": pa.array(numbers, pa.int64()),
        "truth": pa.array([number > 0 for number in numbers], pa.bool_()),
        "text": pa.array([f"{number}é" * (number % 3) for number in numbers], pa.string()),
        "many": pa.array([[number] * (number % 3) for number in numbers], pa.list_(pa.int64())),
    }
    return pa.table(values)


def at_of(came: list[tuple[int, int]], cut: int) -> np.ndarray:
    return np.array([max(place - cut, 0) for place, _ in came], np.int64)


@settings(deadline=None)
@given(st.sets(WORDS), st.sets(WORDS))
def test_new_texts_fall_into_the_order_of_their_bytes(old: set[str], new: set[str]) -> None:
    before, came = sorted(old, key=by_bytes), sorted(new - old, key=by_bytes)
    at = beside(texts(before), texts(came))
    table = inserted(pa.table({"text": texts(before)}), pa.table({"text": texts(came)}), at)
    assert table["text"].to_pylist() == sorted(old | new, key=by_bytes)
    assert [table["text"][row].as_py() for row in moved(len(before), at).tolist()] == before


@settings(deadline=None)
@given(st.sets(st.tuples(st.sampled_from(["a", "b", "bb"]), WORDS)), st.sets(st.tuples(WORDS, WORDS)))
def test_pairs_of_texts_fall_into_the_order_of_both(old: set[tuple[str, str]], new: set[tuple[str, str]]) -> None:
    def order(pair: tuple[str, str]) -> tuple[bytes, bytes]:
        return by_bytes(pair[0]), by_bytes(pair[1])

    def table(pairs: list[tuple[str, str]]) -> pa.Table:
        return pa.table({"type": texts([one for one, _ in pairs]), "id": texts([other for _, other in pairs])})

    before, came = table(sorted(old, key=order)), table(sorted(new - old, key=order))
    at = beside_both((before["type"], before["id"]), (came["type"], came["id"]))
    found = inserted(before, came, at).to_pylist()
    assert [(row["type"], row["id"]) for row in found] == sorted(old | new, key=order)


@settings(deadline=None)
@given(TIMES, TIMES)
def test_new_times_come_behind_those_that_are_the_same(old: list[tuple[int, int]], new: list[tuple[int, int]]) -> None:
    def table(rows: list[tuple[int, int]], source: int) -> pa.Table:
        columns = zip(*sorted(rows), strict=True) if rows else ([], [])
        account, at = (np.array(values, kind) for values, kind in zip(columns, (np.int32, np.int64), strict=True))
        return pa.table({"account": account, "at": at, "source": np.full(len(rows), source)})

    before, came = table(old, 0), table(new, 1)
    at = beside_times(*(column.to_numpy() for column in (before["account"], before["at"], came["account"], came["at"])))
    found = inserted(before, came, at).to_pylist()
    wanted = sorted([(*row, 0) for row in old] + [(*row, 1) for row in new])
    assert [(row["account"], row["at"], row["source"]) for row in found] == wanted
