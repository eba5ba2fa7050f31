"""The files of one embedded server: where they lie, the password, the configuration, the state and the lock."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import msgspec

from graphsvc.config import Settings
from graphsvc.errors import GraphUnavailable
from graphsvc.graph.connection import Progress

USER = "neo4j"
HOST = "127.0.0.1"
POLL_S = 0.1


@dataclass(frozen=True)
class Home:
    """The folder of one embedded server."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "conf"

    @property
    def password(self) -> Path:
        return self.root / "password"

    @property
    def state(self) -> Path:
        return self.root / "server.json"

    @property
    def lock(self) -> Path:
        return self.root / "server.lock"

    @property
    def console(self) -> Path:
        return self.root / "logs" / "console.log"

    @property
    def store(self) -> Path:
        return self.root / "data" / "databases"

    def create(self) -> Home:
        """Makes the folders; only the owner may look into them."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in ("conf", "data", "import", "logs", "plugins", "run"):
            (self.root / name).mkdir(exist_ok=True)
        return self


def home(settings: Settings) -> Home:
    return Home(settings.places.neo4j)


class State(msgspec.Struct, frozen=True):
    """The server started last. `instance` stands in its command line, so a recycled pid never passes for it."""

    pid: int
    instance: str
    port: int
    started_ms: int


def read_state(place: Home) -> State | None:
    """The last state; None when there is none or it is no state. Raises GraphUnavailable when it may not be read."""
    try:
        return msgspec.json.decode(place.state.read_bytes(), type=State)
    except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError):
        return None
    except OSError as error:
        raise GraphUnavailable(
            f"{place.state} cannot be read: {error.strerror}.", hint="Run this as the user who owns the data folder."
        ) from error


def write_state(place: Home, state: State) -> None:
    new = place.state.with_suffix(".new")
    new.write_bytes(msgspec.json.encode(state))
    new.replace(place.state)


def ensure_password(place: Home) -> str:
    """The server's password; made at random, in a file that only its owner may read, when there is none yet."""
    if place.password.exists():
        return place.password.read_text().strip()
    if (place.store / "system").exists():
        raise GraphUnavailable(
            f"The database in {place.root} is there but its password file is gone.",
            hint="Put the file `password` back, or delete the folder and run `graphsvc db rebuild`.",
        )
    new = place.password.with_suffix(".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    # Hexadecimal, since the admin tool reads the file as its arguments: no character may mean something there.
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(24))
        file.flush()
        os.fsync(file.fileno())
    new.replace(place.password)
    return place.password.read_text()


def free_port(preferred: int | None) -> int:
    """A port that is free on loopback: the preferred one if it is, so that clients find a restarted server again."""
    for port in (preferred, 0) if preferred else (0,):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise GraphUnavailable("No port is free on the loopback interface.", hint="Look for what uses them all.")


def write_config(place: Home, settings: Settings, port: int) -> None:
    """The whole configuration: loopback only, Bolt only, no call home, small transaction logs."""
    values = {
        "server.default_listen_address": HOST,
        "server.bolt.listen_address": f"{HOST}:{port}",
        "server.bolt.advertised_address": f"{HOST}:{port}",
        "server.http.enabled": "false",
        "server.https.enabled": "false",
        # Bolt alone would take its time for ten seconds after the databases are closed.
        "internal.server.bolt.thread_pool_shutdown_wait_time": "1s",
        "internal.dbms.bolt.netty_server_shutdown_quiet_period": "0",
        "server.memory.pagecache.size": settings.neo4j_pagecache,
        "dbms.usage_report.enabled": "false",
        "dbms.security.allow_csv_import_from_file_urls": "false",
        "db.tx_log.rotation.size": "64m",
        "db.tx_log.rotation.retention_policy": "256m size",
    }
    (place.config / "neo4j.conf").write_text("".join(f"{key}={value}\n" for key, value in values.items()))


@contextmanager
def exclusive(file: Path, wait_s: float, progress: Progress, doing: str) -> Iterator[None]:
    """Holds the lock of `file` alone among all processes; the kernel frees it when its holder dies.

    Raises GraphUnavailable when another process still holds it after `wait_s` seconds.
    """
    import fcntl

    file.parent.mkdir(parents=True, exist_ok=True)
    until = monotonic() + wait_s
    with file.open("a") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if monotonic() > until:
                    raise GraphUnavailable(
                        f"Another process {doing} since {wait_s:.0f} s (lock {file}).", hint="Wait for it or end it."
                    ) from None
                progress("waiting for another process to make the graph database ready", 0.0)
                sleep(POLL_S)
        yield
