"""An outcome that is told to a process which did not give the answer itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from graphsvc.cases.assessments import AssessmentRow, AssessmentStore
from graphsvc.config import Settings
from graphsvc.errors import Locked, NotFound
from graphsvc.events.record import Record
from graphsvc.ledger import SqliteLedger, open_ledger
from graphsvc.risk.answer import Outcome
from graphsvc.risk.outcomes import Outcomes
from graphsvc.risk.spool import Entry, Spool
from graphsvc.risk.writer import Writer
from tests.risk.test_risk_recording import write_lock

ID = f"as_{'7' * 24}"


class Process:
    """The writer and the outcomes of one process, over a data folder that it shares."""

    def __init__(self, settings: Settings, stack: ExitStack) -> None:
        places = settings.places.create()
        store = AssessmentStore(places.cases)
        ledger = stack.enter_context(closing(open_ledger(settings, 1_000)))
        self.counted = 0
        self.looked = threading.Event()
        self.writer = Seeking(Spool(places.risk / "spool"), ledger, store, self.looked)
        stack.callback(self.writer.stop)
        self.outcomes = Outcomes(settings, store, self.writer, self._count)

    def _count(self) -> None:
        self.counted += 1


class Seeking(Writer):
    """Tells when an assessment was looked for in vain."""

    def __init__(self, spool: Spool, ledger: SqliteLedger, store: AssessmentStore, looked: threading.Event) -> None:
        super().__init__(spool, ledger, store)
        self._looked = looked

    def find(self, assessment_id: str) -> AssessmentRow:
        try:
            return super().find(assessment_id)
        except NotFound:
            self._looked.set()
            raise


@pytest.fixture
def two(settings: Settings) -> Iterator[tuple[Process, Process]]:
    with ExitStack() as stack:
        yield Process(settings, stack), Process(settings, stack)


def answered(process: Process) -> None:
    """The process gives an answer, which waits in its spool."""
    row = AssessmentRow(ID, "a", "login", 0.5, "medium", "review", "m", "1", "", 2**41)
    process.writer.add(Entry(row, Record("e", "login", "a", 1, 0), b"digest".ljust(16)))


def test_an_outcome_is_known_as_soon_as_the_answer_of_another_process_is_written(
    two: tuple[Process, Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a machine that is busy with other things the writing may take longer.
    monkeypatch.setattr("graphsvc.risk.outcomes.WRITTEN_WITHIN_S", 20.0)
    one, other = two
    answered(one)
    # Its writer comes round only after the other looked in vain.
    writing = threading.Thread(target=lambda: other.looked.wait(20.0) and one.writer.write())
    writing.start()
    told = other.outcomes.tell(ID, Outcome.ABUSIVE)
    writing.join()
    assert other.looked.is_set()
    assert (told.outcome, told.against, other.counted) == (Outcome.ABUSIVE, (), 1)
    assert one.outcomes.tell(ID, Outcome.ABUSIVE) == told


def test_what_nobody_answered_is_not_found_and_what_cannot_be_written_is_to_be_told_again(
    two: tuple[Process, Process], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphsvc.risk.outcomes.BUSY_MS", 20)
    one, other = two
    for unknown in (ID, "as_none"):
        with pytest.raises(NotFound):
            other.outcomes.tell(unknown, Outcome.BENIGN)
    answered(one)
    with write_lock(settings.places.ledger), pytest.raises(Locked):
        other.outcomes.tell(ID, Outcome.BENIGN)
    one.writer.write()
    assert other.outcomes.tell(ID, Outcome.BENIGN).outcome == Outcome.BENIGN
