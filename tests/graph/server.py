"""One real embedded Neo4j for a whole test run, shared by all its pytest-xdist workers.

Any test folder imports what it needs into its conftest: `from tests.graph.server import clean_neo4j, neo4j`.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from graphsvc.config import Settings, load_settings
from graphsvc.graph import embedded
from graphsvc.graph.connection import Connection, driver

# Half the processor time of a start; the code that long-lived servers profit from is not compiled in tests.
os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1")


def small_settings(data: Path) -> Settings:
    """Settings of a small embedded server in `data`; the fetched jars come from the cache of the environment."""
    return load_settings(data=data, neo4j_uri=None, neo4j_heap="512m", neo4j_pagecache="64m")


@pytest.fixture(scope="session")
def neo4j_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings whose embedded server runs from the first test that asks for it to the end of the last worker.

    Each user holds a shared lock that the kernel frees, however the user ends; who gets it alone was the last.
    """
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "neo4j-shared"
    shared.mkdir(exist_ok=True)
    settings = small_settings(shared)
    with (shared / "users.lock").open("a") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        embedded.ensure_running(settings)
        try:
            yield settings
        finally:
            if _is_last(users.fileno()):
                embedded.stop(settings)


@pytest.fixture(scope="session")
def neo4j(neo4j_settings: Settings) -> Connection:
    """The shared server. Workers use it at the same time: own ids, or `clean_neo4j` for an empty one."""
    return embedded.ensure_running(neo4j_settings)


@pytest.fixture
def clean_neo4j(neo4j: Connection, neo4j_settings: Settings) -> Iterator[Connection]:
    """The shared server, emptied (rows, constraints, indexes) and held alone among the workers for one test."""
    with (neo4j_settings.places.root / "alone.lock").open("a") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        wipe(neo4j)
        yield neo4j


def wipe(connection: Connection) -> None:
    """Removes every node, relationship, constraint and index."""
    with driver(connection) as client, client.session() as session:
        session.run("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS").consume()
        for row in session.run("SHOW CONSTRAINTS YIELD name").data():
            session.run(f"DROP CONSTRAINT `{row['name']}` IF EXISTS").consume()
        for row in session.run("SHOW INDEXES YIELD name, type WHERE type <> 'LOOKUP'").data():
            session.run(f"DROP INDEX `{row['name']}` IF EXISTS").consume()


def _is_last(users: int) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
