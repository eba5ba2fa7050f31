"""Where the graph database is: embedded, elsewhere, or switched off; and plain words when it cannot be reached."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from graphsvc.config import Settings, load_settings
from graphsvc.errors import GraphUnavailable
from graphsvc.graph.connection import Connection, connect, driver


def external(tmp_path: Path, uri: str, password: str | None) -> Settings:
    return load_settings(data=tmp_path, neo4j_uri=uri, neo4j_password=password)


def test_off_is_off(tmp_path: Path) -> None:
    with pytest.raises(GraphUnavailable, match="switched off"):
        connect(external(tmp_path, "off", None), start=True)


def test_an_embedded_server_that_does_not_run_is_not_started_unasked(tmp_path: Path) -> None:
    with pytest.raises(GraphUnavailable, match=r"not running.*graphsvc db start"):
        connect(load_settings(data=tmp_path, neo4j_uri=None), start=False)
    assert not list(tmp_path.iterdir())


def test_any_neo4j_by_its_address(tmp_path: Path, neo4j: Connection) -> None:
    connection = connect(external(tmp_path, neo4j.uri, neo4j.password), start=False)
    with driver(connection) as client:
        assert client.execute_query("RETURN 1 AS one").records[0]["one"] == 1


def test_a_wrong_password_is_said_without_showing_it(tmp_path: Path, neo4j: Connection) -> None:
    with pytest.raises(GraphUnavailable, match="refused the user name or password") as caught:
        connect(external(tmp_path, neo4j.uri, "not-the-password"), start=False)
    assert "not-the-password" not in str(caught.value)


def test_a_password_is_needed(tmp_path: Path) -> None:
    with pytest.raises(GraphUnavailable, match="GRAPHSVC_NEO4J_PASSWORD"):
        connect(external(tmp_path, "bolt://127.0.0.1:7687", None), start=False)


def test_nothing_listens_there(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(GraphUnavailable, match="does not answer"):
            connect(external(tmp_path, f"bolt://127.0.0.1:{closed.getsockname()[1]}", "any"), start=False)


@pytest.mark.parametrize("uri", ["http://127.0.0.1:7474", "somewhere"])
def test_an_address_that_is_none(tmp_path: Path, uri: str) -> None:
    with pytest.raises(GraphUnavailable, match="not an address of a Neo4j"):
        connect(external(tmp_path, uri, "any"), start=False)
