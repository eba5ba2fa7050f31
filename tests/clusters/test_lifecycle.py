"""What became of clusters: against a slow plain version on random runs, and by hand."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphsvc.clusters import lifecycle
from graphsvc.clusters.layout import Past
from graphsvc.clusters.lifecycle import DAY_MS, FACTS, THING, Look, carried
from tests.clusters import plain_lifecycle
from tests.clusters.plain_lifecycle import Book, Cluster, Run

T0 = 1_750_000_000_000
ACCOUNTS = [f"a{n:02d}" for n in range(12)]
NAMES = [f"c{n}" for n in range(5)]
POOL = [("device", "d0"), ("device", "d1"), ("device", "d2"), ("ip", "i0"), ("prompt_family", "p0"), ("wallet", "w0")]
BITS = st.sampled_from([0.0, 3.3335, 5.25, 9.5])


@st.composite
def clusters(draw: st.DrawFn, at_ms: int) -> dict[str, Cluster]:
    group = draw(st.lists(st.sampled_from([None, *NAMES]), min_size=len(ACCOUNTS), max_size=len(ACCOUNTS)))
    found: dict[str, Cluster] = {}
    for name in NAMES:
        members = frozenset(account for account, of in zip(ACCOUNTS, group, strict=True) if of == name)
        if len(members) >= 2:
            last_ms = at_ms - draw(st.integers(0, 30)) * DAY_MS
            first_ms = last_ms - draw(st.integers(0, 20)) * DAY_MS
            shared = draw(st.lists(st.sampled_from(POOL), unique=True, max_size=5))
            evidence = tuple((kind, one, draw(st.booleans())) for kind, one in shared)
            things = {key: draw(BITS) for key in shared}
            found[name] = Cluster(members, first_ms, last_ms, evidence, things)
    return found


@st.composite
def sequences(draw: st.DrawFn) -> list[Run]:
    runs, at_ms = [], T0
    for _ in range(draw(st.integers(1, 5))):
        at_ms += draw(st.sampled_from([0, 1, 9, 16])) * DAY_MS
        erased = draw(st.sets(st.sampled_from(ACCOUNTS), max_size=2))
        found = draw(clusters(at_ms))
        clustered = {account for one in found.values() for account in one.members}
        runs.append(Run(at_ms, frozenset(ACCOUNTS) - (erased - clustered), found))
    return runs


@settings(max_examples=40, deadline=None)
@given(runs=sequences(), seed=st.integers(0, 9), bounds=st.sampled_from([None, (2, 2, 2, 2)]))
def test_the_fast_one_says_what_the_plain_one_says(
    runs: list[Run], seed: int, bounds: tuple[int, int, int, int] | None
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if bounds:
            for name, value in zip(("EVENTS_MAX", "ARCHIVE_MAX", "MEMBERS_MAX", "THINGS_MAX"), bounds, strict=True):
                patch.setattr(plain_lifecycle, name, value)
                patch.setitem(lifecycle.RULE, name.lower(), value)
        book, past, last = Book(), Past(), None
        for run in runs:
            book.turn(last, run)
            past = turned(past, last, run, random.Random(seed))
            last = run
            assert said(past) == {name: list(events.values()) for name, events in sorted_events(book).items() if events}
            assert archive_of(past) == {
                name: (one.merged_into, one.closed_ms, one.first_ms, one.last_ms, one.size, one.things)
                for name, one in book.archive.items()
            }
            assert dict(zip(*past.members.to_pydict().values(), strict=True)) == book.members


def test_a_ring_is_born_grows_merges_and_is_found_under_its_heir() -> None:
    one, two = cluster("a00 a01 a02", 0, 0), cluster("a03 a04", 0, 0)
    past, last = Past(), None
    steps = [
        {"c1": one, "c2": two},
        {
            "c1": replace(one, members=one.members | {"a05"}, last_ms=T0 + DAY_MS),
            "c2": replace(two, last_ms=T0 + DAY_MS),
        },
        {"c1": replace(one, members=one.members | two.members, last_ms=T0 + 2 * DAY_MS)},
    ]
    for day, found in enumerate(steps):
        run = Run(T0 + day * DAY_MS, frozenset(ACCOUNTS), found)
        past, last = turned(past, last, run), run
    assert [event[1:4] for event in said(past)["c1"]] == [
        ("born", "", 3),
        ("grew", "", 1),
        ("absorbed", "c2", 2),
        ("grew", "", 2),
        ("shrank", "", 1),
    ]
    assert [event[1:4] for event in said(past)["c2"]] == [("born", "", 2), ("merged_into", "c1", 2)]


def test_who_takes_over_the_devices_of_a_banned_ring_is_its_successor() -> None:
    devices = {("device", "d0"): 9.0, ("device", "d1"): 8.0}
    ring = cluster("a00 a01 a02", -20, -4, devices)
    heir = cluster("a03 a04", -3, 0, devices | {("ip", "i0"): 2.0})
    stranger = cluster("a05 a06", -3, 0, {("ip", "i0"): 2.0})
    first = Run(T0 - 4 * DAY_MS, frozenset(ACCOUNTS), {"c1": ring})
    second = Run(T0, frozenset(ACCOUNTS), {"c2": heir, "c3": stranger})
    past = turned(turned(Past(), None, first), first, second)
    assert said(past)["c2"][1] == (T0, "succeeds", "c1", 2, 3, T0 - 4 * DAY_MS, 11.0)
    assert said(past)["c1"][-1][1:3] == ("succeeded_by", "c2")
    assert [event[1] for event in said(past)["c3"]] == ["born"]
    again = Run(T0 + DAY_MS, frozenset(ACCOUNTS), second.clusters)
    assert [event[1] for event in said(turned(past, second, again))["c2"]] == ["born", "succeeds"]


def cluster(members: str, first_day: int, last_day: int, things: dict[tuple[str, str], float] | None = None) -> Cluster:
    held = things or {}
    evidence = tuple((kind, name, False) for kind, name in held)
    return Cluster(frozenset(members.split()), T0 + first_day * DAY_MS, T0 + last_day * DAY_MS, evidence, held)


def turned(past: Past, last: Run | None, now: Run, rng: random.Random | None = None) -> Past:
    """One turn of the fast version, its rows in any order."""
    rng = rng or random.Random(0)
    rows = [
        {"cluster_id": name, "type": kind, "id": one, "bits": bits}
        for name, cluster in now.clusters.items()
        for (kind, one), bits in cluster.things.items()
    ]
    rng.shuffle(rows)
    schema = pa.schema([("cluster_id", TEXT), ("type", TEXT), ("id", TEXT), ("bits", pa.float64())])
    things = pa.Table.from_pylist(rows, schema)
    mixed = {name: shuffled(table, rng) for name, table in vars(past).items()}
    return carried(Past(**mixed), look(last, rng) if last else None, look(now, rng), things)


TEXT, WHOLE = pa.string(), pa.int64()


def look(run: Run, rng: random.Random) -> Look:
    of = {account: name for name, cluster in run.clusters.items() for account in cluster.members}
    accounts = [{"account_id": account, "cluster_id": of.get(account)} for account in run.everyone]
    facts = [
        dict(zip(FACTS, (name, one.first_ms, one.last_ms, len(one.members), "trial_farm", "open"), strict=True))
        for name, one in run.clusters.items()
    ]
    evidence = [
        dict(zip(THING, (name, rank, kind, identifier, counter), strict=True))
        for name, one in run.clusters.items()
        for rank, (kind, identifier, counter) in enumerate(one.evidence, 1)
    ]
    kinds = (TEXT, WHOLE, WHOLE, WHOLE, TEXT, TEXT), (TEXT, WHOLE, TEXT, TEXT, pa.bool_())
    tables = (
        pa.Table.from_pylist(accounts, pa.schema([("account_id", TEXT), ("cluster_id", TEXT)])),
        pa.Table.from_pylist(facts, pa.schema(list(zip(FACTS, kinds[0], strict=True)))),
        pa.Table.from_pylist(evidence, pa.schema(list(zip(THING, kinds[1], strict=True)))),
    )
    return Look(run.at_ms, *(shuffled(table, rng) for table in tables))


def shuffled(table: pa.Table, rng: random.Random) -> pa.Table:
    order = list(range(len(table)))
    rng.shuffle(order)
    return table.take(pa.array(order, WHOLE))


def said(past: Past) -> dict[str, list[tuple[Any, ...]]]:
    events: dict[str, list[tuple[Any, ...]]] = {}
    for row in past.history.to_pylist():
        events.setdefault(row.pop("cluster_id"), []).append(tuple(row.values()))
    return events


def sorted_events(book: Book) -> dict[str, dict[tuple[int, str, str], Any]]:
    return {name: dict(sorted(events.items())) for name, events in sorted(book.history.items())}


def archive_of(past: Past) -> dict[str, tuple[Any, ...]]:
    things: dict[str, set[tuple[str, str]]] = {}
    for row in past.things.to_pylist():
        things.setdefault(row["cluster_id"], set()).add((row["identifier_type"], row["identifier_id"]))
    return {
        row["cluster_id"]: (
            row["merged_into"],
            row["closed_ms"],
            row["first_seen_ms"],
            row["last_activity_ms"],
            row["size"],
            frozenset(things.get(row["cluster_id"], ())),
        )
        for row in past.archive.to_pylist()
    }
