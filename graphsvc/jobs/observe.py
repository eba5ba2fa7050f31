"""The network as of a moment: the link tables brought up to date, the view, its pairs, clusters and known labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gnn.labels import KNOWN_BAD, standing
from gnn.network import LABEL_SCHEMA, Network
from graphsvc.cases.relations import Pair
from graphsvc.clusters.constraints import NONE, Constraints
from graphsvc.clusters.find import find_clusters
from graphsvc.errors import BadInput
from graphsvc.events.record import LabelRecord
from graphsvc.jobs.decided import constraints_in
from graphsvc.ledger.base import Ledger
from graphsvc.links.engine import DUCKDB, Engine
from graphsvc.links.pair_queries import pairs_on
from graphsvc.links.pairs import evidence_of
from graphsvc.links.priors import fitted_priors
from graphsvc.links.state_view import Later
from graphsvc.links.tables import LinkTables
from graphsvc.links.view import LinkView
from graphsvc.links.weights import Priors

Report = Callable[[str, float], None]


def quiet(step: str, share: float) -> None:
    """No progress shown."""


def part(report: Report, start: float, end: float) -> Report:
    """Shares of one step as shares of the whole."""
    return lambda step, share: report(step, start + (end - start) * share)


@dataclass(frozen=True)
class Observed:
    """What is known as of `view.as_of_ms`. `offset` is the ledger's at that time of looking; `priors` are those that
    pairs were weighed by; `constraints` what people decided."""

    view: LinkView
    pairs: pa.Table
    clusters: npt.NDArray[np.int32]
    labels: pa.Table
    offset: int
    priors: Priors
    constraints: Constraints = NONE

    def shown(self, clusters: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """`clusters` int32[N] in which a model shows accounts, and in theirs those that people said belong there: what
        a person decided no model's doubt about a single account takes back."""
        held = np.zeros(len(clusters), np.bool_)
        held[self.constraints.must] = True
        return np.where(held, self.clusters, clusters).astype(np.int32)

    @property
    def network(self) -> Network:
        """The same, as the model reads it."""
        view = self.view
        return Network(
            as_of_ms=view.as_of_ms,
            accounts=view.accounts,
            identifiers=view.identifiers,
            links=view.links,
            peers=view.peers,
            pairs=self.pairs,
            clusters=self.clusters,
            labels=self.labels,
            attributes=view.attributes,
        )


def sync_tables(tables: LinkTables, ledger: Ledger, report: Report) -> int:
    """Brings the link tables to the ledger's end, and returns the offset reached."""
    total = max(ledger.offset() - tables.offset, 1)
    return tables.sync(ledger, lambda done: report("reading the ledger", 0.3 * min(done / total, 1.0)))


def latest_ms(tables: LinkTables, ledger: Ledger) -> int:
    """The last moment that the ledger knows of: the default moment to look from."""
    decided = max((stored.label.decided_ms for stored in ledger.labels()), default=0)
    return max(tables.latest_ms, decided)


def observe(
    tables: LinkTables,
    ledger: Ledger,
    as_of_ms: int,
    report: Report,
    decided: Sequence[Pair] = (),
    engine: Engine = DUCKDB,
    going_on: bool = False,
    later: Later | None = None,
) -> Observed:
    """The network as of a moment, from link tables that are up to date. `decided`: what people decided by then of which
    accounts are of one hand; training leaves it out, as clusters would tell of what is to be learnt. `going_on`: from
    what the last such look kept, and `later` writes what the next one goes on from (see LinkTables.view)."""
    report("linking accounts", 0.3)
    offset = tables.offset
    view = tables.view(as_of_ms, engine, going_on, later)
    if not view.accounts.num_rows:
        raise BadInput("There are no events by that time.", hint="Ingest some first: graphsvc ingest FILE.")
    report("weighing pairs", 0.5)
    labels = label_table(view, [stored.label for stored in ledger.labels(as_of_ms)])
    return observed(view, labels, offset, constraints_in(view, decided), engine)


def observed(
    view: LinkView, labels: pa.Table, offset: int, constraints: Constraints = NONE, engine: Engine = DUCKDB
) -> Observed:
    """The pairs and clusters of a view, by priors that its labels and bans tell."""
    priors = fitted_priors(view, standing(view.accounts, labels).bad >= KNOWN_BAD)
    evidence = evidence_of(view, priors)
    found = pairs_on(engine, evidence)
    clusters = find_clusters(view, found, constraints, evidence)
    return Observed(view, found, clusters, labels, offset, priors, constraints)


def view_of(network: Network) -> LinkView:
    """The links that a network was made of, for a view with less in it: without its timings, as nothing tells which of
    the things that are left out brought two accounts to be compared, and without the names of conversations."""
    return LinkView(
        as_of_ms=network.as_of_ms,
        accounts=network.accounts,
        identifiers=network.identifiers,
        links=network.links,
        peers=network.peers,
        attributes=network.attributes,
    )


def label_table(view: LinkView, labels: Sequence[LabelRecord]) -> pa.Table:
    """Labels of the accounts in view, as the model reads them; of one account and source the later one counts."""
    latest = {(label.account_id, label.source): label for label in sorted(labels, key=lambda label: label.order)}
    rows = list(latest.values())
    position = pc.index_in(
        pa.array([label.account_id for label in rows], pa.string()), value_set=view.accounts["account_id"]
    )
    table = pa.table(
        {
            "account": position,
            "verdict": [label.verdict for label in rows],
            "kind": [label.kind for label in rows],
            "operator_id": [label.operator_id for label in rows],
            "decided_ms": [label.decided_ms for label in rows],
            "source": [label.source for label in rows],
            "confidence": [label.confidence for label in rows],
        },
        schema=LABEL_SCHEMA,
    )
    known = table.filter(pc.is_valid(table["account"]))
    return known.sort_by([("account", "ascending"), ("source", "ascending")])
