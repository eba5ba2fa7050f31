"""The command line: `graphsvc COMMAND`. Exit codes: 0 done, 1 failed, 2 bad usage."""

from __future__ import annotations

import sys

import typer

from graphsvc.cli.console import note
from graphsvc.cli.ingest import fingerprint, ingest
from graphsvc.errors import GraphsvcError

app = typer.Typer(
    name="graphsvc",
    help="Finds networks of proxy accounts: events in, links in a graph, labelled clusters and risk answers out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (ingest, fingerprint):
    app.command()(command)


def main() -> None:
    """Runs the command line of this process."""
    try:
        app()
    except GraphsvcError as error:
        note(f"graphsvc: {error}")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        note("graphsvc: stopped.")
        sys.exit(1)
