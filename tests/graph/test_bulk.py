"""A rebuild by the bulk importer ends in the graph that projection ends in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from neo4j import Driver
from pydantic import SecretStr

from graphsvc.config import Settings
from graphsvc.events.record import Identifier, PeerLink, Record
from graphsvc.graph import embedded
from graphsvc.graph.bulk import rebuild
from graphsvc.graph.connection import Connection, driver
from graphsvc.graph.store import GraphStore
from graphsvc.ledger import open_ledger
from graphsvc.ledger.base import Draft
from tests.graph.server import small_settings
from tests.graph.world import START_MS, append, dump

pytestmark = pytest.mark.xdist_group("neo4j-bulk")

AWKWARD = (
    'say "hi"',
    "comma, semicolon; tab\t",
    "line\nbreak\r\n",
    " spaces ",
    "back\\slash",
    "it's",
    "漢字🙂",
    "null",
)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A deployment with a server of its own, since a rebuild stops the server."""
    settings = small_settings(tmp_path_factory.mktemp("deployment"))
    yield settings
    embedded.stop(settings)


def projected(client: Driver, settings: Settings) -> dict[str, object]:
    store = GraphStore(client)
    store.clear()
    store.apply_schema()
    ledger = open_ledger(settings)
    store.project(ledger, batch=100)
    ledger.close()
    store.refresh_weights()
    with client.session() as session:
        return dump(session)


def test_a_rebuild_is_equal_to_projection_and_goes_on_from_there(own: Settings) -> None:
    ledger = open_ledger(own)
    append(ledger, accounts=60, events=400, seed=1)
    rebuilt = rebuild(own)
    assert rebuilt.offset == ledger.offset()
    with driver(embedded.ensure_running(own)) as client:
        store = GraphStore(client)
        assert store.watermark().offset == ledger.offset()
        with client.session() as session:
            imported = dump(session)
            constraints = session.run("SHOW CONSTRAINTS").data()
        assert len(constraints) > 15
        assert store.project(ledger) == 0
        append(ledger, accounts=80, events=100, seed=2)
        store.project(ledger)
        store.refresh_weights()
        with client.session() as session:
            gone_on = dump(session)
        assert projected(client, own) == gone_on
        assert imported["links"]
        assert gone_on != imported
    assert rebuild(own).offset == ledger.offset()
    with driver(embedded.ensure_running(own)) as client, client.session() as session:
        assert dump(session) == gone_on
    ledger.close()


def test_awkward_account_ids_survive_the_importer(own: Settings) -> None:
    ledger = open_ledger(own)
    peers = (PeerLink(AWKWARD[0], "met"),)
    records = (
        Record(f"awkward{n}", "login", one, START_MS, START_MS, (Identifier("bin", one),), peers)
        for n, one in enumerate(AWKWARD)
    )
    ledger.append([Draft(record, bytes(16)) for record in records])
    ledger.close()
    rebuild(own)
    with driver(embedded.ensure_running(own)) as client:
        with client.session() as session:
            imported = dump(session)
            ids = session.run("MATCH (a:Account) WHERE a.id IN $ids RETURN count(a)", ids=list(AWKWARD)).single()
        assert ids is not None
        assert ids[0] == len(AWKWARD)
        assert projected(client, own) == imported


def test_an_empty_ledger_rebuilds_to_an_empty_graph(tmp_path: Path) -> None:
    settings = small_settings(tmp_path)
    try:
        assert rebuild(settings).offset == 0
        with driver(embedded.ensure_running(settings)) as client, client.session() as session:
            assert session.run("MATCH (n) RETURN labels(n)[0] AS label").values() == [["Projection"]]
    finally:
        embedded.stop(settings)


def test_another_server_is_emptied_and_projected_anew(
    store: GraphStore, client: Driver, neo4j: Connection, tmp_path: Path
) -> None:
    settings = small_settings(tmp_path).model_copy(
        update={"neo4j_uri": neo4j.uri, "neo4j_password": SecretStr(neo4j.password)}
    )
    ledger = open_ledger(settings)
    append(ledger, accounts=20, events=60, seed=3)
    with client.session() as session:
        session.run("CREATE (:Account {id: 'left over'})").consume()
    assert rebuild(settings).offset == ledger.offset()
    with client.session() as session:
        found = dump(session)
    ledger.close()
    assert found == projected(client, settings)
