"""The ledger: append-only, each event once, conflicts told from duplicates, durable."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from graphsvc.config import Settings
from graphsvc.errors import GraphsvcError, Locked
from graphsvc.events.record import LabelRecord, Record
from graphsvc.ledger import SqliteLedger, open_ledger
from graphsvc.ledger.base import Draft, Outcome
from tests.risk.conftest import wait_for

ACCEPTED, DUPLICATE, CONFLICT = Outcome.ACCEPTED, Outcome.DUPLICATE, Outcome.CONFLICT


@pytest.fixture
def ledger(settings: Settings) -> Iterator[SqliteLedger]:
    ledger = open_ledger(settings)
    yield ledger
    ledger.close()


def draft(number: int, content: bytes = b"c") -> Draft:
    return Draft(Record(f"e{number}", "login", f"a{number % 3}", number, 0), content.ljust(16))


def test_offsets_grow_by_one_and_records_come_back(ledger: SqliteLedger) -> None:
    done = ledger.append([draft(1), draft(2)])
    assert (done.outcomes, done.offset) == ((ACCEPTED, ACCEPTED), 2)
    assert [(stored.offset, stored.record.event_id) for stored in ledger.read(0, 10)] == [(1, "e1"), (2, "e2")]
    assert [stored.offset for stored in ledger.read(1, 10)] == [2]


def test_the_same_id_is_a_duplicate_or_a_conflict(ledger: SqliteLedger) -> None:
    ledger.append([draft(1)])
    again = ledger.append([draft(1), draft(1, b"other"), draft(2), draft(2), draft(2, b"other")])
    assert again.outcomes == (DUPLICATE, CONFLICT, ACCEPTED, DUPLICATE, CONFLICT)
    assert again.offset == 2


def test_a_scan_ends_where_the_ledger_ended_when_it_began(ledger: SqliteLedger) -> None:
    ledger.append([draft(number) for number in range(25)])
    seen = []
    for batch in ledger.scan(after=5, batch=7):
        seen += [stored.offset for stored in batch]
        ledger.append([draft(100 + len(seen))])
    assert seen == list(range(6, 26))


def test_labels_are_kept_once_and_cut_at_their_time(ledger: SqliteLedger) -> None:
    early = LabelRecord("a1", "benign", 1_000, "review", received_ms=5)
    late = LabelRecord("a1", "abusive", 2_000, "review")
    assert ledger.append_labels([early, late, early]) == 2
    assert ledger.append_labels([LabelRecord("a1", "benign", 1_000, "review", received_ms=9)]) == 0
    assert [stored.label.verdict for stored in ledger.labels()] == ["benign", "abusive"]
    assert [stored.label.verdict for stored in ledger.labels(as_of_ms=1_500)] == ["benign"]


def test_writers_in_several_threads_and_connections_lose_nothing(settings: Settings) -> None:
    def write(start: int) -> None:
        own = open_ledger(settings)
        for number in range(start, start + 100, 5):
            own.append([draft(number + i) for i in range(5)])
        own.close()

    threads = [threading.Thread(target=write, args=(start,)) for start in (0, 50, 100, 150)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ledger = open_ledger(settings)
    assert sorted(int(stored.record.event_id[1:]) for stored in ledger.read(0, 1000)) == list(range(250))
    assert [stored.offset for stored in ledger.read(0, 1000)] == list(range(1, 251))
    ledger.close()


def test_many_may_open_a_new_ledger_at_once(settings: Settings) -> None:
    def opened(number: int) -> int:
        own = SqliteLedger(settings.places.create().ledger.with_name(f"{number % 20}.sqlite"))
        own.append([draft(number)])
        own.close()
        return number

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(opened, sorted(range(160), key=lambda number: number % 20))) == list(range(160))
    ledger = SqliteLedger(settings.places.ledger.with_name("7.sqlite"))
    assert ledger.offset() == 8
    ledger.close()
    assert not list(settings.places.ledger.parent.glob("*.new"))


class Slow:
    """A label that is not given before it is said: who writes it holds up the others until then."""

    def __init__(self) -> None:
        self.asked, self.given = threading.Event(), threading.Event()

    def labels(self) -> Iterator[LabelRecord]:
        self.asked.set()
        assert self.given.wait(30)
        yield LabelRecord("a1", "benign", 1_000, "review")


def test_a_call_waits_no_longer_than_it_says_for_another_thread(settings: Settings) -> None:
    slow = Slow()
    ledger = open_ledger(settings)
    thread = threading.Thread(target=lambda: ledger.append_labels(slow.labels()))  # type: ignore[arg-type]
    thread.start()
    assert slow.asked.wait(30)
    with pytest.raises(Locked):
        ledger.append([draft(1)], within_ms=1)
    slow.given.set()
    thread.join()
    assert ledger.append([draft(1)], within_ms=1).outcomes == (ACCEPTED,)
    ledger.close()


def test_batches_that_wait_together_are_kept_together_and_a_bad_one_fails_alone(settings: Settings) -> None:
    slow = Slow()
    ledger = open_ledger(settings)
    bad = Draft(draft(9).record, None)  # type: ignore[arg-type]
    batches = [[draft(1), draft(2)], [draft(2, b"other"), draft(3)], [draft(4), bad], [draft(1)]]
    with ThreadPoolExecutor(5) as threads:
        first = threads.submit(ledger.append_labels, slow.labels())  # type: ignore[arg-type]
        assert slow.asked.wait(30)
        waiting = []
        for place, batch in enumerate(batches):
            waiting.append(threads.submit(ledger.append, batch))
            wait_for(lambda place=place: len(ledger._together._offers) == place + 1)  # type: ignore[misc]
        slow.given.set()
        assert first.result() == 1
    assert waiting[0].result().outcomes == (ACCEPTED, ACCEPTED)
    assert waiting[1].result().outcomes == (CONFLICT, ACCEPTED)
    assert isinstance(waiting[2].exception(), GraphsvcError)
    assert waiting[3].result().outcomes == (DUPLICATE,)
    assert [stored.record.event_id for stored in ledger.read(0, 9)] == ["e1", "e2", "e3"]
    assert ledger._together._offers == []
    ledger.close()


def test_a_failing_batch_leaves_nothing(ledger: SqliteLedger) -> None:
    bad = Draft(draft(8).record, None)  # type: ignore[arg-type]
    with pytest.raises(GraphsvcError):
        ledger.append([draft(7), bad])
    assert ledger.offset() == 0
    assert ledger.append([draft(7)]).outcomes == (ACCEPTED,)


def test_a_damaged_file_is_named(settings: Settings) -> None:
    settings.places.create().ledger.write_bytes(b"not a database at all" * 100)
    with pytest.raises(GraphsvcError, match="damaged"):
        open_ledger(settings)


def test_a_lean_one_keeps_few_pages_and_tells_the_same(settings: Settings, ledger: SqliteLedger) -> None:
    ledger.append([draft(1)])
    lean = open_ledger(settings, lean=True)
    assert lean.append([draft(2)]).offset == 2
    assert lean.read(0, 9) == ledger.read(0, 9)
    assert lean._connection.execute("PRAGMA mmap_size").fetchone() == (0,)
    assert lean._connection.execute("PRAGMA synchronous").fetchone() == (2,)
    lean.close()


def test_the_file_syncs_fully(settings: Settings, ledger: SqliteLedger) -> None:
    with sqlite3.connect(settings.places.ledger) as other:
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert ledger._connection.execute("PRAGMA synchronous").fetchone() == (2,)
