"""Decisions on accounts hold from when they were made until they are undone."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphsvc.cases.decisions import DecisionStore, Pair, merged, split
from graphsvc.errors import BadUsage, NotFound


@pytest.fixture
def store(tmp_path: Path) -> DecisionStore:
    return DecisionStore(tmp_path / "cases.sqlite")


def test_a_merge_is_a_chain_and_a_split_keeps_its_parts_apart() -> None:
    assert merged(["c", "a", "b", "a"]) == [Pair("a", "b", "together"), Pair("b", "c", "together")]
    assert split([["d", "c"], ["a"], ["b"]]) == [
        Pair("c", "d", "together"),
        Pair("a", "b", "apart"),
        Pair("a", "c", "apart"),
        Pair("b", "c", "apart"),
    ]


@pytest.mark.parametrize("parts", [[["a"], []], [["a", "b"], ["b"]]])
def test_parts_that_are_none_are_refused(parts: list[list[str]]) -> None:
    with pytest.raises(BadUsage, match="parts of a split"):
        split(parts)


def test_a_decision_holds_from_its_moment_until_it_is_undone(store: DecisionStore) -> None:
    decision = store.keep(merged(["a", "b"]), 100)
    store.undo(decision, 200)
    assert [len(store.pairs(moment)) for moment in (99, 100, 199, 200)] == [0, 1, 1, 0]


def test_the_later_decision_on_two_accounts_counts(store: DecisionStore) -> None:
    store.keep(split([["a"], ["b"]]), 200)
    store.keep(merged(["a", "b", "c"]), 100)
    assert [pair.relation for pair in store.pairs(150)] == ["together", "together"]
    assert store.pairs(200) == [Pair("a", "b", "apart"), Pair("b", "c", "together")]


def test_at_the_same_moment_apart_counts(store: DecisionStore) -> None:
    store.keep(split([["a"], ["b"]]), 100)
    store.keep(merged(["a", "b"]), 100)
    assert [pair.relation for pair in store.pairs(100)] == ["apart"]


def test_undoing_a_decision_brings_back_the_one_before(store: DecisionStore) -> None:
    store.keep(merged(["a", "b"]), 100)
    later = store.keep(split([["a"], ["b"]]), 200)
    store.undo(later, 300)
    assert [pair.relation for pair in store.pairs(300)] == ["together"]


def test_what_is_no_decision_or_undone_cannot_be_undone(store: DecisionStore) -> None:
    decision = store.keep(merged(["a", "b"]), 100)
    store.undo(decision, 200)
    for other in (decision, "none"):
        with pytest.raises(NotFound, match="could be undone"):
            store.undo(other, 300)


def test_decisions_outlive_the_store_and_contradict_themselves_not(store: DecisionStore, tmp_path: Path) -> None:
    twice = [Pair("a", "b", "together"), Pair("a", "b", "apart")]
    with pytest.raises(BadUsage, match="one thing"):
        store.keep(twice, 100)
    store.keep(merged(["c", "d"]), 100)
    assert DecisionStore(tmp_path / "cases.sqlite").pairs(100) == [Pair("c", "d", "together")]
