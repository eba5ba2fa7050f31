"""Decisions on accounts hold from when they were made until they are undone, and none contradicts another."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphsvc.cases.decisions import Decision, DecisionStore, Wish
from graphsvc.cases.relations import Pair, Relation, contradicted, merged, parts_of, split
from graphsvc.errors import BadUsage, Contradiction, NotFound

MERGE, SPLIT = Wish("merge", "c1", "k1"), Wish("split", "c1", "k1")


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


def test_the_parts_of_a_decision_are_found_again() -> None:
    assert parts_of(split([["d", "c", "e"], ["b"], ["a"]])) == [["a"], ["b"], ["c", "d", "e"]]
    assert parts_of(merged(["b", "a", "c"])) == [["a", "b", "c"]]
    assert parts_of([]) == []


@pytest.mark.parametrize("parts", [[["a"], []], [["a", "b"], ["b"]]])
def test_parts_that_are_none_are_refused(parts: list[list[str]]) -> None:
    with pytest.raises(BadUsage, match="parts of a split"):
        split(parts)


def test_a_decision_holds_from_its_moment_until_it_is_undone(store: DecisionStore) -> None:
    made = store.keep(MERGE, merged(["a", "b"]), 100)
    undone = store.undo(made.id, 200, "k2")
    assert [len(store.pairs(moment)) for moment in (99, 100, 199, 200)] == [0, 1, 1, 0]
    assert undone == Decision(made.id, "merge", "c1", None, "", "k1", 100, "k2", 200)


def test_what_contradicts_a_decision_is_refused_and_names_it(store: DecisionStore) -> None:
    first = store.keep(MERGE, merged(["a", "b"]), 100)
    second = store.keep(MERGE, merged(["b", "c"]), 110)
    store.keep(MERGE, merged(["x", "y"]), 115)
    with pytest.raises(Contradiction) as error:
        store.keep(SPLIT, split([["a"], ["c"]]), 120)
    assert set(error.value.decisions) == {first.id, second.id}
    assert first.id in str(error.value)
    assert len(store.pairs(130)) == 3
    store.undo(second.id, 140, "k1")
    store.keep(SPLIT, split([["a"], ["c"]]), 150)


def test_a_merge_over_a_split_is_refused_however_long_the_way(store: DecisionStore) -> None:
    apart = store.keep(SPLIT, split([["a", "b"], ["c", "d"]]), 100)
    joined = store.keep(MERGE, merged(["d", "e"]), 110)
    with pytest.raises(Contradiction) as error:
        store.keep(MERGE, merged(["b", "e", "z"]), 120)
    assert error.value.decisions[0] == apart.id
    assert set(error.value.decisions) == {apart.id, joined.id}


def test_after_a_clock_was_put_back_the_later_decision_counts(store: DecisionStore) -> None:
    made = store.keep(SPLIT, split([["a"], ["b"]]), 200)
    store.undo(made.id, 300, "k1")
    store.keep(MERGE, merged(["a", "b", "c"]), 100)
    assert [pair.relation for pair in store.pairs(150)] == ["together", "together"]
    assert store.pairs(200) == [Pair("a", "b", "apart"), Pair("b", "c", "together")]
    assert [pair.relation for pair in store.pairs(300)] == ["together", "together"]


def test_at_the_same_moment_apart_counts(store: DecisionStore) -> None:
    made = store.keep(SPLIT, split([["a"], ["b"]]), 100)
    store.undo(made.id, 300, "k1")
    store.keep(MERGE, merged(["a", "b"]), 100)
    assert [pair.relation for pair in store.pairs(100)] == ["apart"]


def test_what_is_no_decision_or_undone_cannot_be_undone(store: DecisionStore) -> None:
    made = store.keep(MERGE, merged(["a", "b"]), 100)
    store.undo(made.id, 200, "k1")
    for other in (made.id, "none"):
        with pytest.raises(NotFound, match="could be undone"):
            store.undo(other, 300, "k1")


def test_decisions_outlive_the_store_and_contradict_themselves_not(store: DecisionStore, tmp_path: Path) -> None:
    twice = [Pair("a", "b", "together"), Pair("a", "b", "apart")]
    with pytest.raises(BadUsage, match="one thing"):
        store.keep(MERGE, twice, 100)
    store.keep(MERGE, merged(["c", "d"]), 100)
    assert DecisionStore(tmp_path / "cases.sqlite").pairs(100) == [Pair("c", "d", "together")]


def test_a_page_lists_what_was_decided_there_and_on_its_members_newest_first(store: DecisionStore) -> None:
    here = store.keep(Wish("note", "c1", "k1", note="seen before"), [], 100)
    there = store.keep(Wish("merge", "c2", "k1", other="c1"), merged(["x", "y"]), 110)
    on_member = store.keep(Wish("split", "c3", "k1"), split([["m"], ["n"]]), 110)
    store.keep(Wish("merge", "c4", "k1"), merged(["p", "q"]), 120)
    found = store.about("c1", ["m", "r"], 10)
    assert [one.id for one in found] == [*sorted([there.id, on_member.id], reverse=True), here.id]
    assert store.about("c1", ["m"], 1) == found[:1]
    assert store.about("c1", ["m"], 10, (found[0].decided_ms, found[0].id)) == found[1:]
    assert store.pairs_of(on_member.id) == [Pair("m", "n", "apart")]


def test_the_mark_moves_with_decisions_and_undoings_but_not_with_notes(store: DecisionStore) -> None:
    assert store.mark() == (0, 0)
    store.keep(Wish("note", "c1", "k1", note="x"), [], 90)
    assert store.mark() == (0, 0)
    made = store.keep(MERGE, merged(["a", "b"]), 100)
    assert store.mark() == (1, 100)
    store.undo(made.id, 200, "k1")
    assert store.mark() == (2, 200)


NAMES = st.sampled_from("abcdefg")
ENDS = st.tuples(NAMES, NAMES).filter(lambda ends: ends[0] < ends[1])
RELATIONS: st.SearchStrategy[Relation] = st.sampled_from(["together", "apart"])
PAIRS = st.builds(lambda ends, relation: Pair(ends[0], ends[1], relation), ENDS, RELATIONS)


@given(st.lists(PAIRS, max_size=3), st.lists(st.tuples(PAIRS, st.sampled_from("123")), max_size=8))
def test_contradictions_are_those_that_components_show(new: list[Pair], standing: list[tuple[Pair, str]]) -> None:
    """Oracle: networkx components of all that is together."""

    def broken(pairs: list[Pair]) -> bool:
        graph = nx.Graph([(pair.a, pair.b) for pair in pairs if pair.relation == "together"])
        apart = [pair for pair in pairs if pair.relation == "apart" and pair.a in graph and pair.b in graph]
        return any(nx.has_path(graph, pair.a, pair.b) for pair in apart)

    against = contradicted(new, standing)
    every = [*new, *(pair for pair, _ in standing)]
    if not broken(every):
        assert against == []
    elif not broken(new):
        assert against
        assert broken([*new, *(pair for pair, decision in standing if decision in against)])
