"""The shared server with the schema of graphsvc and nothing in it, held alone for one test."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator

import neo4j as neo4j_driver
import pytest

from graphsvc.config import Settings
from graphsvc.graph import model
from graphsvc.graph.connection import Connection, driver
from graphsvc.graph.store import GraphStore


@pytest.fixture(scope="session")
def client(neo4j: Connection) -> Iterator[neo4j_driver.Driver]:
    """A driver for the shared server."""
    with driver(neo4j) as client:
        yield client


@pytest.fixture
def store(client: neo4j_driver.Driver, neo4j_settings: Settings) -> Iterator[GraphStore]:
    """A store on an emptied database. Unlike `clean_neo4j` it keeps the schema, whose making takes seconds."""
    with (neo4j_settings.places.root / "alone.lock").open("a") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        store = GraphStore(client)
        store.apply_schema()
        with client.session() as session:
            session.run(model.CLEAR).consume()
            session.run(model.END_CLEAR).consume()
            session.run(model.ENSURE_STATE).consume()
        yield store
