"""One Cypher statement for `graphsvc db shell`: run, and shown as a table or as JSON lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping

import neo4j
from neo4j.exceptions import DriverError, Neo4jError
from rich.console import Console
from rich.table import Table

from graphsvc.cli.console import note
from graphsvc.errors import BadUsage, GraphUnavailable
from graphsvc.graph.connection import Connection, driver

ROWS_SHOWN = 1_000


def run_statement(
    connection: Connection, statement: str, parameters: Mapping[str, object], *, write: bool, as_json: bool
) -> None:
    """Runs one statement and prints its first 1,000 rows. Raises BadUsage when Neo4j refuses the statement."""
    mode = neo4j.WRITE_ACCESS if write else neo4j.READ_ACCESS
    try:
        with driver(connection) as client, client.session(default_access_mode=mode) as session:
            result = session.run(statement.strip().rstrip(";"), dict(parameters))
            names, rows = result.keys(), [record.data() for record in result.fetch(ROWS_SHOWN)]
            more = result.peek() is not None
    except Neo4jError as error:
        raise BadUsage(f"Neo4j refused the statement: {error.message}") from error
    except DriverError as error:
        raise GraphUnavailable(f"Neo4j at {connection.uri} does not answer.", hint="`graphsvc db status`") from error
    _print_json(rows) if as_json else _print_table(names, rows)
    if more:
        note(f"Only the first {ROWS_SHOWN:,} rows are shown.")


def _print_json(rows: list[dict[str, object]]) -> None:
    for row in rows:
        sys.stdout.write(json.dumps(row, default=str) + "\n")


def _print_table(names: tuple[str, ...], rows: list[dict[str, object]]) -> None:
    if not names:
        return
    table = Table(*names)
    for row in rows:
        table.add_row(*(str(row[name]) for name in names))
    Console(highlight=False, markup=False).print(table)
