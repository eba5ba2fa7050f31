"""Too much at once: events are sent away with a time to come back, and risk goes on."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest

from graphsvc.api import admission
from graphsvc.api.admission import AT_ONCE, WAITING_MOST, Admission
from graphsvc.api.known import FRESH_S, KnownKeys
from graphsvc.cases.keys import KeyStore
from graphsvc.config import Settings
from graphsvc.errors import Overloaded
from graphsvc.risk.random_ids import random_hex
from tests.api.conftest import Served


def test_so_many_are_let_in_and_the_others_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "WAIT_S", 0.01)
    gate = Admission(lambda: False)
    with ExitStack() as inside:
        for _ in range(AT_ONCE):
            inside.enter_context(gate.enter())
        with pytest.raises(Overloaded), gate.enter():
            pass
    with gate.enter():
        pass


def test_those_who_wait_are_let_in_when_there_is_room_and_are_not_too_many() -> None:
    gate, entered = Admission(lambda: False), threading.Semaphore(0)

    def enter() -> None:
        with gate.enter():
            entered.release()

    with ExitStack() as inside:
        for _ in range(AT_ONCE):
            inside.enter_context(gate.enter())
        threads = [threading.Thread(target=enter) for _ in range(WAITING_MOST)]
        for thread in threads:
            thread.start()
        while gate._room.acquire(blocking=False):
            gate._room.release()
        with pytest.raises(Overloaded), gate.enter():
            pass
    for thread in threads:
        thread.join()
    assert all(entered.acquire(timeout=0) for _ in threads)


def test_nobody_is_let_in_while_what_came_is_not_worked_off() -> None:
    with pytest.raises(Overloaded), Admission(lambda: True).enter():
        pass


def test_a_refusal_is_a_problem_with_a_time_to_come_back(api: Served) -> None:
    document = api.client.get("/openapi.json").json()
    assert "429" in document["paths"]["/v1/events"]["post"]["responses"]
    assert Overloaded("x").status == 429


def test_a_key_is_known_for_a_second_at_most(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    store = KeyStore(settings.places.create().cases)
    keys, key = KnownKeys(store), store.create("one")
    known = keys.check(key)
    assert known is not None
    assert keys.check(f"{key}x") is None
    store.revoke(known.id)
    assert keys.check(key) == known
    assert FRESH_S <= 1.0
    monkeypatch.setattr("graphsvc.api.known.FRESH_S", 0.0)
    assert keys.check(key) is None


def test_random_names_differ() -> None:
    assert len({random_hex(12) for _ in range(2_000)}) == 2_000
    assert len(random_hex(16)) == 32
