"""The drift world: operators change their tactics after half of the time, innocents do not."""

from __future__ import annotations

from collections import Counter, defaultdict

import msgspec
import pytest
from msgspec import UNSET

from graphsvc.events.types import Event
from graphsvc.simulate import load_world
from tests.simulate.made import Made, make

ALIAS_DOMAINS = {"duck.com", "mozmail.com", "simplelogin.com", "privaterelay.appleid.com", "anonaddy.me"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(
        tmp_path_factory.mktemp("drift"), "drift", accounts=1500, requests=14.0, seed=8, abusive_share=(0.4, 0.4)
    )


@pytest.fixture(scope="module")
def halves(world: Made) -> tuple[dict[str, list[Event]], dict[str, list[Event]]]:
    """Each account's events before and after the change."""
    middle_s = (world.summary.start_ms + world.summary.end_ms) / 2000
    found: tuple[dict[str, list[Event]], dict[str, list[Event]]] = (defaultdict(list), defaultdict(list))
    for event in world.events:
        found[event.occurred_at.timestamp() >= middle_s][event.account_id].append(event)
    return found


def devices(events: list[Event]) -> set[str]:
    return {str(event.device.id) for event in events if event.type == "request" and event.device is not UNSET}


def kept(world: Made, halves: tuple[dict[str, list[Event]], dict[str, list[Event]]], groups: set[str]) -> float:
    """Share of the accounts active in both halves that show one device in both."""
    both = []
    for account, row in world.truth.items():
        before, after = devices(halves[0][account]), devices(halves[1][account])
        if row["group"] in groups and before and after:
            both.append(bool(before & after))
    assert len(both) > 20
    return sum(both) / len(both)


def test_rings_that_go_on_change_their_devices_and_innocents_keep_theirs(
    world: Made, halves: tuple[dict[str, list[Event]], dict[str, list[Event]]]
) -> None:
    assert kept(world, halves, {"distillation", "resale_relay", "trial_farm"}) < 0.05
    assert kept(world, halves, {"individual", "household", "office"}) > 0.8


def test_new_accounts_of_a_ring_sign_up_in_another_way(
    world: Made, halves: tuple[dict[str, list[Event]], dict[str, list[Event]]]
) -> None:
    seen = [Counter[str](), Counter[str]()]
    for half in (0, 1):
        for account, events in halves[half].items():
            for event in events:
                if event.signup is not UNSET and world.truth[account]["group"] == "distillation":
                    domain = str(event.signup.email).split("@")[1]
                    seen[half]["alias" if domain in ALIAS_DOMAINS else "other"] += 1
                    seen[half][str(event.signup.channel)] += 1
    assert seen[0]["alias"] == 0
    assert seen[1]["alias"] + seen[1]["startup-programme"] > 0
    assert seen[1]["api"] == seen[1]["education"] == 0


def test_rings_that_go_on_pay_in_another_way(
    world: Made, halves: tuple[dict[str, list[Event]], dict[str, list[Event]]]
) -> None:
    cards = [{str(e.payment.fingerprint) for e in events if e.payment is not UNSET} for events in (
        [event for account, half in halves[number].items() if world.truth[account]["group"] == "distillation" for event in half]
        for number in (0, 1)
    )]  # fmt: skip
    assert cards[0]
    assert cards[1]
    assert not cards[0] & cards[1]


def test_templates_of_a_ring_change(world: Made, halves: tuple[dict[str, list[Event]], dict[str, list[Event]]]) -> None:
    """Word runs that many accounts of one ring sent before are hardly sent after."""
    runs = [defaultdict(set), defaultdict(set)]  # type: list[defaultdict[tuple[str, str], set[str]]]
    for half in (0, 1):
        for account, events in halves[half].items():
            row = world.truth[account]
            for event in events if row["group"] == "distillation" else ():
                if event.request is not UNSET and event.request.messages is not UNSET:
                    words = event.request.messages[0].content.split()
                    for at in range(max(0, len(words) - 8)):
                        runs[half][row["ring"], " ".join(words[at : at + 8])].add(account)
    common = [{key for key, accounts in half.items() if len(accounts) > 3} for half in runs]
    assert len(common[0]) > 20
    assert len(common[0] & common[1]) < 0.35 * len(common[0])


def test_new_rings_begin_with_the_new_tactics() -> None:
    spec = load_world("drift")
    assert spec.later is not None
    assert spec.later.after == 0.5
    assert set(spec.later.archetypes) >= {"distillation", "resale_relay", "trial_farm", "stolen_account"}
    changed = {name for name, archetype in spec.later.archetypes.items() if archetype != spec.archetypes[name]}
    assert changed == set(spec.later.archetypes)
    assert all(msgspec.to_builtins(archetype)["name"] == name for name, archetype in spec.later.archetypes.items())
