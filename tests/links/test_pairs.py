"""Pair evidence agrees with a plain double loop; hubs make no pairs; dependent identifiers count once."""

from __future__ import annotations

import random
from collections import defaultdict
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from graphsvc.events.record import PeerLink
from graphsvc.links.combinations import combinations as combinations_of
from graphsvc.links.pairs import BITS_MIN, REMAINDER, SCHEMA, pairs
from graphsvc.links.view import LinkView
from graphsvc.links.weights import DAY_MS, GROUPS, HUB_CUT, PEER, hub_discount, population, weight_of
from tests.links.worlds import START_MS, event, random_world, sharing, view

Pairs = dict[tuple[int, int], tuple[float, int]]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("bits_min", [0.5, BITS_MIN])
def test_pairs_agree_with_a_plain_double_loop(tmp_path: Path, seed: int, bits_min: float) -> None:
    seen = view(tmp_path / "w", random_world(seed, accounts=60), START_MS + 60 * DAY_MS)
    found = pairs(seen, bits_min)
    assert found.schema == SCHEMA
    expected = _plain(seen, bits_min)
    assert list(zip(found["a"].to_pylist(), found["b"].to_pylist(), strict=True)) == sorted(expected)
    bits, groups = zip(*(expected[key] for key in sorted(expected)), strict=True)
    assert found["bits"].to_pylist() == pytest.approx(bits, rel=1e-4)
    assert found["groups"].to_pylist() == list(groups)


def test_a_campus_on_one_address_makes_no_pairs(tmp_path: Path) -> None:
    campus = [f"student{place:03d}" for place in range(300)]
    shared = {("ip", "nat"): campus, ("subnet", "10.0.0.0/24"): campus, ("asn", "64500"): campus}
    assert len(pairs(view(tmp_path / "w", sharing(shared)), 0.0)) == 0


def test_a_carrier_address_adds_nothing_to_a_shared_card(tmp_path: Path) -> None:
    everyone = [f"u{place:03d}" for place in range(300)]
    shared = {("ip", "nat"): everyone, ("instrument", "card"): everyone[:2]}
    found = pairs(view(tmp_path / "w", sharing(shared)))
    assert found["groups"].to_pylist() == [1 << GROUPS.index("payment")]


def test_an_address_its_subnet_and_its_operator_are_one_piece_of_evidence(tmp_path: Path) -> None:
    two = ["a", "b"]
    address = pairs(view(tmp_path / "1", sharing({("ip", "x"): two})))["bits"][0].as_py()
    subnet = {("ip", "x"): two, ("subnet", "s"): two, ("asn", "n"): two}
    nested = pairs(view(tmp_path / "3", sharing(subnet)))["bits"][0].as_py()
    device = pairs(view(tmp_path / "2", sharing({("ip", "x"): two, ("device", "d"): two})))["bits"][0].as_py()
    assert address < nested < 1.2 * address
    assert device > 2 * address


def test_weak_identifiers_of_several_groups_add_up(tmp_path: Path) -> None:
    five = list("abcde")
    weak = {("referral_code", "r"): five, ("mail_domain", "example.org"): five}
    for key in weak:
        assert len(pairs(view(tmp_path / key[0], sharing({key: five})))) == 0
    assert len(pairs(view(tmp_path / "both", sharing(weak)))) == 10


def test_evidence_fades(tmp_path: Path) -> None:
    records = sharing({("ip", "x"): ["a", "b"]})
    fresh = pairs(view(tmp_path / "fresh", records), 0.0)["bits"][0].as_py()
    later = event("later", "c", START_MS + 90 * DAY_MS, [("ip", "y")])
    old = pairs(view(tmp_path / "old", [*records, later]), 0.0)["bits"][0].as_py()
    assert old == pytest.approx(fresh / 2, rel=1e-5)
    at_the_time = pairs(view(tmp_path / "then", [*records, later], START_MS), 0.0)["bits"][0].as_py()
    assert at_the_time == fresh


def test_direct_peers_are_evidence_and_busy_ones_are_hubs(tmp_path: Path) -> None:
    friends = [event("f1", "x", START_MS, peers=(PeerLink("y", "paid"),)), event("f2", "y", START_MS)]
    star = [event(f"s{place}", f"s{place}", START_MS, peers=(PeerLink("hub", "paid"),)) for place in range(200)]
    found = pairs(view(tmp_path / "w", [*friends, *star, event("h", "hub", START_MS)]))
    assert found["groups"].to_pylist() == [1 << GROUPS.index("peer")]


def test_a_pair_that_shares_nothing_of_worth_is_none(tmp_path: Path) -> None:
    assert len(pairs(view(tmp_path / "w", sharing({("ip", "x"): ["a"], ("ip", "y"): ["b"]})))) == 0


def _plain(seen: LinkView, bits_min: float) -> Pairs:
    types, degree = seen.identifiers["type"].to_pylist(), seen.identifiers["degree"].to_pylist()
    last_ms: dict[int, dict[int, int]] = defaultdict(dict)
    for link in seen.links.to_pylist():
        last_ms[link["identifier"]][link["account"]] = link["last_ms"]
    worth: dict[tuple[int, int], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    people = population(len(seen.accounts))
    newest = max(seen.links["last_ms"].to_pylist())
    for thing, seen_ms in last_ms.items():
        if not 2 <= degree[thing] < HUB_CUT:
            continue
        kind = weight_of(types[thing])
        full = np.log2(people / degree[thing]) * kind.prior * float(hub_discount(np.array([degree[thing]]))[0])
        for a, b in combinations(sorted(seen_ms), 2):
            age_days = (newest - min(seen_ms[a], seen_ms[b])) / DAY_MS
            worth[a, b][kind.group].append(full * 0.5 ** (age_days / kind.half_life_days))
    whole = combinations_of(seen)
    together: dict[int, dict[int, float]] = defaultdict(dict)
    for account, place, left in zip(whole.account, whole.combination, whole.left, strict=True):
        together[int(place)][int(account)] = float(left)
    for place, held in together.items():
        for a, b in combinations(sorted(held), 2):
            worth[a, b]["combination"].append(float(whole.bits[place]) * min(held[a], held[b]))
    for timing in seen.timings.to_pylist():
        worth[timing["a"], timing["b"]]["timing"].append(timing["bits"])
    for pair, bits in _plain_peers(seen, people).items():
        worth[pair]["peer"].append(bits)
    summed = {pair: _sum(groups) for pair, groups in worth.items()}
    return {pair: one for pair, one in summed.items() if one[0] >= bits_min}


def _plain_peers(seen: LinkView, people: int) -> dict[tuple[int, int], float]:
    weight: dict[tuple[int, int], float] = defaultdict(float)
    for peer in seen.peers.to_pylist():
        ends = (min(peer["source"], peer["target"]), max(peer["source"], peer["target"]))
        weight[ends] = max(weight[ends], peer["weight"])
    degree = [sum(account in ends for ends in weight) for account in range(len(seen.accounts))]
    busier = {ends: max(degree[ends[0]], degree[ends[1]], 2) for ends in weight}
    return {
        ends: PEER.prior * min(weight[ends], 1) * np.log2(people / busy) * float(hub_discount(np.array([busy]))[0])
        for ends, busy in busier.items()
    }


def _sum(groups: dict[str, list[float]]) -> tuple[float, int]:
    total, mask = 0.0, 0
    for name, bits in groups.items():
        best = max(bits)
        total += best + (0.0 if name == "combination" else min(best, REMAINDER * (sum(bits) - best)))
        mask |= 1 << GROUPS.index(name)
    return total, mask


def test_the_order_of_arrival_does_not_matter(tmp_path: Path) -> None:
    records = random_world(9)
    shuffled = random.Random(1).sample(records, len(records))
    one, other = pairs(view(tmp_path / "one", records)), pairs(view(tmp_path / "other", shuffled))
    assert one.equals(other)
