"""What became of assessed accounts: abusive and benign become labels of a source of their own, once each."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass

from prometheus_client import Counter

from graphsvc.cases.assessments import AssessmentRow, AssessmentStore
from graphsvc.config import Settings
from graphsvc.errors import NotFound
from graphsvc.events.arrive import now_ms
from graphsvc.events.record import LabelRecord
from graphsvc.ledger import open_ledger
from graphsvc.risk.answer import Outcome
from graphsvc.risk.writer import Writer

SOURCE = "outcome"
LABELS = (Outcome.ABUSIVE, Outcome.BENIGN)
BUSY_MS = 1_000
"""So long a label waits for another process that writes to the ledger; then the caller is asked to come again."""
WRITTEN_WITHIN_S, LOOK_EVERY_S = 0.5, 0.01
"""So soon what another process answered is in the databases, where nothing holds it up: it writes every 50 ms, and
flushes; and so often it is looked for until then."""
ASSESSMENT = re.compile(r"as_[0-9a-f]{24}")
OUTCOMES = Counter("graphsvc_risk_outcomes_total", "Outcomes told", ["outcome", "contradicts"])


@dataclass(frozen=True)
class Told:
    """An outcome as it is known: when it was first told, and the labels in force that say the opposite."""

    outcome: Outcome
    told_ms: int
    against: tuple[LabelRecord, ...]


class Outcomes:
    """`counted` is called when a label was appended."""

    def __init__(self, settings: Settings, store: AssessmentStore, writer: Writer, counted: Callable[[], None]) -> None:
        self._settings, self._store, self._writer, self._counted = settings, store, writer, counted

    def tell(self, assessment_id: str, outcome: Outcome) -> Told:
        """Takes an outcome; the same of the same assessment again changes nothing.

        Raises NotFound, and Unavailable where it cannot be kept now: to tell it again then completes it.
        """
        row = self._find(assessment_id)
        # Its moment is kept before the label is made, so that whoever comes again makes the same label, not another.
        told_ms = self._store.add_outcome(assessment_id, outcome.value, now_ms())
        against: tuple[LabelRecord, ...] = ()
        if outcome in LABELS:
            label = LabelRecord(row.account_id, outcome.value, told_ms, SOURCE, received_ms=now_ms())
            against = self._append(label)
        OUTCOMES.labels(outcome.value, str(bool(against)).lower()).inc()
        return Told(outcome, told_ms, against)

    def _find(self, assessment_id: str) -> AssessmentRow:
        """Raises Locked where another process may hold the assessment and wait for the ledger to write it: to say that
        there is none would have the caller give up."""
        try:
            return self._awaited(assessment_id)
        except NotFound:
            if not ASSESSMENT.fullmatch(assessment_id):
                raise
            with closing(open_ledger(self._settings, BUSY_MS)) as ledger:
                ledger.append_labels([])
            return self._writer.find(assessment_id)

    def _awaited(self, assessment_id: str) -> AssessmentRow:
        """The assessment as soon as it is written: another process may have answered a moment ago. What cannot
        be an id is not waited for."""
        end_s = time.monotonic() + WRITTEN_WITHIN_S
        while True:
            try:
                return self._writer.find(assessment_id)
            except NotFound:
                if time.monotonic() >= end_s or not ASSESSMENT.fullmatch(assessment_id):
                    raise
            time.sleep(LOOK_EVERY_S)

    def _append(self, label: LabelRecord) -> tuple[LabelRecord, ...]:
        """Appends the label where it is not there, and returns those against it."""
        with closing(open_ledger(self._settings, BUSY_MS)) as ledger:
            if ledger.append_labels([label]):
                self._counted()
            return _against(label, ledger.labels_of(label.account_id))


def _against(label: LabelRecord, known: Iterable[LabelRecord]) -> tuple[LabelRecord, ...]:
    """Of each source the label decided last, this one left aside, where it says the opposite."""
    latest: dict[str, LabelRecord] = {}
    for one in sorted(known, key=lambda one: one.decided_ms):
        if (one.source, one.decided_ms, one.verdict) != (label.source, label.decided_ms, label.verdict):
            latest[one.source] = one
    return tuple(one for one in latest.values() if one.verdict != label.verdict)
