"""The parts that the blueprints call, made once for an app."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import cast

import flask
import neo4j

from graphsvc.cases.idempotency import AnswerStore
from graphsvc.cases.keys import KeyStore
from graphsvc.clusters.results import ResultsReader
from graphsvc.config import Settings
from graphsvc.errors import GraphUnavailable
from graphsvc.events.arrive import Arrival
from graphsvc.graph.connection import connect, driver
from graphsvc.graph.store import GraphStore
from graphsvc.ledger import SqliteLedger, open_ledger
from graphsvc.risk import RiskService


class GraphAccess:
    """The graph store, connected at first use and again after an outage."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._driver: neo4j.Driver | None = None

    def store(self) -> GraphStore:
        """Raises GraphUnavailable where the database cannot be reached."""
        with self._lock:
            if self._driver is None:
                self._driver = driver(connect(self._settings, start=False))
            return GraphStore(self._driver)

    def alive(self) -> bool:
        """Whether the database answers now; a broken connection is made anew at the next use."""
        try:
            self.store().watermark()
        except GraphUnavailable:
            self.close()
            return False
        return True

    def close(self) -> None:
        with self._lock:
            if self._driver is not None:
                self._driver.close()
            self._driver = None


@dataclass(frozen=True)
class Services:
    settings: Settings
    ledger: SqliteLedger
    arrival: Arrival
    results: ResultsReader
    keys: KeyStore
    answers: AnswerStore
    risk: RiskService
    graph: GraphAccess = field(repr=False)

    @staticmethod
    def of(settings: Settings) -> Services:
        places = settings.places.create()
        arrival = Arrival(settings)
        graph = GraphAccess(settings)
        return Services(
            settings=settings,
            ledger=open_ledger(settings),
            arrival=arrival,
            results=ResultsReader(places.results),
            keys=KeyStore(places.cases),
            answers=AnswerStore(places.cases),
            risk=RiskService(settings, arrival, lambda: places.active_model, graph.alive),
            graph=graph,
        )

    def close(self) -> None:
        self.risk.stop()
        self.graph.close()
        self.ledger.close()


def services() -> Services:
    """The services of the app that answers this request."""
    return cast(Services, flask.current_app.extensions["graphsvc"])
