"""Rules without a model: what they accuse, and what they let an innocent reason explain."""

from __future__ import annotations

import itertools

import numpy as np

from gnn.evaluate import auroc
from gnn.judgement import Judgement
from gnn.rules import by_rules
from tests.gnn.worlds import DAY_MS, NOW_MS, World, make_world, network_of

SIZE = 8
HARD = ("device", "instrument")
PLACE = ("ip", "mail_domain")


def crowd(shared: tuple[str, ...], size: int = SIZE, days_apart: float = 0.1, **names: str) -> World:
    """So many accounts that share these identifiers, and one that shares nothing. `names`: of a type its id."""
    world = World()
    for place in range(size):
        made_ms = NOW_MS - int((30 - place * days_apart) * DAY_MS)
        world.created_ms.append(made_ms)
        world.links += [(place, kind, names.get(kind, f"{kind}-1"), made_ms) for kind in shared]
    world.created_ms.append(NOW_MS - 40 * DAY_MS)
    world.links.append((size, "device", "alone", world.created_ms[-1]))
    world.ring, world.group, world.kind = [0] * size + [-1], [0] * (size + 1), ["trial_farm"] * (size + 1)
    world.facts = [{"events": 5.0} for _ in range(size + 1)]
    return world


def judged(world: World, confirmed: tuple[int, ...] = ()) -> Judgement:
    known = np.isin(np.arange(len(world.ring)), confirmed)
    return by_rules(network_of(world, known=known))


def test_many_accounts_with_one_device_and_one_card_are_accused_and_their_cluster_is() -> None:
    said = judged(crowd(HARD))
    assert np.all(said.account[:SIZE] >= 0.5)
    assert said.account[SIZE] == 0.0
    assert len(said.cluster) == 1
    assert said.cluster[0] >= 0.5


def test_one_rare_thing_alone_accuses_nobody() -> None:
    for shared in ("device", "instrument", "phone"):
        assert judged(crowd((shared,), days_apart=3.0)).account.max() < 0.5


def test_a_place_of_work_accuses_nobody() -> None:
    assert judged(crowd((*PLACE, "org", "referral_code"))).account.max() < 0.5


def test_a_firm_that_shares_machines_and_a_card_is_explained_by_its_organisation() -> None:
    assert judged(crowd((*HARD, "ip"))).account[0] >= 0.5
    assert judged(crowd((*HARD, "ip", "org"))).account[0] < 0.5


def test_university_mail_explains_as_an_organisation_does() -> None:
    shared = ("ip", "device", "mail_domain")
    plain = judged(crowd(shared, mail_domain="example.com")).account[0]
    for name in ("example.edu", "example.ac.uk", "example.edu.au"):
        assert judged(crowd(shared, mail_domain=name)).account[0] < plain
    assert judged(crowd(shared, mail_domain="acedu.com")).account[0] == plain


def test_a_family_that_shares_all_it_has_is_not_accused() -> None:
    assert judged(crowd((*HARD, "ip"), size=4)).account.max() < 0.5


def test_confirmed_accounts_accuse_their_neighbours_and_are_not_explained_away() -> None:
    world = crowd(("device", "ip", "org"))
    before, one, three = (judged(world, confirmed).account for confirmed in ((), (0,), (0, 1, 2)))
    assert before[SIZE - 1] < one[SIZE - 1] < 0.5 <= three[SIZE - 1]


def test_an_account_s_own_label_says_nothing_of_itself() -> None:
    world = crowd(HARD)
    assert judged(world, (0,)).account[0] == judged(world).account[0]


def test_signups_in_one_burst_count_more_than_over_weeks() -> None:
    assert judged(crowd(HARD)).account[0] > judged(crowd(HARD, days_apart=3.0)).account[0]


def test_bad_payments_count_by_themselves_but_accuse_nobody() -> None:
    world = crowd(HARD)
    for facts, more in itertools.pairwise(
        ({}, {"prepaid_share": 1.0}, {"declined_share": 0.8, "prepaid_share": 1.0}, {"charged_back_share": 0.2})
    ):
        world.facts[SIZE] = facts
        less = judged(world).account[SIZE]
        world.facts[SIZE] = more
        assert less < judged(world).account[SIZE] < 0.5


def test_the_order_of_accounts_changes_nothing() -> None:
    world = make_world(3, singles=120, rings=4, campuses=1, offices=3)
    order = np.random.default_rng(0).permutation(len(world.ring))
    plain, shuffled = by_rules(network_of(world)), by_rules(network_of(world, order=order))
    assert np.array_equal(plain.account[order], shuffled.account)
    assert np.array_equal(np.sort(plain.cluster), np.sort(shuffled.cluster))


def test_rules_tell_rings_from_singles_and_households() -> None:
    world = make_world(1)
    assert auroc(world.abusive, by_rules(network_of(world)).account) > 0.85


def test_a_network_without_links_accuses_nobody() -> None:
    world = crowd(())
    world.links = []
    assert judged(world).account.max() == 0.0
