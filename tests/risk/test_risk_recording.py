"""What becomes of events when the ledger refuses: one bad among many, a lock held elsewhere, a damaged file."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from graphsvc.errors import Locked
from graphsvc.events.record import Record
from graphsvc.ledger import SqliteLedger, open_ledger
from graphsvc.ledger.base import Draft
from graphsvc.ledger.base import Outcome as Appending
from graphsvc.risk import RiskService
from graphsvc.risk.backlog import LOST, Backlog
from graphsvc.risk.recorder import Recorder
from tests.risk.conftest import Deployment, wait_for


@contextmanager
def write_lock(path: Path) -> Iterator[None]:
    """Another connection holds the ledger's write lock."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def draft(event_id: str, account_id: str = "a") -> Draft:
    return Draft(Record(event_id, "login", account_id, 1, 0), b"digest".ljust(16))


def lost(reason: str) -> float:
    return float(LOST.labels(reason)._value.get())


def test_a_record_that_cannot_be_written_fails_alone(deployment: Deployment) -> None:
    """A lone surrogate has no UTF-8: the ledger cannot encode it, while innocent ones wait for the same flush."""
    recorder = Recorder(deployment.ledger)
    drafts = [draft(f"e{place}") for place in range(40)] + [draft("bad", "\ud800")]
    seen: dict[str, object] = {}
    barrier = threading.Barrier(len(drafts))

    def append(one: Draft) -> None:
        barrier.wait()
        try:
            seen[one.record.event_id] = recorder.append(one)
        except Exception as error:
            seen[one.record.event_id] = error

    threads = [threading.Thread(target=append, args=(one,)) for one in drafts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert isinstance(seen.pop("bad"), UnicodeEncodeError)
    assert set(seen.values()) == {Appending.ACCEPTED}
    assert deployment.ledger.offset() == 40


def test_a_locked_ledger_is_left_after_the_time_given(deployment: Deployment) -> None:
    with closing(open_ledger(deployment.settings, busy_ms=1)) as hasty:
        with write_lock(deployment.settings.places.ledger), pytest.raises(Locked):
            Recorder(hasty).append(draft("e"))
        assert Recorder(hasty).append(draft("e")) is Appending.ACCEPTED


def test_an_event_answered_while_the_ledger_is_locked_is_appended_later(
    deployment: Deployment, risk: RiskService
) -> None:
    event = deployment.pays("a", "card")
    with write_lock(deployment.settings.places.ledger):
        answer = deployment.assess(event)
        assert "not_recorded" in answer.degraded_reasons
        assert deployment.ledger.offset() == 0
    wait_for(lambda: deployment.ledger.offset() == 1)
    wait_for(lambda: risk.knows("a"))
    assert deployment.ledger.read(0, 9)[0].record.event_id == event["event_id"]
    assert deployment.assess(deployment.pays("b", "card")).reasons[0].shared_with == 1


def test_what_waits_is_appended_when_the_service_stops(deployment: Deployment, risk: RiskService) -> None:
    with write_lock(deployment.settings.places.ledger):
        deployment.assess(deployment.event("a"))
    risk.stop()
    assert deployment.ledger.offset() == 1


def test_a_damaged_ledger_does_not_keep_an_answer_back(deployment: Deployment, risk: RiskService) -> None:
    with closing(sqlite3.connect(deployment.settings.places.ledger)) as other:
        other.executescript("DROP TABLE events; CREATE TABLE events (offset INTEGER PRIMARY KEY);")
    assert "not_recorded" in deployment.assess(deployment.event("a")).degraded_reasons


def test_a_full_backlog_and_a_conflict_are_counted_as_lost(deployment: Deployment) -> None:
    backlog = Backlog(Recorder(deployment.ledger).append, room=2)
    deployment.ledger.append([Draft(draft("e1").record, b"other".ljust(16))])
    full, conflict = lost("full"), lost("conflict")
    for place in range(3):
        backlog.add(draft(f"e{place}"))
    assert (lost("full"), len(backlog)) == (full + 1, 2)
    assert backlog.drain() == 2
    assert (lost("conflict"), len(backlog)) == (conflict + 1, 0)
    assert [stored.record.event_id for stored in deployment.ledger.read(0, 9)] == ["e1", "e0"]


def test_a_backlog_that_cannot_be_drained_at_the_end_is_counted(deployment: Deployment) -> None:
    with closing(SqliteLedger(deployment.settings.places.ledger, busy_ms=1)) as hasty:
        backlog = Backlog(Recorder(hasty).append)
        before = lost("stopped")
        backlog.add(draft("e"))
        with write_lock(deployment.settings.places.ledger):
            backlog.close()
    assert lost("stopped") == before + 1


def test_after_a_detection_of_the_past_later_events_count(deployment: Deployment) -> None:
    past = datetime.now(UTC) - timedelta(hours=1)
    early = [deployment.pays(f"old{place}", "card", occurred_at=past.isoformat()) for place in range(3)]
    deployment.ingest([*early, *(deployment.pays(f"new{place}", "card") for place in range(5))])
    deployment.detect({"old0": 0.4}, as_of_ms=int(past.timestamp() * 1000) + 60_000)
    service = deployment.start()
    assert all(service.knows(f"new{place}") for place in range(5))
    assert service.assess_account("new0").reasons[0].shared_with == 7
    assert service.assess_account("old0").probability == pytest.approx(0.4)


def test_knowing_an_account_leaves_no_assessment(deployment: Deployment, risk: RiskService) -> None:
    deployment.assess(deployment.event("a"))
    risk.stop()
    service = deployment.start()
    with closing(sqlite3.connect(deployment.settings.places.cases)) as cases:
        count = "SELECT count(*) FROM assessments"
        before = cases.execute(count).fetchone()
        assert service.knows("a")
        assert not service.knows("b")
        service.stop()
        assert cases.execute(count).fetchone() == before
    deployment.service = None


def test_labels_after_an_offset(deployment: Deployment) -> None:
    for account in ("a", "b", "c"):
        deployment.label(account, "abusive")
    assert [stored.label.account_id for stored in deployment.ledger.labels_after(1)] == ["b", "c"]
    assert deployment.ledger.labels_after(3) == []


def test_a_ban_that_arrives_after_its_reinstatement_does_not_count(deployment: Deployment, risk: RiskService) -> None:
    deployment.assess(deployment.pays("a", "card"))
    moment = datetime.now(UTC)
    for hours, action in ((1, "reinstated"), (2, "banned")):
        occurred_at = (moment - timedelta(hours=hours)).isoformat()
        deployment.assess(deployment.event("a", "enforcement", enforcement={"action": action}, occurred_at=occurred_at))
    assert deployment.assess(deployment.pays("b", "card"), record=False).reasons[0].shared_with_confirmed == 0


def test_a_probe_that_fails_says_the_graph_is_down(deployment: Deployment) -> None:
    def broken() -> bool:
        raise OSError

    service = RiskService(deployment.settings, deployment.arrival, lambda: deployment.model, broken)
    service._graph_up = True
    service.start()
    wait_for(lambda: service.states()["graph"] == "not reachable")
    service.stop()
