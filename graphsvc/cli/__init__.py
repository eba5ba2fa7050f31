"""The command line: `graphsvc COMMAND`. Exit codes: 0 done, 1 failed, 2 bad usage."""

from __future__ import annotations

import os
import sys

import typer

from graphsvc.cli import db, keys, model, policy
from graphsvc.cli.console import note
from graphsvc.cli.demo import demo
from graphsvc.cli.detect import detect
from graphsvc.cli.evaluate import evaluate
from graphsvc.cli.explain import explain
from graphsvc.cli.imports import import_
from graphsvc.cli.ingest import fingerprint, ingest
from graphsvc.cli.model import train
from graphsvc.cli.query import query
from graphsvc.cli.serve import serve
from graphsvc.cli.simulate import simulate
from graphsvc.cli.up import up, worker
from graphsvc.errors import GraphsvcError

app = typer.Typer(
    name="graphsvc",
    help="Finds networks of proxy accounts: events in, links in a graph, labelled clusters and risk answers out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (demo, up, serve, worker, ingest, fingerprint, detect, explain, train, evaluate, simulate, query):
    app.command()(command)
app.command("import")(import_)
for name, group in (("db", db.app), ("keys", keys.app), ("model", model.app), ("policy", policy.app)):
    app.add_typer(group, name=name)


def main() -> None:
    """Runs the command line of this process."""
    # Threads that wait for work must not take the cores from those that have some.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        app()
    except GraphsvcError as error:
        note(f"graphsvc: {error}")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        note("graphsvc: stopped.")
        sys.exit(1)
