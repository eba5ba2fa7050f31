"""Parts of a running service fail, one after the other: risk answers go on, degraded with the reason, and recover."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from graphsvc.client import Options, RiskAnswer, RiskClient
from graphsvc.config import load_settings
from graphsvc.ledger import open_ledger
from tests.api.conftest import Served, served
from tests.chaos.faults import COMPILER, Clock, full_disk, locked, model_gone, worker_killed
from tests.client.conftest import Listener, key_of, never
from tests.client.test_client_answers import event
from tests.known_world import World

WITHIN_S = 60.0
DAY_S = 24 * 3600
BUDGET_S = 1.5
"""Below what a lock or a probe waits for (2 s and more), far above what an answer takes on a busy machine."""


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service whose Neo4j takes connections and never answers."""
    with Listener([never]).listening() as dead:
        settings = load_settings(
            data=tmp_path_factory.mktemp("outages") / "data", neo4j_uri=dead.replace("http", "bolt")
        )
        with served(settings, World([])) as running:
            yield running


@pytest.fixture(scope="module")
def client(api: Served) -> Iterator[RiskClient]:
    with RiskClient(api.url, key_of(api), Options(budget_s=BUDGET_S, failures_to_open=10_000)) as made:
        until(lambda: made.assess(event()).answered)
        yield made


def until(true: Callable[[], bool]) -> None:
    end_s = time.monotonic() + WITHIN_S
    while not true():
        assert time.monotonic() < end_s, "it did not come about in time"


def answer(client: RiskClient) -> RiskAnswer:
    """The service's own."""
    made = client.assess(event())
    assert made.answered, made.degraded_reasons
    return made


def says(client: RiskClient, reason: str) -> bool:
    return reason in answer(client).degraded_reasons


def appended(api: Served) -> set[str]:
    with closing(open_ledger(api.settings)) as ledger:
        return {stored.record.account_id for batch in ledger.scan() for stored in batch}


def test_a_graph_database_that_hangs_is_named(client: RiskClient) -> None:
    assert says(client, "graph_unavailable")


def test_a_ledger_that_another_process_holds_is_caught_up_with(api: Served, client: RiskClient) -> None:
    with locked(api.settings.places.ledger):
        assert client.assess(event(account_id="while-locked")).answered
        until(lambda: says(client, "not_recorded"))
        assert client.assess_account("while-locked").answered
    until(lambda: not says(client, "not_recorded"))
    until(lambda: "while-locked" in appended(api))


def test_a_cases_database_that_another_process_holds_delays_no_answer(api: Served, client: RiskClient) -> None:
    with locked(api.settings.places.cases):
        assert all(answer(client).answered for _ in range(20))
    assert client.tell(answer(client).assessment_id, "abandoned").told


def test_a_full_disk_is_named_and_what_came_meanwhile_is_kept(api: Served, client: RiskClient) -> None:
    with full_disk(api):
        assert client.assess(event(account_id="while-full")).answered
        until(lambda: says(client, "not_recorded"))
        refused = api.client.post("/v1/events", json=event() | {"occurred_at": "2026-01-05T07:00:00Z"})
        assert (refused.status_code, refused.headers["Content-Type"]) == (503, "application/problem+json")
        assert answer(client).answered
    until(lambda: not says(client, "not_recorded"))
    until(lambda: "while-full" in appended(api))


def test_a_model_that_is_gone_is_named_and_comes_back(api: Served, client: RiskClient) -> None:
    with model_gone(api):
        until(lambda: says(client, "model_missing"))
    until(lambda: not any(says(client, "model_missing") for _ in range(8)))


def test_killed_workers_are_replaced_and_nothing_answered_is_lost(api: Served, client: RiskClient) -> None:
    for number in range(3):
        account = f"before-kill-{number}"
        assert client.assess(event(account_id=account)).answered
        worker_killed(api)
        until(lambda: client.assess(event()).answered)
        until(lambda account=account: account in appended(api))  # type: ignore[misc]


@pytest.mark.skipif(not COMPILER, reason="a clock that jumps is made with a C compiler")
def test_a_clock_that_jumps_keeps_nobody_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(tmp_path)
    for name, value in clock.environment.items():
        monkeypatch.setenv(name, value)
    options = Options(budget_s=BUDGET_S, failures_to_open=10_000)
    settings = load_settings(data=tmp_path / "data", neo4j_uri="off")
    with served(settings, World([])) as api, RiskClient(api.url, key_of(api), options) as client:
        until(lambda: client.assess(event(account_id="early")).answered)
        for days in (400, 0, -400):
            clock.jump(days * DAY_S)
            why = {reason for _ in range(20) for reason in client.assess(event()).degraded_reasons}
            assert why <= {"graph_unavailable", "no_detection", "model_missing", "client_clocks_apart"}
            assert ("client_clocks_apart" in why) == (days < 0)
            assert client.assess_account("early").answered
        clock.jump(0)
        assert answer(client).answered
