"""A real Neo4j 5.26 LTS Community, fetched once and run as a child process on loopback.

A server, once started, serves every process that uses the same data folder and stays up after its starter has ended,
until `stop`. `running` is for commands that own the server for their own time: it stops what it started.
Neo4j Community is GPLv3 and runs here as a separate program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from graphsvc.config import Settings
from graphsvc.errors import GraphUnavailable
from graphsvc.graph.connection import Connection, Progress, ping, silent
from graphsvc.graph.embedded_fetch import fetch, missing_names, server_folder
from graphsvc.graph.embedded_files import (
    HOST,
    Home,
    State,
    ensure_password,
    exclusive,
    free_port,
    home,
    read_state,
    write_config,
)
from graphsvc.graph.embedded_lock import read_lock
from graphsvc.graph.embedded_process import (
    console_tail,
    end,
    home_mark,
    instance_mark,
    is_alive,
    java,
    login,
    orphans,
    run_admin,
    spawn,
    wait_ready,
)

LOCK_WAIT_S = 330.0
PORT_TRIES = 3
BUSY = "starts, stops or rebuilds the graph database"

Admin = Callable[[Sequence[str]], str]


@dataclass(frozen=True)
class Started:
    """`new` says whether this call started the server or found it running."""

    connection: Connection
    new: bool


@dataclass(frozen=True)
class Status:
    """Plain facts of the embedded server. Where it does not run, `pid`, `uri` and `started_ms` are None."""

    version: str
    folder: str
    running: bool
    pid: int | None
    uri: str | None
    started_ms: int | None
    fetched: bool
    store_bytes: int


def ensure_running(settings: Settings, progress: Progress = silent) -> Connection:
    """The connection of the one server of this data folder, which is fetched and started if need be.

    The server stays up when the calling process ends. Raises GraphUnavailable, with what to do, when it cannot be
    fetched or started.
    """
    return start(settings, progress).connection


def start(settings: Settings, progress: Progress = silent) -> Started:
    """Like `ensure_running`, and tells whether the server was started by this call."""
    place = home(settings)
    if connection := _answering(place):
        return Started(connection, new=False)
    java()
    jars = fetch(settings, progress)
    with _alone(place, progress):
        if state := _alive(place):
            return Started(wait_ready(place, state, progress), new=False)
        _end_orphans(place)
        return Started(_launch(place, jars, settings, progress), new=True)


@contextmanager
def running(settings: Settings, progress: Progress = silent) -> Iterator[Connection]:
    """The server for the time of a `with` block: at its end it is stopped if it was started here, else left running."""
    started = start(settings, progress)
    try:
        yield started.connection
    finally:
        if started.new:
            stop(settings, progress)


def running_connection(settings: Settings) -> Connection:
    """The connection of the server if it runs; starts nothing. Raises GraphUnavailable if it does not run or answer."""
    place = home(settings)
    state = _alive(place)
    if state is None:
        raise GraphUnavailable("The embedded Neo4j is not running.", hint="Start it with `graphsvc db start`.")
    connection = login(place, state)
    ping(connection)
    return connection


def stop(settings: Settings, progress: Progress = silent) -> bool:
    """Stops the server cleanly; gives whether one ran."""
    place = home(settings)
    if not place.root.exists():
        return False
    with _alone(place, progress):
        return _stop(place, progress)


def status(settings: Settings) -> Status:
    """What can be said of the server without starting or fetching anything."""
    place, lock = home(settings), read_lock()
    alive = _alive(place)
    return Status(
        version=lock.version,
        folder=str(place.root),
        running=alive is not None,
        pid=alive.pid if alive else None,
        uri=f"bolt://{HOST}:{alive.port}" if alive else None,
        started_ms=alive.started_ms if alive else None,
        fetched=not missing_names(server_folder(settings, lock), lock),
        store_bytes=_size_bytes(place.root / "data"),
    )


@contextmanager
def offline(settings: Settings, progress: Progress = silent) -> Iterator[Admin]:
    """Stops the server and keeps every other process from starting it; yields a function that runs the admin tool.

    After the block the server is down: call `ensure_running` to have it again, at the same port if that is still free.
    """
    java()
    jars = fetch(settings, progress)
    place = home(settings)
    with _alone(place, progress):
        _stop(place, progress)
        _prepare(place, jars, settings)
        yield lambda args: run_admin(place, jars, settings, args)


def admin(settings: Settings, args: Sequence[str], progress: Progress = silent) -> str:
    """Stops the server, runs Neo4j's admin tool (`database import full`, `dump`, `load` …) and gives what it printed.

    The server is down afterwards. Raises GraphUnavailable with the tool's last lines when it fails.
    """
    with offline(settings, progress) as run:
        return run(args)


@contextmanager
def _alone(place: Home, progress: Progress) -> Iterator[None]:
    """Holds the folder alone; says in plain words when it cannot be written or Java cannot be run."""
    try:
        with exclusive(place.create().lock, LOCK_WAIT_S, progress, BUSY):
            yield
    except OSError as error:
        raise GraphUnavailable(
            f"The embedded Neo4j in {place.root} cannot be run: {error}.", hint="See to that, then start it again."
        ) from error


def _alive(place: Home) -> State | None:
    state = read_state(place)
    return state if state is not None and is_alive(state) else None


def _answering(place: Home) -> Connection | None:
    """The server if it answers at once; one that is only starting or stopping is dealt with under the lock."""
    if state := _alive(place):
        with suppress(GraphUnavailable):
            ping(login(place, state))
            return login(place, state)
    return None


def _size_bytes(folder: Path) -> int:
    total = 0
    for file in folder.rglob("*"):
        with suppress(FileNotFoundError):  # a running server removes files while we look
            total += file.stat().st_size if file.is_file() else 0
    return total


def _launch(place: Home, jars: Path, settings: Settings, progress: Progress) -> Connection:
    for tries in range(PORT_TRIES, 0, -1):
        state = spawn(place, jars, settings, _prepare(place, jars, settings))
        try:
            connection = wait_ready(place, state, progress)
        except GraphUnavailable:
            # Another program took the port between our look and the server's: look for another one.
            if tries == 1 or "Address already in use" not in console_tail(place):
                raise
            continue
        progress("Neo4j is ready", 1.0)
        return connection
    raise AssertionError("the loop returns or raises")


def _prepare(place: Home, jars: Path, settings: Settings) -> int:
    """Writes password and configuration; gives the port."""
    before = read_state(place)
    port = free_port(before.port if before else None)
    ensure_password(place)
    write_config(place, settings, port)
    if not (place.store / "system").exists():
        # As an argument file: on the command line everybody on this machine could read it.
        run_admin(place, jars, settings, ["dbms", "set-initial-password", f"@{place.password}"])
    return port


def _stop(place: Home, progress: Progress) -> bool:
    state = _alive(place)
    if state:
        progress("stopping Neo4j", 0.0)
        end(state.pid, instance_mark(state))
    return _end_orphans(place) or state is not None


def _end_orphans(place: Home) -> bool:
    found = orphans(place)
    for pid in found:
        end(pid, home_mark(place))
    return bool(found)
