"""Reading the last detection run: its facts, clusters by filter and page, members, evidence, accounts."""

from __future__ import annotations

import base64
import sqlite3
import threading
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graphsvc.clusters.layout import (
    ACCOUNT_COLUMNS,
    ARCHIVE,
    ARCHIVED_MEMBERS,
    ARCHIVED_THINGS,
    CLUSTER_COLUMNS,
    EVIDENCE_COLUMNS,
    HISTORY,
    SCHEMA_VERSION,
    Past,
    Run,
    material_folder,
)
from graphsvc.clusters.lifecycle import FACTS, THING, Look
from graphsvc.clusters.material import read_part
from graphsvc.clusters.rows import (
    EVERYTHING,
    AccountRow,
    CampaignLink,
    ClusterFilter,
    ClusterRow,
    EventRow,
    EvidenceRow,
    Page,
    Totals,
)
from graphsvc.clusters.taken import Taken, taken_from
from graphsvc.errors import BadInput, NotFound

SortKey = Literal["probability", "size", "last_activity", "growth"]
SORT_COLUMNS: dict[SortKey, str] = {
    "probability": "probability",
    "size": "size",
    "last_activity": "last_activity_ms",
    "growth": "growth_24h",
}
PAGE_MAX = 1000
TOP_EVIDENCE = 3
CAMPAIGN_LINKS_MAX = 50
MERGERS_MAX = 1000
"""Mergers followed from a former cluster to the one it is part of now."""
MEMBERSHIP = pa.schema([("account_id", pa.string()), ("cluster_id", pa.string())])
TEXT, WHOLE = pa.string(), pa.int64()
FACT_SCHEMA = pa.schema(list(zip(FACTS, (TEXT, WHOLE, WHOLE, WHOLE, TEXT, TEXT), strict=True)))
THING_SCHEMA = pa.schema(list(zip(THING, (TEXT, WHOLE, TEXT, TEXT, pa.bool_()), strict=True)))
ACCOUNT = ", ".join(ACCOUNT_COLUMNS)


class ResultsReader:
    """Reads the results file at `path`, for any number of threads; after a new run it reads that one.

    Every method raises NotFound where no detection has run yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._of_thread = threading.local()

    def exists(self) -> bool:
        """Whether a detection has run."""
        return self._path.exists()

    def current(self) -> bool:
        """Whether a detection of this version has run; what an older version wrote is replaced by the next run."""
        try:
            self._connection()
        except NotFound:
            return False
        return True

    def run(self) -> Run:
        rows = self._rows("SELECT as_of_ms, ledger_offset, model_version, created_ms, material FROM run", ())
        return Run(*rows[0])

    def totals(self) -> Totals:
        """Counted once for each run."""
        connection = self._connection()
        if self._of_thread.totals is None:
            query = "SELECT (SELECT count(*) FROM accounts), (SELECT count(*) FROM clusters)"
            self._of_thread.totals = Totals(*connection.execute(query).fetchone())
        known: Totals = self._of_thread.totals
        return known

    def clusters(
        self,
        filters: ClusterFilter = EVERYTHING,
        sort: SortKey = "probability",
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page:
        """A page of clusters, greatest first, equals by id. Raises BadInput for a wrong sort, cursor or limit."""
        if sort not in SORT_COLUMNS:
            raise BadInput(f"Clusters sort by {', '.join(SORT_COLUMNS)}.", pointer="/sort")
        if not 1 <= limit <= PAGE_MAX:
            raise BadInput(f"A page has 1 to {PAGE_MAX} clusters.", pointer="/limit")
        column = SORT_COLUMNS[sort]
        where, values = _where(filters)
        if cursor is not None:
            value, last_id = _position(cursor)
            where.append(f"({column} < ? OR ({column} = ? AND id > ?))")
            values += [value, value, last_id]
        query = f"SELECT {', '.join(CLUSTER_COLUMNS)} FROM clusters WHERE {' AND '.join(where)}"  # noqa: S608
        rows = self._rows(f"{query} ORDER BY {column} DESC, id LIMIT ?", (*values, limit + 1))
        items = [ClusterRow(*row) for row in rows[:limit]]
        more = len(rows) > limit
        return Page(items, _cursor(getattr(items[-1], column), items[-1].id) if more else None)

    def cluster(self, cluster_id: str) -> ClusterRow:
        """Raises NotFound where the last run has no such cluster; `see` of the error names what it is part of now."""
        query = f"SELECT {', '.join(CLUSTER_COLUMNS)} FROM clusters WHERE id = ?"  # noqa: S608
        rows = self._rows(query, (cluster_id,))
        if not rows:
            raise self._no_cluster(cluster_id)
        return ClusterRow(*rows[0])

    def _no_cluster(self, cluster_id: str) -> NotFound:
        heir = self.heir(cluster_id)
        if heir is not None:
            return NotFound(f"This cluster is part of {heir} now.", see=heir)
        if self._rows("SELECT 1 FROM archive WHERE cluster_id = ?", (cluster_id,)):
            return NotFound("This cluster is closed: its accounts no longer form one.", hint="Its history remains.")
        return NotFound("The last detection run has no such cluster.")

    def members(self, cluster_id: str, after: str = "", limit: int | None = None) -> list[AccountRow]:
        """Members by account id, those beyond `after`."""
        query = f"SELECT {ACCOUNT} FROM accounts WHERE cluster_id = ? AND account_id > ?"  # noqa: S608
        rows = self._rows(f"{query} ORDER BY account_id LIMIT ?", (cluster_id, after, -1 if limit is None else limit))
        return [AccountRow(*row) for row in rows]

    def evidence(self, cluster_id: str, limit: int | None = None) -> list[EvidenceRow]:
        """Evidence by rank: what holds the cluster together, strongest first, then what speaks against it."""
        query = f"SELECT {', '.join(EVIDENCE_COLUMNS)} FROM evidence WHERE cluster_id = ? ORDER BY rank LIMIT ?"  # noqa: S608
        rows = self._rows(query, (cluster_id, -1 if limit is None else limit))
        return [EvidenceRow(*(*row[:-1], bool(row[-1]))) for row in rows]

    def top_evidence(self, cluster_id: str) -> list[EvidenceRow]:
        """The first three pieces of evidence."""
        return self.evidence(cluster_id, TOP_EVIDENCE)

    def taken(self, cluster_id: str) -> Taken | None:
        """What the members of a cluster took; None where the run kept nothing of it."""
        place = self.material(cluster_id)
        return taken_from(read_part(*place, "taken")) if place else None

    def account(self, account_id: str) -> AccountRow:
        """Raises NotFound where the last run did not see the account."""
        rows = self._rows(f"SELECT {ACCOUNT} FROM accounts WHERE account_id = ?", (account_id,))  # noqa: S608
        if not rows:
            raise NotFound("The last detection run has not seen this account.")
        return AccountRow(*rows[0])

    def accounts(self) -> list[AccountRow]:
        """All accounts, by id."""
        rows = self._rows(f"SELECT {ACCOUNT} FROM accounts ORDER BY account_id", ())  # noqa: S608
        return [AccountRow(*row) for row in rows]

    def probabilities(self) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.float32]]:
        """Account ids (str) in order, and their probabilities."""
        rows = self._rows("SELECT account_id, probability FROM accounts ORDER BY account_id", ())
        ids = np.array([row[0] for row in rows], object)
        return ids, np.fromiter((row[1] for row in rows), np.float32, len(rows))

    def memberships(self) -> dict[str, str]:
        """Cluster id of each account that is in a cluster."""
        return dict(self._rows("SELECT account_id, cluster_id FROM accounts WHERE cluster_id IS NOT NULL", ()))

    def campaign_members(self) -> dict[str, str]:
        """Campaign id of each account whose cluster is in a campaign."""
        query = "SELECT account_id, campaign_id FROM accounts JOIN clusters ON id = cluster_id"
        return dict(self._rows(f"{query} WHERE campaign_id IS NOT NULL", ()))

    def archived_members(self) -> dict[str, str]:
        """Cluster id of some accounts of clusters that fell apart, those that are in no cluster since."""
        return dict(self._rows("SELECT account_id, cluster_id FROM archived_members", ()))

    def archived_ids(self) -> set[str]:
        """Ids of the clusters that are closed, or merged into another."""
        return {row[0] for row in self._rows("SELECT cluster_id FROM archive", ())}

    def history(self, cluster_id: str) -> list[EventRow]:
        """What became of a cluster, in order of time. Raises NotFound where no cluster has or had that id."""
        query = "SELECT at_ms, event, other, accounts, size, since_ms, bits FROM history WHERE cluster_id = ?"
        rows = self._rows(f"{query} ORDER BY at_ms, event, other", (cluster_id,))
        if not rows:
            self.cluster(cluster_id)
        return [EventRow(*row) for row in rows]

    def heir(self, cluster_id: str) -> str | None:
        """The cluster that a former one is part of now; None where it is in none, or never was."""
        for _ in range(MERGERS_MAX):
            rows = self._rows("SELECT merged_into FROM archive WHERE cluster_id = ?", (cluster_id,))
            if not rows or not rows[0][0]:
                break
            cluster_id = rows[0][0]
            if self._rows("SELECT 1 FROM clusters WHERE id = ?", (cluster_id,)):
                return cluster_id
        return None

    def campaign_links(self, cluster_id: str) -> list[CampaignLink]:
        """What joins a cluster to others of its campaign, strongest first."""
        query = """
            SELECT other, kind, probability, size, bits, reason
            FROM (
                SELECT b AS other, bits, reason FROM campaign_links WHERE a = :id
                UNION ALL SELECT a, bits, reason FROM campaign_links WHERE b = :id
            ) JOIN clusters ON clusters.id = other ORDER BY bits DESC, other, reason LIMIT :most
        """
        found = self._connection().execute(query, {"id": cluster_id, "most": CAMPAIGN_LINKS_MAX})
        return [CampaignLink(*row) for row in found.fetchall()]

    def material(self, cluster_id: str) -> tuple[Path, int] | None:
        """The folder of what the cluster's evidence pack is made of, and its ordinal there; None where the run kept
        none. Raises NotFound where the last run has no such cluster."""
        rows = self._rows("SELECT material, ordinal FROM run, clusters WHERE id = ?", (cluster_id,))
        if not rows:
            raise self._no_cluster(cluster_id)
        name, ordinal = rows[0]
        return (material_folder(self._path) / name, ordinal) if name else None

    def look(self) -> Look:
        """The run as the lifecycle of clusters sees it."""
        return Look(
            self.run().as_of_ms,
            self._table("SELECT account_id, cluster_id FROM accounts WHERE cluster_id IS NOT NULL", MEMBERSHIP),
            self._table(f"SELECT {', '.join(FACTS)} FROM clusters", FACT_SCHEMA),  # noqa: S608
            self._table(f"SELECT {', '.join(THING)} FROM evidence", THING_SCHEMA),  # noqa: S608
        )

    def past(self) -> Past:
        """What the run carries over to the next."""
        parts = (
            ("history", HISTORY),
            ("archive", ARCHIVE),
            ("archived_things", ARCHIVED_THINGS),
            ("archived_members", ARCHIVED_MEMBERS),
        )
        tables = (self._table(f"SELECT {', '.join(schema.names)} FROM {name}", schema) for name, schema in parts)  # noqa: S608
        return Past(*tables)

    def _table(self, query: str, schema: pa.Schema) -> pa.Table:
        rows = self._rows(query, ())
        columns = zip(*rows, strict=True) if rows else [[] for _ in schema]
        arrays = [pa.array(column).cast(field.type) for column, field in zip(columns, schema, strict=True)]
        return pa.table(arrays, schema=schema)

    def statuses(self) -> dict[str, str]:
        """Status of each cluster."""
        return dict(self._rows("SELECT id, status FROM clusters", ()))

    def _rows(self, query: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        return self._connection().execute(query, values).fetchall()

    def _connection(self) -> sqlite3.Connection:
        """This thread's connection to the file as it is now; a replaced file has another inode."""
        try:
            seen = self._path.stat()
        except FileNotFoundError:
            raise NotFound("No detection has run yet.", hint="Run `graphsvc detect`.") from None
        which = (seen.st_ino, seen.st_mtime_ns)
        if getattr(self._of_thread, "which", None) != which:
            self._open(which)
        connection: sqlite3.Connection = self._of_thread.connection
        return connection

    def _open(self, which: tuple[int, int]) -> None:
        old = getattr(self._of_thread, "connection", None)
        if old is not None:
            old.close()
        connection = sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version != SCHEMA_VERSION:
            connection.close()
            raise NotFound("The results were written by another version.", hint="Run `graphsvc detect`.")
        self._of_thread.connection, self._of_thread.which, self._of_thread.totals = connection, which, None


def _where(filters: ClusterFilter) -> tuple[list[str], list[object]]:
    tests: list[tuple[str, object]] = [
        ("kind = ?", filters.kind),
        ("status = ?", filters.status),
        ("probability >= ?", filters.min_probability),
        ("size >= ?", filters.min_size),
        ("campaign_id = ?", filters.campaign),
    ]
    where = ["true", *(test for test, value in tests if value is not None)]
    values = [value for _, value in tests if value is not None]
    if filters.identifier is not None:
        where.append("id IN (SELECT cluster_id FROM evidence WHERE identifier_type = ? AND identifier_id = ?)")
        values += filters.identifier
    return where, values


def _cursor(value: float, cluster_id: str) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode((value, cluster_id))).decode()


def _position(cursor: str) -> tuple[float, str]:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(cursor.encode()), type=tuple[float, str])
    except (ValueError, UnicodeEncodeError):
        raise BadInput("The cursor is not one that this list gave.", pointer="/cursor") from None
