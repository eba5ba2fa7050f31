"""`graphsvc serve`."""

from __future__ import annotations

from typing import Any

from graphsvc.cli.up import Host, Port
from graphsvc.config import Settings, load_settings

THREADS = 16
BACKLOG = 512


def serve(host: Host = None, port: Port = None) -> None:
    """Run the API server with its pages, and nothing else.

    Example: graphsvc serve --host 127.0.0.1 --port 8200
    """
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    _run(load_settings(**given))


def _run(settings: Settings) -> None:
    from gunicorn.app.base import BaseApplication

    from graphsvc.api import create_app

    class Server(BaseApplication):  # type: ignore[misc]
        """One process whose threads share the risk index; the master starts a new one should it die."""

        def load_config(self) -> None:
            options: dict[str, Any] = {
                "bind": f"{settings.host}:{settings.port}",
                "workers": 1,
                "worker_class": "gthread",
                "threads": THREADS,
                "backlog": BACKLOG,
                "keepalive": 75,
                "timeout": 60,
                "graceful_timeout": 10,
                "loglevel": "warning",
                "worker_exit": _close,
            }
            for name, value in options.items():
                self.cfg.set(name, value)

        def load(self) -> Any:
            return create_app(settings)

    Server().run()


def _close(server: object, worker: Any) -> None:
    """Ends the background threads of a worker that stops."""
    app = getattr(worker, "wsgi", None)
    if app is not None:
        app.extensions["graphsvc"].close()
