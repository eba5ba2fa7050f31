"""The risk service: answers from memory, whatever else is down, and keeps that memory up to date."""

from __future__ import annotations

import gc
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog
from prometheus_client import Gauge, Histogram

from graphsvc.cases.assessments import AssessmentLog, AssessmentRow, AssessmentStore
from graphsvc.clusters.results import ResultsReader
from graphsvc.config import Settings
from graphsvc.errors import Conflict, GraphsvcError, NotFound, Unavailable
from graphsvc.events.arrive import Arrival, now_ms
from graphsvc.events.record import Record
from graphsvc.events.types import Event
from graphsvc.ledger import open_ledger
from graphsvc.ledger.accept import KNOWN_OTHERWISE
from graphsvc.ledger.base import Draft
from graphsvc.ledger.base import Outcome as Appending
from graphsvc.links.tables import LinkTables
from graphsvc.risk.answer import Assessment, Carried, Outcome
from graphsvc.risk.backlog import Backlog, lose
from graphsvc.risk.base import empty_base
from graphsvc.risk.carried import carried
from graphsvc.risk.decide import Decider, Recommendation
from graphsvc.risk.follow import BATCH_RECORDS, FAR_RECORDS, follow, make_index
from graphsvc.risk.index import Index, Look
from graphsvc.risk.keys import account_key
from graphsvc.risk.labels import LabelBook
from graphsvc.risk.listed import Lists
from graphsvc.risk.loops import Loop
from graphsvc.risk.outcomes import Outcomes, Told
from graphsvc.risk.policy import ACCOUNT
from graphsvc.risk.reasons import cluster_of, reasons_of
from graphsvc.risk.recorder import Recorder
from graphsvc.risk.score import Scorer, load_scorer, network_probability, stranger, with_label

log = structlog.get_logger("risk")
TAIL_EVERY_S = 0.2
REFRESH_EVERY_S = 1.0
GRAPH_EVERY_S = 3.0
RETRY_EVERY_S = 0.25
BUSY_MS = 50
"""So long an answer waits for another process that writes to the ledger."""
BEHIND_S = 2.0
"""An index that did not reach the ledger's end for so long is behind."""
SECONDS = Histogram(
    "graphsvc_risk_assess_seconds",
    "Time to assess, the flush of the ledger included",
    ["recorded"],
    buckets=(0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.015, 0.05, 0.25, 1),
)
INDEX_OFFSET = Gauge("graphsvc_risk_index_offset", "Offset of the last ledger record that risk answers count")


@dataclass(frozen=True)
class _State:
    """What answers are made from; replaced as one. `built` is False until the data folder was read."""

    index: Index
    scorer: Scorer
    model_problem: str
    built: bool


class RiskService:
    """Thread-safe. Answers as soon as it is made, degraded until the index is built in the background."""

    def __init__(
        self,
        settings: Settings,
        arrival: Arrival,
        model_folder: Callable[[], Path],
        graph_alive: Callable[[], bool],
    ) -> None:
        places = settings.places.create()
        self._arrival = arrival
        self._model_folder = model_folder
        self._graph_alive = graph_alive
        self._settings = settings
        self._reading, self._writing = open_ledger(settings), open_ledger(settings, BUSY_MS)
        self._recorder = Recorder(self._writing)
        self._backlog = Backlog(self._recorder.append)
        self._tables = LinkTables(places.links)
        self._results_path = places.results
        self._results = ResultsReader(places.results)
        self._decider = Decider(settings)
        self._store = AssessmentStore(places.cases)
        self._log = AssessmentLog(self._store)
        self._outcomes = Outcomes(settings, self._store, self._log, lambda: self._tail.wake())
        scorer, problem = load_scorer(model_folder())
        self._state = _State(Index(empty_base(stranger(scorer)), LabelBook(), 0), scorer, problem, built=False)
        self._source: tuple[object, ...] = ()
        self._graph_up = False
        self._caught_up_s = 0.0
        self._tail = Loop("tail", TAIL_EVERY_S, self._follow)
        self._refresher = Loop("refresh", REFRESH_EVERY_S, self._refresh)
        self._prober = Loop("graph", GRAPH_EVERY_S, self._probe)
        self._retrier = Loop("backlog", RETRY_EVERY_S, self._retry)

    def start(self) -> None:
        """Starts the background threads."""
        self._log.start()
        self._decider.start()
        for loop in (self._prober, self._refresher, self._tail, self._retrier):
            loop.start()

    def stop(self) -> None:
        """Ends the background threads; what was assessed is remembered when this returns."""
        for loop in (self._retrier, self._tail, self._refresher, self._prober):
            loop.stop()
        self._decider.stop()
        self._backlog.close()
        self._log.stop()
        self._reading.close()
        self._writing.close()
        gc.unfreeze()

    @property
    def lag(self) -> int:
        """How many ledger records the index has yet to count."""
        return max(self._reading.offset() - self._state.index.offset, 0)

    def states(self) -> dict[str, str]:
        """For each part that answers rest on: "ok", or what is missing."""
        state = self._state
        index = "behind the ledger" if self._behind(state) else "ok"
        return {
            "index": index if state.built else "being built",
            "model": state.model_problem or "ok",
            "detection": "ok" if state.index.base.as_of_ms is not None else "no detection has run yet",
            "graph": "ok" if self._graph_up else "not reachable",
            **self._decider.states(),
        }

    def assess_event(self, event: Event, record: bool) -> Assessment:
        """Judges an event by the state before it, and with `record` appends it, durably, and counts it at once.

        Raises Rejected where the event cannot be read, Conflict where its id is known with other content.
        """
        started_s = time.perf_counter()
        draft = self._arrival.draft(event, now_ms())
        state, account = self._state, account_key(event.account_id)
        look = state.index.look(account, draft.record.identifiers)
        probability = network_probability(look, state.scorer)
        recorded = not record or self._record(draft, account, probability)
        assessment = self._answer(
            event.account_id, event.type, look, probability, state, started_s, recorded, draft.record
        )
        SECONDS.labels(str(record).lower()).observe(time.perf_counter() - started_s)
        return assessment

    def assess_account(self, account_id: str) -> Assessment:
        """Judges an account as it is now. Raises NotFound where it was never seen."""
        started_s = time.perf_counter()
        state = self._state
        look = self._look(state, account_id)
        probability = network_probability(look, state.scorer)
        return self._answer(account_id, ACCOUNT, look, probability, state, started_s, recorded=True)

    def knows(self, account_id: str) -> bool:
        """Whether the account was ever seen. Raises Unavailable while the index cannot tell."""
        try:
            return self._look(self._state, account_id).seen
        except NotFound:
            return False

    def carried(self, account_id: str) -> Carried:
        """The reasons with what each carries, and the fewest identifiers without which the account would not be
        flagged. Raises NotFound where it was never seen."""
        state = self._state
        return carried(self._look(state, account_id), state.scorer)

    def outcome(self, assessment_id: str, outcome: Outcome) -> Told:
        """What became of an assessed account: abusive and benign become a label. Raises NotFound, Unavailable."""
        return self._outcomes.tell(assessment_id, outcome)

    @property
    def lists(self) -> Lists:
        """The lists that answers go by."""
        return self._decider.lists

    def observe(self, drafts_offset: int) -> None:
        """Counts records that were appended by others, up to this offset where it is near, else as soon as can be."""
        for _ in range(drafts_offset // BATCH_RECORDS + 1):
            state = self._state
            far = drafts_offset - state.index.offset
            if not 0 < far <= 10 * BATCH_RECORDS or not state.built:
                break
            follow(state.index, self._reading, state.scorer)
        self._tail.wake()

    def _look(self, state: _State, account_id: str) -> Look:
        look = state.index.look(account_key(account_id))
        if look.seen:
            return look
        if not state.built:
            raise Unavailable("The risk index is being built.", hint="Try again in a few seconds.")
        raise NotFound("No event of this account was seen.")

    def _record(self, draft: Draft, account: int, probability: float) -> bool:
        """Whether the event is on disk; a ledger that cannot be written must not keep the caller from an answer. Where
        it cannot, the event is appended later, and the tail counts it then."""
        try:
            appended = self._recorder.append(draft)
        except GraphsvcError as error:
            log.warning("not_recorded", code=error.code, reason=str(error))
            self._backlog.add(draft)
            return False
        except Exception as error:
            lose("unwritable", error=type(error).__name__)
            return False
        if appended is Appending.CONFLICT:
            raise Conflict(KNOWN_OTHERWISE)
        self._count(draft.record, account, probability)
        return True

    def _count(self, record: Record, account: int, probability: float) -> None:
        """Counts a record that is on disk, in the index that answers when it is done."""
        while True:
            index = self._state.index
            with index.lock:
                if self._state.index is not index:
                    continue
                if index.apply([record]):
                    index.raise_probability(account, probability)
                return

    def _answer(
        self,
        account_id: str,
        event_type: str,
        look: Look,
        probability: float,
        state: _State,
        started_s: float,
        recorded: bool,
        record: Record | None = None,
    ) -> Assessment:
        final = round(with_label(probability, look), 6)
        said = self._decider.decide(account_id, event_type, final, record)
        degraded = self._degraded(state, recorded)
        as_of_ms = state.index.base.as_of_ms
        assessment = Assessment(
            assessment_id=f"as_{secrets.token_hex(12)}",
            account_id=account_id,
            probability=final,
            risk_level=said.level,
            recommended_action=said.action,
            held_out=said.held_out,
            reasons=(*reasons_of(look), *said.listed.reasons()),
            cluster=cluster_of(look, state.index.base),
            model_version=state.scorer.version,
            policy_version=said.policy_version,
            graph_as_of=_rfc3339(as_of_ms) if as_of_ms is not None else None,
            degraded=bool(degraded),
            degraded_reasons=degraded,
            latency_ms=round((time.perf_counter() - started_s) * 1000, 3),
        )
        self._log.add(_row(assessment, event_type, said))
        return assessment

    def _degraded(self, state: _State, recorded: bool) -> tuple[str, ...]:
        tests = (
            ("model_missing", state.scorer.degraded),
            ("graph_unavailable", not self._graph_up),
            ("no_detection", state.index.base.as_of_ms is None),
            ("index_behind", self._behind(state)),
            ("not_recorded", not recorded),
            *self._decider.missing(),
        )
        return tuple(reason for reason, true in tests if true)

    def _behind(self, state: _State) -> bool:
        return not state.built or time.monotonic() - self._caught_up_s > BEHIND_S

    def _follow(self) -> None:
        state = self._state
        if not state.built:
            return
        while not self._tail.stopping and self._state is state:
            if follow(state.index, self._reading, state.scorer) < BATCH_RECORDS:
                self._caught_up_s = time.monotonic()
                break
        INDEX_OFFSET.set(state.index.offset)

    def _retry(self) -> None:
        if self._backlog.drain():
            self._tail.wake()

    def _refresh(self) -> None:
        """Makes a new index when there is a new detection or model, or when the base lies too far back."""
        source, index = self._present(), self._state.index
        if source == self._source and index.offset - index.base.offset <= FAR_RECORDS:
            return
        scorer, problem = load_scorer(self._model_folder())
        new = make_index(self._reading, self._tables, self._results, scorer)
        while follow(new, self._reading, scorer) == BATCH_RECORDS and not self._refresher.stopping:
            pass
        self._swap(_State(new, scorer, problem, built=True))
        self._source = source

    def _swap(self, state: _State) -> None:
        """No record is counted by the old index alone: whoever counts one holds its lock and looks whether it still
        answers."""
        with self._state.index.lock:
            while follow(state.index, self._reading, state.scorer) == BATCH_RECORDS:
                pass
            self._state = state
            self._caught_up_s = time.monotonic()
        # What was just built lives long; to walk it would hold up answers for 0.1 s at each full collection.
        gc.freeze()

    def _present(self) -> tuple[object, ...]:
        """What tells one detection and one model from the next."""
        folder = self._model_folder()
        return _mark(self._results_path), folder, _mark(folder / "manifest.json"), _mark(folder / "model.safetensors")

    def _probe(self) -> None:
        try:
            self._graph_up = False if self._prober.stopping else self._graph_alive()
        except Exception:
            self._graph_up = False
            raise


def _mark(path: Path) -> tuple[int, int] | None:
    try:
        seen = path.stat()
    except FileNotFoundError:
        return None
    return seen.st_ino, seen.st_mtime_ns


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


def _rfc3339(moment_ms: int) -> str:
    return datetime.fromtimestamp(moment_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
