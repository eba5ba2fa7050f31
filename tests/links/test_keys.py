"""Keys depend on texts alone, and tell texts apart."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from graphsvc.links.keys import keys_of

Texts = st.lists(st.tuples(st.text(), st.text()), min_size=1)


@given(Texts)
def test_equal_texts_have_equal_keys_and_different_ones_differ(rows: list[tuple[str, str]]) -> None:
    rows = [row for row in rows if all(text.isprintable() for text in row)] or [("", "")]
    keys = keys_of(*(pa.array(column, pa.string()) for column in zip(*rows, strict=True)))
    assert len(set(zip(rows, keys.tolist(), strict=True))) == len(set(rows)) == len(set(keys.tolist()))


@given(Texts, st.integers(0, 3))
def test_a_slice_of_a_column_has_the_keys_of_its_rows(rows: list[tuple[str, str]], first: int) -> None:
    one, other = (pa.array([row[place] for row in rows], pa.string()) for place in (0, 1))
    assert keys_of(one[first:], other[first:]).tolist() == keys_of(one, other)[first:].tolist()


def test_where_a_text_ends_matters() -> None:
    keys = keys_of(pa.array(["ab", "a"]), pa.array(["c", "bc"]))
    assert keys[0] != keys[1]


def test_the_key_of_a_text_stays() -> None:
    """FNV-1a of nothing but the mark that ends a column, finished: worked out with whole numbers."""
    state = ((0xCBF29CE484222325 ^ 0x1F) * 0x100000001B3) % 2**64
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        state = ((state ^ (state >> shift)) * factor) % 2**64
    assert keys_of(pa.array([""])).view("u8")[0] == state
