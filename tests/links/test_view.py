"""A view holds what was so at its moment, and the order of arrival leaves no trace in it."""

from __future__ import annotations

import itertools
import math
import random
import statistics
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from graphsvc.events.record import PeerLink, Record
from graphsvc.links.queries import FACTS
from graphsvc.links.tables import LinkTables
from tests.links.worlds import DAY_MS, HOUR_MS, START_MS, as_bytes, event, filled, random_world, view


def test_events_after_the_moment_change_nothing(tmp_path: Path) -> None:
    records = random_world(11)
    as_of_ms = START_MS + 12 * DAY_MS
    before = [record for record in records if record.occurred_ms <= as_of_ms]
    assert len(before) < len(records)
    with_future, without = view(tmp_path / "with", records, as_of_ms), view(tmp_path / "without", before, as_of_ms)
    assert as_bytes(with_future) == as_bytes(without)


def test_the_moment_itself_is_included(tmp_path: Path) -> None:
    records = [event("e1", "a", START_MS, [("ip", "x")]), event("e2", "b", START_MS + 1, [("ip", "x")])]
    assert view(tmp_path / "at", records, START_MS).accounts["account_id"].to_pylist() == ["a"]
    assert view(tmp_path / "past", records, START_MS + 1).identifiers["degree"].to_pylist() == [2]


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_arrival_leaves_no_trace(tmp_path: Path, seed: int) -> None:
    records = random_world(12)
    shuffled = random.Random(seed).sample(records, len(records))
    assert as_bytes(view(tmp_path / "one", records)) == as_bytes(view(tmp_path / "other", shuffled))


def test_an_event_delivered_twice_counts_once(tmp_path: Path) -> None:
    records = random_world(13, events=50)
    assert as_bytes(view(tmp_path / "once", records)) == as_bytes(view(tmp_path / "twice", [*records, *records]))


def test_nothing_seen_is_an_empty_view(tmp_path: Path) -> None:
    empty = LinkTables(tmp_path / "links").view(START_MS)
    early = view(tmp_path / "early", random_world(14, events=20), START_MS - 1)
    assert as_bytes(empty) == as_bytes(early)
    assert [len(table) for table in (empty.accounts, empty.identifiers, empty.links, empty.peers)] == [0, 0, 0, 0]


def test_facts_agree_with_a_plain_count(tmp_path: Path) -> None:
    records = random_world(15)
    table = view(tmp_path / "w", records).accounts
    assert table.column_names == ["account_id", "created_ms", "first_ms", "last_ms", *FACTS]
    for row in table.to_pylist():
        own = [record for record in records if record.account_id == row["account_id"]]
        expected = _plain_facts(own)
        assert {name: row[name] for name in expected} == pytest.approx(expected, rel=1e-6)


def test_links_agree_with_a_plain_count(tmp_path: Path) -> None:
    records = random_world(16)
    seen = view(tmp_path / "w", records)
    accounts = seen.accounts["account_id"].to_pylist()
    keys = list(zip(seen.identifiers["type"].to_pylist(), seen.identifiers["id"].to_pylist(), strict=True))
    found = {
        (accounts[link["account"]], *keys[link["identifier"]]): (link["first_ms"], link["last_ms"], link["count"])
        for link in seen.links.to_pylist()
        if keys[link["identifier"]][0] != "prompt_family"
    }
    expected: dict[tuple[str, str, str], list[int]] = {}
    for record in records:
        for one in record.identifiers:
            expected.setdefault((record.account_id, one.type, one.id), []).append(record.occurred_ms)
    assert found == {key: (min(times), max(times), len(times)) for key, times in expected.items()}
    assert keys == sorted(keys)
    degrees = np.bincount(seen.links["identifier"].to_numpy(), minlength=len(keys))
    assert seen.identifiers["degree"].to_pylist() == degrees.tolist()


def test_peers_join_accounts_that_were_seen(tmp_path: Path) -> None:
    peers = (PeerLink("b", "invited", 0.5), PeerLink("nobody", "invited", 1.0), PeerLink("a", "invited", 1.0))
    records = [
        event("e1", "a", START_MS, peers=peers),
        event("e2", "a", START_MS + 5, peers=(PeerLink("b", "invited", 0.25),)),
        event("e3", "b", START_MS),
    ]
    rows = view(tmp_path / "w", records).peers.to_pylist()
    assert rows == [{"source": 0, "target": 1, "type": "invited", "weight": 0.5, "first_ms": START_MS}]


def test_a_reinstated_account_is_not_banned(tmp_path: Path) -> None:
    def acts(account: str, *actions: str) -> list[Record]:
        return [
            event(f"{account}{place}", account, START_MS + place, kind="enforcement", action=action)
            for place, action in enumerate(actions)
        ]

    records = [*acts("a", "banned"), *acts("b", "suspended", "reinstated"), *acts("c", "reinstated", "banned")]
    records += acts("d", "warned", "challenged")
    accounts = view(tmp_path / "w", records).accounts
    assert accounts["banned"].to_pylist() == [1, 0, 1, 0]
    assert accounts["warned"].to_pylist() == [0, 0, 0, 1]


def test_views_are_right_while_another_process_could_sync(tmp_path: Path) -> None:
    records = random_world(17, events=64)
    tables = LinkTables(tmp_path / "links")
    for end in range(8, 65, 8):
        tables.sync(filled(tmp_path / "ledger.sqlite", records[:end]))
        assert sum(tables.view(START_MS + 400 * DAY_MS).accounts["events"].to_pylist()) == end


def _plain_facts(own: list[Record]) -> dict[str, float]:
    acts = sorted(record.occurred_ms for record in own if record.type != "enforcement")
    requests = [record for record in own if record.type == "request"]
    payments = [record for record in own if record.type == "payment"]
    signups = [record.occurred_ms for record in own if record.type == "signup"]
    asked = [record.fingerprint.sketch for record in requests if record.fingerprint]
    tokens = [record.input_tokens for record in requests if record.input_tokens is not None]
    return {
        "created_ms": min(signups or [record.occurred_ms for record in own]),
        "first_ms": min(acts or [record.occurred_ms for record in own]),
        "last_ms": max(acts or [record.occurred_ms for record in own]),
        "events": len(own),
        "logins": sum(record.type == "login" for record in own),
        "payments": len(payments),
        "requests": len(requests),
        "active_days": len({time // DAY_MS for time in acts}),
        "declined_share": _share(sum(p.payment_outcome == "declined" for p in payments), len(payments)),
        "charged_back_share": _share(sum(p.payment_outcome == "charged_back" for p in payments), len(payments)),
        "prepaid_share": _share(sum(p.funding == "prepaid" for p in payments), len(payments)),
        "status_429_share": _share(sum(r.status == 429 for r in requests), len(requests)),
        "status_5xx_share": _share(sum(r.status == 503 for r in requests), len(requests)),
        "status_401_share": _share(sum(r.status == 401 for r in requests), len(requests)),
        "input_tokens_mean": _share(sum(tokens), len(tokens)),
        "output_tokens_mean": 0,
        "models": len({r.model for r in requests}),
        "tools_share": _share(sum(bool(r.tool_count) for r in requests), len(requests)),
        "hour_entropy": _entropy([time // HOUR_MS % 24 for time in acts]),
        "gap_cv": _gap_cv(acts),
        "prompts": len(asked),
        "prompt_families": len(set(asked)),
        "family_repeat_share": _share(len(asked) - len(set(asked)), len(asked)),
        "conversations": len({one.id for r in own for one in r.identifiers if one.type == "conversation"}),
        "warned": sum(record.action == "warned" for record in own),
    }


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _entropy(values: list[int]) -> float:
    return -sum(n / len(values) * math.log2(n / len(values)) for n in Counter(values).values())


def _gap_cv(times: list[int]) -> float:
    gaps = [later - sooner for sooner, later in itertools.pairwise(times)]
    return statistics.pstdev(gaps) / statistics.mean(gaps) if len(gaps) > 1 and any(gaps) else 0.0
