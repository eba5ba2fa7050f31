"""What links and the model must call by the same names, since neither may import the other."""

from __future__ import annotations

from gnn.groups import GROUP_OF_TYPE, GROUPS
from gnn.network import FACTS
from graphsvc.events.record import BUILTIN_TYPES
from graphsvc.links import queries, weights


def test_facts_and_groups_are_the_same_in_the_same_order() -> None:
    assert FACTS == queries.FACTS
    assert GROUPS == weights.GROUPS


def test_a_type_lies_in_the_same_group() -> None:
    for name in {*BUILTIN_TYPES, *GROUP_OF_TYPE, "prompt_family", "somebody_s_own"}:
        assert GROUP_OF_TYPE.get(name, "own") == weights.weight_of(name).group
