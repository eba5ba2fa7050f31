"""The process that takes events in: killed, absent, or refusing, it costs nothing."""

from __future__ import annotations

import socket
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from graphsvc.config import load_settings
from graphsvc.errors import BadInput, GraphsvcError, Locked
from graphsvc.events.check import Rejected
from graphsvc.events.record import Identifier, Record
from graphsvc.ledger import SqliteLedger, open_ledger
from graphsvc.ledger.accept import Accepted, Take
from graphsvc.ledger.base import Appended, Draft, Outcome
from graphsvc.serving.intake import Append, Elsewhere, Intake, LedgerElsewhere
from graphsvc.serving.messages import CALLS, Drafted, receive
from tests.risk.conftest import wait_for
from tests.serving.conftest import Small
from tests.serving.test_worker import signup

HERE = Accepted(1, 0, (), 7)
THERE = Accepted(2, 1, (), 9)


def here(data: bytes, lines: bool) -> Accepted:
    return HERE


def nothing(drafts: Sequence[Draft]) -> Appended:
    raise NotImplementedError


@contextmanager
def listening(door: Path, take: Take, append: Append = nothing) -> Iterator[None]:
    with Intake(door, take, append) as intake:
        thread = threading.Thread(target=intake.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield
        intake.shutdown()
        thread.join()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Elsewhere]:
    made = Elsewhere(tmp_path / "door", here)
    yield made
    made.hang_up()


def test_without_a_process_beside_it_each_takes_in_itself(elsewhere: Elsewhere) -> None:
    assert elsewhere(b"{}", False) == HERE


def test_with_one_that_one_does_and_who_comes_after_it_too(tmp_path: Path, elsewhere: Elsewhere) -> None:
    given: list[tuple[bytes, bool]] = []

    def there(data: bytes, lines: bool) -> Accepted:
        given.append((data, lines))
        return THERE

    assert elsewhere(b"0", False) == HERE
    with listening(tmp_path / "door", there):
        assert [elsewhere(b"1", False), elsewhere(b"2" * 1_000_000, True)] == [THERE, THERE]
    assert given == [(b"1", False), (b"2" * 1_000_000, True)]


@pytest.mark.parametrize(
    "error",
    [
        Rejected("too_many", "Too many.", "/events"),
        Locked("The ledger is locked.", hint="Wait."),
        BadInput("Wrong.", pointer="/a"),
        GraphsvcError("The ledger file is damaged.", hint="Restore it."),
    ],
)
def test_an_error_is_the_same_on_the_other_side(tmp_path: Path, elsewhere: Elsewhere, error: GraphsvcError) -> None:
    def there(data: bytes, lines: bool) -> Accepted:
        raise error

    with listening(tmp_path / "door", there), pytest.raises(type(error)) as caught:
        elsewhere(b"{}", False)
    assert (str(caught.value), vars(caught.value)) == (str(error), vars(error))


def test_a_defect_is_a_defect_and_tells_nothing(tmp_path: Path, elsewhere: Elsewhere) -> None:
    def there(data: bytes, lines: bool) -> Accepted:
        raise ValueError("a secret")

    with listening(tmp_path / "door", there), pytest.raises(RuntimeError) as caught:
        elsewhere(b"{}", False)
    assert "secret" not in str(caught.value)


def draft(name: str) -> Draft:
    return Draft(Record(name, "login", "a", 1, 2, (Identifier("ip", "x"),)), name.encode().ljust(16))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    with closing(SqliteLedger(tmp_path / "ledger.sqlite", 50)) as made:
        yield made


def test_what_was_answered_is_appended_by_that_one_and_without_it_here(tmp_path: Path, ledger: SqliteLedger) -> None:
    given: list[Draft] = []

    def there(drafts: Sequence[Draft]) -> Appended:
        given.extend(drafts)
        return ledger.append(drafts)

    away = LedgerElsewhere(tmp_path / "door", ledger)
    assert away.append([draft("e1")]) == Appended((Outcome.ACCEPTED,), 1)
    with listening(tmp_path / "door", take=here, append=there):
        assert away.append([draft("e1"), draft("e2")]) == Appended((Outcome.DUPLICATE, Outcome.ACCEPTED), 2)
        assert given == [draft("e1"), draft("e2")]
        away.hang_up()
    assert [one.record.event_id for one in ledger.read(0, 9)] == ["e1", "e2"]
    assert away.append([draft("e3")]) == Appended((Outcome.ACCEPTED,), 3)


def test_what_ends_before_it_answered_is_appended_here_once(tmp_path: Path, ledger: SqliteLedger) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as door:
        door.bind(str(tmp_path / "door"))
        door.listen()

        def append_and_end() -> None:
            connection, _ = door.accept()
            with connection:
                call = receive(connection, CALLS)
                assert isinstance(call, Drafted)
                ledger.append(call.drafts)

        thread = threading.Thread(target=append_and_end)
        thread.start()
        assert LedgerElsewhere(tmp_path / "door", ledger).append([draft("e1")]) == Appended((Outcome.DUPLICATE,), 1)
        thread.join()


def test_a_ledger_that_somebody_holds_is_told_as_such(tmp_path: Path, ledger: SqliteLedger) -> None:
    away = LedgerElsewhere(tmp_path / "door", ledger)
    append = partial(ledger.append, within_ms=1)
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with listening(tmp_path / "door", take=here, append=append), pytest.raises(Locked):
            away.append([draft("e1")])
        other.execute("ROLLBACK")
    away.hang_up()
    assert away.append([draft("e1")]).offset == 1


def test_events_are_taken_while_it_is_killed_again_and_again(small: Small) -> None:
    client, killed = small.api.client, []
    ledger = open_ledger(load_settings(data=small.api.settings.places.root))
    before = ledger.offset()

    def post(number: int) -> httpx.Response:
        return client.post("/v1/events", json={"events": [signup(f"k{number}-{place}") for place in range(20)]})

    for turn in range(3):
        for number in range(10 * turn, 10 * turn + 10):
            if number % 10 == 3:
                killed.append(small.kill_intake())
            assert post(number).status_code == 202
        wait_for(lambda: len(small.children()) == 3 and small.children()[-1] not in killed, 60.0)
    assert ledger.offset() - before == 30 * 20
    assert len(set(killed)) == 3
    ledger.close()


def test_too_many_batches_at_once_are_sent_away_and_risk_goes_on(small: Small) -> None:
    many = {"events": [signup(f"crowd {place}") for place in range(1_000)]}
    statuses: list[tuple[int, bool]] = []

    def post() -> None:
        answer = httpx.post(f"{small.api.url}/v1/events", json=many, headers=small.api.client.headers, timeout=60)
        statuses.append((answer.status_code, "retry-after" in answer.headers))

    threads = [threading.Thread(target=post) for _ in range(30)]
    for thread in threads:
        thread.start()
    asked = 0
    while any(thread.is_alive() for thread in threads) or not asked:
        assert small.api.client.post("/v1/risk", json={"event": signup("calm"), "record": False}).status_code == 200
        asked += 1
    assert set(statuses) == {(202, False), (429, True)}
