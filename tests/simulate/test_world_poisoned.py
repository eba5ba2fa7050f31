"""The poisoned world: operators hide among innocents and frame them, as its events show."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import msgspec
import pytest
from msgspec import UNSET

from graphsvc.simulate import load_world, simulate
from tests.simulate.made import Made, make

HUBS = {"campus", "office", "sso_company", "coworking", "mobile_region", "public_terminal", "classroom", "influencer",
        "vendor_app", "tutorial", "household"}  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """2,500 accounts, a third of them operators', so that each way of leaning on innocents is there."""
    return make(
        tmp_path_factory.mktemp("poisoned"), "poisoned", accounts=2500, requests=6.0, seed=5, abusive_share=(0.33, 0.33)
    )


Held = dict[str, dict[str, set[str]]]


@pytest.fixture(scope="module")
def held(world: Made) -> Held:
    """Accounts by what they show: kind of identifier, then identifier."""
    found: Held = defaultdict(lambda: defaultdict(set))
    for event in world.events:
        account = event.account_id
        if event.device is not UNSET:
            found["device"][str(event.device.id)].add(account)
        if event.ip is not UNSET:
            found["ip"][str(event.ip)].add(account)
        if event.payment is not UNSET:
            found["card"][str(event.payment.fingerprint)].add(account)
        if event.signup is not UNSET:
            name, domain = str(event.signup.email).split("@")
            found["mailbox"][f"{name.split('+')[0]}@{domain}"].add(account)
            if event.signup.referral_code is not UNSET:
                found["code"][str(event.signup.referral_code)].add(account)
        if event.request is not UNSET and event.request.messages is not UNSET:
            first = event.request.messages[0]
            if first.role == "system":
                found["system"][first.content].add(account)
    return found


def mixed(world: Made, held: Held, kind: str, groups: set[str], fewest: int) -> set[str]:
    """Rings whose accounts share an identifier of this kind with as many innocents of one of the groups."""
    rings = set()
    for accounts in held[kind].values():
        innocents = [a for a in accounts if world.truth[a]["group"] in groups]
        if len(innocents) >= fewest:
            rings |= {world.truth[a]["ring"] for a in accounts} - {""}
    return rings


def test_rings_hide_at_the_addresses_of_innocents(world: Made, held: Held) -> None:
    assert len(mixed(world, held, "ip", HUBS, 3)) >= 5


def test_rings_hide_behind_a_vendors_prompt(world: Made, held: Held) -> None:
    assert mixed(world, held, "system", {"vendor_app", "office", "sso_company"}, 3)


def test_rings_sign_up_with_an_innocents_code(world: Made, held: Held) -> None:
    assert len(mixed(world, held, "code", {"influencer", "tutorial", "vendor_app"}, 5)) >= 2


@pytest.mark.parametrize("kind", ["device", "card", "mailbox"])
def test_rings_frame_one_person(kind: str, world: Made, held: Held) -> None:
    rings = mixed(world, held, kind, {"bystander"}, 1)
    assert rings
    framed = [
        accounts
        for accounts in held[kind].values()
        if len(accounts) > 1 and any(world.truth[account]["group"] == "bystander" for account in accounts)
    ]
    assert all(sum(world.truth[account]["group"] == "bystander" for account in accounts) == 1 for accounts in framed)


def test_a_framed_persons_account_is_fed_into_the_chain_of_hops(world: Made) -> None:
    holders: dict[str, list[str]] = defaultdict(list)
    for event in world.events:
        if event.request is not UNSET and event.request.messages is not UNSET:
            said = [message.content for message in event.request.messages if message.role != "system"]
            if len(said) > 2:
                holders["\n".join(said[:2])].append(world.truth[event.account_id]["group"])
    fed = [groups for groups in holders.values() if "bystander" in groups and len(set(groups)) > 1]
    assert len(fed) >= 5


def test_those_who_are_framed_stay_innocent(world: Made) -> None:
    bystanders = [row for row in world.truth.values() if row["group"] == "bystander"]
    assert bystanders
    assert all(row["abusive"] == "0" and not row["ring"] for row in bystanders)


def test_two_processes_make_the_same_bytes_as_one(tmp_path: Path) -> None:
    spec = msgspec.structs.replace(load_world("poisoned"), accounts=200, requests=3.0, abusive_share=(0.3, 0.3))
    simulate(spec, tmp_path / "one")
    simulate(spec, tmp_path / "two", processes=2)
    for name in ("events.ndjson", "labels.ndjson", "truth.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_the_plain_world_shares_no_persons_card_or_mailbox_with_a_ring(plain_world: Made) -> None:
    cards: dict[str, set[str]] = defaultdict(set)
    for event in plain_world.events:
        if event.payment is not UNSET:
            cards[str(event.payment.fingerprint)].add(plain_world.truth[event.account_id]["abusive"])
    assert all(len(sides) == 1 for sides in cards.values())
