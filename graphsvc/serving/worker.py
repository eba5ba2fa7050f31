"""A process that answers: gunicorn's threads for all requests, and for plain ones to the risk endpoint none at all.

These are read, answered and sent by the loop that waits for sockets, in well under a millisecond, without a change of
threads in between. A request that comes in pieces holds no thread until it is whole.
"""

from __future__ import annotations

import selectors
import socket
from functools import partial
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

from graphsvc.serving.plain import BODY_MOST, HEAD_MOST, head_of, may_be_plain

BLOCK = HEAD_MOST + BODY_MOST


class Connection(TConn):  # type: ignore[misc]
    """`early`: what came of a request that may be a plain one."""

    early = b""


class RiskFirst(ThreadWorker):  # type: ignore[misc]
    """A connection without a request under way lies in `keepalived_conns`, ordered by the moment when it is closed."""

    def load_wsgi(self) -> None:
        from graphsvc.serving.direct import Direct

        super().load_wsgi()
        self._direct = Direct(self.wsgi.extensions["graphsvc"])

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
