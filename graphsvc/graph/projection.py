"""From the ledger into the graph: batches whose watermark is committed in the same transaction as their rows.

Killed anywhere and called again, nothing is lost and nothing counted twice. Two projectors at once are safe too: the
watermark is compared and set first, so that the slower one of the two writes nothing and reads on from where the other
one is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from graphsvc.errors import GraphUnavailable
from graphsvc.graph import model
from graphsvc.graph.rows import LabelRow, Row, Rows, label_rows, rows_of
from graphsvc.ledger.base import Ledger

if TYPE_CHECKING:
    import neo4j

BATCH_RECORDS = 20_000
STATEMENT_ROWS = 5_000
WEIGHT_DRIFT = 1.05
"""Weights are made anew when the number of accounts has grown by this factor (0.07 bits)."""


@dataclass(frozen=True)
class Watermark:
    """How far the graph has followed the ledger. `weighed_accounts` is the number of accounts that the identifiers'
    weights are made with."""

    offset: int = 0
    label_offset: int = 0
    accounts: int = 0
    weighed_accounts: int = 0
    last_event_at: int | None = None


@dataclass(frozen=True)
class Step:
    """One batch: what is written, and the offsets of the watermark before and after it."""

    before: Watermark
    after: Watermark
    rows: Rows | None
    labels: Sequence[LabelRow]


def read_watermark(session: neo4j.Session) -> Watermark:
    """Offset 0 where nothing has been projected."""

    def read(tx: neo4j.ManagedTransaction) -> Watermark:
        record = tx.run(model.READ_STATE).single()
        state = record["state"] if record else {}
        return Watermark(**{name: state[name] for name in Watermark.__dataclass_fields__ if name in state})

    return session.execute_read(read)


def project(
    session: neo4j.Session, ledger: Ledger, batch: int = BATCH_RECORDS, on_rows: Callable[[int], None] | None = None
) -> int:
    """Brings the graph up to the end of the ledger; gives the ledger records that this call added.

    `on_rows` is told the links and peers of each batch after its commit.
    """
    added, moved = 0, True
    while moved:
        moved = False
        for step in _steps(ledger, _start(session, ledger), batch):
            if moved := not session.execute_write(apply, step):
                break
            added += step.after.offset - step.before.offset
            if on_rows is not None and step.rows is not None:
                on_rows(step.rows.link_count)
    refresh_weights(session)
    return added


def apply(tx: neo4j.ManagedTransaction, step: Step) -> bool:
    """Writes a batch and moves the watermark; False, with nothing written, where the watermark is not `step.before`."""
    latest = max(row["last_seen"] for row in step.rows.accounts) if step.rows else None
    advanced = tx.run(
        model.ADVANCE,
        before=step.before.offset,
        after=step.after.offset,
        labels_before=step.before.label_offset,
        labels_after=step.after.label_offset,
        last_event_at=latest,
    ).single()
    if advanced is None:
        return False
    if step.rows is not None:
        _write_rows(tx, step.rows, advanced["weighed_accounts"])
    _run(tx, model.MERGE_LABELS, (asdict(label) for label in step.labels))
    return True


def refresh_weights(session: neo4j.Session, *, always: bool = False) -> bool:
    """Makes the identifiers' weights anew where the number of accounts has drifted; gives whether it did."""
    mark = read_watermark(session)
    if mark.accounts <= mark.weighed_accounts * WEIGHT_DRIFT and not (always and mark.accounts):
        return False
    for statement in model.WEIGH:
        session.run(statement, weighed_accounts=mark.accounts).consume()
    session.run(model.SET_WEIGHED, weighed_accounts=mark.accounts).consume()
    return True


def clear(session: neo4j.Session) -> None:
    """Removes everything. Killed half-way, no projection goes on with the rest until it has been called again."""
    for statement in (model.BEGIN_CLEAR, model.CLEAR, model.END_CLEAR):
        session.run(statement).consume()


def pieces(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Rows in lists of at most STATEMENT_ROWS."""
    piece: list[Row] = []
    for row in rows:
        piece.append(row)
        if len(piece) == STATEMENT_ROWS:
            yield piece
            piece = []
    if piece:
        yield piece


def _start(session: neo4j.Session, ledger: Ledger) -> Watermark:
    """Where to go on. Raises GraphUnavailable where the database is not one of this ledger, or is being emptied."""
    session.run(model.ENSURE_STATE).consume()
    mark = read_watermark(session)
    if mark.offset == model.CLEARING:
        raise GraphUnavailable(
            "The graph database is being emptied for a rebuild.", hint="If none runs, `graphsvc db rebuild` ends it."
        )
    if mark.offset > ledger.offset() or mark.label_offset > ledger.label_offset():
        raise GraphUnavailable(
            "The graph database has followed another, longer ledger.", hint="Run `graphsvc db rebuild`."
        )
    return mark


def _steps(ledger: Ledger, mark: Watermark, batch: int) -> Iterator[Step]:
    """Batches from `mark` to the ledger's end, each made ready while the database is busy with the one before."""
    with ThreadPoolExecutor(1, "projection") as ahead:
        step = next_step(ledger, mark, batch)
        while step is not None:
            following = ahead.submit(next_step, ledger, step.after, batch)
            yield step
            step = following.result()


def next_step(ledger: Ledger, mark: Watermark, batch: int) -> Step | None:
    records = ledger.read(mark.offset, batch)
    labels = ledger.labels_after(mark.label_offset)
    if not records and not labels:
        return None
    return Step(
        before=mark,
        after=replace(
            mark,
            offset=records[-1].offset if records else mark.offset,
            label_offset=labels[-1].offset if labels else mark.label_offset,
        ),
        rows=rows_of(records) if records else None,
        labels=label_rows(labels),
    )


def _write_rows(tx: neo4j.ManagedTransaction, rows: Rows, weighed_accounts: int) -> None:
    for piece in pieces(rows.accounts):
        created = tx.run(model.MERGE_ACCOUNTS, rows=piece).single(strict=True)["created"]
        tx.run(model.COUNT_ACCOUNTS, created=created).consume()
    for kind, links in rows.links.items():
        _run(tx, model.MERGE_LINKS[kind], links, weighed_accounts=weighed_accounts)
    _run(tx, model.MERGE_PEERS, rows.peers)


def _run(tx: neo4j.ManagedTransaction, statement: str, rows: Iterable[Row], **parameters: Any) -> None:
    for piece in pieces(rows):
        tx.run(statement, rows=piece, **parameters).consume()
