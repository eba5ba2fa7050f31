"""Making an index from what lies in the data folder, and keeping it up with the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graphsvc.clusters.reader import PAGE_MAX
from graphsvc.clusters.results import ClusterFilter, Results, ResultsReader, Run
from graphsvc.clusters.verdict import cluster_verdict
from graphsvc.events.record import Record
from graphsvc.ledger.base import Ledger, Stored, StoredLabel
from graphsvc.links.tables import LinkTables
from graphsvc.links.view import LinkView
from graphsvc.risk.answer import RiskCluster
from graphsvc.risk.base import Detected, base_of
from graphsvc.risk.index import Index
from graphsvc.risk.keys import ABSENT, SEED
from graphsvc.risk.labels import LabelBook
from graphsvc.risk.score import Scorer, network_probabilities, stranger
from graphsvc.risk.snapshot import Kept, Snapshots, Wanted

BATCH_RECORDS = 25
"""So many records are counted at a time, so that no answer waits long for its turn."""
FAR_RECORDS = 2_000_000
"""An index whose base lies further back than this is made anew, from tables that are nearer: what came since takes
some 100 bytes a record."""
EVERYTHING_MS = 2**62


@dataclass(frozen=True)
class Sources:
    """What an index is made from."""

    ledger: Ledger
    tables: LinkTables
    results: ResultsReader

    def wanted(self, scorer: Scorer) -> Wanted:
        """What a base has to be: the network as the last detection saw it, where that is near and was no look at the
        past (from one that left out events below its own offset on, these would never be counted); else all that the
        tables hold."""
        run = self.results.run() if self.results.exists() else None
        end = self.ledger.offset()
        moment_ms = EVERYTHING_MS
        if run is not None and end - run.ledger_offset <= FAR_RECORDS and not self._in_the_past(run):
            moment_ms = run.as_of_ms
        return Wanted(run, moment_ms, stranger(scorer), max(end - FAR_RECORDS, 0))

    def _in_the_past(self, run: Run) -> bool:
        return self.tables.reaches_beyond(run.as_of_ms, run.ledger_offset)


def make_index(ledger: Ledger, tables: LinkTables, results: ResultsReader, scorer: Scorer, seed: int = SEED) -> Index:
    """An index whose base is the network as the last detection saw it, so that all later events and labels are news;
    without a detection, long after it, or where it looked at the past, what the tables hold. It is then behind the
    ledger."""
    return index_of(make_base(Sources(ledger, tables, results), scorer, seed), ledger)


def make_base(sources: Sources, scorer: Scorer, seed: int) -> Kept:
    """The base of such an index, from the link tables."""
    ledger, tables, wanted = sources.ledger, sources.tables, sources.wanted(scorer)
    detected, run = read_detected(sources.results) if wanted.run is not None else (None, None)
    if wanted.moment_ms == EVERYTHING_MS and ledger.offset() - tables.offset > FAR_RECORDS:
        tables.sync(ledger)
    offset = tables.offset
    if run is not None and wanted.moment_ms != EVERYTHING_MS:
        offset = min(run.ledger_offset, offset)
    view = tables.view(wanted.moment_ms)
    return _base(view, ledger.labels(), wanted.moment_ms, offset, detected, wanted.stranger, seed)


def keep_base(
    snapshots: Snapshots, view: LinkView, results: Results, ledger: Ledger, scorer: Scorer, seed: int
) -> None:
    """The base of a detection, from what it holds in memory, kept for those who answer."""
    run, labels = results.run, ledger.labels()
    kept = _base(view, labels, run.as_of_ms, run.ledger_offset, detected_of(results), stranger(scorer), seed)
    with snapshots.making():
        snapshots.keep(kept.base, run, kept.moment_ms, kept.label_offset)


def index_of(kept: Kept, ledger: Ledger) -> Index:
    """The index over a base, with all labels that the ledger has by now."""
    labels = ledger.labels()
    book = _book(labels, kept.moment_ms, kept.label_offset, kept.base.seed)
    index = Index(kept.base, book, labels[-1].offset if labels else 0)
    index.apply_labels(one.label for one in labels if not _in_base(one, kept.moment_ms, kept.label_offset))
    return index


def follow(index: Index, ledger: Ledger, scorer: Scorer) -> int:
    """Counts the next BATCH_RECORDS records and all new labels. Returns how many records there were."""
    stored = ledger.read(index.offset, BATCH_RECORDS)
    if stored:
        count_stored(index, stored, scorer)
    follow_labels(index, ledger)
    return len(stored)


def count_stored(index: Index, stored: Sequence[Stored], scorer: Scorer) -> None:
    """Counts records that follow those counted before."""
    gained = index.apply([one.record for one in stored])
    index.offset = max(index.offset, stored[-1].offset)
    judge(index, gained, scorer)


def follow_labels(index: Index, ledger: Ledger) -> None:
    """Counts all new labels."""
    new = ledger.labels_after(index.label_offset) if ledger.label_offset() > index.label_offset else []
    if not new:
        return
    with index.lock:
        index.apply_labels(stored.label for stored in new)
        index.label_offset = max(index.label_offset, new[-1].offset)


def count(index: Index, records: Sequence[Record], scorer: Scorer) -> None:
    """Counts records that the ledger may lack yet, in batches."""
    for start in range(0, len(records), BATCH_RECORDS):
        judge(index, index.apply(records[start : start + BATCH_RECORDS]), scorer)


def judge(index: Index, gained: Sequence[int], scorer: Scorer) -> None:
    """Raises accounts that gained links to what the head says of them now."""
    if scorer.weights is not None:
        index.judge(gained, scorer.weights)
        return
    chances = network_probabilities([index.look(account) for account in gained], scorer)
    for account, chance in zip(gained, chances, strict=True):
        index.raise_probability(account, chance)


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


def detected_of(results: Results) -> Detected:
    """The same from results that are not written yet."""
    table, accounts = results.clusters, results.accounts
    names = ("id", "kind", "probability", "size", "probability_low", "probability_high")
    columns = (table[name].to_pylist() for name in names)
    place = pc.fill_null(pc.index_in(accounts["cluster_id"], value_set=table["id"].combine_chunks()), ABSENT)
    return Detected(
        as_of_ms=results.run.as_of_ms,
        account_ids=accounts["account_id"],
        probability=accounts["probability"].to_numpy().astype(np.float32),
        cluster=place.to_numpy().astype(np.int32),
        clusters=tuple(_cluster(*row) for row in zip(*columns, strict=True)),
    )


def _base(
    view: LinkView,
    labels: Sequence[StoredLabel],
    moment_ms: int,
    offset: int,
    detected: Detected | None,
    stranger_probability: float,
    seed: int,
) -> Kept:
    last = labels[-1].offset if labels else 0
    book = _book(labels, moment_ms, last, seed)
    return Kept(base_of(view, offset, detected, book, stranger_probability), moment_ms, last)


def _book(labels: Iterable[StoredLabel], moment_ms: int, label_offset: int, seed: int) -> LabelBook:
    """The labels that are in a base."""
    book = LabelBook(seed)
    book.add(one.label for one in labels if _in_base(one, moment_ms, label_offset))
    return book


def _in_base(stored: StoredLabel, moment_ms: int, label_offset: int) -> bool:
    return stored.label.decided_ms <= moment_ms and stored.offset <= label_offset


def _clusters(results: ResultsReader) -> tuple[RiskCluster, ...]:
    found: list[RiskCluster] = []
    cursor: str | None = None
    while True:
        page = results.clusters(ClusterFilter(), "probability", cursor, PAGE_MAX)
        found += [
            _cluster(row.id, row.kind, row.probability, row.size, row.probability_low, row.probability_high)
            for row in page.items
        ]
        cursor = page.next_cursor
        if cursor is None:
            return tuple(found)


def _cluster(cluster_id: str, kind: str, probability: float, size: int, low: float, high: float) -> RiskCluster:
    return RiskCluster(cluster_id, kind, probability, size, cluster_verdict(probability, low, high))
