"""Combinations of weak identifiers agree with a plain count over all threes; chance and hubs make none."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from math import log2, prod
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import false_discovery_control, poisson

from graphsvc.events.record import Record
from graphsvc.links.combinations import ACCOUNTS_MIN, GROUPS_USED, WEAK_BITS, Combinations, combinations
from graphsvc.links.pairs import BITS_MIN, pairs
from graphsvc.links.view import LinkView
from graphsvc.links.weights import GROUPS, HUB_CUT, population, weight_of
from tests.links.worlds import START_MS, event, sharing, view

Parts = frozenset[int]


def _crowd(seed: int, accounts: int = 400) -> list[Record]:
    """Accounts with a network operator, an issuer range, a client program and a mail domain each, drawn from few."""
    rng = random.Random(seed)
    kinds = {"asn": 6, "bin": 5, "tls": 4, "mail_domain": 3, "referral_code": 3}
    return [
        event(f"e{place}-{kind}", f"u{place:03d}", START_MS, [(kind, f"{kind}{rng.randrange(many)}")])
        for place in range(accounts)
        for kind, many in kinds.items()
        if rng.random() < 0.9
    ]


@pytest.mark.parametrize("seed", range(3))
def test_they_agree_with_a_plain_count(tmp_path: Path, seed: int) -> None:
    seen = view(tmp_path / "w", _crowd(seed))
    found = combinations(seen)
    expected = _plain(seen)
    assert {_parts(found, place) for place in range(len(found.bits))} == set(expected)
    for place in range(len(found.bits)):
        accounts, bits = expected[_parts(found, place)]
        assert found.bits[place] == pytest.approx(bits, rel=1e-4)
        assert set(found.account[found.combination == place].tolist()) == accounts
        assert found.degree[place] == len(accounts)


def test_three_hubs_that_five_accounts_share_are_strong(tmp_path: Path) -> None:
    """Two hundred accounts hold each of them, which is worth nothing; all three only these five and chance."""
    rng = random.Random(1)
    kinds = ("subnet", "mail_domain", "referral_code")
    crowd = [
        event(f"e{place}", f"u{place:04d}", START_MS, [(kind, f"{kind}{rng.randrange(100)}") for kind in kinds])
        for place in range(20000)
    ]
    five = [event(f"r{n}", f"ring{n}", START_MS, [(kind, f"{kind}0") for kind in kinds]) for n in range(5)]
    seen = view(tmp_path / "with", [*crowd, *five])
    found = pairs(seen)
    names = np.array(seen.accounts["account_id"].to_pylist())
    together = {frozenset((one, other)) for one, other in zip(names[found["a"]], names[found["b"]], strict=True)}
    assert len(pairs(view(tmp_path / "without", crowd))) == 0
    assert {frozenset(two) for two in itertools.combinations([f"ring{n}" for n in range(5)], 2)} <= together
    assert set(found["groups"].to_pylist()) == {1 << GROUPS.index("combination")}


def test_what_chance_explains_is_no_combination(tmp_path: Path) -> None:
    """Two thousand accounts draw each identifier by themselves: what some of them have together means nothing."""
    found = pairs(view(tmp_path / "w", _crowd(5, accounts=2000)), BITS_MIN)
    assert len(found) == 0


def test_a_campus_has_many_things_in_common_and_no_combination(tmp_path: Path) -> None:
    students = [f"s{place:03d}" for place in range(300)]
    others = [f"o{place:03d}" for place in range(900)]
    shared = {
        ("subnet", "10.0.0.0/24"): students,
        ("mail_domain", "example.edu"): students,
        ("tls", "browser"): students,
    }
    assert len(combinations(view(tmp_path / "w", sharing({**shared, ("asn", "x"): others}))).bits) == 0


def _parts(found: Combinations, place: int) -> Parts:
    return frozenset(row for row in found.parts[place].tolist() if row >= 0)


def _plain(seen: LinkView) -> dict[Parts, tuple[set[int], float]]:
    types, degree = seen.identifiers["type"].to_pylist(), seen.identifiers["degree"].to_pylist()
    bits, people = seen.identifiers["bits"].to_pylist(), len(seen.accounts)
    held: dict[int, set[int]] = defaultdict(set)
    for link in seen.links.to_pylist():
        held[link["identifier"]].add(link["account"])
    weak = [
        row
        for row in held
        if weight_of(types[row]).group in GROUPS_USED
        and bits[row] < WEAK_BITS
        and ACCOUNTS_MIN <= degree[row] <= people / 2
    ]
    whole = {
        frozenset(parts): _together(held, parts) for size in (2, 3) for parts in itertools.combinations(weak, size)
    }
    out, tested = {}, []
    for parts, accounts in whole.items():
        groups = {weight_of(types[row]).group for row in parts}
        if len(groups) < len(parts):
            continue
        if len(parts) == 2:
            expected = prod(degree[row] for row in parts) / people
        else:
            expected = max(len(whole[parts - {row}]) * degree[row] / people for row in parts)
        tested.append((float(poisson.sf(len(accounts) - 1, expected)), parts, accounts, expected))
    rate = false_discovery_control([p for p, *_ in tested])
    for (_, parts, accounts, expected), wrong in zip(tested, rate, strict=True):
        if len(accounts) < ACCOUNTS_MIN:
            continue
        doubt = 1 - prod(1 - weight_of(types[row]).prior for row in parts)
        hub = max(1 - (len(accounts) / HUB_CUT) ** 2, 0)
        unexplained = min(max(1 - expected / len(accounts), 0), 1)
        rarity = log2(population(people) / len(accounts))
        worth = rarity * doubt * (1 - wrong) * unexplained * hub - sum(bits[row] for row in parts)
        if worth > 0:
            out[parts] = (accounts, worth)
    return out


def _together(held: dict[int, set[int]], parts: tuple[int, ...]) -> set[int]:
    return set.intersection(*(held[row] for row in parts))
