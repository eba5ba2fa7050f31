"""Events are taken in by a process of their own: to check a batch, make its tokens and write it to the ledger holds the
interpreter for longer than an answer on risk may wait for it.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from graphsvc.config import Settings
from graphsvc.errors import GraphsvcError, place_of
from graphsvc.ledger.accept import Accepted, Take
from graphsvc.ledger.base import Appended, Appends, Draft
from graphsvc.serving.messages import ANSWERS, CALLS, Answer, Asked, Call, Drafted, Failure, Kept, Taken, receive, send

log = structlog.get_logger("intake")
CONNECT_S = 1.0
ANSWER_S = 60.0
KEEP_S = 5.0
"""Longer than those who append wait for the ledger (graphsvc.risk.service.BUSY_MS), which they are to say."""
Append = Callable[[Sequence[Draft]], Appended]


class Door:
    """Asks the process that listens at a path, on a connection for each thread."""

    def __init__(self, path: Path, answer_s: float) -> None:
        self._path, self._answer_s = str(path), answer_s
        self._of_thread = threading.local()

    def ask(self, call: Call) -> Taken | Kept | None:
        """What it answers; None while there is nobody, or where they end, or say nothing, before they answered. Raises
        the error that they tell."""
        try:
            answer = self._ask(call)
        except OSError:
            self.hang_up()
            return None
        if isinstance(answer, Failure):
            raise answer.error()
        return answer

    def hang_up(self) -> None:
        """Closes this thread's connection; the next call opens another."""
        known: socket.socket | None = getattr(self._of_thread, "connection", None)
        if known is not None:
            known.close()
            self._of_thread.connection = None

    def _ask(self, call: Call) -> Answer:
        connection = self._connection()
        send(connection, call)
        answer = receive(connection, ANSWERS)
        if answer is None:
            raise ConnectionResetError
        return answer

    def _connection(self) -> socket.socket:
        known: socket.socket | None = getattr(self._of_thread, "connection", None)
        if known is None:
            known = socket.socket(socket.AF_UNIX)
            self._of_thread.connection = known
            known.settimeout(CONNECT_S)
            known.connect(self._path)
            known.settimeout(self._answer_s)
        return known


class Elsewhere(Door):
    """Has events taken in by the process that listens at `door`; without its answer, by this one. What both took in,
    the ledger has once."""

    def __init__(self, door: Path, here: Take) -> None:
        super().__init__(door, ANSWER_S)
        self._here = here

    def __call__(self, data: bytes, lines: bool) -> Accepted:
        answer = self.ask(Asked(data, lines))
        return answer.done if isinstance(answer, Taken) else self._here(data, lines)


class LedgerElsewhere(Door):
    """Has what was answered appended by the same process: of several that write to one ledger each would wait for the
    others by asking again and again, which costs those who answer more than to write does."""

    def __init__(self, door: Path, here: Appends) -> None:
        super().__init__(door, KEEP_S)
        self._here = here

    def append(self, drafts: Sequence[Draft]) -> Appended:
        answer = self.ask(Drafted(tuple(drafts)))
        return answer.done if isinstance(answer, Kept) else self._here.append(drafts)


class Intake(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Takes in what comes through the door, each connection in a thread of its own."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, door: Path, take: Take, append: Append) -> None:
        with contextlib.suppress(FileNotFoundError):
            door.unlink()
        self.take, self.append = take, append
        super().__init__(str(door), _Connection)


class _Connection(socketserver.BaseRequestHandler):
    server: Intake

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            while (call := receive(self.request, CALLS)) is not None:
                send(self.request, self._answer(call))

    def _answer(self, call: Call) -> Answer:
        try:
            if isinstance(call, Drafted):
                return Kept(self.server.append(call.drafts))
            return Taken(self.server.take(call.data, call.lines))
        except GraphsvcError as error:
            return Failure.of(error)
        except Exception as error:
            log.error("defect", error=type(error).__name__, place=place_of(error))
            return Failure("")


def open_intake(settings: Settings, door: Path) -> Intake:
    """A server that writes to the ledger of this data folder."""
    from functools import partial

    from graphsvc.events.arrive import Arrival
    from graphsvc.ledger import open_ledger
    from graphsvc.ledger.accept import taken
    from graphsvc.risk.service import BUSY_MS

    ledger = open_ledger(settings, lean=True)
    return Intake(door, partial(taken, ledger, Arrival(settings)), partial(ledger.append, within_ms=BUSY_MS))
