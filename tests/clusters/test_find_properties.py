"""Clusters do not hang on order or names; what must be together or apart is; weak evidence extends what strong seeds."""

from __future__ import annotations

import random
from collections.abc import Mapping
from itertools import combinations, pairwise
from math import log2
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from graphsvc.clusters.constraints import Constraints, united
from graphsvc.clusters.find import find_clusters
from graphsvc.clusters.ties import EXCUSE_BITS, SCATTER_BITS, ties
from graphsvc.links.pairs import COMBINATION, REMAINDER, Evidence, evidence_of, pairs
from graphsvc.links.view import LinkView
from graphsvc.links.weights import GROUPS
from tests.links.worlds import random_world, sharing, view

SMALL = 12
Parts = set[frozenset[str]]
Edges = list[tuple[int, int]]


def parts(seen: LinkView, clusters: np.ndarray) -> Parts:
    ids = np.array(seen.accounts["account_id"].to_pylist())
    return {frozenset(ids[clusters == one].tolist()) for one in range(int(clusters.max()) + 1)}


def found(folder: Path, shared: Mapping[tuple[str, str], list[str]]) -> Parts:
    seen = view(folder / "w", sharing(shared))
    return parts(seen, find_clusters(seen, pairs(seen)))


def crew(name: str, size: int) -> list[str]:
    return [f"{name}{place:02d}" for place in range(size)]


def a_ring_in_two(code: str = "code") -> dict[tuple[str, str], list[str]]:
    """Two crews, each with a device; most of both signed up with one code, which is too weak between two accounts."""
    one, other = crew("a", 6), crew("b", 6)
    return {("device", "d1"): one, ("device", "d2"): other, ("referral_code", code): one + other}


def test_what_is_weak_for_two_accounts_joins_two_clusters(tmp_path: Path) -> None:
    assert found(tmp_path / "with", a_ring_in_two()) == {frozenset(crew("a", 6) + crew("b", 6))}
    without = {key: who for key, who in a_ring_in_two().items() if key[0] == "device"}
    assert found(tmp_path / "without", without) == {frozenset(crew("a", 6)), frozenset(crew("b", 6))}


def test_weak_evidence_alone_makes_no_cluster(tmp_path: Path) -> None:
    assert found(tmp_path, {("referral_code", "code"): crew("a", 12)}) == set()


def test_an_account_with_the_template_of_a_cluster_joins_it(tmp_path: Path) -> None:
    ring = crew("a", 8)
    assert found(tmp_path, {("device", "d"): ring, ("referral_code", "c"): [*ring, "late"]}) == {
        frozenset([*ring, "late"])
    }


def test_an_exit_that_some_members_used_joins_nobody(tmp_path: Path) -> None:
    """A quarter of the ring and thirty strangers come from one address: many pairs, but one chance."""
    ring = crew("a", 16)
    assert found(tmp_path, {("device", "d"): ring, ("ip", "exit"): ring[:4] + crew("s", 30)}) == {frozenset(ring)}


def test_a_chain_of_chance_links_makes_no_giant(tmp_path: Path) -> None:
    rings = [crew(f"r{number:02d}-", 12) for number in range(30)]
    shared = {("device", f"d{number}"): ring for number, ring in enumerate(rings)}
    shared |= {("device", f"link{n}"): [one[0], other[1]] for n, (one, other) in enumerate(pairwise(rings))}
    assert max(map(len, found(tmp_path, shared))) <= 24


@pytest.mark.parametrize("seed", range(3))
def test_names_do_not_matter(tmp_path: Path, seed: int) -> None:
    records = random_world(seed)
    chance = random.Random(seed)
    old = sorted({record.account_id for record in records})
    new = dict(zip(old, chance.sample([f"n{place:04d}" for place in range(len(old))], len(old)), strict=True))
    renamed = [replace(record, account_id=new[record.account_id]) for record in records]
    seen, other = view(tmp_path / "a", records), view(tmp_path / "b", chance.sample(renamed, len(renamed)))
    before = parts(seen, find_clusters(seen, pairs(seen)))
    assert before
    assert parts(other, find_clusters(other, pairs(other))) == {frozenset(new[one] for one in part) for part in before}


@pytest.mark.parametrize("seed", range(4))
def test_ties_are_as_a_plain_count_says(tmp_path: Path, seed: int) -> None:
    seen = view(tmp_path / "w", random_world(seed))
    evidence, chance = evidence_of(seen), random.Random(seed)
    rows = len(seen.accounts)
    _, first, place = np.unique(
        [chance.randrange(rows // 3) for _ in range(rows)], return_index=True, return_inverse=True
    )
    unit = first[place].astype(np.int32)
    got = ties(evidence, unit, np.bincount(unit, minlength=rows) > 1, 0.5)
    expected = plain_ties(evidence, unit)
    assert len(expected) > 10
    assert {(a, b): bits for a, b, bits in zip(got.a.tolist(), got.b.tolist(), got.bits.tolist(), strict=True)} == (
        pytest.approx({key: bits for key, bits in expected.items() if bits >= 0.5}, abs=2e-3)
    )


def plain_ties(evidence: Evidence, unit: np.ndarray) -> dict[tuple[int, int], float]:
    size = np.bincount(unit, minlength=len(unit)).tolist()
    worths: dict[tuple[int, int, int], list[float]] = {}
    for thing in range(len(evidence.bits)):
        rows = slice(evidence.holders[thing], evidence.holders[thing + 1])
        have: dict[int, list[float]] = {}
        for account, left in zip(evidence.holder[rows].tolist(), evidence.holder_left[rows].tolist(), strict=True):
            have.setdefault(int(unit[account]), []).append(left)
        for a, b in combinations(sorted(have), 2):
            off = log2(size[a] / len(have[a])) + log2(size[b] / len(have[b]))
            worth = float(evidence.bits[thing]) * min(max(have[a]), max(have[b])) - off
            ends = (a, b) if size[a] > 1 else (b, a)
            worths.setdefault((*ends, int(evidence.group[thing])), []).append(worth)
    total: dict[tuple[int, int], float] = {}
    for (a, b, group), found_worths in worths.items():
        good = [worth for worth in found_worths if worth > 0]
        rest = 0.0 if group == COMBINATION else REMAINDER
        best = max(good, default=0.0)
        bits = best + min(best, rest * (sum(good) - best))
        bits = max(bits, log2(sum(2**worth for worth in found_worths)) - SCATTER_BITS)
        bits -= EXCUSE_BITS if GROUPS[group] == "network" else 0.0
        if bits > 0 and size[a] > 1:
            total[a, b] = total.get((a, b), 0.0) + bits
    return total


edges = st.lists(
    st.tuples(st.integers(0, SMALL - 1), st.integers(0, SMALL - 1)).filter(lambda p: p[0] != p[1]), max_size=20
)


@settings(max_examples=200, deadline=None)
@given(joins=edges, must=edges, cannot=edges)
def test_cannot_holds_always_and_must_where_nothing_contradicts(joins: Edges, must: Edges, cannot: Edges) -> None:
    given_ = Constraints(_array(must), _array(cannot))
    every, place = np.arange(SMALL, dtype=np.int32), np.arange(SMALL, dtype=np.int32)
    a, b = _array(must).T
    blocks = united(every, a, b, np.ones(len(must)), place, given_)
    one, other = blocks[_array(joins)].T
    unit = united(blocks, one, other, np.arange(len(joins)) % 3.0, place, given_)
    graph = nx.Graph(must)
    graph.add_nodes_from(range(SMALL))
    for component in nx.connected_components(graph):
        fair = not any({a, b} <= component for a, b in cannot)
        assert not fair or len(set(unit[list(component)].tolist())) == 1
    assert all(unit[x] != unit[y] for x, y in cannot)


@settings(max_examples=100, deadline=None)
@given(joins=edges, seed=st.integers(0, 99))
def test_without_constraints_joins_are_components(joins: Edges, seed: int) -> None:
    mixed = random.Random(seed).sample(joins, len(joins))
    every, (one, other) = np.arange(SMALL, dtype=np.int32), _array(mixed).T
    unit = united(every, one, other, np.ones(len(mixed)), every, Constraints())
    graph = nx.Graph(joins)
    graph.add_nodes_from(range(SMALL))
    assert {frozenset(np.flatnonzero(unit == one).tolist()) for one in unit} == set(
        map(frozenset, nx.connected_components(graph))
    )


def test_decisions_hold_against_the_strongest_evidence(tmp_path: Path) -> None:
    ring, far = crew("a", 8), ["x", "y"]
    seen = view(tmp_path / "w", sharing({("device", "d"): ring, ("ip", "i"): ring, ("asn", "n"): [*far, *ring]}))
    row = {name: place for place, name in enumerate(seen.accounts["account_id"].to_pylist())}
    cannot = np.array([[row["a00"], row["a07"]]], np.int32)
    must = np.array([[row["a00"], row["a01"]], [row["x"], row["y"]], [row["a06"], row["a07"]]], np.int32)
    got = parts(seen, find_clusters(seen, pairs(seen), Constraints(must, cannot)))
    of = {name: part for part in got for name in part}
    assert of["a00"] is of["a01"]
    assert of["a06"] is of["a07"]
    assert of["a00"] is not of["a07"]
    assert of["x"] == {"x", "y"}
    assert set().union(*got) == {*ring, *far}


def test_evidence_that_was_gathered_before_gives_the_same(tmp_path: Path) -> None:
    seen = view(tmp_path / "w", sharing(a_ring_in_two()))
    linked = pairs(seen)
    assert np.array_equal(find_clusters(seen, linked), find_clusters(seen, linked, evidence=evidence_of(seen)))


def test_pairs_below_the_bar_seed_nothing(tmp_path: Path) -> None:
    seen = view(tmp_path / "w", sharing(a_ring_in_two()))
    weak = pairs(seen, bits_min=1.0)
    assert len(weak) > len(pairs(seen))
    assert np.array_equal(find_clusters(seen, weak), find_clusters(seen, pairs(seen)))


def _array(pairs_: Edges) -> np.ndarray:
    return np.array(pairs_, np.int32).reshape(-1, 2)
