"""How accounts stand to each other by a decision: of one hand, or not.

A merge is kept as a chain of its accounts, a split as a chain of each part and a pair between the parts' heads: a pair
an account, however large a cluster is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Literal

from graphsvc.errors import BadUsage

Relation = Literal["together", "apart"]


@dataclass(frozen=True, order=True)
class Pair:
    """Two accounts, `a` before `b`, and how they stand to each other."""

    a: str
    b: str
    relation: Relation


def merged(accounts: Iterable[str]) -> list[Pair]:
    """The pairs that say that all these accounts are of one hand."""
    return [Pair(a, b, "together") for a, b in pairwise(sorted(set(accounts)))]


def split(parts: Sequence[Sequence[str]]) -> list[Pair]:
    """The pairs that say that each part is of one hand and no two parts are. Raises BadUsage where parts are empty or
    have an account in common."""
    named = [account for part in parts for account in set(part)]
    if not all(parts) or len(named) != len(set(named)):
        raise BadUsage("The parts of a split are not empty and have no account in common.")
    heads = sorted(min(part) for part in parts)
    return [pair for part in parts for pair in merged(part)] + [Pair(a, b, "apart") for a, b in combinations(heads, 2)]


def parts_of(pairs: Iterable[Pair]) -> list[list[str]]:
    """The groups of accounts that these pairs say are of one hand, single ones included, in order."""
    mates = _mates((pair, "") for pair in pairs if pair.relation == "together")
    heads = {end for pair in pairs for end in (pair.a, pair.b)}
    parts: list[list[str]] = []
    for account in sorted(heads):
        if account in heads:
            part = sorted(_reached(account, mates))
            heads.difference_update(part)
            parts.append(part)
    return parts


def contradicted(new: Iterable[Pair], standing: Iterable[tuple[Pair, str]]) -> list[str]:
    """The decisions, out of the ids that stand beside the pairs of `standing`, which together with each other and the
    `new` pairs would have two accounts be of one hand and of two; none where all agree. What one is to a second and the
    second to a third, the first is to the third."""
    every = [*((pair, "") for pair in new), *standing]
    mates = _mates((pair, decision) for pair, decision in every if pair.relation == "together")
    group: dict[str, str] = {}
    for account in mates:
        if account not in group:
            group |= dict.fromkeys(_reached(account, mates), account)
    for pair, decision in every:
        if pair.relation == "apart" and pair.a in group and group[pair.a] == group.get(pair.b):
            way = _way(_reached(pair.a, mates), pair.b)
            return list(dict.fromkeys(one for one in (decision, *way) if one))
    return []


Mates = dict[str, list[tuple[str, str]]]
Reached = dict[str, tuple[str, str]]


def _mates(together: Iterable[tuple[Pair, str]]) -> Mates:
    """For each account those that are said to be of its hand, each with the decision that says so."""
    mates: Mates = {}
    for pair, decision in together:
        mates.setdefault(pair.a, []).append((pair.b, decision))
        mates.setdefault(pair.b, []).append((pair.a, decision))
    return mates


def _reached(start: str, mates: Mates) -> Reached:
    """Every account that mates lead to, by the fewest steps: the account before it and the decision of that step."""
    reached: Reached = {start: ("", "")}
    waiting = deque([start])
    while waiting:
        account = waiting.popleft()
        for mate, decision in mates.get(account, []):
            if mate not in reached:
                reached[mate] = (account, decision)
                waiting.append(mate)
    return reached


def _way(reached: Reached, end: str) -> list[str]:
    """The decisions on the way to an account."""
    way: list[str] = []
    while reached[end][0]:
        end, decision = reached[end]
        way.append(decision)
    return way
