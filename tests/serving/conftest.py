"""A small server of its own, whose processes are known."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from graphsvc.config import load_settings
from tests.api.conftest import Served, served
from tests.known_world import World


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Small:
    """A server over an empty data folder."""

    api: Served

    def children(self) -> list[int]:
        """Its processes, the one that takes events in last."""
        pid = self.api.process.pid
        found = [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        return sorted(found, key=lambda one: os.getpriority(os.PRIO_PROCESS, one))

    def kill_intake(self) -> int:
        killed = self.children()[-1]
        os.kill(killed, signal.SIGKILL)
        return killed

    def connect(self) -> closing[socket.socket]:
        host, _, port = self.api.url.removeprefix("http://").partition(":")
        return closing(socket.create_connection((host, int(port)), timeout=30))

    def request(self, body: bytes, *headers: str, path: str = "/v1/risk") -> bytes:
        """As bytes, with the key that may all."""
        lines = [
            f"POST {path} HTTP/1.1",
            "Host: here",
            f"Authorization: {self.api.client.headers['Authorization']}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            *headers,
        ]
        return "\r\n".join([*lines, "", ""]).encode() + body


def read_answer(connection: socket.socket) -> Answer:
    """The next answer, and not a byte more."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        block = connection.recv(1)
        assert block, "the server closed the connection"
        data += block
    first, *lines = data.decode().strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = b""
    while len(body) < int(headers["content-length"]):
        body += connection.recv(int(headers["content-length"]) - len(body))
    return Answer(int(first.split()[1]), headers, body)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    settings = load_settings(data=tmp_path_factory.mktemp("serving") / "data", neo4j_uri="off")
    with served(settings, World()) as running:
        yield Small(running)
