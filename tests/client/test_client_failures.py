"""What the client answers when the service or the network fails: in its time, allow, with the reason."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from graphsvc.client import AsyncRiskClient, Options, RiskAnswer, RiskClient
from graphsvc.client.breaker import Breaker
from tests.api.conftest import Served
from tests.client.conftest import (
    PATIENT,
    Listener,
    answering,
    empty_service,
    key_of,
    never,
    processes,
    request,
    reset,
    signalled,
)
from tests.client.test_client_answers import event

SHORT = Options(budget_s=0.1, failures_to_open=1_000, tell_budget_s=0.2, send_budget_s=0.3)
WITHIN_S = 60.0


def reasons(answer: RiskAnswer) -> tuple[str, ...]:
    """Why the client answered by itself."""
    assert (answer.recommended_action, answer.degraded, answer.answered) == ("allow", True, False)
    return answer.degraded_reasons


def until(true: Callable[[], bool]) -> None:
    end_s = time.monotonic() + WITHIN_S
    while not true():
        assert time.monotonic() < end_s, "it did not come about in time"


def nobody() -> str:
    """An address that nobody listens at."""
    with closing(socket.create_server(("127.0.0.1", 0))) as door:
        return f"http://127.0.0.1:{door.getsockname()[1]}"


def test_a_service_that_is_away_allows() -> None:
    with RiskClient(nobody(), "key", replace(PATIENT, tell_budget_s=0.2, send_budget_s=0.3)) as client:
        answer = client.assess(event(account_id="a"))
        assert (reasons(answer), answer.account_id) == (("client_unreachable",), "a")
        assert client.tell("as_1", "benign").reason == "client_unreachable"
        sent = client.send([event()])
        assert (sent.complete, sent.reason, sent.next_index) == (False, "client_unreachable", 0)


def drip(connection: socket.socket) -> None:
    """An answer that begins well and never ends."""
    request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
    while True:
        connection.sendall(b" ")
        time.sleep(0.005)


@pytest.mark.parametrize("act", [never, drip])
def test_an_answer_that_does_not_come_in_time_is_given_up(act: Callable[[socket.socket], None]) -> None:
    listener = Listener([act])
    with listener.listening() as url, RiskClient(url, "key", SHORT) as client:
        assert reasons(client.assess(event())) == ("client_timeout",)
        assert reasons(client.assess_account("a")) == ("client_timeout",)
        assert client.tell("as_1", "benign").reason == "client_timeout"
        assert client.send([event()]).reason == "client_timeout"


GARBAGE = {
    "no JSON": (200, "Content-Type: text/html\r\n", b"<html>"),
    "no assessment": (200, "Content-Type: application/json\r\n", b'{"probability": 1}'),
    "no object": (200, "Content-Type: application/json\r\n", b"[]"),
    "elsewhere": (302, "Location: http://127.0.0.1:1/\r\n", b""),
    "a gateway's 404": (404, "Content-Type: text/html\r\n", b"<html>"),
}


@pytest.mark.parametrize("answer", GARBAGE.values(), ids=GARBAGE)
def test_an_answer_that_is_none_allows(answer: tuple[int, str, bytes]) -> None:
    with Listener([answering(answer)]).listening() as url, RiskClient(url, "key", PATIENT) as client:
        assert reasons(client.assess(event())) == ("client_bad_answer",)
        assert client.send([event()]).reason == "client_bad_answer"
        assert client.tell("as_1", "benign").reason == "client_bad_answer"


@pytest.mark.parametrize(
    ("status", "reason"), [(500, "client_refused"), (503, "client_refused"), (429, "client_overloaded")]
)
def test_a_refusal_allows_and_enough_of_them_open_the_breaker(status: int, reason: str) -> None:
    listener = Listener([answering((status, "Retry-After: 60\r\n", b"{}"))])
    options = replace(PATIENT, failures_to_open=3, failing_s=0.0, open_s=1000.0)
    with listener.listening() as url, RiskClient(url, "key", options) as client:
        found = [reasons(client.assess(event()))[0] for _ in range(5)]
        assert found == [reason] * 3 + ["client_circuit_open"] * 2
        assert listener.accepted == 1
        assert client.send([event()]).reason == reason


def test_a_first_attempt_that_is_still_being_answered_is_waited_for() -> None:
    busy = (409, "Content-Type: application/problem+json\r\n", b'{"code": "under_way"}')
    other = (503, "", b"{}")
    with Listener([answering(busy, busy, other, busy)]).listening() as url, RiskClient(url, "key", PATIENT) as client:
        assert [reasons(client.assess(event())) for _ in range(2)] == [("client_refused",)] * 2


def taken(accepted: int) -> tuple[int, str, bytes]:
    body = {"accepted": accepted, "duplicates": 0, "rejected": [], "offset": 9}
    return 202, "Content-Type: application/json\r\n", json.dumps(body).encode()


def test_events_wait_as_the_service_asks() -> None:
    busy, broken = (429, "Retry-After: 0\r\n", b"{}"), (502, "", b"")
    listener = Listener([answering(busy, busy, taken(1_000), broken, taken(7))])
    with listener.listening() as url, RiskClient(url, "key", PATIENT) as client:
        sent = client.send([event() for _ in range(1_007)])
    assert (sent.complete, sent.accepted, sent.next_index) == (True, 1_007, 1_007)


def test_what_was_taken_before_the_service_went_is_told() -> None:
    listener = Listener([answering(taken(1_000), (503, "Retry-After: 600\r\n", b""))])
    with listener.listening() as url, RiskClient(url, "key", PATIENT) as client:
        sent = client.send([event() for _ in range(1_500)])
    assert (sent.accepted, sent.next_index, sent.reason) == (1_000, 1_000, "client_refused")


def test_a_broken_connection_is_tried_again_and_one_assessment_is_made(api: Served) -> None:
    server = int(api.url.rpartition(":")[2])
    asked: list[bytes] = []

    def relayed(connection: socket.socket, *, answer: bool) -> None:
        asked.append(request(connection))
        with closing(socket.create_connection(("127.0.0.1", server))) as behind:
            behind.sendall(asked[-1].replace(b"keep-alive", b"close", 1))
            said = b"".join(iter(lambda: behind.recv(65536), b""))
        assert b" 200 " in said
        if answer:
            connection.sendall(said)
        reset_or_done(connection, answer)

    listener = Listener([lambda c: relayed(c, answer=False), lambda c: relayed(c, answer=True)])
    with listener.listening() as url, RiskClient(url, key_of(api), PATIENT) as client:
        answer = client.assess(event(account_id="once"))
    assert answer.answered
    assert len(asked) == 2
    assert idempotency_key(asked[0]) == idempotency_key(asked[1])
    with closing(sqlite3.connect(api.settings.places.cases)) as cases:
        query = "SELECT id FROM assessments WHERE account_id = 'once'"
        until(lambda: bool(cases.execute(query).fetchall()))
        assert cases.execute(query).fetchall() == [(answer.assessment_id,)]


def reset_or_done(connection: socket.socket, answered: bool) -> None:
    if answered:
        connection.shutdown(socket.SHUT_WR)
    else:
        reset(connection)


def idempotency_key(asked: bytes) -> bytes:
    return next(line for line in asked.lower().split(b"\r\n") if line.startswith(b"idempotency-key:"))


def test_a_hundred_calls_at_once_share_few_connections(api: Served) -> None:
    listener = Listener([lambda connection: piped(connection, int(api.url.rpartition(":")[2]))])

    async def ask(url: str) -> list[RiskAnswer]:
        async with AsyncRiskClient(url, key_of(api), replace(PATIENT, connections=4)) as client:
            rounds = [await asyncio.gather(*(client.assess(event()) for _ in range(100))) for _ in range(2)]
            return [answer for one in rounds for answer in one]

    with listener.listening() as url:
        answers = asyncio.run(ask(url))
    assert all(answer.answered for answer in answers)
    assert len({answer.assessment_id for answer in answers}) == 200
    assert listener.accepted <= 4


def piped(connection: socket.socket, port: int) -> None:
    """To the server and back, until the client closes."""
    with closing(socket.create_connection(("127.0.0.1", port))) as behind:
        back = threading.Thread(target=copied, args=(behind, connection))
        back.start()
        copied(connection, behind)
        behind.shutdown(socket.SHUT_RDWR)
        back.join()


def copied(source: socket.socket, target: socket.socket) -> None:
    try:
        while block := source.recv(65536):
            target.sendall(block)
    except OSError:
        return


def test_a_server_killed_under_load_allows(tmp_path: Path) -> None:
    with empty_service(tmp_path) as api, RiskClient(api.url, key_of(api), replace(PATIENT, budget_s=0.5)) as client:
        answers: list[RiskAnswer] = []
        stop = threading.Event()

        def load() -> None:
            while not stop.is_set():
                answers.append(client.assess(event()))

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        until(lambda: sum(answer.answered for answer in answers) > 20)
        signalled(api, signal.SIGKILL)
        until(lambda: any("client_circuit_open" in one.degraded_reasons for one in answers[-50:]))
        stop.set()
        for thread in threads:
            thread.join()
    why = Counter(reasons(answer)[0] for answer in answers if not answer.answered)
    assert set(why) <= {"client_unreachable", "client_timeout", "client_circuit_open"}
    assert why["client_circuit_open"]


def test_a_worker_killed_under_load_costs_no_answer(tmp_path: Path) -> None:
    with empty_service(tmp_path) as api, RiskClient(api.url, key_of(api), PATIENT) as client:
        assert client.assess(event(account_id="kept")).answered
        for worker in processes(api)[1:2]:
            os.kill(worker, signal.SIGKILL)
        assert all(client.assess(event()).answered for _ in range(20))
        assert client.assess_account("kept").answered


def test_a_stopped_server_times_out_and_is_asked_again_when_it_goes_on(tmp_path: Path) -> None:
    options = Options(budget_s=0.3, failures_to_open=3, failing_s=0.0, open_s=0.2)
    with empty_service(tmp_path) as api, RiskClient(api.url, key_of(api), options) as client:
        until(lambda: client.assess(event()).answered)
        signalled(api, signal.SIGSTOP)
        found = [reasons(client.assess(event()))[0] for _ in range(4)]
        signalled(api, signal.SIGCONT)
        assert found == ["client_timeout"] * 3 + ["client_circuit_open"]
        until(lambda: client.assess(event()).answered)


def test_the_breaker_opens_lets_one_try_and_closes() -> None:
    now_s = 0.0
    breaker = Breaker(2, 0.0, 10.0, lambda: now_s)
    breaker.failed()
    breaker.answered()
    breaker.failed()
    assert breaker.admits()
    breaker.failed()
    assert (breaker.open, breaker.admits()) == (True, False)
    now_s = 10.0
    assert [breaker.admits(), breaker.admits()] == [True, False]
    breaker.failed()
    now_s = 19.9
    assert not breaker.admits()
    now_s = 20.0
    assert breaker.admits()
    now_s = 30.0
    assert breaker.admits(), "the one that tried never came back"
    breaker.answered()
    assert (breaker.open, breaker.admits(), breaker.admits()) == (False, True, True)


def test_one_stall_that_fails_many_calls_does_not_open_the_breaker() -> None:
    now_s = 0.0
    breaker = Breaker(2, 0.5, 10.0, lambda: now_s)
    for _ in range(50):
        breaker.failed()
    assert breaker.admits()
    breaker.answered()
    now_s = 1.0
    breaker.failed()
    breaker.failed()
    assert breaker.admits()
    now_s = 1.5
    breaker.failed()
    assert not breaker.admits()
