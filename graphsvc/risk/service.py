"""The risk service: answers from memory, whatever else is down, and keeps that memory up to date."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import structlog
from prometheus_client import Histogram

from graphsvc.cases.assessments import AssessmentRow, AssessmentStore
from graphsvc.config import Settings
from graphsvc.errors import Conflict, GraphsvcError, NotFound, Unavailable
from graphsvc.events.arrive import Arrival, now_ms
from graphsvc.events.record import Record
from graphsvc.events.types import Event
from graphsvc.ledger import open_ledger
from graphsvc.ledger.accept import KNOWN_OTHERWISE
from graphsvc.ledger.base import Appends, Draft
from graphsvc.risk.answer import Assessment, Carried, Outcome
from graphsvc.risk.carried import carried
from graphsvc.risk.decide import Decider, Recommendation
from graphsvc.risk.index import Look
from graphsvc.risk.keeper import IndexKeeper, State
from graphsvc.risk.listed import Lists
from graphsvc.risk.loops import Loop
from graphsvc.risk.outcomes import Outcomes, Told
from graphsvc.risk.policy import ACCOUNT
from graphsvc.risk.random_ids import random_hex
from graphsvc.risk.reasons import cluster_of, reasons_of, verdict_of
from graphsvc.risk.score import network_probability, with_label
from graphsvc.risk.spool import Entry, Peers, Spool
from graphsvc.risk.writer import Writer, lose

log = structlog.get_logger("risk")
GRAPH_EVERY_S = 3.0
BUSY_MS = 1_000
"""So long the writer waits for another process that writes to the ledger, before it tries again."""
SPOOL = "spool"
SECONDS = Histogram(
    "graphsvc_risk_assess_seconds",
    "Time to assess",
    ["recorded"],
    buckets=(0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.015, 0.05, 0.25, 1),
)


class RiskService:
    """Thread-safe. Answers as soon as it is made, degraded until the index is built in the background."""

    def __init__(
        self,
        settings: Settings,
        arrival: Arrival,
        model_folder: Callable[[], Path],
        graph_alive: Callable[[], bool],
        appending: Callable[[Appends], Appends] = lambda here: here,
    ) -> None:
        """`appending`: who writes to the ledger, where it is not this process itself."""
        places = settings.places.create()
        self._arrival = arrival
        self._graph_alive = graph_alive
        self._reading, self._writing = open_ledger(settings, lean=True), open_ledger(settings, BUSY_MS, lean=True)
        spool = Spool(places.risk / SPOOL)
        self._decider = Decider(settings)
        store = AssessmentStore(places.cases)
        self._writer = Writer(spool, appending(self._writing), store)
        self._keeper = IndexKeeper(settings, model_folder, Peers(spool), self._writer)
        self._outcomes = Outcomes(settings, store, self._writer, self._keeper.wake)
        self._graph_up = False
        self._prober = Loop("graph", GRAPH_EVERY_S, self._probe)

    def start(self) -> None:
        """Starts the background threads."""
        self._writer.start()
        self._decider.start()
        self._prober.start()
        self._keeper.start()

    def wait(self, seconds: float) -> None:
        """Returns once the index is there, but not later than after so long."""
        self._keeper.built.wait(seconds)

    def stop(self) -> None:
        """Ends the background threads; what was assessed is remembered when this returns."""
        self._keeper.stop()
        self._prober.stop()
        self._decider.stop()
        self._writer.stop()
        self._reading.close()
        self._writing.close()

    @property
    def lag(self) -> int:
        """How many ledger records the index has yet to count."""
        return self._keeper.lag

    @property
    def overloaded(self) -> bool:
        """Whether more events should wait until those before them are counted and kept."""
        return self._keeper.overrun or self._writer.crowded

    def states(self) -> dict[str, str]:
        """For each part that answers rest on: "ok", or what is missing."""
        return {**self._keeper.states(), "graph": "ok" if self._graph_up else "not reachable", **self._decider.states()}

    def assess_event(self, event: Event, record: bool) -> Assessment:
        """Judges an event by the state before it, and with `record` keeps it, safe from a killed process, and counts
        it at once.

        Raises Rejected where the event cannot be read, Conflict where its id is known with other content.
        """
        started_s = time.perf_counter()
        draft = self._arrival.draft(event, now_ms())
        state = self._keeper.state
        keyed = state.index.keyed(event.account_id, draft.record.identifiers)
        look = state.index.look_at(keyed)
        probability = network_probability(look, state.scorer)
        known = record and self._known(draft)
        recorded = not record or (not self._writer.refused and self._writer.has_room)
        assessment, row = self._answer(event.type, look, probability, state, started_s, recorded, draft.record)
        self._remember(Entry(row, draft.record if record and not known else None, draft.digest, probability))
        if record and not known:
            self._keeper.count(draft.record, probability, keyed)
            self._keeper.seen.add((event.event_id,))
        SECONDS.labels(str(record).lower()).observe(time.perf_counter() - started_s)
        return assessment

    def assess_account(self, account_id: str) -> Assessment:
        """Judges an account as it is now. Raises NotFound where it was never seen."""
        started_s = time.perf_counter()
        state = self._keeper.state
        look = self._look(state, account_id)
        probability = network_probability(look, state.scorer)
        about = Record("", ACCOUNT, account_id, 0, 0)
        assessment, row = self._answer(ACCOUNT, look, probability, state, started_s, True, about)
        self._remember(Entry(row))
        return assessment

    def knows(self, account_id: str) -> bool:
        """Whether the account was ever seen. Raises Unavailable while the index cannot tell."""
        try:
            return self._look(self._keeper.state, account_id).seen
        except NotFound:
            return False

    def carried(self, account_id: str) -> Carried:
        """The reasons with what each carries, and the fewest identifiers without which the account would not be
        flagged. Raises NotFound where it was never seen."""
        state = self._keeper.state
        return carried(self._look(state, account_id), state.scorer)

    def outcome(self, assessment_id: str, outcome: Outcome) -> Told:
        """What became of an assessed account: abusive and benign become a label. Raises NotFound, Unavailable."""
        return self._outcomes.tell(assessment_id, outcome)

    @property
    def lists(self) -> Lists:
        """The lists that answers go by."""
        return self._decider.lists

    def news(self) -> None:
        """Has what others appended counted now, rather than at the next look."""
        self._keeper.wake()

    def _look(self, state: State, account_id: str) -> Look:
        look = state.index.look(state.index.key(account_id))
        if look.seen:
            return look
        if not state.built:
            raise Unavailable("The risk index is being built.", hint="Try again in a few seconds.")
        raise NotFound("No event of this account was seen.")

    def _known(self, draft: Draft) -> bool:
        """Whether the event is recorded already. Raises Conflict where it is with other content. A ledger that cannot
        be read must not keep the caller from an answer: it tells a conflict when it takes the event."""
        event_id = draft.record.event_id
        digest = self._writer.digest(event_id)
        if digest is None and self._keeper.seen.may_hold(event_id):
            try:
                digest = self._reading.digest(event_id)
            except GraphsvcError as error:
                log.warning("ledger_not_read", code=error.code, reason=str(error))
        if digest is not None and digest != draft.digest:
            raise Conflict(KNOWN_OTHERWISE)
        return digest is not None

    def _remember(self, entry: Entry) -> None:
        try:
            self._writer.add(entry)
        except UnicodeEncodeError as error:
            lose("unwritable", error=type(error).__name__)

    def _answer(
        self,
        event_type: str,
        look: Look,
        probability: float,
        state: State,
        started_s: float,
        recorded: bool,
        record: Record,
    ) -> tuple[Assessment, AssessmentRow]:
        final = round(with_label(probability, look), 6)
        about = None if event_type == ACCOUNT else record
        seen = partial(state.index.seen_with, record.account_id)
        said = self._decider.decide(record.account_id, event_type, final, about, seen)
        degraded = self._degraded(state, recorded)
        cluster = cluster_of(look, state.index.base)
        assessment = Assessment(
            assessment_id=f"as_{random_hex(12)}",
            account_id=record.account_id,
            probability=final,
            verdict=verdict_of(look, final, cluster, state.scorer.degraded),
            risk_level=said.level,
            recommended_action=said.action,
            held_out=said.held_out,
            reasons=(*reasons_of(look), *said.listed.reasons()),
            cluster=cluster,
            model_version=state.scorer.version,
            policy_version=said.policy_version,
            graph_as_of=state.graph_as_of,
            degraded=bool(degraded),
            degraded_reasons=degraded,
            latency_ms=round((time.perf_counter() - started_s) * 1000, 3),
        )
        return assessment, _row(assessment, event_type, said)

    def _degraded(self, state: State, recorded: bool) -> tuple[str, ...]:
        tests = (
            ("model_missing", state.scorer.degraded),
            ("graph_unavailable", not self._graph_up),
            ("no_detection", state.graph_as_of is None),
            ("index_behind", self._keeper.behind),
            ("not_recorded", not recorded),
            *self._decider.missing(),
        )
        return tuple(reason for reason, true in tests if true)

    def _probe(self) -> None:
        try:
            self._graph_up = False if self._prober.stopping else self._graph_alive()
        except Exception:
            self._graph_up = False
            raise


def _row(assessment: Assessment, event_type: str, said: Recommendation) -> AssessmentRow:
    return AssessmentRow(
        id=assessment.assessment_id,
        account_id=assessment.account_id,
        event_type=event_type,
        probability=assessment.probability,
        risk_level=assessment.risk_level,
        recommended_action=assessment.recommended_action,
        model_version=assessment.model_version,
        policy_version=assessment.policy_version,
        degraded_reasons=" ".join(assessment.degraded_reasons),
        made_ms=now_ms(),
        **said.facts(),
    )
