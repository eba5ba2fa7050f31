"""The real server over an empty data folder, and listeners that do to a client what a network may do."""

from __future__ import annotations

import os
import signal
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from graphsvc.client import Options, RiskClient
from graphsvc.config import load_settings
from tests.api.conftest import Served, served
from tests.known_world import World

PATIENT = Options(budget_s=20.0, tell_budget_s=20.0, send_budget_s=60.0)
"""For what is not about time: a busy machine must not turn answers into refusals."""


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that knows nothing yet, without a graph database."""
    with empty_service(tmp_path_factory.mktemp("client")) as running:
        yield running


@pytest.fixture
def client(api: Served) -> Iterator[RiskClient]:
    with RiskClient(api.url, key_of(api), PATIENT) as made:
        yield made


@contextmanager
def empty_service(folder: Path) -> Iterator[Served]:
    with served(load_settings(data=folder / "data", neo4j_uri="off"), World([])) as running:
        yield running


def key_of(api: Served, *scopes: str) -> str:
    """A new key; without scopes one for everything."""
    return api.key(*(scopes or ("read", "write", "risk")))["Authorization"].removeprefix("Bearer ")


def processes(api: Served) -> list[int]:
    """The server's master and its workers."""
    master = api.process.pid
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    return [master, *map(int, children)]


def signalled(api: Served, what: signal.Signals) -> None:
    """Sends a signal to all of the server's processes, the master first, so that it starts no new ones."""
    for pid in processes(api):
        os.kill(pid, what)


@dataclass
class Listener:
    """Does as its script says with each connection, in turn, and from its end on as its last line says."""

    script: Sequence[Callable[[socket.socket], None]]
    accepted: int = 0
    heads: list[bytes] = field(default_factory=list)
    _open: list[socket.socket] = field(default_factory=list)

    @contextmanager
    def listening(self) -> Iterator[str]:
        """Gives the address."""
        with closing(socket.create_server(("127.0.0.1", 0))) as door:
            thread = threading.Thread(target=self._accept, args=(door,))
            thread.start()
            try:
                yield f"http://127.0.0.1:{door.getsockname()[1]}"
            finally:
                door.shutdown(socket.SHUT_RDWR)
                thread.join()
                for one in self._open:
                    one.close()

    def _accept(self, door: socket.socket) -> None:
        threads = []
        while True:
            try:
                connection, _ = door.accept()
            except OSError:
                break
            act = self.script[min(self.accepted, len(self.script) - 1)]
            self.accepted += 1
            self._open.append(connection)
            threads.append(threading.Thread(target=self._serve, args=(connection, act)))
            threads[-1].start()
        for one in self._open:
            cut(one)
        for thread in threads:
            thread.join()

    def _serve(self, connection: socket.socket, act: Callable[[socket.socket], None]) -> None:
        try:
            act(connection)
        except OSError:
            return


def cut(connection: socket.socket) -> None:
    """Ends a connection for both sides, also for a thread that waits on it."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def reset(connection: socket.socket) -> None:
    """Breaks a connection off, as a process that was killed does."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def request(connection: socket.socket) -> bytes:
    """One whole HTTP request; empty where the other side closed."""
    data = b""
    while b"\r\n\r\n" not in data:
        block = connection.recv(65536)
        if not block:
            return b""
        data += block
    head, _, body = data.partition(b"\r\n\r\n")
    size = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < size:
        block = connection.recv(65536)
        body += block
    return head + b"\r\n\r\n" + body


def answering(*answers: tuple[int, str, bytes]) -> Callable[[socket.socket], None]:
    """Answers request after request with status, further header lines and body; the last one again and again."""

    def act(connection: socket.socket) -> None:
        turn = 0
        while request(connection):
            status, headers, body = answers[min(turn, len(answers) - 1)]
            head = f"HTTP/1.1 {status} Said\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)
            turn += 1

    return act


def never(connection: socket.socket) -> None:
    """Takes what comes and says nothing."""
    while connection.recv(65536):
        pass
