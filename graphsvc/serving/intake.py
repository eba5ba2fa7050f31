"""Events are taken in by a process of their own: to check a batch, make its tokens and write it to the ledger holds the
interpreter for longer than an answer on risk may wait for it.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from pathlib import Path

import structlog

from graphsvc.config import Settings
from graphsvc.errors import GraphsvcError, place_of
from graphsvc.ledger.accept import Accepted, Take
from graphsvc.serving.messages import Answered, Asked, Failure, receive, send

log = structlog.get_logger("intake")
CONNECT_S = 1.0
ANSWER_S = 60.0


class Elsewhere:
    """Has events taken in by the process that listens at `door`, on a connection for each thread; while there is none,
    or where it ends before it answered, by this one. What both took in, the ledger has once."""

    def __init__(self, door: Path, here: Take) -> None:
        self._door, self._here = str(door), here
        self._of_thread = threading.local()

    def __call__(self, data: bytes, lines: bool) -> Accepted:
        try:
            answered = self._ask(Asked(data, lines))
        except OSError:
            self.hang_up()
            return self._here(data, lines)
        if answered.failure is not None:
            raise answered.failure.error()
        assert answered.done is not None
        return answered.done

    def hang_up(self) -> None:
        """Closes this thread's connection; the next call opens another."""
        known: socket.socket | None = getattr(self._of_thread, "connection", None)
        if known is not None:
            known.close()
            self._of_thread.connection = None

    def _ask(self, asked: Asked) -> Answered:
        connection = self._connection()
        send(connection, asked)
        answered = receive(connection, Answered)
        if answered is None:
            raise ConnectionResetError
        return answered

    def _connection(self) -> socket.socket:
        known: socket.socket | None = getattr(self._of_thread, "connection", None)
        if known is None:
            known = socket.socket(socket.AF_UNIX)
            self._of_thread.connection = known
            known.settimeout(CONNECT_S)
            known.connect(self._door)
            known.settimeout(ANSWER_S)
        return known


class Intake(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Takes in what comes through the door, each connection in a thread of its own."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, door: Path, take: Take) -> None:
        with contextlib.suppress(FileNotFoundError):
            door.unlink()
        self.take = take
        super().__init__(str(door), _Connection)


class _Connection(socketserver.BaseRequestHandler):
    server: Intake

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            while (asked := receive(self.request, Asked)) is not None:
                send(self.request, self._answered(asked))

    def _answered(self, asked: Asked) -> Answered:
        try:
            return Answered(self.server.take(asked.data, asked.lines), None)
        except GraphsvcError as error:
            return Answered(None, Failure.of(error))
        except Exception as error:
            log.error("defect", error=type(error).__name__, place=place_of(error))
            return Answered(None, Failure(""))


def open_intake(settings: Settings, door: Path) -> Intake:
    """A server that writes to the ledger of this data folder."""
    from functools import partial

    from graphsvc.events.arrive import Arrival
    from graphsvc.ledger import open_ledger
    from graphsvc.ledger.accept import taken

    settings.places.create()
    return Intake(door, partial(taken, open_ledger(settings), Arrival(settings)))
