"""A risk service over a real ledger, real link tables and a real results file, with a small head written by hand."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gnn.files import write_tensors
from gnn.head import HEAD_FEATURES, RISING_COUNT
from graphsvc.clusters.evidence import cluster_evidence
from graphsvc.clusters.find import find_clusters
from graphsvc.clusters.results import Results, Run, Verdicts, results_of, write_results
from graphsvc.config import Settings
from graphsvc.events.arrive import Arrival, now_ms
from graphsvc.events.record import LabelRecord
from graphsvc.ledger import SqliteLedger, open_ledger
from graphsvc.links.pairs import pairs
from graphsvc.links.tables import LinkTables
from graphsvc.risk import Assessment, RiskService

WITHIN_S = 30.0


def wait_for(true: Callable[[], bool], seconds: float = WITHIN_S) -> None:
    """Polls until it is so."""
    end_s = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end_s, "it did not come about in time"
        time.sleep(0.005)


def write_head(folder: Path, bias: float = -4.0) -> str:
    """A head whose logit rises with risky and confirmed neighbours, and falls with nothing. Returns its version."""
    width = len(HEAD_FEATURES)
    weights = {"risk_sum": 2.0, "risk_peak": 2.0, "abusive_share": 2.0, "abusive_count": 2.0}
    column = np.array(
        [weights.get(name, 0.0) for name in HEAD_FEATURES[:RISING_COUNT]] + [0.0] * (width - RISING_COUNT)
    )
    column[HEAD_FEATURES.index("tie_sum")] = 0.3
    tensors = {
        "mean": np.zeros(width),
        "scale": np.ones(width),
        "w1": column[:, None] / 10.0,
        "b1": np.zeros(1),
        "w2": np.array([10.0]),
        "b2": np.array([bias]),
        "calibration": np.array([1.0, 0.0]),
    }
    floats = {f"head.{name}": value.astype(np.float32) for name, value in tensors.items()}
    return write_tensors(folder, {"head_features": list(HEAD_FEATURES)}, floats)


@dataclass
class Deployment:
    """A data folder and its risk service, and the ways in which events, labels and detections come to it."""

    settings: Settings
    model: Path
    arrival: Arrival
    ledger: SqliteLedger
    graph_up: bool = True
    service: RiskService | None = None
    written: Results | None = None
    _ids: Iterator[int] = field(default_factory=itertools.count)

    def start(self) -> RiskService:
        self.service = RiskService(self.settings, self.arrival, lambda: self.model, lambda: self.graph_up)
        self.service.start()
        wait_for(self.up_to_date)
        return self.service

    def up_to_date(self) -> bool:
        assert self.service is not None
        states = self.service.states()
        return states["index"] == "ok" and self.service.lag == 0 and (states["graph"] == "ok") == self.graph_up

    def event(self, account: str, kind: str = "signup", **facts: Any) -> dict[str, Any]:
        base = {"event_id": f"e{next(self._ids)}", "type": kind, "account_id": account}
        required: dict[str, dict[str, Any]] = {"signup": {"signup": {}}}
        return base | {"occurred_at": datetime.now(UTC).isoformat()} | required.get(kind, {}) | facts

    def pays(self, account: str, card: str, **facts: Any) -> dict[str, Any]:
        payment = {"method": "card", "outcome": "authorised", "fingerprint": card}
        return self.event(account, "payment", payment=payment, **facts)

    def assess(self, event: Mapping[str, Any], *, record: bool = True) -> Assessment:
        assert self.service is not None
        return self.service.assess_event(self.arrival.check(dict(event)), record)

    def ingest(self, events: Sequence[Mapping[str, Any]]) -> int:
        """Events past the service, straight into the ledger. Returns the offset."""
        drafts = [self.arrival.draft(self.arrival.check(dict(event)), now_ms()) for event in events]
        return self.ledger.append(drafts).offset

    def label(self, account: str, verdict: str, confidence: float = 1.0) -> None:
        self.ledger.append_labels([LabelRecord(account, verdict, now_ms(), "review", confidence=confidence)])

    def detect(
        self,
        probability: Mapping[str, float],
        kind: str = "trial_farm",
        as_of_ms: int | None = None,
        interval: tuple[float, float, float] = (0.9, 0.9, 0.9),
    ) -> None:
        """Real tables, pairs, clusters and results, with these probabilities in place of a trained model's. `interval`:
        the probability of each cluster, and between which it lies."""
        tables = LinkTables(self.settings.places.links)
        tables.sync(self.ledger)
        view = tables.view(max(tables.latest_ms, now_ms()) if as_of_ms is None else as_of_ms)
        linked = pairs(view)
        clusters = find_clusters(view, linked)
        accounts = view.accounts["account_id"].to_pylist()
        count = int(clusters.max(initial=-1)) + 1
        share, low, high = (np.full(count, one, np.float32) for one in interval)
        scores = np.array([probability.get(account, 0.02) for account in accounts], np.float32)
        run = Run(view.as_of_ms, tables.offset, "by-hand", now_ms())
        verdicts = Verdicts(scores, share, low, high, [kind] * count)
        evidence, nobody = cluster_evidence(view, clusters, linked), np.zeros(len(accounts), bool)
        ids = [f"cl-{ordinal}" for ordinal in range(count)]
        self.written = results_of(run, view, clusters, ids, verdicts, evidence, nobody)
        write_results(self.settings.places.results, self.written)


@pytest.fixture
def deployment(settings: Settings, tmp_path: Path) -> Iterator[Deployment]:
    settings.places.create()
    model = tmp_path / "model"
    write_head(model)
    made = Deployment(settings, model, Arrival(settings), open_ledger(settings))
    yield made
    if made.service is not None:
        made.service.stop()
    made.ledger.close()


@pytest.fixture
def risk(deployment: Deployment) -> RiskService:
    """The service over an empty data folder."""
    return deployment.start()
