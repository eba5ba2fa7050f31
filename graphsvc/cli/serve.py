"""`graphsvc serve`."""

from __future__ import annotations

from typing import Annotated

import typer

from graphsvc.cli.up import Host, Port
from graphsvc.config import load_settings

Workers = Annotated[int | None, typer.Option(help="Processes that answer; default 2.", min=1)]


def serve(host: Host = None, port: Port = None, workers: Workers = None) -> None:
    """Run the API server with its pages, and nothing else.

    Example: graphsvc serve --host 127.0.0.1 --port 8200
    """
    from graphsvc.serving.server import run

    given = {name: value for name, value in (("host", host), ("port", port), ("workers", workers)) if value is not None}
    run(load_settings(**given))
