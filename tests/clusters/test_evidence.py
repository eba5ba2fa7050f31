"""Evidence says in plain words what holds a cluster together, and what speaks against it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from graphsvc.clusters.evidence import EVIDENCE_MAX, SCHEMA, cluster_evidence
from graphsvc.clusters.words import sentence
from graphsvc.events.record import PeerLink
from tests.clusters.conftest import Detected, detect
from tests.links.worlds import DAY_MS, START_MS, event, random_world, sharing, view


def test_the_strongest_identifiers_come_first(detected: Detected) -> None:
    rows = _of(detected, "ring00")
    assert [row["identifier_id"] for row in rows] == ["card", "phone", "campus-nat"]
    assert [row["rank"] for row in rows] == [1, 2, 3]
    assert rows[0]["text"] == "14 of 17 accounts pay with the same instrument; nobody else does: 9.4 bits."
    assert (rows[0]["accounts"], rows[0]["outside"], rows[0]["counter"]) == (14, 0, False)


def test_a_hub_is_counter_evidence(detected: Detected) -> None:
    hub = _of(detected, "ring00")[-1]
    assert hub["counter"]
    assert hub["text"].startswith("16 of 17 accounts come from the same network address; 300 others come from it too")
    assert hub["outside"] == 300


def test_an_organisation_is_counter_evidence(detected: Detected) -> None:
    office = _of(detected, "staff0")
    assert [(row["identifier_type"], row["counter"]) for row in office] == [("ip", False), ("org", True)]
    assert "organisation" in office[1]["text"]


def test_a_network_alone_is_counter_evidence(detected: Detected) -> None:
    home = _of(detected, "child")
    assert [(row["identifier_type"], row["counter"]) for row in home] == [("ip", False), ("network", True)]
    assert "household" in home[1]["text"]


def test_counts_agree_with_a_plain_count(tmp_path: Path) -> None:
    found = detect(view(tmp_path / "w", random_world(21, accounts=60)))
    assert found.evidence.schema == SCHEMA
    named = found.view.identifiers.select(["type", "id"]).to_pylist()
    held: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for link in found.view.links.to_pylist():
        held.setdefault(tuple(named[link["identifier"]].values()), []).append(link)
    rows = [row for row in found.evidence.to_pylist() if (row["identifier_type"], row["identifier_id"]) in held]
    assert rows
    for row in rows:
        links = held[row["identifier_type"], row["identifier_id"]]
        inside = [link for link in links if found.clusters[link["account"]] == row["cluster"]]
        assert (row["accounts"], row["outside"]) == (len(inside), len(links) - len(inside))
        assert row["first_ms"] == min(link["first_ms"] for link in inside)
        assert row["last_ms"] == max(link["last_ms"] for link in inside)


def test_many_addresses_do_not_crowd_out_an_instrument(tmp_path: Path) -> None:
    team = list("abcdef")
    shared = {("ip", f"ip{place:02d}"): team for place in range(20)} | {("referral_code", "r"): team}
    rows = _of(detect(view(tmp_path / "w", sharing(shared))), "a")
    assert [row["identifier_type"] for row in rows[:3]].count("referral_code") == 1
    assert len([row for row in rows if not row["counter"]]) == EVIDENCE_MAX


def test_direct_peers_are_evidence(tmp_path: Path) -> None:
    peers = (PeerLink("b", "paid"), PeerLink("c", "paid"))
    later = event("e4", "b", START_MS + DAY_MS, peers=(PeerLink("c", "paid"),))
    records = [event("e1", "a", START_MS, peers=peers), event("e2", "b", START_MS), event("e3", "c", START_MS), later]
    (row,) = _of(detect(view(tmp_path / "w", records)), "a")
    assert (row["identifier_type"], row["accounts"]) == ("peer", 3)
    assert (row["first_ms"], row["last_ms"]) == (START_MS, START_MS + DAY_MS)


def test_no_clusters_no_evidence(detected: Detected) -> None:
    nobody = np.full(len(detected.view.accounts), -1, np.int32)
    assert cluster_evidence(detected.view, nobody, detected.pairs).num_rows == 0


def test_sentences_read_well() -> None:
    assert sentence("device", 2, 2, 1, 9.06, counter=False) == (
        "2 of 2 accounts use the same device; 1 other uses it too: 9.1 bits."
    )
    assert "share the same loyalty card; 1,200 others share it too" in sentence(
        "loyalty_card", 3, 4, 1200, 1, counter=False
    )


def _of(found: Detected, account_id: str) -> list[dict[str, Any]]:
    cluster = found.cluster_of(account_id)
    return [row for row in found.evidence.to_pylist() if row["cluster"] == cluster]
