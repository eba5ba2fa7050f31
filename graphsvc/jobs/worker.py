"""The worker: follows the ledger, so that tables, graph and clusters catch up by themselves after any outage."""

from __future__ import annotations

import threading
import time
from contextlib import closing

import structlog

from graphsvc.cases.decisions import DecisionStore
from graphsvc.clusters.results import ResultsReader
from graphsvc.config import Settings
from graphsvc.errors import GraphsvcError, place_of
from graphsvc.jobs.detect import detect
from graphsvc.jobs.graph import bring_up_to_date
from graphsvc.jobs.models import champion_version
from graphsvc.jobs.observe import quiet, sync_tables
from graphsvc.ledger import open_ledger
from graphsvc.links.tables import LinkTables

log = structlog.get_logger("worker")
FOLLOW_EVERY_S = 1.0
RETRY_MOST_S = 30.0
NEVER = (-1, -1, -1)
Mark = tuple[int, int, int]
"""How many events, labels and decisions there are."""


class Worker:
    """One loop: link tables each second, detection every `detect_every_s` where something is new, graph after both.

    An error of one part is logged and tried again, later each time up to 30 s; the other parts go on meanwhile.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._decisions = DecisionStore(settings.places.create().cases)
        self._detected = NEVER
        self._judged_by = ""
        self._detect_at_s = 0.0
        self._graph_at_s = 0.0
        self._graph_wait_s = FOLLOW_EVERY_S
        self._graph_missing = ""

    def run(self, stop: threading.Event) -> None:
        """Works until `stop` is set."""
        while not stop.is_set():
            self.step()
            stop.wait(FOLLOW_EVERY_S)

    def step(self) -> None:
        """One round over all parts."""
        try:
            mark = self._follow()
            self._detect(mark)
        except GraphsvcError as error:
            log.warning("part_failed", code=error.code, reason=str(error))
        except Exception as error:  # A defect in one round must not end the worker; the message may hold data.
            log.error("defect", error=type(error).__name__, place=place_of(error))
        self._project()

    def _follow(self) -> Mark:
        with closing(open_ledger(self._settings)) as ledger:
            sync_tables(LinkTables(self._settings.places.links), ledger, quiet)
            return ledger.offset(), ledger.label_offset(), self._decisions.mark()[0]

    def _detect(self, mark: Mark) -> None:
        model = self._settings.places.active_model.name
        same = (mark, model) == (self._detected, self._judged_by)
        if same or not mark[0] or time.monotonic() < self._detect_at_s:
            return
        if self._detected == NEVER and self._is_shown(mark):
            self._detected, self._judged_by = mark, model
            return
        started_s = time.monotonic()
        self._detect_at_s = started_s + self._settings.detect_every_s
        found = detect(self._settings, None, quiet)
        self._detected, self._judged_by = mark, model
        seconds = round(time.monotonic() - started_s, 2)
        log.info("detected", accounts=found.accounts, clusters=found.clusters, seconds=seconds)

    def _is_shown(self, mark: Mark) -> bool:
        """Whether the results that lie there already count all events, labels and decisions, by the model in use, as
        after a restart."""
        reader = ResultsReader(self._settings.places.results)
        if not reader.exists() or reader.run().ledger_offset != mark[0]:
            return False
        if reader.run().model_version != champion_version(self._settings.places):
            return False
        if self._decisions.mark()[1] >= min(reader.run().created_ms, reader.run().as_of_ms + 1):
            return False
        with closing(open_ledger(self._settings)) as ledger:
            last = ledger.labels_after(mark[1] - 1)
        return all(stored.label.received_ms < reader.run().created_ms for stored in last)

    def _project(self) -> None:
        if time.monotonic() < self._graph_at_s:
            return
        missing = bring_up_to_date(self._settings, start=False)
        if missing != self._graph_missing:
            log.warning("graph_missing", reason=missing) if missing else log.info("graph_back")
        self._graph_missing = missing
        self._graph_wait_s = min(2 * self._graph_wait_s, RETRY_MOST_S) if missing else FOLLOW_EVERY_S
        self._graph_at_s = time.monotonic() + self._graph_wait_s
