"""Neo4j is killed in the middle of a projection: nothing is lost and nothing counted twice."""

from __future__ import annotations

import os
import signal
from contextlib import closing
from pathlib import Path

import pytest

from graphsvc.errors import GraphUnavailable
from graphsvc.graph import embedded
from graphsvc.graph.connection import driver
from graphsvc.graph.store import GraphStore
from graphsvc.ledger import open_ledger
from tests.graph.server import small_settings
from tests.graph.world import append, dump

pytestmark = pytest.mark.xdist_group("neo4j-killed")


def test_a_projection_goes_on_after_the_server_was_killed(tmp_path: Path) -> None:
    settings = small_settings(tmp_path)
    batches = 0

    def kill_at_the_fourth(links: int) -> None:
        nonlocal batches
        batches += 1
        if batches == 4:
            pid = embedded.status(settings).pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)

    try:
        with closing(open_ledger(settings)) as ledger:
            append(ledger, accounts=60, events=400, seed=1)
            with driver(embedded.ensure_running(settings)) as client:
                GraphStore(client).apply_schema()
                with pytest.raises(GraphUnavailable, match="catches up"):
                    GraphStore(client).project(ledger, 40, kill_at_the_fourth)
            with driver(embedded.ensure_running(settings)) as client, client.session() as session:
                store = GraphStore(client)
                assert 160 <= store.watermark().offset < ledger.offset()
                store.project(ledger, 40)
                store.refresh_weights()
                recovered = dump(session)
                store.clear()
                store.project(ledger)
                store.refresh_weights()
                assert dump(session) == recovered
    finally:
        embedded.stop(settings)
