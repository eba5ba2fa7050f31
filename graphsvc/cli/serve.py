"""`graphsvc serve`."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
from typing import Annotated, Any

import typer

from graphsvc.cli.up import Host, Port
from graphsvc.config import Settings, load_settings
from graphsvc.errors import BadUsage

THREADS = 16
BACKLOG = 512
SWITCH_S = 0.0005
"""An answer that is ready waits at most so long for a thread that counts events in the same process."""
GARBAGE_EVERY = 50_000
"""Hardly any object here lies in a circle: to look for such less often saves time in each answer."""
INDEX_WITHIN_S = 20.0
"""A process that starts waits so long for its index; one that takes longer to make is answered without, degraded."""
METRICS = "PROMETHEUS_MULTIPROC_DIR"
MEMORY = "/dev/shm"  # noqa: S108
"""The files of metrics are mapped: on a disk that is full the kernel would end the process that counts."""
Workers = Annotated[int | None, typer.Option(help="Processes that answer; default 2.", min=1)]


def serve(host: Host = None, port: Port = None, workers: Workers = None) -> None:
    """Run the API server with its pages, and nothing else.

    Example: graphsvc serve --host 127.0.0.1 --port 8200
    """
    given = {name: value for name, value in (("host", host), ("port", port), ("workers", workers)) if value is not None}
    _run(load_settings(**given))


def _run(settings: Settings) -> None:
    _free(settings)
    from gunicorn.app.base import BaseApplication

    from graphsvc.serving.worker import RiskFirst

    # Told before the first metric is made: all processes count into files, and any one of them tells the sums.
    folder = tempfile.mkdtemp(prefix="graphsvc-metrics-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None)
    os.environ.setdefault(METRICS, folder)

    class Server(BaseApplication):  # type: ignore[misc]
        """Processes that share the pages of one risk index base; the master starts a new one should one die."""

        def load_config(self) -> None:
            options: dict[str, Any] = {
                "bind": f"[{settings.host}]:{settings.port}"
                if ":" in settings.host
                else f"{settings.host}:{settings.port}",
                "workers": settings.workers,
                "worker_class": RiskFirst,
                "threads": THREADS,
                "backlog": BACKLOG,
                "keepalive": 75,
                "timeout": 60,
                "graceful_timeout": 10,
                "loglevel": "warning",
                "reuse_port": True,
                "post_fork": _listen,
                "post_worker_init": _tune,
                "worker_exit": _close,
                "child_exit": _forget,
                "on_exit": lambda server: shutil.rmtree(folder, ignore_errors=True),
            }
            for name, value in options.items():
                self.cfg.set(name, value)

        def load(self) -> Any:
            from graphsvc.api import create_app

            return create_app(settings)

    Server().run()


def _free(settings: Settings) -> None:
    """Raises BadUsage where somebody listens there: a port that processes share would be shared with a stranger."""
    try:
        socket.create_server((settings.host, settings.port), family=_family(settings.host)).close()
    except OSError:
        raise BadUsage(
            f"Nothing can listen on {settings.host} port {settings.port}.", hint="Is another server there? Use --port."
        ) from None


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _listen(server: object, worker: Any) -> None:
    """A door of each process's own beside the common one: the kernel spreads callers over doors evenly, where through
    one door nearly all come to the process that is quickest to open, and stay with it."""
    shared = worker.sockets[0]
    worker.sockets.append(type(shared)(shared.sock.getsockname(), worker.cfg, worker.log))


def _tune(worker: Any) -> None:
    """Before the first request: others of these processes, or nobody yet, answer meanwhile."""
    import gc

    worker.wsgi.extensions["graphsvc"].risk.wait(INDEX_WITHIN_S)
    sys.setswitchinterval(SWITCH_S)
    gc.set_threshold(GARBAGE_EVERY, 20, 100)


def _close(server: object, worker: Any) -> None:
    """Ends the background threads of a worker that stops."""
    app = getattr(worker, "wsgi", None)
    if app is not None:
        app.extensions["graphsvc"].close()


def _forget(server: object, worker: Any) -> None:
    """What a process that ended measured at the moment no longer counts; what it counted does."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
