"""Neo4j killed with -9 in the middle of writes: events go on, and the graph catches up by itself, exactly."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from graphsvc.config import Settings
from graphsvc.graph import embedded
from graphsvc.graph.connection import driver
from graphsvc.graph.store import GraphStore
from graphsvc.jobs.ingest import ingest_events
from graphsvc.ledger import open_ledger
from graphsvc.links.tables import FORMAT
from tests.graph.server import small_settings
from tests.known_world import World, known_world

WITHIN_S = 240
COUNTS = {
    "accounts": "MATCH (a:Account) RETURN count(a) AS n",
    "links": "MATCH (:Account)-[r]->(i) WHERE NOT i:Cluster AND NOT i:Account AND NOT i:PromptFamily RETURN count(r) AS n",
    "seen": "MATCH (:Account)-[r]->(i) WHERE NOT i:Cluster AND NOT i:Account AND NOT i:PromptFamily RETURN sum(r.count) AS n",
}


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Settings]:
    settings = small_settings(tmp_path / "data")
    yield settings
    embedded.stop(settings)


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.2)
    raise AssertionError(f"{what} did not happen in {WITHIN_S} s")


def counts(settings: Settings) -> dict[str, int]:
    with driver(embedded.running_connection(settings)) as client:
        return {name: client.execute_query(query).records[0]["n"] for name, query in COUNTS.items()}


def watermark(settings: Settings) -> int:
    with driver(embedded.running_connection(settings)) as client:
        return GraphStore(client).watermark().offset


def expected(settings: Settings) -> dict[str, int]:
    """The same counts from the ledger, in plain Python."""
    with closing(open_ledger(settings)) as ledger:
        records = [stored.record for batch in ledger.scan() for stored in batch]
    seen = [(record.account_id, identifier) for record in records for identifier in record.identifiers]
    return {"accounts": len({record.account_id for record in records}), "links": len(set(seen)), "seen": len(seen)}


@pytest.mark.xdist_group("outage")
def test_events_go_on_and_the_graph_catches_up(deployment: Settings, tmp_path: Path) -> None:
    world = known_world()
    half = len(world.events) // 2
    ingest_events(deployment, World(world.events[:half]).write(tmp_path / "first.ndjson"))
    embedded.start(deployment)
    environment = {**os.environ, "GRAPHSVC_DATA": str(deployment.places.root), "GRAPHSVC_DETECT_EVERY_S": "3600"}
    environment.pop("GRAPHSVC_NEO4J_URI", None)
    worker = subprocess.Popen([sys.executable, "-m", "graphsvc", "worker"], env=environment)
    try:
        pid = embedded.status(deployment).pid
        assert pid is not None
        wait_for(lambda: (deployment.places.links / FORMAT).exists(), "the worker's first round")
        os.kill(pid, signal.SIGKILL)
        done = ingest_events(deployment, World(world.events[half:]).write(tmp_path / "second.ndjson"))
        assert done.accepted == len(world.events) - half
        assert worker.poll() is None
        embedded.start(deployment)
        wait_for(lambda: watermark(deployment) == len(world.events), "the catching up")
        assert counts(deployment) == expected(deployment)
        assert worker.poll() is None
    finally:
        worker.terminate()
        assert worker.wait(60) == 0
