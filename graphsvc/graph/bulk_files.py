"""The whole ledger as files for Neo4j's bulk importer: a header and a data file for each kind of node and link."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from graphsvc.graph import rows
from graphsvc.graph.model import ALL_KINDS, IdentifierKind, kind_of, weight_bits
from graphsvc.ledger.base import Ledger
from graphsvc.links.columns import columns_of

THREADS = 2
MEMORY = "2GB"
TABLES = ("events", "identifiers", "peers")
LABELS = pa.schema(
    [("account_id", pa.string()), ("verdict", pa.string()), ("kind", pa.string()), ("decided_at", pa.int64())]
)

ACCOUNTS = f"""
CREATE TABLE account AS
WITH seen AS ({rows.ACCOUNTS}), named AS (SELECT DISTINCT target AS account_id FROM peers WHERE source <> target)
SELECT
    row_number() OVER (ORDER BY account_id) AS row, account_id,
    coalesce(signed_up_at, first_seen) AS created_at, first_seen, last_seen, signed_up_at,
    CASE WHEN first_seen IS NOT NULL THEN coalesce(status, 'active') END AS status, status_at,
    label.verdict, label.kind AS verdict_kind, label.decided_at AS verdict_at
FROM seen FULL JOIN named USING (account_id) FULL JOIN label USING (account_id)
"""  # noqa: S608
LINKS = f"CREATE TABLE link AS SELECT * FROM ({rows.LINKS}) JOIN kind USING (type)"  # noqa: S608
IDENTIFIERS = f"""
CREATE TABLE identifier AS
SELECT row_number() OVER (ORDER BY type, id) AS row, label, type, id, degree,
    {weight_bits("degree", "(SELECT count(first_seen) FROM account)")} AS weight_bits
FROM (SELECT label, type, id, count(*) AS degree FROM link GROUP BY label, type, id)
"""  # noqa: S608
STATE = """
SELECT 1 AS row, 'ledger' AS name, {offset} AS "offset", {label_offset} AS label_offset,
    count(first_seen) AS accounts, count(first_seen) AS weighed_accounts, max(last_seen) AS last_event_at
FROM account
"""
BROKEN_LINES = r"""
SELECT EXISTS (SELECT 1 FROM account WHERE regexp_matches(account_id, '[\r\n]'))
    OR EXISTS (SELECT 1 FROM identifier WHERE regexp_matches(id, '[\r\n]'))
"""


@dataclass(frozen=True)
class Import:
    """What is to be imported: the importer's arguments, and the ledger offset that the files hold."""

    arguments: tuple[str, ...]
    offset: int
    links: int


def write_files(ledger: Ledger, folder: Path, progress: Callable[[float], None]) -> Import:
    """Writes the files for all that the ledger holds now. `progress` is told the share of the ledger that is read."""
    labels = ledger.labels()
    spill = str(folder / "spill")
    with duckdb.connect(
        folder / "rebuild.duckdb", config={"threads": THREADS, "memory_limit": MEMORY, "temp_directory": spill}
    ) as database:
        offset = _load(database, ledger, progress)
        label_rows = [asdict(row) for row in rows.label_rows(labels)]
        database.register("label", pa.Table.from_pylist(label_rows, schema=LABELS))
        _aggregate(database)
        files = _Files(database, folder)
        files.nodes("Account", "SELECT * FROM account ORDER BY row")
        for kind in _present(database):
            files.identifiers(kind)
        files.peers()
        label_offset = labels[-1].offset if labels else 0
        files.nodes("Projection", STATE.format(offset=offset, label_offset=label_offset))
        multiline = database.sql(BROKEN_LINES).fetchall()[0][0]
        links = database.sql("SELECT count(*) FROM link").fetchall()[0][0]
    return Import((f"--multiline-fields={str(multiline).lower()}", *files.arguments), offset, links)


def _load(database: duckdb.DuckDBPyConnection, ledger: Ledger, progress: Callable[[float], None]) -> int:
    """Copies the ledger into the tables `events`, `identifiers` and `peers`; gives the last offset."""
    rows.register(database, columns_of([]), "new_")
    for name in TABLES:
        database.execute(f"CREATE TABLE {name} AS FROM new_{name}")
    offset, end = 0, ledger.offset()
    for batch in ledger.scan():
        rows.register(database, columns_of(batch), "new_")
        for name in TABLES:
            database.execute(f"INSERT INTO {name} FROM new_{name}")
        offset = batch[-1].offset
        progress(offset / end)
    return offset


def _aggregate(database: duckdb.DuckDBPyConnection) -> None:
    types = [name for (name,) in database.sql("SELECT DISTINCT type FROM identifiers ORDER BY type").fetchall()]
    labels = [kind_of(name).label for name in types]
    database.register("kind", pa.table({"type": pa.array(types, pa.string()), "label": pa.array(labels, pa.string())}))
    for query in (ACCOUNTS, LINKS, IDENTIFIERS):
        database.execute(query)


def _present(database: duckdb.DuckDBPyConnection) -> list[IdentifierKind]:
    labels = {label for (label,) in database.sql("SELECT DISTINCT label FROM identifier").fetchall()}
    return [kind for kind in ALL_KINDS if kind.label in labels]


HEADS = {"row": ":ID({label})", "account": ":START_ID(Account)", "other": ":END_ID({label})"}
TYPES = {"BIGINT": ":long", "INTEGER": ":long", "DOUBLE": ":double", "VARCHAR": ""}


@dataclass
class _Files:
    """Writes queries as files and gathers the importer's arguments."""

    database: duckdb.DuckDBPyConnection
    folder: Path
    arguments: tuple[str, ...] = ()

    def identifiers(self, kind: IdentifierKind) -> None:
        columns = ", ".join((*kind.key, "degree", "weight_bits"))
        self.nodes(kind.label, f"SELECT row, {columns} FROM identifier WHERE label = '{kind.label}' ORDER BY row")  # noqa: S608
        query = f"""
        SELECT account.row AS account, identifier.row AS other, link.first_seen, link.last_seen, link.count
        FROM link JOIN account USING (account_id) JOIN identifier USING (label, type, id)
        WHERE label = '{kind.label}' ORDER BY account, other
        """  # noqa: S608
        self._write("relationships", kind.relationship, f"{kind.label}-links", kind.label, query)

    def peers(self) -> None:
        query = f"""
        SELECT one.row AS account, two.row AS other, p.type, p.weight, p.first_seen, p.last_seen, p.count
        FROM ({rows.PEERS}) AS p JOIN account AS one ON one.account_id = source
        JOIN account AS two ON two.account_id = target ORDER BY account, other, p.type
        """  # noqa: S608
        self._write("relationships", "PEER", "peers", "Account", query)

    def nodes(self, label: str, query: str) -> None:
        self._write("nodes", label, label, label, query)

    def _write(self, option: str, name: str, stem: str, label: str, query: str) -> None:
        relation = self.database.sql(query)
        header = self.folder / f"{stem}-header.csv"
        data = self.folder / f"{stem}.csv"
        kinds = [str(kind) for kind in relation.types]
        texts = [column for column, kind in zip(relation.columns, kinds, strict=True) if kind == "VARCHAR"]
        header.write_text(",".join(_heads(relation.columns, kinds, label)) + "\n")
        quoted = f", FORCE_QUOTE ({', '.join(texts)})" if texts else ""
        target = str(data).replace("'", "''")
        self.database.execute(f"COPY ({query}) TO '{target}' (HEADER false{quoted})")
        self.arguments += (f"--{option}={name}={header},{data}",)


def _heads(columns: Iterable[str], kinds: Iterable[str], label: str) -> list[str]:
    """The importer's header: rows are the ids by which links find their nodes, and are not stored."""
    named = zip(columns, kinds, strict=True)
    return [
        HEADS[column].format(label=label) if column in HEADS else f"{_property(column)}{TYPES[kind]}"
        for column, kind in named
    ]


def _property(column: str) -> str:
    return "id" if column == "account_id" else column
