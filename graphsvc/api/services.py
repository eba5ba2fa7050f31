"""The parts that the blueprints call, made once for an app."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import cast

import flask
import neo4j

from graphsvc.api.admission import Admission
from graphsvc.api.alone import Alone
from graphsvc.api.known import KnownKeys
from graphsvc.cases.decisions import DecisionStore
from graphsvc.cases.idempotency import AnswerStore
from graphsvc.cases.keys import KeyStore
from graphsvc.cases.shown import DecisionReader
from graphsvc.clusters.results import ResultsReader
from graphsvc.config import Settings
from graphsvc.errors import GraphUnavailable
from graphsvc.events.arrive import Arrival
from graphsvc.graph.connection import connect, driver
from graphsvc.graph.store import GraphStore
from graphsvc.ledger import SqliteLedger, open_ledger
from graphsvc.ledger.accept import Take, taken
from graphsvc.ledger.base import Appends
from graphsvc.risk import RiskService


class GraphAccess:
    """The graph store as the last probe found it. Only the probe connects: no request waits for a dead server."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._driver: neo4j.Driver | None = None

    def store(self) -> GraphStore:
        """Raises GraphUnavailable where the last probe found no database."""
        found = self._driver
        if found is None:
            raise GraphUnavailable("The graph database does not answer now.", hint="graphsvc db status says more.")
        return GraphStore(found)

    def alive(self) -> bool:
        """Probes: connects where there is no connection, and drops one that does not answer."""
        try:
            found = self._driver or driver(connect(self._settings, start=False))
            GraphStore(found).watermark()
        except GraphUnavailable:
            self.close()
            return False
        self._driver = found
        return True

    def close(self) -> None:
        found, self._driver = self._driver, None
        if found is not None:
            found.close()


@dataclass(frozen=True)
class Services:
    settings: Settings
    ledger: SqliteLedger
    arrival: Arrival
    take: Take
    results: ResultsReader
    keys: KnownKeys
    answers: AnswerStore
    alone: Alone
    decisions: DecisionReader
    risk: RiskService
    admission: Admission
    graph: GraphAccess = field(repr=False)

    @staticmethod
    def of(
        settings: Settings, taking: Callable[[Take], Take], appending: Callable[[Appends], Appends] = lambda here: here
    ) -> Services:
        """`taking`: who takes events in, and `appending`: who writes those answered to the ledger, where it is not this
        process itself; that one does when nobody else can."""
        places = settings.places.create()
        arrival = Arrival(settings)
        graph, keys = GraphAccess(settings), KeyStore(places.cases)
        risk = RiskService(settings, arrival, lambda: places.active_model, graph.alive, appending)
        ledger = open_ledger(settings, lean=True)
        return Services(
            settings=settings,
            ledger=ledger,
            arrival=arrival,
            take=taking(partial(taken, ledger, arrival)),
            results=ResultsReader(places.results),
            keys=KnownKeys(keys),
            answers=AnswerStore(places.cases),
            alone=Alone(places.under_way),
            decisions=DecisionReader(DecisionStore(places.cases), keys),
            risk=risk,
            admission=Admission(lambda: risk.overloaded),
            graph=graph,
        )

    def close(self) -> None:
        self.risk.stop()
        self.graph.close()
        self.alone.close()
        self.ledger.close()


def services() -> Services:
    """The services of the app that answers this request."""
    return cast(Services, flask.current_app.extensions["graphsvc"])
