"""Which clusters of the published detection a person should review next, so that a model learns most from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from graphsvc.cases.decisions import DecisionStore
from graphsvc.clusters.ids import stable_ids
from graphsvc.clusters.reader import ResultsReader
from graphsvc.config import Settings
from graphsvc.jobs.models import load_model
from graphsvc.jobs.observe import Observed, Report, label_table, observe, sync_tables
from graphsvc.ledger import open_ledger
from graphsvc.links.tables import LinkTables

if TYPE_CHECKING:
    from gnn.suggest import Suggestion

FAR_APART = 0.3
"""Parts of a model that lie so far apart on one cluster disagree in a way worth telling."""
NEAR = (0.2, 0.8)
"""Between odds of one to four and of four to one a verdict is open."""
NEW = 0.9
OPEN = "open"


@dataclass(frozen=True)
class Suggested:
    """A cluster to review. Parts of the model say `low` to `high`, the whole says `probability`; `why` in sentences."""

    cluster_id: str
    size: int
    probability: float
    low: float
    high: float
    why: tuple[str, ...]


def suggest(settings: Settings, count: int, report: Report) -> list[Suggested]:
    """Up to `count` clusters of the published detection, the one that teaches most first, by the model in use and what
    was known at the detection's time; those that labels settle by now are left out. Nothing is trained. Raises NotFound
    where no detection has run."""
    from gnn.predict import predict
    from gnn.suggest import settled_by_labels
    from gnn.suggest import suggest as ranked

    reader = ResultsReader(settings.places.create().results)
    observed, labels = _observed(settings, reader.run().as_of_ms, report)
    model = load_model(settings.places.active_model)
    report("scoring accounts", 0.6)
    prediction = predict(model, observed.network)
    prediction = replace(prediction, clusters=observed.shown(prediction.clusters))
    report("weighing what a review would teach", 0.8)
    names = observed.view.accounts["account_id"].to_pylist()
    ids = stable_ids(reader, names, prediction.clusters, observed.view.as_of_ms)
    settled = settled_by_labels(replace(observed.network, labels=labels), prediction.clusters)
    status, campaign = reader.statuses(), _campaigns(reader)
    # A cluster that the detection did not show cannot be looked up: the model in use is another one by now.
    closed = np.array([status.get(one) != OPEN for one in ids], np.bool_)
    found = ranked(model, observed.network, prediction, count, [campaign.get(one) for one in ids], settled | closed)
    report("done", 1.0)
    return [_told(ids[one.cluster], one) for one in found]


def _observed(settings: Settings, as_of_ms: int, report: Report) -> tuple[Observed, pa.Table]:
    """What was known at the moment of the detection, and the labels of its accounts that are known now."""
    with closing(open_ledger(settings)) as ledger:
        tables = LinkTables(settings.places.links)
        sync_tables(tables, ledger, report)
        decided = DecisionStore(settings.places.cases).pairs(as_of_ms)
        observed = observe(tables, ledger, as_of_ms, report, decided)
        return observed, label_table(observed.view, [stored.label for stored in ledger.labels()])


def _campaigns(reader: ResultsReader) -> dict[str, str]:
    """Campaign of each cluster that is in one."""
    cluster = reader.memberships()
    return {cluster[account]: campaign for account, campaign in reader.campaign_members().items()}


def _told(cluster_id: str, one: Suggestion) -> Suggested:
    return Suggested(cluster_id, one.size, one.probability, one.low, one.high, tuple(_reasons(one)))


def _reasons(one: Suggestion) -> Iterator[str]:
    if one.high - one.low >= FAR_APART:
        yield f"Parts of the model disagree: {one.low:.0%} to {one.high:.0%}."
    if NEAR[0] <= one.probability <= NEAR[1]:
        yield "It is near the line."
    yield f"A verdict settles {one.size:,} accounts."
    if one.new >= NEW:
        yield "Nothing like it was decided yet, nor is above it here."
