"""Writing the results of a detection run into one SQLite file, which each run replaces whole."""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graphsvc.clusters.layout import (
    ACCOUNT_COLUMNS,
    CAMPAIGN_LINKS,
    CLUSTER_COLUMNS,
    EVIDENCE_COLUMNS,
    INDEXES,
    SCHEMA,
    SCHEMA_VERSION,
    Campaigns,
    Results,
    Run,
    Verdicts,
    material_folder,
)
from graphsvc.clusters.material import sweep, write_material
from graphsvc.links.flush import flush
from graphsvc.links.view import LinkView

DAY_MS = 86_400_000

Bools = npt.NDArray[np.bool_]
Float32s = npt.NDArray[np.float32]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]


def results_of(
    run: Run,
    view: LinkView,
    clusters: Int32s,
    ids: list[str],
    verdicts: Verdicts,
    evidence: pa.Table,
    confirmed: Bools,
    statuses: dict[str, str] | None = None,
    *,
    strengths: Float32s | None = None,
    campaigns: Campaigns | None = None,
) -> Results:
    """Results out of a run's parts. `confirmed` marks the accounts whose label says abusive; `statuses` gives the
    status of a cluster id where people have decided one ("confirmed", "dismissed"), "open" else; `strengths` says for
    each account how firmly it belongs to its cluster, 0 to 1."""
    names = np.array([*ids, None], object)
    member = np.flatnonzero(clusters >= 0)
    cluster = clusters[member]
    decided = statuses or {}
    return Results(
        run=run,
        accounts=pa.table(
            {
                "account_id": view.accounts["account_id"],
                "probability": verdicts.accounts,
                "cluster_id": pa.array(names[clusters], pa.string()),
                "strength": _strengths(clusters, strengths),
            }
        ),
        clusters=pa.table(
            {
                "id": pa.array(ids, pa.string()),
                "kind": pa.array(verdicts.kinds, pa.string()),
                "probability": verdicts.clusters,
                "probability_low": verdicts.low,
                "probability_high": verdicts.high,
                "size": np.bincount(cluster, minlength=len(ids)),
                "confirmed": np.bincount(cluster[confirmed[member]], minlength=len(ids)),
                "status": pa.array([decided.get(one, "open") for one in ids], pa.string()),
                **_times(view, member, cluster, len(ids)),
                "campaign_id": pa.array(campaigns.ids if campaigns else [None] * len(ids), pa.string()),
                "ordinal": np.arange(len(ids)),
            }
        ),
        evidence=evidence.append_column("cluster_id", pa.array(names[evidence["cluster"].to_numpy()], pa.string())),
        campaign_links=_campaign_links(ids, campaigns.links) if campaigns else CAMPAIGN_LINKS.empty_table(),
    )


def write_results(path: Path, results: Results, before_shown: Callable[[], object] = lambda: None) -> None:
    """Puts the results of a run in the place of the last run's, at once; on disk when this returns. `before_shown` is
    called when they are written and not yet in that place.

    Its material is written before, under a name of its own; that of the run replaced stays for those who still read
    it, until the next run."""
    folder, last = material_folder(path), _material_of(path)
    unfinished = path.with_name(f".{path.name}.unfinished-{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    with ThreadPoolExecutor(1) as beside:
        if (material := results.material) is not None:
            results = replace(results, run=replace(results.run, material=secrets.token_hex(8)))
            written = beside.submit(write_material, folder / results.run.material, material)
        _write(unfinished, results)
        if material is not None:
            written.result()
    before_shown()
    unfinished.replace(path)
    flush(path.parent)
    sweep(folder, {results.run.material, last})


def _write(unfinished: Path, results: Results) -> None:
    connection = sqlite3.connect(unfinished, isolation_level=None)
    try:
        unfinished.chmod(0o600)
        _fill(connection, results)
    finally:
        connection.close()
    flush(unfinished)


def _material_of(path: Path) -> str:
    """The name of the material that the file at `path` rests on; empty where there is none, or no file to read."""
    if not path.exists():
        return ""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        if connection.execute("PRAGMA user_version").fetchone()[0] != SCHEMA_VERSION:
            return ""
        name: str = connection.execute("SELECT material FROM run").fetchone()[0]
        return name


def _strengths(clusters: Int32s, strengths: Float32s | None) -> pa.Array:
    """Null for accounts in no cluster, and for all where strengths were not measured."""
    if strengths is None:
        return pa.nulls(len(clusters), pa.float32())
    return pa.array(strengths, pa.float32(), mask=clusters < 0)


def _campaign_links(ids: list[str], links: pa.Table) -> pa.Table:
    names = np.array(ids, object)
    a, b = (pa.array(names[links[end].to_numpy()], pa.string()) for end in ("a", "b"))
    return pa.table([a, b, links["bits"], links["reason"]], schema=CAMPAIGN_LINKS)


def _times(view: LinkView, member: Int64s, cluster: Int32s, count: int) -> dict[str, Int64s]:
    """First and last activity of each cluster, and how many of its accounts began in the last day before the moment."""
    first_ms, last_ms = (view.accounts[name].to_numpy()[member] for name in ("first_ms", "last_ms"))
    first = np.full(count, np.iinfo(np.int64).max)
    last = np.zeros(count, np.int64)
    np.minimum.at(first, cluster, first_ms)
    np.maximum.at(last, cluster, last_ms)
    new = view.accounts["created_ms"].to_numpy()[member] > view.as_of_ms - DAY_MS
    return {
        "first_seen_ms": first,
        "last_activity_ms": last,
        "growth_24h": np.bincount(cluster[new], minlength=count),
    }


def _fill(connection: sqlite3.Connection, results: Results) -> None:
    connection.executescript(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; {SCHEMA}")
    connection.execute("BEGIN")
    run = results.run
    facts = (run.as_of_ms, run.ledger_offset, run.model_version, run.created_ms, run.material)
    connection.execute("INSERT INTO run VALUES (?, ?, ?, ?, ?)", facts)
    _insert(connection, "accounts", results.accounts, ACCOUNT_COLUMNS)
    _insert(connection, "clusters", results.clusters, CLUSTER_COLUMNS)
    _insert(connection, "evidence", results.evidence, ("cluster_id", "rank", *EVIDENCE_COLUMNS))
    carried = {
        "campaign_links": results.campaign_links,
        "history": results.past.history,
        "archive": results.past.archive,
        "archived_things": results.past.things,
        "archived_members": results.past.members,
    }
    for name, table in carried.items():
        _insert(connection, name, table, tuple(table.column_names))
    connection.execute("COMMIT")
    connection.executescript(INDEXES)


def _insert(connection: sqlite3.Connection, name: str, table: pa.Table, columns: tuple[str, ...]) -> None:
    query = f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608
    batches = table.select(list(columns)).to_batches(max_chunksize=50_000)
    rows = (zip(*(column.to_pylist() for column in batch.columns), strict=True) for batch in batches)
    connection.executemany(query, chain.from_iterable(rows))
