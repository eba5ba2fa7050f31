"""Timing finds one hand that moves accounts, and leaves in peace who only keeps the same hours, lessons or clock."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphsvc.events.record import Record
from graphsvc.links.moments import CROWD, QUIET_MS, Moments, by_thing, chance, moments_of, together
from graphsvc.links.timing import BITS_MAX, SCHEMA, Shared, accepted, timings_of
from graphsvc.links.view import LinkView
from tests.links.worlds import DAY_MS, HOUR_MS, START_MS, as_bytes, event, view

MINUTE_MS = 60_000
MIDNIGHT_MS = START_MS - START_MS % DAY_MS
Acts = list[tuple[str, int, int]]


def records(acts: Acts, groups: dict[str, str]) -> list[Record]:
    """Requests of account, time and status, on the device of the account's group."""
    return [
        event(f"e{place}", account, at_ms, [("device", groups[account])], "request", model="m", status=status)
        for place, (account, at_ms, status) in enumerate(acts)
    ]


def found(seen: LinkView) -> set[tuple[str, str, str]]:
    names = seen.accounts["account_id"].to_pylist()
    return {(names[row["a"]], names[row["b"]], row["reason"]) for row in seen.timings.to_pylist()}


def person(rng: random.Random, account: str, days: int = 20) -> Acts:
    """Some sittings at some hours of the day; one in ten ends with a refusal."""
    acts = []
    for day in range(days):
        for _ in range(rng.randrange(3)):
            at_ms = MIDNIGHT_MS + day * DAY_MS + int(rng.gauss(14, 3) * HOUR_MS)
            for _ in range(rng.randrange(1, 5)):
                acts.append((account, at_ms, 200))
                at_ms += rng.randrange(5_000, 200_000)
            if rng.random() < 0.3:
                acts.append((account, at_ms, 429))
    return acts


def relay(rng: random.Random, accounts: list[str], hops: int) -> Acts:
    """One stream: each account is used until it is refused, and the next one goes on within seconds."""
    at_ms, acts = MIDNIGHT_MS + 9 * HOUR_MS, []
    for hop in range(hops):
        account = accounts[hop % len(accounts)]
        for _ in range(4):
            acts.append((account, at_ms, 200))
            at_ms += rng.randrange(20_000, 240_000)
        acts.append((account, at_ms, 429))
        at_ms += rng.randrange(1_000, 9_000)
        if rng.random() < 0.2:
            at_ms += rng.randrange(1, 5) * HOUR_MS
    return acts


def test_a_relay_is_found_and_people_on_one_device_are_not(tmp_path: Path) -> None:
    rng = random.Random(1)
    ring = [f"r{place}" for place in range(4)]
    people = [f"p{place}" for place in range(24)]
    acts = relay(rng, ring, 60) + [one for name in people for one in person(rng, name)]
    groups = dict.fromkeys(ring, "ring") | {name: f"home{place // 3}" for place, name in enumerate(people)}
    seen = view(tmp_path / "w", records(acts, groups))
    assert found(seen) >= {("r0", "r1", "hand_over"), ("r1", "r2", "hand_over"), ("r2", "r3", "hand_over")}
    assert {name[0] for a, b, _ in found(seen) for name in (a, b)} == {"r"}
    for row in seen.timings.to_pylist():
        assert 0 < row["bits"] <= BITS_MAX
        assert row["a"] < row["b"]
        assert row["count"] > 0
        assert MIDNIGHT_MS <= row["first_ms"] <= row["last_ms"] <= max(at_ms for _, at_ms, _ in acts)


def test_no_candidate_without_something_shared(tmp_path: Path) -> None:
    acts = relay(random.Random(1), ["a", "b"], 60)
    assert found(view(tmp_path / "apart", records(acts, {"a": "one", "b": "other"}))) == set()
    assert found(view(tmp_path / "together", records(acts, {"a": "one", "b": "one"}))) != set()


def test_shared_cooldowns_and_synchrony_are_found(tmp_path: Path) -> None:
    rng = random.Random(2)
    acts: Acts = []
    for day in range(8):
        for ring in range(3):
            at_ms = MIDNIGHT_MS + day * DAY_MS + rng.randrange(8 * HOUR_MS, 18 * HOUR_MS)
            length_ms = rng.randrange(20, 200) * MINUTE_MS
            for account in (f"a{ring}", f"b{ring}"):
                acts.append((account, at_ms - 2 * QUIET_MS + rng.randrange(8_000), 200))
                acts.append((account, at_ms + rng.randrange(20_000), 429))
                acts.append((account, at_ms + length_ms + rng.randrange(8_000), 200))
    homes = [f"h{place}" for place in range(20)]
    acts += [one for name in homes for one in person(rng, name)]
    groups = {f"{side}{ring}": f"ring{ring}" for side in "ab" for ring in range(3)}
    groups |= {name: f"home{place // 2}" for place, name in enumerate(homes)}
    seen = view(tmp_path / "w", records(acts, groups))
    rings = {(f"a{ring}", f"b{ring}") for ring in range(3)}
    assert {(*pair, reason) for pair in rings for reason in ("cooldown", "synchrony")} <= found(seen)
    assert {(a, b) for a, b, _ in found(seen)} == rings


def classroom(rng: random.Random) -> Acts:
    """Thirty pupils, twelve lessons that begin at nine; the limit is met now and then."""
    acts = []
    for day in range(12):
        for pupil in range(30):
            at_ms = MIDNIGHT_MS + day * 2 * DAY_MS + 9 * HOUR_MS + rng.randrange(10 * MINUTE_MS)
            for _ in range(rng.randrange(3, 9)):
                acts.append((f"p{pupil}", at_ms, 429 if rng.random() < 0.1 else 200))
                at_ms += rng.randrange(20_000, 500_000)
    return acts


def office(rng: random.Random) -> Acts:
    """Twenty people who work from eight to six."""
    return [one for name in range(20) for one in person(rng, f"p{name}", 30)]


def ci_loop(rng: random.Random) -> Acts:
    """Ten accounts of a pipeline, each started at full quarters of an hour."""
    return [
        (f"p{account}", MIDNIGHT_MS + turn * 15 * MINUTE_MS + rng.randrange(4_000), 429 if rng.random() < 0.05 else 200)
        for account in range(10)
        for turn in range(300)
        if rng.random() < 0.6
    ]


def nightly(rng: random.Random) -> Acts:
    """Ten jobs that begin at one same odd minute of every night, some of which are refused."""
    return [
        (
            f"p{account}",
            MIDNIGHT_MS + day * DAY_MS + 137 * MINUTE_MS + rng.randrange(6_000),
            rng.choice([200, 200, 429]),
        )
        for account in range(10)
        for day in range(30)
    ]


def outage(rng: random.Random) -> Acts:
    """The service fails for everybody on two days, and everybody is back within a minute."""
    acts = office(rng)
    for day in (3, 11):
        at_ms = MIDNIGHT_MS + day * DAY_MS + 11 * HOUR_MS + rng.randrange(30 * MINUTE_MS)
        for account in range(20):
            acts.append((f"p{account}", at_ms + rng.randrange(60_000), 529))
            acts.append((f"p{account}", at_ms + 40 * MINUTE_MS + rng.randrange(60_000), 200))
    return acts


@pytest.mark.parametrize("innocents", [classroom, office, ci_loop, nightly, outage])
def test_common_hours_lessons_and_clocks_accuse_nobody(tmp_path: Path, innocents) -> None:  # type: ignore[no-untyped-def]
    pairs = 0
    for seed in range(4):
        acts = innocents(random.Random(seed))
        seen = view(tmp_path / str(seed), records(acts, {account: "one" for account, _, _ in acts}))
        pairs += len(found(seen))
    assert pairs == 0


def test_moments_in_disorder_leave_no_trace(tmp_path: Path) -> None:
    rng = random.Random(4)
    acts = relay(rng, ["a", "b", "c"], 45) + person(rng, "d")
    whole = records(acts, dict.fromkeys("abcd", "one"))
    one, other = view(tmp_path / "one", whole), view(tmp_path / "other", rng.sample(whole, len(whole)))
    assert as_bytes(one) == as_bytes(other)
    turned = dict(zip("abcd", "dcba", strict=True))
    renamed = records(
        [(turned[account], at_ms, status) for account, at_ms, status in acts], dict.fromkeys("abcd", "one")
    )
    expected = {(*sorted((turned[a], turned[b])), reason) for a, b, reason in found(one)}
    assert found(view(tmp_path / "renamed", renamed)) == expected


def test_nothing_is_no_timing() -> None:
    none = np.zeros(0, np.int64)
    empty = moments_of(none.astype(np.int32), none, none.astype(np.int16), 3)
    shared = Shared(np.zeros(4, np.int64), none.astype(np.int32), none.astype(np.int32))
    assert timings_of(*empty, shared).equals(SCHEMA.empty_table())


@given(
    score=st.lists(st.integers(0, 9), max_size=30),
    null=st.lists(st.integers(0, 9), max_size=60),
    rounds=st.integers(1, 9),
)
@settings(max_examples=80, deadline=None)
def test_what_holds_is_what_a_plain_step_up_says(score: list[int], null: list[int], rounds: int) -> None:
    """Benjamini and Hochberg's rule over permutation p-values, tried at each threshold."""
    passing = [s for s in score if (sum(n >= s for n in null) + 1) / rounds <= 0.3 * sum(o >= s for o in score)]
    least = min(passing, default=99)
    held = accepted(np.array(score, float), np.array(null, float), rounds, 0.3)
    assert held.tolist() == [s >= least for s in score]


def random_moments(rng: random.Random, accounts: int, span_ms: int) -> Moments:
    at_ms = [sorted(rng.randrange(span_ms) for _ in range(rng.randrange(6))) for _ in range(accounts)]
    start = np.concatenate([[0], np.cumsum([len(one) for one in at_ms])]).astype(np.int64)
    times = np.array([ms for one in at_ms for ms in one], np.int64)
    return Moments.of(start, times, times + 1)


@given(seed=st.integers(0, 10**6), by_ms=st.integers(-50, 50))
@settings(max_examples=60, deadline=None)
def test_coincidences_are_what_a_plain_search_finds(seed: int, by_ms: int) -> None:
    rng = random.Random(seed)
    trials, targets = random_moments(rng, 8, 300), random_moments(rng, 8, 300)
    things = [sorted(rng.sample(range(5), k=rng.randrange(4))) for _ in range(8)]
    start = np.concatenate([[0], np.cumsum([len(one) for one in things])]).astype(np.int64)
    thing = np.array([one for own in things for one in own], np.int32)
    degree = np.arange(10, 15, dtype=np.int32)

    def held(moments: Moments) -> tuple[object, ...]:
        return tuple(by_thing(start, thing, 5, moments.account, moments.by_time_ms))

    def each(moments: Moments) -> Iterable[tuple[int, int]]:
        return zip(moments.account.tolist(), moments.by_time_ms.tolist(), strict=True)

    got = zip(*(part.tolist() for part in together(*held(trials), *held(targets), degree, by_ms, 20)), strict=True)
    expected = [
        (a, b, 10 + one)
        for a, sooner in each(trials)
        for b, later in each(targets)
        for one in set(things[a]) & set(things[b])
        if a != b and 0 <= later - sooner - by_ms <= 20
    ]
    assert sorted(got) == sorted(expected)


def test_a_crowd_is_no_coincidence() -> None:
    accounts = CROWD + 2
    times = np.zeros(accounts, np.int64)
    moments = Moments.of(np.arange(accounts + 1), times, times)
    held = by_thing(np.arange(accounts + 1), np.zeros(accounts, np.int32), 1, moments.account, moments.by_time_ms)
    assert len(together(*held, *held, np.array([accounts], np.int32), 0, 10)[0]) == 0


def test_starts_and_rests_are_what_the_definition_says() -> None:
    gap = QUIET_MS
    at_ms = np.array([0, gap - 1, 2 * gap, 2 * gap + 5, 4 * gap, 0, 1], np.int64)
    status = np.array([200, 200, 429, 429, 500, 403, 200], np.int16)
    starts, rests = moments_of(np.array([0, 0, 0, 0, 0, 1, 1], np.int32), at_ms, status, 2)
    assert starts.at_ms.tolist() == [0, 2 * gap, 4 * gap, 0]
    assert rests.at_ms.tolist() == [2 * gap + 5, 4 * gap]
    assert rests.ended().end_ms.tolist() == [4 * gap]


def test_chance_is_that_of_a_moment_moved_within_the_hour() -> None:
    everyone = np.arange(0, 100 * HOUR_MS, 7 * MINUTE_MS)
    noon = 50 * HOUR_MS
    near = np.array([noon + 700_000], np.int64)
    expected = 10_000 / (HOUR_MS / 2)
    assert chance(noon, near, everyone, 0, 10_000, 30) == pytest.approx(expected)
    assert chance(noon, np.array([noon + 700_000, noon + 800_000]), everyone, 0, 10_000, 30) == pytest.approx(
        2 * expected
    )
    assert chance(noon, np.array([noon + HOUR_MS]), everyone, 0, 10_000, 30) == 0.0
    hourly = np.arange(0, 100, dtype=np.int64) * HOUR_MS + 2_000
    assert chance(noon, hourly, everyone, 0, 10_000, 30) > 0.9
    nightly = np.arange(0, 30, dtype=np.int64) * DAY_MS + noon % DAY_MS + 2_000
    assert chance(noon, nightly, everyone, 0, 10_000, 30) > 0.9
    rush = np.sort(np.concatenate([everyone, noon + np.arange(50) * 100]))
    assert chance(noon, near, rush, 0, 10_000, 30) > 10 * expected
