"""What becomes of events when the ledger refuses: one bad among many, a lock held elsewhere, a damaged file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from graphsvc.cases.assessments import AssessmentRow, AssessmentStore
from graphsvc.errors import Locked
from graphsvc.events.record import Record
from graphsvc.ledger import SqliteLedger, open_ledger
from graphsvc.ledger.base import Appended, Draft, Ledger
from graphsvc.risk import RiskService
from graphsvc.risk.spool import Entry, Spool
from graphsvc.risk.writer import LOST, Writer
from tests.risk.conftest import Deployment, wait_for


@contextmanager
def write_lock(path: Path) -> Iterator[None]:
    """Another connection holds the ledger's write lock."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def lost(reason: str) -> float:
    return float(LOST.labels(reason)._value.get())


def row(name: str) -> AssessmentRow:
    return AssessmentRow(name, "a", "login", 0.5, "medium", "review", "m", "1", "", 2**41)


def entry(event_id: str, digest: bytes = b"digest") -> Entry:
    return Entry(row(f"as_{event_id}"), Record(event_id, "login", "a", 1, 0), digest.ljust(16))


@pytest.fixture
def written(deployment: Deployment) -> Iterator[Callable[[Ledger], Writer]]:
    """Writers over the deployment's spool, without threads of their own."""
    made: list[Writer] = []

    def make(ledger: Ledger, room: int = 1_000) -> Writer:
        places = deployment.settings.places
        made.append(Writer(Spool(places.risk / "spool"), ledger, AssessmentStore(places.cases), room))
        return made[-1]

    yield make
    for one in made:
        one.stop()


class Refusing(SqliteLedger):
    """Fails for a batch with a record of this event id, as the driver does for what it cannot encode."""

    def append(self, drafts: Sequence[Draft]) -> Appended:
        if any(draft.record.event_id == "bad" for draft in drafts):
            raise ValueError
        return super().append(drafts)


def test_a_record_that_cannot_be_written_fails_alone(
    deployment: Deployment, written: Callable[[Ledger], Writer]
) -> None:
    with closing(Refusing(deployment.settings.places.ledger)) as ledger:
        writer = written(ledger)
        before = lost("unwritable")
        for name in ("e0", "bad", "e1"):
            writer.add(entry(name))
        writer.write()
    assert lost("unwritable") == before + 1
    assert [stored.record.event_id for stored in deployment.ledger.read(0, 9)] == ["e0", "e1"]
    assert writer.find("as_bad").account_id == "a"


def test_a_text_without_utf8_is_refused_at_once(deployment: Deployment, written: Callable[[Ledger], Writer]) -> None:
    writer = written(deployment.ledger)
    with pytest.raises(UnicodeEncodeError):
        writer.add(entry("\ud800"))
    assert len(writer) == 0


def test_a_locked_ledger_is_left_after_the_time_given(
    deployment: Deployment, written: Callable[[Ledger], Writer]
) -> None:
    with closing(open_ledger(deployment.settings, busy_ms=1)) as hasty:
        writer = written(hasty)
        writer.add(entry("e"))
        with write_lock(deployment.settings.places.ledger), pytest.raises(Locked):
            writer.write()
        assert (writer.refused, len(writer)) == (True, 1)
        writer.write()
        assert (writer.refused, len(writer)) == (False, 0)
        assert deployment.ledger.offset() == 1


def test_an_event_answered_while_the_ledger_is_locked_counts_and_is_appended_later(
    deployment: Deployment, risk: RiskService
) -> None:
    event = deployment.pays("a", "card")
    with write_lock(deployment.settings.places.ledger):
        deployment.assess(event)
        assert deployment.assess(deployment.pays("b", "card"), record=False).reasons[0].shared_with == 1
        wait_for(lambda: "not_recorded" in deployment.assess(deployment.event("c")).degraded_reasons)
        assert deployment.ledger.offset() == 0
    wait_for(lambda: deployment.ledger.offset() > 1)
    assert deployment.ledger.read(0, 9)[0].record.event_id == event["event_id"]
    assert deployment.assess(deployment.pays("b", "card")).reasons[0].shared_with == 1
    wait_for(lambda: not deployment.assess(deployment.event("d"), record=False).degraded_reasons[1:])


def test_what_waits_is_appended_when_the_service_stops(deployment: Deployment, risk: RiskService) -> None:
    with write_lock(deployment.settings.places.ledger):
        deployment.assess(deployment.event("a"))
    risk.stop()
    deployment.service = None
    assert deployment.ledger.offset() == 1


def test_a_damaged_ledger_does_not_keep_an_answer_back(deployment: Deployment, risk: RiskService) -> None:
    with closing(sqlite3.connect(deployment.settings.places.ledger)) as other:
        other.executescript("DROP TABLE events; CREATE TABLE events (offset INTEGER PRIMARY KEY);")
    wait_for(lambda: "not_recorded" in deployment.assess(deployment.event("a")).degraded_reasons)


def test_a_full_spool_and_a_conflict_are_counted_as_lost(
    deployment: Deployment, written: Callable[[Ledger, int], Writer]
) -> None:
    writer = written(deployment.ledger, 2)
    deployment.ledger.append([Draft(Record("e1", "login", "a", 1, 0), b"other".ljust(16))])
    full, conflict = lost("full"), lost("conflict")
    for place in range(3):
        writer.add(entry(f"e{place}"))
    assert (lost("full"), len(writer)) == (full + 1, 2)
    writer.write()
    assert (lost("conflict"), len(writer)) == (conflict + 1, 0)
    assert [stored.record.event_id for stored in deployment.ledger.read(0, 9)] == ["e1", "e0"]


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
