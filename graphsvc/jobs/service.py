"""The service as processes: the embedded graph database, the API server and the worker, started and stopped as one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from graphsvc.config import Settings
from graphsvc.errors import GraphsvcError, GraphUnavailable
from graphsvc.jobs.worker import Worker
from graphsvc.risk.priority import give_way

STOP_WITHIN_S = 20.0


def run_service(settings: Settings, say: Callable[[str], None]) -> None:
    """Runs until SIGINT or SIGTERM, or until the API server ends. Stops what it started, the database last."""
    stop = threading.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: stop.set())
    with database(settings, say), _api(settings) as server:
        say(f"The service is at http://{settings.host}:{settings.port}/ (API description at /docs). Ctrl-C stops it.")
        watcher = threading.Thread(target=_stop_with, args=(server, stop), daemon=True)
        watcher.start()
        # What was started before this goes on at its own priority.
        give_way()
        Worker(settings).run(stop)
        if server.poll():
            raise GraphsvcError("The API server ended by itself; its messages are above.", hint="Is the port free?")


@contextmanager
def database(settings: Settings, say: Callable[[str], None]) -> Iterator[None]:
    """The embedded database for the time of the block, started beside the rest so that nothing waits for it.

    Where it cannot be had, says what is missing; all else goes on.
    """
    if settings.neo4j_uri:
        yield
        return
    from graphsvc.graph import embedded

    started: list[bool] = []

    def start() -> None:
        try:
            started.append(embedded.start(settings).new)
        except GraphUnavailable as error:
            say(f"Going on without the graph database: {error}")

    starter = threading.Thread(target=start)
    starter.start()
    try:
        yield
    finally:
        starter.join()
        if any(started):
            embedded.stop(settings)


@contextmanager
def _api(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "graphsvc", "serve", "--host", settings.host, "--port", str(settings.port)]
    server = subprocess.Popen(command, env={**os.environ, "GRAPHSVC_DATA": str(settings.places.root)})
    try:
        yield server
    finally:
        server.terminate()
        try:
            server.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            server.kill()


def _stop_with(server: subprocess.Popen[bytes], stop: threading.Event) -> None:
    server.wait()
    stop.set()
