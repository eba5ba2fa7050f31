"""The flash world: sudden crowds that mean no harm."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest
from msgspec import UNSET

from graphsvc.events.types import Event
from tests.simulate.made import Made, make

HOUR_S = 3600.0
NEW_MODEL = "aurora-max-2"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("flash"), "flash", accounts=2500, requests=8.0, seed=3)


@pytest.fixture(scope="module")
def units(world: Made) -> dict[str, list[str]]:
    """Accounts by unit."""
    found: dict[str, list[str]] = defaultdict(list)
    for account, row in world.truth.items():
        found[row["unit"]].append(account)
    return found


def signups(world: Made, group: str) -> dict[str, float]:
    return {
        event.account_id: event.occurred_at.timestamp()
        for event in world.events
        if event.type == "signup" and world.truth[event.account_id]["group"] == group
    }


def of(world: Made, accounts: list[str]) -> list[Event]:
    return [event for event in world.events if event.account_id in set(accounts)]


def commonest(values: list[str]) -> float:
    """Share of the commonest value."""
    return Counter(values).most_common(1)[0][1] / len(values) if values else 0.0


def released_s(world: Made) -> float:
    return min(
        event.occurred_at.timestamp()
        for event in world.events
        if event.request is not UNSET and event.request.model == NEW_MODEL
    )


def test_a_hackathon_is_one_venue_one_code_one_prompt_within_hours(world: Made, units: dict[str, list[str]]) -> None:
    at = signups(world, "hackathon")
    accounts = max((units[row["unit"]] for account, row in world.truth.items() if account in at), key=len)
    assert len(accounts) >= 25
    events = of(world, accounts)
    times = [at[account] for account in accounts]
    assert max(times) - min(times) < 10 * HOUR_S
    assert commonest([str(event.ip) for event in events if event.ip is not UNSET]) > 0.4
    assert commonest([str(e.signup.referral_code) for e in events if e.signup is not UNSET]) > 0.5
    systems = [
        event.request.messages[0].content
        for event in events
        if event.request is not UNSET and event.request.messages and event.request.messages[0].role == "system"
    ]
    assert commonest(systems) > 0.4


def test_some_hackathon_has_one_organisers_card(world: Made) -> None:
    holders: dict[str, set[str]] = defaultdict(set)
    for event in world.events:
        if event.payment is not UNSET and world.truth[event.account_id]["group"] == "hackathon":
            holders[str(event.payment.fingerprint)].add(event.account_id)
    assert max(len(accounts) for accounts in holders.values()) > 5


def test_many_sign_up_on_the_day_of_the_new_model(world: Made) -> None:
    at = signups(world, "newcomer")
    assert len(at) > 0.08 * world.summary.accounts
    released = released_s(world)
    assert sum(-2 * HOUR_S < moment - released < 36 * HOUR_S for moment in at.values()) > 0.95 * len(at)


def test_everybody_moves_to_the_new_model(world: Made, plain_world: Made) -> None:
    def moved(made: Made) -> float:
        from_s = released_s(made) + 96 * HOUR_S
        models = [
            event.request.model == NEW_MODEL
            for event in made.events
            if event.request is not UNSET
            and event.occurred_at.timestamp() > from_s
            and not made.abusive(event.account_id)
        ]
        return sum(models) / len(models)

    assert moved(world) > 0.4
    assert moved(world) > 1.5 * moved(plain_world)


def test_classes_come_in_one_wave(world: Made) -> None:
    days = Counter(int(moment // 86_400) for moment in signups(world, "classroom").values())
    assert sum(count for _, count in days.most_common(3)) > 0.6 * sum(days.values())


def test_operators_are_few(world: Made) -> None:
    assert 0 < world.summary.abusive < 0.04 * world.summary.accounts
