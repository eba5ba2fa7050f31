"""`graphsvc db`: the embedded Neo4j of this data folder."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from graphsvc.cli.console import note, progress, say
from graphsvc.config import Settings, load_settings
from graphsvc.errors import BadUsage, GraphUnavailable
from graphsvc.graph.connection import connect, is_off

app = typer.Typer(help="The graph database: start, stop, look, ask, save, rebuild.", no_args_is_help=True)
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def start() -> None:
    """Start the embedded Neo4j, fetching it at the first time. It stays up until `graphsvc db stop`.

    Example: graphsvc db start
    """
    from graphsvc.graph import embedded

    with progress("Neo4j") as report:
        started = embedded.start(_embedded(load_settings()), report)
    say(f"Neo4j {'is up' if started.new else 'was up already'} at {started.connection.uri}.")


@app.command()
def stop() -> None:
    """Stop the embedded Neo4j cleanly.

    Example: graphsvc db stop
    """
    from graphsvc.graph import embedded

    with progress("Neo4j") as report:
        ran = embedded.stop(_embedded(load_settings()), report)
    say("Neo4j is stopped." if ran else "Neo4j was not running.")


@app.command()
def status(as_json: JsonFlag = False) -> None:
    """Say where the graph database is and whether it answers; starts nothing.

    Example: graphsvc db status --json
    """
    settings = load_settings()
    facts = _facts(settings)
    try:
        facts["uri"] = connect(settings, start=False).uri
        facts["answers"] = True
    except GraphUnavailable as error:
        facts["answers"] = False
        facts["reason"] = str(error)
    if as_json:
        say(json.dumps(facts))
        return
    for name, value in facts.items():
        say(f"{name:12} {_plain(value)}")


@app.command()
def shell(
    statement: Annotated[str | None, typer.Argument(help="One Cypher statement; none: asks for them.")] = None,
    param: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="A parameter; may be repeated.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Allow statements that change data.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Run Cypher, read-only unless --write is given. The value of a parameter is JSON, or else text.

    Example: graphsvc db shell 'MATCH (a:Account {id: $id}) RETURN a' --param id=acct-1
    """
    from graphsvc.cli.db_shell import run_statement

    parameters = dict(_parameter(text) for text in param or ())
    connection = connect(load_settings(), start=False)
    if statement is not None:
        run_statement(connection, statement, parameters, write=write, as_json=as_json)
        return
    for line in _typed_lines():
        try:
            run_statement(connection, line, parameters, write=write, as_json=as_json)
        except BadUsage as error:
            note(str(error))


@app.command()
def backup(file: Annotated[Path, typer.Argument(help="The file to write.")]) -> None:
    """Save the database to one file. The server is stopped for it and started again if it ran.

    Example: graphsvc db backup graph.dump
    """
    from graphsvc.graph.embedded_backup import backup as save

    with progress("backup") as report:
        size_bytes = save(_embedded(load_settings()), file, report)
    say(f"{file}: {size_bytes:,} bytes.")


@app.command()
def restore(file: Annotated[Path, typer.Argument(help="A file that `graphsvc db backup` wrote.")]) -> None:
    """Replace the database by a saved one. The server is stopped for it and started again if it ran.

    Example: graphsvc db restore graph.dump
    """
    from graphsvc.graph.embedded_backup import restore as load

    with progress("restore") as report:
        load(_embedded(load_settings()), file, report)
    say(f"The database is as it was in {file}.")


@app.command()
def rebuild() -> None:
    """Make the whole database anew from the ledger.

    Example: graphsvc db rebuild
    """
    from graphsvc.graph.bulk import rebuild as rebuild_graph

    with progress("rebuild") as report:
        rebuilt = rebuild_graph(load_settings(), report)
    say(f"The graph database is rebuilt: {rebuilt.links:,} links, up to record {rebuilt.offset:,} of the ledger.")


def _embedded(settings: Settings) -> Settings:
    if settings.neo4j_uri:
        raise BadUsage(
            "GRAPHSVC_NEO4J_URI is set, so this deployment has no embedded Neo4j.",
            hint="Use that server's own tools, or unset it.",
        )
    return settings


def _facts(settings: Settings) -> dict[str, str | int | bool | None]:
    from graphsvc.graph import embedded

    if is_off(settings):
        return {"kind": "off"}
    if settings.neo4j_uri:
        return {"kind": "external", "uri": settings.neo4j_uri}
    return {"kind": "embedded", **dataclasses.asdict(embedded.status(settings))}


def _plain(value: str | int | bool | None) -> str:
    words = {True: "yes", False: "no", None: "-"}
    return words[value] if isinstance(value, bool | None) else str(value)


def _parameter(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise BadUsage("A parameter is written NAME=VALUE.", hint="For example --param id=acct-1")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def _typed_lines() -> Iterator[str]:
    if sys.stdin.isatty():
        note("One statement a line; an empty line or ctrl-D ends.")
    while True:
        try:
            line = input("cypher> " if sys.stdin.isatty() else "")
        except EOFError:
            return
        if not line.strip():
            return
        yield line
