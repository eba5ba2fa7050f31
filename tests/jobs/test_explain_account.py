"""`graphsvc explain` on the known world, with the shipped model."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import msgspec
import pytest

from graphsvc.cli.explain import show
from graphsvc.clusters.results import ResultsReader
from graphsvc.config import Settings, load_settings
from graphsvc.errors import NotFound
from graphsvc.jobs.detect import detect
from graphsvc.jobs.explain import AccountSaid, WithoutSaid, explain_account
from graphsvc.jobs.ingest import ingest_events
from graphsvc.jobs.observe import quiet
from tests.known_world import World, known_world


@pytest.fixture(scope="module")
def world() -> World:
    return known_world()


@pytest.fixture(scope="module")
def ingested(world: World, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("explained")
    settings = load_settings(data=folder / "data", neo4j_uri="off", token_key="ab" * 32)
    ingest_events(settings, world.write(folder / "events.ndjson"))
    return settings


@pytest.fixture(scope="module")
def found(world: World, ingested: Settings) -> AccountSaid:
    return explain_account(ingested, world.groups["ring_prompts"][0], None, quiet)


def test_a_ring_is_carried_by_what_it_shares(world: World, found: AccountSaid) -> None:
    ring = world.groups["ring_prompts"]
    assert found.account_id == ring[0]
    assert found.flagged
    assert found.own_log_odds < found.log_odds
    assert abs(found.difference) < 0.05
    assert found.links[0].log_odds > 0
    assert {*found.links[0].accounts} <= {*ring}
    assert {one.account_id for one in found.neighbours[:3]} <= {*ring}


def test_the_account_is_told_in_words(found: AccountSaid, capsys: pytest.CaptureFixture[str]) -> None:
    show(found)
    without = WithoutSaid([0], 0.25, True)
    show(msgspec.structs.replace(found, flagged=True, counterfactual=without))
    show(msgspec.structs.replace(found, flagged=True, counterfactual=None, links=[], difference=0.2, verdict="unknown"))
    told = capsys.readouterr().out
    assert "without any link" in told
    assert f"Without #1 {found.links[0].type} it would not be flagged (probability 0.250); no fewer do." in told
    assert "its own behaviour carries the score" in told
    assert "Verdict: abusive." in told
    assert "Verdict: unknown. The model cannot tell" in told
    assert "shares nothing" in told


def test_the_verdict_goes_by_the_cluster_of_the_detection_shown(world: World, ingested: Settings) -> None:
    account = world.groups["ring_prompts"][0]
    alone = explain_account(ingested, account, None, quiet)
    assert alone.verdict == "abusive", "no detection has run: its own odds are clear"
    detect(ingested, None, quiet)
    results = ResultsReader(ingested.places.results)
    assert results.account(account).cluster_id is not None
    with closing(sqlite3.connect(ingested.places.results)) as written, written:
        written.execute("UPDATE clusters SET probability_low = 0.1, probability_high = 0.95")
    assert explain_account(ingested, account, None, quiet).verdict == "unknown"
    assert explain_account(ingested, account, results.run().as_of_ms - 1, quiet).verdict == alone.verdict


def test_who_was_never_seen_by_then_is_not_found(ingested: Settings) -> None:
    with pytest.raises(NotFound):
        explain_account(ingested, "nobody", None, quiet)


def test_the_command_prints_json_without_raw_identifiers(world: World, ingested: Settings) -> None:
    account = world.groups["ring_cards"][1]
    environment = {**os.environ, "GRAPHSVC_DATA": str(ingested.data), "GRAPHSVC_TOKEN_KEY": "ab" * 32}
    command = [sys.executable, "-m", "graphsvc", "explain", account, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    said = json.loads(done.stdout)
    assert said["account_id"] == account
    assert {"links", "groups", "neighbours", "own", "counterfactual", "own_log_odds"} <= set(said)
    mine = [event for event in world.events if event["account_id"] == account]
    raw = {event["device"]["id"] for event in mine if "device" in event}
    raw |= {event["payment"]["fingerprint"] for event in mine if "payment" in event}
    assert raw
    assert not [one for one in raw if json.dumps(one) in done.stdout]
