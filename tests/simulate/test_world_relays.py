"""How pools behave, read from the events: cooldowns, windows, retries, hops, successors, the pivot, entry programmes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from msgspec import UNSET

from graphsvc.events.types import Event
from tests.simulate.made import Made, make

NEW_MODEL = "aurora-max-2"
HOUR_S = 3600
WINDOW_S = 5 * HOUR_S
COOLDOWN_S = {529: 600, 500: 300, 401: 1800}
POOLS = {"distillation", "resale_relay", "conversation_relay", "programme_ring"}
WORLD = """
name = "pools"
base = "plain"
abusive_share = [0.6, 0.6]
requests = 45
[operators]
stolen_account = 0.0
trial_farm = 0.0
phone_ring = 0.0
referral_ring = 0.0
hand_ring = 0.0
seat_seller = 0.0
team_seller = 0.0
[override.distillation]
size = [25, 40]
largest_share = 0.1
[override.distillation.activity]
window_limit = [5, 10]
[override.distillation.provider]
found = [1.0, 1.0]
replaced = [1.0, 1.0]
delay_days = [2, 6]
[override.resale_relay.activity]
window_limit = [5, 10]
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("pools")
    (folder / "pools.toml").write_text(WORLD, encoding="utf-8")
    return make(folder / "out", str(folder / "pools.toml"), accounts=500, seed=6)


@pytest.fixture(scope="module")
def requests(world: Made) -> dict[str, list[Event]]:
    """Requests of the pools' accounts, by account."""
    found: dict[str, list[Event]] = defaultdict(list)
    for event in world.events:
        if event.request is not UNSET and world.truth[event.account_id]["group"] in POOLS:
            found[event.account_id].append(event)
    return found


def second(event: Event) -> float:
    return event.occurred_at.timestamp()


def status(event: Event) -> int:
    assert event.request is not UNSET
    return int(event.request.status)


def said(event: Event) -> list[str]:
    """The conversation so far, without the client's system prompt."""
    assert event.request is not UNSET
    assert event.request.messages is not UNSET
    return [message.content for message in event.request.messages if message.role != "system"]


def pauses(requests: dict[str, list[Event]], wanted: int) -> list[float]:
    """Seconds until the account's next request after each answer with this status."""
    return [
        second(later) - second(event)
        for events in requests.values()
        for event, later in pairwise(events)
        if status(event) == wanted
    ]


@pytest.mark.parametrize("wanted", COOLDOWN_S)
def test_an_account_rests_after_a_failure(wanted: int, requests: dict[str, list[Event]]) -> None:
    rests = pauses(requests, wanted)
    assert len(rests) >= 3
    assert min(rests) >= COOLDOWN_S[wanted]


def windows(events: Sequence[Event]) -> Iterator[tuple[float, list[Event]]]:
    """Five-hour windows that begin at the full hour of their first request."""
    end_s, inside = 0.0, list[Event]()
    for event in events:
        if second(event) >= end_s:
            if inside:
                yield end_s, inside
            end_s, inside = second(event) // HOUR_S * HOUR_S + WINDOW_S, []
        inside.append(event)
    if inside:
        yield end_s, inside


def test_a_limit_holds_for_a_window_floored_to_the_hour_and_the_pool_waits_for_its_end(
    requests: dict[str, list[Event]],
) -> None:
    limited = [
        (end_s, inside)
        for account_events in requests.values()
        for end_s, inside in windows(account_events)
        if any(status(event) == 429 for event in inside)
    ]
    assert len(limited) >= 20
    assert all(status(inside[-1]) == 429 for _, inside in limited)
    assert all(sum(status(event) == 429 for event in inside) == 1 for _, inside in limited)


def test_an_account_is_limited_at_the_same_number_each_time(requests: dict[str, list[Event]]) -> None:
    numbers = defaultdict(set)
    for account, events in requests.items():
        for _, inside in windows(events):
            if status(inside[-1]) == 429:
                numbers[account].add(len(inside))
    assert sum(len(seen) == 1 for seen in numbers.values()) > 0.95 * len(numbers)


def test_what_failed_is_asked_again_within_seconds_and_elsewhere(world: Made, requests: dict[str, list[Event]]) -> None:
    asked: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for account, events in requests.items():
        for event in events:
            asked[world.truth[account]["ring"], "\n".join(said(event))].append(event)
    again = []
    for events in asked.values():
        events.sort(key=second)
        again += [(one, other) for one, other in pairwise(events) if status(one) != 200]
    failures = sum(status(event) != 200 for events in requests.values() for event in events)
    assert 0.1 < len(again) / failures < 1.0
    assert np.median([second(other) - second(one) for one, other in again]) < 15
    assert sum(one.account_id != other.account_id for one, other in again) > 0.9 * len(again)


def test_running_conversations_hop_within_their_ring(world: Made, requests: dict[str, list[Event]]) -> None:
    holders: dict[str, set[str]] = defaultdict(set)
    for account, events in requests.items():
        for event in events:
            if len(said(event)) > 2:
                holders["\n".join(said(event)[:2])].add(account)
    hopped = [accounts for accounts in holders.values() if len(accounts) > 1]
    assert len(hopped) > 50
    assert all(len({world.truth[account]["ring"] for account in accounts}) == 1 for accounts in hopped)
    whole = [accounts for accounts in holders.values() if world.truth[min(accounts)]["group"] == "conversation_relay"]
    assert sum(len(accounts) > 1 for accounts in whole) < 0.1 * len(whole)


def test_the_banned_are_replaced_within_hours_by_successors_that_inherit_some(world: Made) -> None:
    banned, joined = defaultdict(list), defaultdict(list)
    shown: dict[str, set[str]] = defaultdict(set)
    for event in world.events:
        row = world.truth[event.account_id]
        if row["group"] != "distillation":
            continue
        if event.enforcement is not UNSET and event.enforcement.action == "banned":
            banned[row["ring"]].append((second(event), event.account_id))
        if event.type == "signup":
            joined[row["ring"]].append((second(event), event.account_id))
        if event.device is not UNSET:
            shown[event.account_id] |= {f"d{event.device.id}", f"i{event.ip}"}
    prompt, waves, heirs = 0, 0, 0
    for ring, bans in banned.items():
        for ban_s, account in bans:
            after = [(join_s - ban_s, other) for join_s, other in joined[ring] if 0 < join_s - ban_s < 72 * HOUR_S]
            waves += 1
            prompt += any(wait_s < 24 * HOUR_S for wait_s, _ in after)
            heirs += any(shown[account] & shown[other] for _, other in after)
    assert waves >= 10
    assert prompt > 0.4 * waves
    assert 0 < heirs < waves


def test_about_half_of_a_distillers_traffic_moves_to_a_new_model_within_a_day(
    world: Made, requests: dict[str, list[Event]]
) -> None:
    released_s = min(
        second(event) for event in world.events if event.request is not UNSET and event.request.model == NEW_MODEL
    )
    after: dict[str, list[bool]] = defaultdict(list)
    for account, events in requests.items():
        row = world.truth[account]
        if row["group"] == "distillation":
            models = [e.request.model == NEW_MODEL for e in events if second(e) > released_s + 24 * HOUR_S]  # type: ignore[union-attr]
            after[row["ring"]] += models
    shares = [float(np.mean(models)) for models in after.values() if len(models) > 50]
    assert len(shares) >= 3
    assert 0.3 < float(np.mean(shares)) < 0.7
    assert min(shares) > 0.2
    assert max(shares) < 0.8


def test_operators_enter_through_programmes_too(world: Made) -> None:
    channels = defaultdict(set)
    for event in world.events:
        if event.signup is not UNSET:
            channels[world.abusive(event.account_id)].add(str(event.signup.channel))
    assert {"education", "research-programme", "startup-programme"} <= channels[True]
    assert {"education", "research-programme", "startup-programme"} <= channels[False]


def test_schedulers_spread_the_work_in_different_ways(tmp_path: Path) -> None:
    """One world with each scheduler alone: fill-first loads few accounts, round robin all alike."""
    uneven = {}
    for scheduler in ("round_robin", "lru", "weighted", "fill_first"):
        folder = tmp_path / scheduler
        folder.mkdir()
        others = {"sticky", "lru", "round_robin", "weighted", "fill_first"} - {scheduler}
        weights = ", ".join([f"{scheduler} = 1.0", *(f"{name} = 0.0" for name in sorted(others))])
        text = ONE_POOL.replace("WEIGHTS", weights)
        (folder / "one.toml").write_text(text, encoding="utf-8")
        made = make(folder / "out", str(folder / "one.toml"), accounts=80, seed=2)
        counts: dict[str, int] = defaultdict(int)
        for event in made.events:
            if event.type == "request" and made.abusive(event.account_id):
                counts[event.account_id] += 1
        loads = np.array(sorted(counts.values()))
        uneven[scheduler] = float(loads.std() / loads.mean())
    assert uneven["fill_first"] > uneven["weighted"] > uneven["round_robin"]
    assert uneven["lru"] < uneven["weighted"]


ONE_POOL = """
name = "one"
base = "plain"
abusive_share = [0.5, 0.5]
requests = 30
[operators]
distillation = 1.0
programme_ring = 0.0
resale_relay = 0.0
conversation_relay = 0.0
seat_seller = 0.0
team_seller = 0.0
trial_farm = 0.0
phone_ring = 0.0
referral_ring = 0.0
stolen_account = 0.0
hand_ring = 0.0
[override.distillation]
size = [40, 40]
largest_share = 1.0
[override.distillation.signups]
aged = [1.0, 1.0]
[override.distillation.provider]
found = [0.0, 0.0]
[override.distillation.activity]
churn = [0.0, 0.0]
[override.distillation.relay]
schedulers = { WEIGHTS }
shift_hours = [24, 24]
rest_days = [0, 0]
ttl_minutes = [5, 5]
hop = [0.9, 0.9]
"""
