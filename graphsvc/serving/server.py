"""The server command: processes that answer, and one that takes events in, under gunicorn's master, which starts a new
one should one die.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication

from graphsvc.config import Settings
from graphsvc.errors import BadUsage
from graphsvc.serving.worker import Process

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


def run(settings: Settings) -> None:
    """Serves until it is told to stop. Raises BadUsage where somebody listens there: a port that processes share would
    be shared with a stranger."""
    try:
        socket.create_server((settings.host, settings.port), family=_family(settings.host)).close()
    except OSError:
        raise BadUsage(
            f"Nothing can listen on {settings.host} port {settings.port}.", hint="Is another server there? Use --port."
        ) from None
    # Told before the first metric is made: all processes count into files, and any one of them tells the sums.
    folder = Path(tempfile.mkdtemp(prefix="graphsvc-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None))
    os.environ.setdefault(METRICS, str(folder))
    Server(settings, folder).run()


class Server(BaseApplication):  # type: ignore[misc]
    """Processes that share the pages of one risk index base. `folder`: for what lives as long as they do."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings, self.folder = settings, folder
        super().__init__()

    @property
    def door(self) -> Path:
        """Where the process that takes events in listens."""
        return self.folder / "intake.socket"

    def load_config(self) -> None:
        settings = self.settings
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        options: dict[str, Any] = {
            "bind": f"{host}:{settings.port}",
            "workers": settings.workers + 1,
            "worker_class": Process,
            "threads": THREADS,
            "backlog": BACKLOG,
            "keepalive": 75,
            "timeout": 60,
            "graceful_timeout": 10,
            "loglevel": "warning",
            # Each turn of a loop touches a file there: on a disk that turn may wait for what others write.
            "worker_tmp_dir": str(self.folder),
            # The kernel spreads callers over several doors evenly; through a common one nearly all come to the process
            # that is quickest to open.
            "reuse_port": True,
            "post_fork": _part,
            "post_worker_init": _tune,
            "worker_exit": _close,
            "child_exit": _forget,
            "on_exit": lambda server: shutil.rmtree(self.folder, ignore_errors=True),
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        from graphsvc.api import create_app
        from graphsvc.serving.intake import Elsewhere, LedgerElsewhere

        return create_app(
            self.settings, lambda here: Elsewhere(self.door, here), lambda here: LedgerElsewhere(self.door, here)
        )


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _part(server: object, worker: Process) -> None:
    """Those that came first answer; the one after them, and whichever comes when that one died, takes events in, and
    closes the door that each process has of its own: the kernel would send callers to it."""
    if worker.age > worker.app.settings.workers and worker.takes_in():
        for door in worker.sockets:
            door.close()
        worker.sockets = []


def _tune(worker: Process) -> None:
    """Before the first request: others of these processes, or nobody yet, answer meanwhile."""
    import gc

    if worker.flask_app is not None:
        worker.flask_app.extensions["graphsvc"].risk.wait(INDEX_WITHIN_S)
    sys.setswitchinterval(SWITCH_S)
    gc.set_threshold(GARBAGE_EVERY, 20, 100)


def _close(server: object, worker: Process) -> None:
    """Ends the background threads of a worker that stops."""
    if worker.flask_app is not None:
        worker.flask_app.extensions["graphsvc"].close()


def _forget(server: object, worker: Any) -> None:
    """What a process that ended measured at the moment no longer counts; what it counted does."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
