"""`graphsvc up` and `graphsvc worker`."""

from __future__ import annotations

import signal
import threading
from typing import Annotated

import typer

from graphsvc.cli.console import note
from graphsvc.config import load_settings

Host = Annotated[str | None, typer.Option(help="Address to listen on; default 127.0.0.1.")]
Port = Annotated[int | None, typer.Option(help="Port to listen on; default 8200.")]


def up(host: Host = None, port: Port = None) -> None:
    """Run everything: the embedded graph database, the API with its pages, and the worker.

    Example: graphsvc up --port 8200
    """
    from graphsvc.jobs.service import run_service

    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    run_service(load_settings(**given), note)


def worker() -> None:
    """Run the worker alone: link tables, detection and graph follow the ledger. It gives way to those who answer.

    Example: GRAPHSVC_NEO4J_URI=bolt://graph:7687 graphsvc worker
    """
    from graphsvc.jobs.worker import Worker
    from graphsvc.risk.priority import give_way

    give_way()
    stop = threading.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: stop.set())
    Worker(load_settings()).run(stop)
