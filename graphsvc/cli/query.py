"""`graphsvc query`: the investigation queries."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from graphsvc.cli.console import note, out, progress, say
from graphsvc.config import load_settings
from graphsvc.errors import BadInput, BadUsage, NotFound
from graphsvc.graph import queries

TIME_ENDINGS = ("_at", "_seen", "_activity")


def query(
    name: Annotated[str | None, typer.Argument(help="The query; none: list them.", show_default=False)] = None,
    param: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="A parameter; may be repeated.")] = None,
    limit: Annotated[int, typer.Option(help="How many rows at most.")] = queries.LIMIT,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a row.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """Ask the graph one of the investigation queries, read-only. Without NAME, list the queries and their parameters.

    Example: graphsvc query near-abusive --param min_bits=12 --limit 20
    """
    if as_json and as_csv:
        raise BadUsage("--json and --csv exclude each other.")
    if name is None:
        _list()
        return
    try:
        chosen = queries.find(name)
        params = dict(_pair(text) for text in param or ())
        queries.bind(chosen, params, limit)
    except (BadInput, NotFound) as error:
        raise BadUsage(error.message, hint=error.hint) from error
    answer = _ask(chosen, params, limit)
    _print(answer, as_json, as_csv)
    if answer.truncated:
        note(f"Only the first {limit:,} rows are shown; --limit gives more.")


def _ask(chosen: queries.Query, params: dict[str, str], limit: int) -> queries.Answer:
    from graphsvc.graph.connection import connect, driver
    from graphsvc.graph.store import GraphStore

    with progress("graph") as report:
        connection = connect(load_settings(), start=True, progress=report)
    with driver(connection) as client:
        return GraphStore(client).ask(chosen, params, limit)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise BadInput("A parameter is written NAME=VALUE.", hint="For example --param hours=48.")
    return name, value


def _list() -> None:
    for one in queries.library().values():
        say(f"{one.name}\n  {one.description}")
        for parameter in one.parameters:
            default = "" if parameter.default is None else f", default {parameter.default}"
            need = ", required" if parameter.required else default
            say(f"    {parameter.name} ({parameter.type}{need}): {parameter.text}")


def _print(answer: queries.Answer, as_json: bool, as_csv: bool) -> None:
    if as_json:
        for record in answer.records():
            sys.stdout.write(json.dumps(record, ensure_ascii=False) + "\n")
    elif as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(answer.columns)
        writer.writerows([_flat(value) for value in row] for row in answer.rows)
    elif not answer.rows:
        note("Nothing found.")
    else:
        _print_table(answer)


def _print_table(answer: queries.Answer) -> None:
    table = Table()
    for column in answer.columns:
        table.add_column(column, overflow="fold")
    for row in answer.rows:
        table.add_row(*_cells(answer.columns, row))
    out.print(table, markup=False)


def _cells(columns: Sequence[str], row: Sequence[Any]) -> list[str]:
    return [_cell(column, value) for column, value in zip(columns, row, strict=True)]


def _cell(column: str, value: Any) -> str:
    """A value for people: moments as UTC, nothing as a dash."""
    if value is None:
        return "-"
    if isinstance(value, int) and column.endswith(TIME_ENDINGS):
        return f"{datetime.fromtimestamp(value / 1000, UTC):%Y-%m-%d %H:%M:%S}"
    return str(_flat(value))


def _flat(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value
