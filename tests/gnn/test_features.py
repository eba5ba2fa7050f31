"""Account features: what they may not hold, whom they may look at, and a slow plain version of the fast passes."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from gnn.adjacency import incidence
from gnn.features import DAY_MS, FEATURES, compute, sources
from gnn.groups import GROUPS
from gnn.labels import known
from gnn.network import Network
from tests.gnn.worlds import NOW_MS, World, labels_of, make_world, network_of

FORBIDDEN = re.compile(r"country|nation|language|locale|name$|ethnic|gender|region|latitude|longitude|timezone")


def features(network: Network, hidden: np.ndarray | None = None) -> np.ndarray:
    return compute(sources(network, known(network, hidden)))


def test_no_feature_tells_where_a_person_comes_from_or_what_they_are_called() -> None:
    assert not [name for name in FEATURES if FORBIDDEN.search(name)]
    assert len(set(FEATURES)) == len(FEATURES)


def test_an_accounts_own_ban_is_no_feature() -> None:
    assert "own_banned" not in FEATURES
    assert not [name for name in FEATURES if name.endswith("mean_banned")]


def test_features_are_finite_and_one_row_an_account(world: World) -> None:
    network = network_of(world)
    x = features(network)
    assert x.shape == (network.account_count, len(FEATURES))
    assert np.isfinite(x).all()


def test_an_own_label_changes_the_neighbours_features_only(world: World) -> None:
    network = network_of(world)
    ring = np.flatnonzero((np.array(world.ring) == 0) & (network.clusters >= 0))
    account = int(ring[0])
    one = np.zeros(network.account_count, dtype=bool)
    one[account] = True
    before, after = features(network), features(replace(network, labels=labels_of(world, one, NOW_MS - DAY_MS)))
    changed = np.flatnonzero((before != after).any(axis=1))
    assert account not in changed
    assert set(changed) & set(ring[1:])
    assert {FEATURES[index].rsplit("_", 1)[1] for index in np.flatnonzero((before != after).any(axis=0))} == {"bad"}


def test_a_hidden_label_is_seen_by_nobody(world: World) -> None:
    network = network_of(world)
    labelled = replace(network, labels=labels_of(world, world.abusive, NOW_MS - DAY_MS))
    np.testing.assert_array_equal(features(network), features(labelled, hidden=world.abusive))


def test_features_do_not_depend_on_ids_or_order(world: World) -> None:
    order = np.random.default_rng(1).permutation(len(world.ring))
    plain, shuffled = features(network_of(world)), features(network_of(world, order=order))
    np.testing.assert_allclose(plain[order], shuffled, rtol=1e-5, atol=1e-6)


def test_a_ring_looks_the_same_in_a_larger_population() -> None:
    small = make_world(3, singles=100, campuses=0, offices=0)
    large = make_world(3, singles=100, campuses=0, offices=0)
    rows = np.flatnonzero(small.abusive)
    for extra in range(100 * len(large.ring)):
        large.created_ms.append(NOW_MS - DAY_MS)
        large.ring.append(-1)
        large.group.append(-1)
        large.kind.append("")
        large.facts.append({})
        large.links.append((len(large.ring) - 1, "email", f"extra-{extra}", NOW_MS - DAY_MS))
    a, b = features(network_of(small))[rows], features(network_of(large))[rows]
    best = [index for index, name in enumerate(FEATURES) if name.endswith("_best")]
    assert np.abs(a[:, best] - b[:, best]).max() < 0.05


def test_fast_passes_equal_a_plain_version(world: World) -> None:
    network = network_of(world, known=world.abusive & (np.arange(len(world.ring)) % 3 == 0))
    x, evidence, links = features(network), known(network), incidence(network)
    members: dict[int, list[int]] = {}
    for row, node in enumerate(links.identifier):
        members.setdefault(int(node), []).append(row)
    for account in range(0, network.account_count, 37):
        rows = range(links.starts[account], links.starts[account + 1])
        for group, name in ((GROUPS.index("device"), "device"), (GROUPS.index("payment"), "payment")):
            weight = week = bad = 0.0
            for row in rows:
                node = int(links.identifier[row])
                others = [other for other in members[node] if other != row]
                if links.group[node] != group or not others:
                    continue
                tie = float(links.strength[node])
                weight += tie
                near = sum(abs(links.first_ms[other] - links.first_ms[row]) <= 7 * DAY_MS for other in others)
                week += tie * near / len(others)
                bad += tie * sum(evidence.bad[links.account[other]] for other in others) / len(others)
            assert np.isclose(
                x[account, FEATURES.index(f"{name}_burst_week")], week / weight if weight else 0, atol=1e-5
            )
            assert np.isclose(x[account, FEATURES.index(f"{name}_bad")], bad / weight if weight else 0, atol=1e-5)


def test_a_network_without_links_has_features_too() -> None:
    lonely = make_world(5, singles=5, rings=0, campuses=0, offices=0)
    lonely.links.clear()
    assert np.isfinite(features(network_of(lonely))).all()
