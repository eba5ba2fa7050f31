"""Conversations are connected components of shared windows; what is public joins nothing; colleagues are told apart."""

from __future__ import annotations

import base64
import random
from collections.abc import Sequence
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphsvc.events.fingerprint import Fingerprinter
from graphsvc.events.record import Record
from graphsvc.events.types import Message
from graphsvc.links.conversations import BRANCHES_MAX, HOLDERS_MAX, NONE, Chains, conversation_ids, conversations_of
from graphsvc.links.pairs import pairs
from graphsvc.links.view import LinkView
from graphsvc.links.weights import GROUPS
from tests.links.worlds import START_MS, as_bytes, event, view

MAKER = Fingerprinter(b"k" * 32)
ANSWER = (
    "That is a long story which nobody else was told in these very words; it begins with number {0} and goes on. " * 2
)
Requests = Sequence[tuple[int, int, list[int], int]]


def chains(requests: Requests) -> Chains:
    """From account, time, windows and what is asked last; by account, as the view gives them."""
    ordered = sorted(requests, key=lambda one: (one[0], one[1]))
    lengths = [len(windows) for _, _, windows, _ in ordered]
    return Chains(
        start=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        window=np.array([window for one in ordered for window in one[2]], np.int64),
        account=np.array([one[0] for one in ordered], np.int32),
        occurred_ms=np.array([one[1] for one in ordered], np.int64),
        asked=np.array([one[3] for one in ordered], np.int64),
    )


def components(requests: Requests) -> list[frozenset[int]]:
    """The slow plain way: which requests, by their time, are one conversation."""
    holders: dict[int, set[int]] = {}
    ways: dict[int, set[tuple[str, int]]] = {}
    for account, _, windows, asked in requests:
        for place, window in enumerate(windows):
            holders.setdefault(window, set()).add(account)
            way = ("window", windows[place + 1]) if place + 1 < len(windows) else ("asked", asked)
            ways.setdefault(window, set()).add(way)
    graph = nx.Graph()
    for _, at_ms, windows, _ in requests:
        for window in windows:
            if len(holders[window]) <= HOLDERS_MAX and len(ways[window]) <= BRANCHES_MAX:
                graph.add_edge(("request", at_ms), ("window", window))
    return sorted(
        (frozenset(at for kind, at in part if kind == "request") for part in nx.connected_components(graph)), key=min
    )


@given(seed=st.integers(0, 10**6), size=st.integers(0, 60))
@settings(max_examples=60, deadline=None)
def test_conversations_are_components_as_networkx_finds_them(seed: int, size: int) -> None:
    rng = random.Random(seed)
    keys = [rng.getrandbits(63) - 2**62 for _ in range(25)]
    requests = []
    for at_ms in range(size):
        first = rng.randrange(len(keys))
        requests.append((rng.randrange(9), at_ms, keys[first : first + 1 + rng.randrange(3)], rng.choice([7, 8])))
    found, key = conversations_of(chains(requests))
    ordered = sorted(requests, key=lambda one: (one[0], one[1]))
    parts: dict[int, set[int]] = {}
    for number, one in zip(found.tolist(), ordered, strict=True):
        parts.setdefault(number, set()).add(one[1])
    assert NONE not in parts
    assert sorted((frozenset(part) for part in parts.values()), key=min) == components(requests)
    assert [min(parts[number]) for number in range(len(key))] == sorted(min(part) for part in parts.values())


def test_what_many_hold_or_what_goes_on_in_many_ways_joins_nothing() -> None:
    canned, example = 1, 2
    greeted = [(account, account, [canned, 100 + account % 5], 0) for account in range(HOLDERS_MAX + 1)]
    found, _ = conversations_of(chains(greeted))
    assert len(set(found.tolist())) == 5
    taught = [(0, turn, [example, 100 + turn], 0) for turn in range(4 * BRANCHES_MAX)]
    found, _ = conversations_of(chains(taught))
    assert len(set(found.tolist())) == len(taught)
    alone = [(account, account, [example], account * 7919 + 1) for account in range(4 * BRANCHES_MAX)]
    assert set(conversations_of(chains(alone))[0].tolist()) == {NONE}
    retried = [(account, account, [example], 5) for account in range(4)]
    assert set(conversations_of(chains(retried))[0].tolist()) == {0}


def talk(number: int, turns: int) -> list[Message]:
    told = [Message("system", "Answer."), Message("user", f"Tell me of matter {number}.")]
    for turn in range(turns):
        told += [Message("assistant", ANSWER.format(number * 1000 + turn)), Message("user", f"And then, {turn}?")]
    return told


def asks(event_id: str, account: str, at_ms: int, messages: list[Message], org: str = "", status: int = 200) -> Record:
    ids = [("org", org)] if org else []
    return event(
        event_id,
        account,
        START_MS + at_ms,
        ids,
        "request",
        model="m",
        status=status,
        fingerprint=MAKER.of_messages(messages),
    )


def held(seen: LinkView) -> dict[str, list[tuple[str, ...]]]:
    """Accounts of each conversation, by type."""
    accounts = seen.accounts["account_id"].to_pylist()
    out: dict[str, dict[int, list[str]]] = {}
    for link in seen.links.to_pylist():
        kind = seen.identifiers["type"][link["identifier"]].as_py()
        out.setdefault(kind, {}).setdefault(link["identifier"], []).append(accounts[link["account"]])
    return {kind: sorted(tuple(one) for one in groups.values()) for kind, groups in out.items()}


def linked(seen: LinkView) -> set[tuple[int, int]]:
    """Pairs that a conversation is evidence for."""
    mask = 1 << GROUPS.index("conversation")
    return {(row["a"], row["b"]) for row in pairs(seen).to_pylist() if row["groups"] & mask}


def test_a_conversation_goes_on_elsewhere_however_its_history_was_edited(tmp_path: Path) -> None:
    whole = talk(1, 4)
    records = [
        asks("e1", "a", 0, whole),
        asks("e2", "b", 1, [Message("system", "Another one."), *whole[3:]]),
        asks("e3", "c", 2, [*whole[1:-1], Message("user", "Say it again.")]),
        asks("e4", "d", 3, talk(2, 4)),
    ]
    seen = view(tmp_path / "w", records)
    assert held(seen)["conversation"] == [("a", "b", "c"), ("d",)]
    assert linked(seen) == {(0, 1), (0, 2), (1, 2)}


def test_among_colleagues_it_is_worth_next_to_nothing_and_says_so(tmp_path: Path) -> None:
    records = [asks(f"e{place}", account, place, talk(1, 2 + place), "org") for place, account in enumerate("abc")]
    records += [asks("e7", "x", 7, talk(2, 2), "org"), asks("e8", "y", 8, talk(2, 3), "other")]
    seen = view(tmp_path / "w", records)
    found = held(seen)
    assert found["conversation_in_org"] == [("a", "b", "c")]
    assert found["conversation"] == [("x", "y")]
    bits = dict(zip(seen.identifiers["type"].to_pylist(), seen.identifiers["bits"].to_pylist(), strict=True))
    assert bits["conversation_in_org"] < 0.5 < 10 < bits["conversation"]
    assert linked(seen) == {(3, 4)}


@pytest.mark.parametrize("seed", range(3))
def test_ids_stay_whatever_the_order_and_the_accounts_names(tmp_path: Path, seed: int) -> None:
    records = [asks(f"e{place}", "abcdef"[place % 6], place, talk(place % 4, 1 + place // 4)) for place in range(24)]
    shuffled = random.Random(seed).sample(records, len(records))
    assert as_bytes(view(tmp_path / "one", records)) == as_bytes(view(tmp_path / "other", shuffled))
    names = dict(zip("abcdef", "fedcba", strict=True))
    renamed = [
        asks(one.event_id, names[one.account_id], place, talk(place % 4, 1 + place // 4))
        for place, one in enumerate(records)
    ]
    one, other = view(tmp_path / "plain", records), view(tmp_path / "renamed", renamed)
    assert one.identifiers["id"].to_pylist() == other.identifiers["id"].to_pylist()
    earlier = view(tmp_path / "earlier", records[:12])
    assert set(earlier.identifiers["id"].to_pylist()) <= set(one.identifiers["id"].to_pylist())


def test_new_records_call_a_running_conversation_by_names_that_are_known(tmp_path: Path) -> None:
    running = asks("e1", "a", 0, talk(1, 2), "org")
    named = Record(**{name: getattr(running, name) for name in Record.__struct_fields__ if name != "identifiers"},
                   identifiers=(*running.identifiers, *event("x", "a", 0, [("conversation", "n1"), ("conversation", "n2")]).identifiers))  # fmt: skip
    names = view(tmp_path / "w", [named]).names.to_pylist()
    assert [(one["name"], one["org"]) for one in names] == [("n1", "org"), ("n2", "org")]
    assert len({one["identifier"] for one in names}) == 1


@given(st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_ids_are_the_bytes_of_the_earliest_window(windows: list[int]) -> None:
    plain = [base64.urlsafe_b64encode(one.to_bytes(8, "little", signed=True)).rstrip(b"=").decode() for one in windows]
    assert conversation_ids(np.array(windows, np.int64)).to_pylist() == plain
