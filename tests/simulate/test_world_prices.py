"""What operators pay, what they can afford, and what giving up one kind of sharing after another costs them."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import msgspec
import pytest

from graphsvc.errors import BadUsage
from graphsvc.simulate import load_world
from graphsvc.simulate.budget import policies_of
from graphsvc.simulate.dice import Dice
from graphsvc.simulate.evade import KINDS, giving_up
from graphsvc.simulate.prices import Prices, cost_parts, cost_per_account, policy_cost, shipped_prices
from graphsvc.simulate.spec import Addresses, Devices, Payments

SHIPPED = shipped_prices()
PRICES = Prices(
    life_months=2.0,
    month={**SHIPPED.month, "datacentre_address": 8.0, "static_residential": 10.0, "browser_profile": 3.0},
    piece={**SHIPPED.piece, "virtual_card": 2.0, "foreign_card": 6.0},
)


def test_a_shared_address_is_paid_once() -> None:
    shared = Addresses(shared_by=(8, 8), shared_kind={"hosting": 1.0}, shared_use=(1.0, 1.0))
    half = Addresses(shared_by=(8, 8), shared_kind={"hosting": 1.0}, shared_use=(0.5, 0.5))
    assert policy_cost(shared, PRICES) == pytest.approx(1.0)
    assert policy_cost(Addresses(), PRICES) == pytest.approx(10.0)
    assert policy_cost(half, PRICES) == pytest.approx(0.5 * 1.0 + 0.5 * 10.0)


def test_devices_cost_by_how_many_share_them() -> None:
    shared = Devices(own=(0, 0), shared_by=(30, 30), shared_use=(1.0, 1.0), clients={"browser": 1.0})
    assert policy_cost(shared, PRICES) == pytest.approx(0.1)
    assert policy_cost(Devices(own=(2, 2), clients={"browser": 1.0}), PRICES) == pytest.approx(6.0)


def test_a_piece_is_spread_over_the_life_of_an_account() -> None:
    one_range = Payments(paying=(1, 1), methods={"card": 1.0}, funding={"credit": 1.0}, one_bin=(1.0, 1.0))
    apart = msgspec.structs.replace(one_range, one_bin=(0.0, 0.0))
    assert policy_cost(one_range, PRICES) == pytest.approx(1.0)
    assert policy_cost(apart, PRICES) == pytest.approx(3.0)
    assert policy_cost(msgspec.structs.replace(apart, instrument_by=(6, 6)), PRICES) == pytest.approx(0.5)


def test_a_poor_ring_shares_more_than_a_rich_one() -> None:
    archetype = load_world("plain").archetypes["distillation"]

    def paid(budget: float) -> float:
        return cost_per_account(msgspec.structs.replace(archetype, budget=(budget, budget)))

    assert paid(2.0) < paid(5.0) < paid(12.0)


def test_a_ring_keeps_within_its_budget_where_anything_does() -> None:
    archetype = msgspec.structs.replace(load_world("plain").archetypes["distillation"], budget=(6.0, 6.0))
    for seed in range(50):
        taken = policies_of(archetype, Dice.of(seed))
        parts = (taken.addresses, taken.devices, taken.mail, taken.payments)
        assert sum(policy_cost(policy) for policy in parts) <= 6.0


def test_what_a_ring_gives_up_first_is_its_strategy() -> None:
    archetype = msgspec.structs.replace(load_world("plain").archetypes["distillation"], budget=(4.0, 4.0))
    spent = {}
    for kind in ("device", "network"):
        bent = msgspec.structs.replace(archetype, strategy={kind: 1.0})
        spent[kind] = cost_parts(bent)
    assert spent["device"]["device"] > spent["network"]["device"]
    assert spent["device"]["network"] < spent["network"]["network"]


def test_rings_of_one_archetype_follow_many_combinations_of_policies() -> None:
    archetype = load_world("plain").archetypes["distillation"]
    seen = Counter(repr(policies_of(archetype, Dice.of(seed))) for seed in range(200))
    assert len(seen) > 30
    assert max(seen.values()) < 40


@pytest.mark.parametrize("name", ["distillation", "resale_relay", "trial_farm", "hand_ring"])
def test_giving_up_everything_costs_more_and_no_step_saves_much(name: str) -> None:
    plain = load_world("plain")
    world = msgspec.structs.replace(plain, archetypes={name: plain.archetypes[name]})
    paid = [cost_per_account(giving_up(world, KINDS[:count]).archetypes[name]) for count in range(len(KINDS) + 1)]
    assert paid[-1] > 1.5 * paid[0]
    assert all(after > before - 0.3 for before, after in pairwise(paid))


def test_innocents_live_as_before_when_operators_give_up_sharing() -> None:
    before, after = load_world("plain"), giving_up(load_world("plain"), KINDS)
    for name in before.innocents:
        assert before.archetypes[name] == after.archetypes[name]


def test_an_unknown_kind_of_sharing_is_refused() -> None:
    with pytest.raises(BadUsage, match="handshake"):
        giving_up(load_world("plain"), ["handshake"])
