"""A process that answers: gunicorn's threads for all requests, and for plain ones to the risk endpoint none at all.

These are read, answered and sent by the loop that waits for sockets, in well under a millisecond, without a change of
threads in between. A request that comes in pieces holds no thread until it is whole.
"""

from __future__ import annotations

import fcntl
import os
import selectors
import socket
import threading
import time
from functools import partial
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

from graphsvc.serving.plain import BODY_MOST, HEAD_MOST, head_of, may_be_plain

BLOCK = HEAD_MOST + BODY_MOST
BEAT_S = 0.5
COURTESY = 10
"""Events may wait a little where answers may not."""


class Connection(TConn):  # type: ignore[misc]
    """`early`: what came of a request that may be a plain one."""

    early = b""


class Process(ThreadWorker):  # type: ignore[misc]
    """A connection without a request under way lies in `keepalived_conns`, ordered by the moment when it is closed.

    `flask_app`: what it answers by; None in the process that takes events in, and answers nobody.
    """

    flask_app: Any = None
    _intake_lock: int | None = None

    def takes_in(self) -> bool:
        """Whether this is to be the process that takes events in: nobody else is."""
        lock = os.open(self.app.door.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        self._intake_lock = lock
        return True

    def load_wsgi(self) -> None:
        if self._intake_lock is not None:
            return
        from graphsvc.serving.direct import Direct

        super().load_wsgi()
        self.flask_app = self.wsgi
        self._direct = Direct(self.wsgi.extensions["graphsvc"])

    def run(self) -> None:
        if self._intake_lock is None:
            super().run()
        else:
            self._take_in()

    def _take_in(self) -> None:
        from graphsvc.serving.intake import open_intake

        os.nice(COURTESY)
        intake = open_intake(self.app.settings, self.app.door)
        thread = threading.Thread(target=intake.serve_forever, name="intake", daemon=True)
        thread.start()
        while self.alive and self.is_parent_alive():
            self.notify()
            time.sleep(BEAT_S)
        intake.shutdown()

    def accept(self, listener: Any) -> None:
        """Waits for the first request where it waits for later ones."""
        try:
            client, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        self.nr_conns += 1
        conn = Connection(self.cfg, client, address, listener.getsockname())
        conn.set_timeout()
        self.keepalived_conns.append(conn)
        self.poller.register(client, selectors.EVENT_READ, partial(self.on_client_socket_readable, conn))

    def on_client_socket_readable(self, conn: Connection, client: socket.socket) -> None:
        try:
            block = client.recv(BLOCK)
        except BlockingIOError:
            return
        except OSError:
            block = b""
        conn.early += block
        if not block:
            self._leave(conn, client)
            conn.close()
            self.nr_conns -= 1
        elif not self.alive or not self._taken(conn, client):
            conn.init()
            conn.parser.unreader.unread(conn.early)
            conn.early, conn.data_ready = b"", True
            super().on_client_socket_readable(conn, client)

    def _taken(self, conn: Connection, client: socket.socket) -> bool:
        """Whether what came so far is a plain request, or the beginning of one that may be; a whole one is answered."""
        if b"\r\n\r\n" not in conn.early:
            return may_be_plain(conn.early) and len(conn.early) < HEAD_MOST
        head = head_of(conn.early)
        if head is None or len(conn.early) > head.whole:
            return False
        if len(conn.early) < head.whole:
            return True
        made = self._direct.answer(head, conn.early[head.end :])
        if made is not None:
            conn.early = b""
            self._send(conn, client, made)
        return made is not None

    def _send(self, conn: Connection, client: socket.socket, made: bytes) -> None:
        try:
            sent = client.send(made)
        except BlockingIOError:
            sent = 0
        except OSError:
            # Whoever asked is gone; the loop hears of it next.
            return
        if sent == len(made):
            self.keepalived_conns.remove(conn)
            conn.set_timeout()
            self.keepalived_conns.append(conn)
        else:
            self._leave(conn, client)
            rest = self.tpool.submit(self._send_rest, conn, made[sent:])
            rest.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))

    def _send_rest(self, conn: Connection, made: bytes) -> bool:
        conn.init()
        conn.sock.sendall(made)
        return True

    def _leave(self, conn: Connection, client: socket.socket) -> None:
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
