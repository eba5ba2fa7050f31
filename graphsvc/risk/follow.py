"""Making an index from what lies in the data folder, and keeping it up with the ledger."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from graphsvc.clusters.reader import PAGE_MAX
from graphsvc.clusters.results import ClusterFilter, ResultsReader, Run
from graphsvc.events.record import LabelRecord
from graphsvc.ledger.base import Ledger
from graphsvc.links.tables import LinkTables
from graphsvc.risk.answer import RiskCluster
from graphsvc.risk.base import Detected, base_of
from graphsvc.risk.index import Index
from graphsvc.risk.keys import ABSENT
from graphsvc.risk.labels import LabelBook
from graphsvc.risk.score import Scorer, network_probabilities, stranger

BATCH_RECORDS = 100
"""So many records are counted at a time, so that no answer waits long for the lock."""
FAR_RECORDS = 200_000
"""An index whose base lies further back than this is made anew, from tables that are nearer."""
EVERYTHING_MS = 2**62


def make_index(ledger: Ledger, tables: LinkTables, results: ResultsReader, scorer: Scorer) -> Index:
    """An index whose base is the network as the last detection saw it, so that all later events and labels are news;
    without a detection, long after it, or where it looked at the past, what the tables hold. It is then behind the
    ledger."""
    detected, run = read_detected(results) if results.exists() else (None, None)
    moment_ms, offset = _moment(ledger, tables, run)
    labels = ledger.labels()
    book = LabelBook()
    book.add(stored.label for stored in labels if stored.label.decided_ms <= moment_ms)
    base = base_of(tables.view(moment_ms), offset, detected, book, stranger(scorer))
    index = Index(base, book, max((stored.offset for stored in labels), default=0))
    index.apply_labels(stored.label for stored in labels if stored.label.decided_ms > moment_ms)
    return index


def follow(index: Index, ledger: Ledger, scorer: Scorer) -> int:
    """Counts the next BATCH_RECORDS records, and all new labels. Returns how many records there were."""
    stored = ledger.read(index.offset, BATCH_RECORDS)
    if stored:
        with index.lock:
            gained = index.apply([one.record for one in stored])
            index.offset = max(index.offset, stored[-1].offset)
        chances = network_probabilities([index.look(account) for account in gained], scorer)
        for account, chance in zip(gained, chances, strict=True):
            index.raise_probability(account, chance)
    if ledger.label_offset() > index.label_offset:
        _follow_labels(index, ledger)
    return len(stored)


def read_detected(results: ResultsReader) -> tuple[Detected, Run]:
    """All that a run said, of one and the same run."""
    while True:
        run = results.run()
        clusters = _clusters(results)
        account_ids, probability = results.probabilities()
        members = results.memberships()
        if results.run() == run:
            break
    place = {cluster.id: ordinal for ordinal, cluster in enumerate(clusters)}
    cluster = np.fromiter((place.get(members.get(one, ""), ABSENT) for one in account_ids), np.int32, len(account_ids))
    detected = Detected(run.as_of_ms, pa.array(account_ids, pa.string()), probability, cluster, clusters)
    return detected, run


def _moment(ledger: Ledger, tables: LinkTables, run: Run | None) -> tuple[int, int]:
    """The moment of the base and the offset of its last record."""
    end = ledger.offset()
    if run is not None and end - run.ledger_offset <= FAR_RECORDS and not _in_the_past(tables, run):
        return run.as_of_ms, min(run.ledger_offset, tables.offset)
    if end - tables.offset > FAR_RECORDS:
        tables.sync(ledger)
    return EVERYTHING_MS, tables.offset


def _in_the_past(tables: LinkTables, run: Run) -> bool:
    """Whether the run left out events below its own offset: following from there would never count them."""
    return tables.reaches_beyond(run.as_of_ms, run.ledger_offset)


def _clusters(results: ResultsReader) -> tuple[RiskCluster, ...]:
    found: list[RiskCluster] = []
    cursor: str | None = None
    while True:
        page = results.clusters(ClusterFilter(), "probability", cursor, PAGE_MAX)
        found += [RiskCluster(row.id, row.kind, row.probability, row.size) for row in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return tuple(found)


def _follow_labels(index: Index, ledger: Ledger) -> None:
    new = ledger.labels_after(index.label_offset)
    if not new:
        return
    labels: Iterable[LabelRecord] = (stored.label for stored in new)
    with index.lock:
        index.apply_labels(labels)
        index.label_offset = max(index.label_offset, new[-1].offset)
