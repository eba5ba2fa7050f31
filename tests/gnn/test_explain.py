"""Which links carry a score, held against the whole network judged anew without them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gnn.around
from gnn.around import Around, Gone, Whole, around, judged
from gnn.counterfactual import fewest
from gnn.ensemble import Model
from gnn.explain import PEER, Explanation, Link, every, explain, links_of
from gnn.groups import group_index
from gnn.network import PAIR_SCHEMA, PEER_SCHEMA, Network
from tests.gnn.worlds import NOW_MS, World, example_of, make_world, network_of

SHOWN = 14


@pytest.fixture(scope="module")
def later() -> World:
    """Rings that the model has not seen."""
    return make_world(5, singles=200, rings=8, campuses=1)


@pytest.fixture(scope="module")
def whole(model: Model, later: World) -> Whole:
    return judged(model, example_of(later, known_share=0.3, seed=1).network)


@pytest.fixture(scope="module")
def flagged(whole: Whole) -> list[int]:
    """Accounts of all rings that share two things or more."""
    links = whole.links
    shared = np.bincount(links.account[links.degree[links.identifier] > 1], minlength=links.accounts)
    rows = np.flatnonzero((whole.log_odds > 0) & (shared >= 2))
    assert len(rows) > 2 * SHOWN
    return [int(row) for row in rows[:: len(rows) // SHOWN]]


@pytest.fixture(scope="module")
def explained(whole: Whole, flagged: list[int]) -> list[Explanation]:
    return [explain(whole, account) for account in flagged]


def without(network: Network, account: int, gone: set[tuple[int, int]]) -> Network:
    """The whole network without these (account, identifier) links, its pairs by a plain rule."""
    links = network.links.to_pylist()
    kept = [link for link in links if (link["account"], link["identifier"]) not in gone]
    before, after = bits_with(network, account, links), bits_with(network, account, kept)
    least = min(network.pairs["bits"].to_pylist())
    pairs = []
    for pair in network.pairs.to_pylist():
        other = pair["b"] if pair["a"] == account else pair["a"] if pair["b"] == account else -1
        then, now = before.get(other, {}), after.get(other, {})
        if then:
            share = sum(now.values()) / sum(then.values())
            pair["bits"] *= share
            pair["groups"] = sum(1 << group for group in range(14) if pair["groups"] >> group & 1 and group in now)
            if share < 1.0 and pair["bits"] < least:
                continue
        pairs.append(pair)
    clusters = network.clusters.copy()
    if not any(account in (pair["a"], pair["b"]) for pair in pairs):
        clusters[account] = -1
    table = pa.Table.from_pylist(pairs, schema=PAIR_SCHEMA)
    return replace(network, links=pa.Table.from_pylist(kept, network.links.schema), pairs=table, clusters=clusters)


def bits_with(network: Network, account: int, links: list[dict[str, int]]) -> Mapping[int, dict[int, float]]:
    """For each account that shares something with this one: the best bits of each evidence group."""
    kinds, bits = network.identifiers["type"].to_pylist(), network.identifiers["bits"].to_pylist()
    mine = {link["identifier"] for link in links if link["account"] == account}
    out: dict[int, dict[int, float]] = {}
    for link in links:
        if link["identifier"] in mine and link["account"] != account:
            groups, group = out.setdefault(link["account"], {}), group_index(kinds[link["identifier"]])
            groups[group] = max(groups.get(group, 0.0), bits[link["identifier"]] + 0.01)
    return out


def as_links(part: Around, gone: Gone) -> set[tuple[int, int]]:
    rows = np.flatnonzero(gone.links)
    identifiers = part.identifiers[part.links.identifier[rows]]
    return set(zip(part.rows[part.links.account[rows]].tolist(), identifiers.tolist(), strict=True))


def together(part: Around, links: list[Link]) -> Gone:
    gone = part.nothing
    for link in links:
        gone |= link.gone
    return gone


def test_the_part_scores_an_account_as_the_whole_network_does(whole: Whole, flagged: list[int]) -> None:
    innocent = np.flatnonzero(whole.log_odds < 0)[::60].tolist()
    for account in [*flagged, *innocent]:
        part = around(whole, account)
        assert part.log_odds(part.nothing) == pytest.approx(
            float(whole.log_odds[account]), abs=0.01 if part.capped else 1e-4
        )
    assert len(around(whole, flagged[0]).rows) < whole.network.account_count / 4


def test_leaving_links_out_of_the_part_is_leaving_them_out_of_the_whole(
    model: Model, whole: Whole, flagged: list[int]
) -> None:
    random = np.random.default_rng(3)
    left = 0
    for account in flagged[::2]:
        part = around(whole, account)
        links = links_of(part)
        some = [link for link in links if random.random() < 0.5] or links
        for gone in (together(part, some), every(part)):
            cut = without(whole.network, account, as_links(part, gone))
            left += int(cut.clusters[account] < 0 <= whole.network.clusters[account])
            assert part.log_odds(gone) == pytest.approx(float(judged(model, cut).log_odds[account]), abs=1e-3)
    assert left > 0


def test_what_is_named_carries_more_than_what_is_not(whole: Whole, explained: list[Explanation]) -> None:
    """Faithfulness: the strongest half of the links against as many others of the same account."""
    random = np.random.default_rng(7)
    named, others = [], []
    for found in explained:
        part = around(whole, found.account)
        links = {(link.type, link.identifier): link for link in links_of(part)}
        order = [links[one.type, one.identifier] for one in found.links]
        count = len(order) // 2
        rest = [order[place] for place in random.permutation(np.arange(count, len(order)))[:count]]
        named.append(found.part_log_odds - part.log_odds(together(part, order[:count])))
        others.append(found.part_log_odds - part.log_odds(together(part, rest)))
    assert np.mean(named) > 2.0 * np.mean(others)
    assert np.mean(np.array(named) > np.array(others)) >= 0.9


def test_links_stand_in_order_and_name_those_who_share_them(whole: Whole, explained: list[Explanation]) -> None:
    links = whole.network.links
    for found in explained:
        drops = [round(link.drop, 6) for link in found.links]
        assert drops == sorted(drops, reverse=True)
        assert found.flagged
        assert found.own_log_odds < found.log_odds
        for link in found.links:
            holders = links.filter(pa.compute.equal(links["identifier"], link.identifier))["account"].to_pylist()
            assert link.others_count == len(holders) - 1
            assert {*link.others, found.account} <= {*holders}
        assert found.account not in {one.account for one in found.neighbours}
        assert {group.links for group in found.groups} <= set(range(1, len(found.links) + 1))


def test_a_counterfactual_holds_and_none_of_it_can_be_put_back(
    model: Model, whole: Whole, explained: list[Explanation]
) -> None:
    found = [one for one in explained if one.counterfactual is not None]
    assert len(found) > len(explained) / 2
    for one in found[::3]:
        said = one.counterfactual
        assert said is not None
        gone = {(one.account, one.links[place].identifier) for place in said.links}
        odds = judged(model, without(whole.network, one.account, gone)).log_odds[one.account]
        assert odds < 0
        assert 1.0 / (1.0 + np.exp(-odds)) == pytest.approx(said.probability, abs=1e-3)
        for back in gone:
            assert judged(model, without(whole.network, one.account, gone - {back})).log_odds[one.account] >= 0


def test_there_is_no_counterfactual_where_nothing_is_flagged_or_own_behaviour_carries_it(
    whole: Whole, flagged: list[int]
) -> None:
    calm = int(np.argmin(whole.log_odds))
    assert explain(whole, calm).counterfactual is None
    shift = replace(whole.model.account, shift=whole.model.account.shift + 30.0)
    sure = replace(whole, model=replace(whole.model, account=shift), log_odds=whole.log_odds + 30.0)
    found = explain(sure, flagged[0])
    assert found.counterfactual is None
    assert found.own_log_odds > 0
    assert found.own


def test_an_account_that_shares_nothing_has_an_empty_explanation(whole: Whole) -> None:
    links = whole.links
    shares = np.bincount(links.account[links.degree[links.identifier] > 1], minlength=links.accounts)
    found = explain(whole, int(np.flatnonzero(shares == 0)[0]))
    assert (found.links, found.groups, found.neighbours, found.counterfactual) == ((), (), (), None)
    assert found.own_log_odds == pytest.approx(found.log_odds, abs=1e-4)


def test_the_order_of_rows_changes_nothing(
    model: Model, later: World, whole: Whole, explained: list[Explanation]
) -> None:
    count = len(later.ring)
    order = np.random.default_rng(2).permutation(count)
    place = np.argsort(order)
    random = np.random.default_rng(1)
    known = later.abusive & (random.random(count) < 0.3)
    shuffled = judged(model, network_of(later, known=known, order=order))
    for one in explained[:3]:
        other = explain(shuffled, int(place[one.account]))
        assert other.log_odds == pytest.approx(one.log_odds, abs=1e-3)
        assert [link.type for link in other.links] == [link.type for link in one.links]
        assert [link.drop for link in other.links] == pytest.approx([link.drop for link in one.links], abs=1e-3)
        assert [{int(order[row]) for row in link.others} for link in other.links] == [
            {*link.others} for link in one.links
        ]
        assert (other.counterfactual is None) == (one.counterfactual is None)
        if one.counterfactual is not None and other.counterfactual is not None:
            assert other.counterfactual.links == one.counterfactual.links


def test_some_accounts_stand_for_a_crowd(whole: Whole, later: World, monkeypatch: pytest.MonkeyPatch) -> None:
    account = later.kind.index("shared_network")
    exact = around(whole, account)
    monkeypatch.setattr(gnn.around, "AROUND_MOST", 40)
    part = around(whole, account)
    assert part.capped
    assert len(part.rows) < len(exact.rows)
    assert part.log_odds(part.nothing) == pytest.approx(float(whole.log_odds[account]), abs=0.3)


def test_direct_ties_are_named_too(model: Model, whole: Whole, flagged: list[int]) -> None:
    a, b, c = flagged[0], flagged[-1], flagged[5]
    ends, weight = ([a, b, a], [b, a, c]), [1.0, 1.0, 0.5]
    peers = pa.table([*ends, ["transfer"] * 3, weight, [NOW_MS] * 3], names=PEER_SCHEMA.names).cast(PEER_SCHEMA)
    network = replace(whole.network, peers=peers)
    tied = judged(model, network)
    found = explain(tied, a)
    drops = {link.others[0]: link.drop for link in found.links if link.type == PEER}
    assert set(drops) == {b, c}
    alone = judged(model, replace(network, peers=peers.slice(2)))
    assert drops[b] == pytest.approx(float(tied.log_odds[a] - alone.log_odds[a]), abs=1e-3)


@settings(max_examples=80, deadline=None)
@given(
    weights=st.lists(st.integers(-2, 5), max_size=6),
    together=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(-3, 3)), max_size=4),
    line=st.integers(-2, 8),
    budget=st.sampled_from((5, 1000)),
)
def test_the_fewest_are_those_that_trying_all_sets_finds(
    weights: list[int], together: list[tuple[int, int, int]], line: int, budget: int
) -> None:
    def score(gone: frozenset[int]) -> float:
        kept = {*range(len(weights))} - gone
        return float(sum(weights[one] for one in kept) + sum(more for a, b, more in together if {a, b} <= kept))

    items = sorted(range(len(weights)), key=lambda one: -weights[one])
    sets = [frozenset(some) for size in range(len(items) + 1) for some in combinations(items, size)]
    enough = [some for some in sets if score(some) < line]
    found = fewest(score, items, line, budget)
    if found is None:
        assert score(frozenset(items)) >= line
        return
    gone = frozenset(found.items)
    assert score(gone) == found.score < line
    assert all(score(gone - {one}) >= line for one in gone)
    if found.proven:
        assert len(gone) == min(len(some) for some in enough)
