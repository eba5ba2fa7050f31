"""Schema, detection results and prompt families in the graph, and a database that is not there."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from neo4j import Driver

from graphsvc.clusters.results import ResultsReader
from graphsvc.errors import GraphUnavailable
from graphsvc.graph.connection import Connection, driver
from graphsvc.graph.model import ALL_KINDS
from graphsvc.graph.store import GraphStore, schema_statements
from graphsvc.ledger.sqlite import SqliteLedger
from graphsvc.links.view import LinkView
from tests.graph.known import known_ledger, known_results
from tests.graph.world import START_MS, dump

pytestmark = pytest.mark.xdist_group("neo4j")


def test_every_node_that_is_looked_up_has_a_uniqueness_constraint(store: GraphStore, client: Driver) -> None:
    store.apply_schema()
    with client.session() as session:
        rows = session.run("SHOW CONSTRAINTS YIELD labelsOrTypes, properties").values()
    keys = {labels[0]: tuple(properties) for labels, properties in rows}
    assert {kind.label: kind.key for kind in ALL_KINDS}.items() <= keys.items()
    assert {"Account", "Cluster", "Projection"} <= keys.keys()
    assert all("IF NOT EXISTS" in statement for statement in schema_statements())


def test_results_written_twice_are_there_once(store: GraphStore, client: Driver, tmp_path: Path) -> None:
    ledger = known_ledger(tmp_path / "ledger.sqlite")
    store.project(ledger)
    ledger.close()
    assert store.shown_run() is None
    reader = ResultsReader(known_results(tmp_path / "results.sqlite"))
    store.write_results(reader)
    with client.session() as session:
        before = dump(session)
        store.write_results(reader)
        assert dump(session) == before
        members = session.run("MATCH (a:Account)-[:MEMBER_OF]->(c) RETURN c.id, count(a) ORDER BY c.id").values()
        facts = session.run("MATCH (c:Cluster {id: 'c-ring'}) RETURN c.kind, c.status, c.probability").values()
        campus = session.run("MATCH (a:Account {id: 'campus0'}) RETURN a.probability, a.cluster_id").values()
    assert members == [["c-other", 2], ["c-ring", 5]]
    assert facts == [["resale_relay", "open", 0.9]]
    assert campus == [[0.1, None]]
    assert store.shown_run() == 1


def test_prompt_families_come_change_and_go(store: GraphStore, client: Driver, tmp_path: Path) -> None:
    ledger = known_ledger(tmp_path / "ledger.sqlite")
    store.project(ledger)
    ledger.close()
    read = "MATCH (a)-[r:ASKS]->(f:PromptFamily) RETURN a.id, f.id, f.degree, r.count ORDER BY a.id, f.id"
    with client.session() as session:
        store.project_families(view_of({"f1": ["ring0", "ring1", "ring2"], "f2": ["ring0", "ring1"]}))
        first = session.run(read).values()
        store.project_families(view_of({"f1": ["ring1", "ring2"], "f3": ["ring0", "heir"]}))
        second = session.run(read).values()
        families = session.run("MATCH (f:PromptFamily) RETURN f.id ORDER BY f.id").values()
    assert first == [
        ["ring0", "f1", 3, 2],
        ["ring0", "f2", 2, 2],
        ["ring1", "f1", 3, 2],
        ["ring1", "f2", 2, 2],
        ["ring2", "f1", 3, 2],
    ]
    assert second == [["heir", "f3", 2, 2], ["ring0", "f3", 2, 2], ["ring1", "f1", 2, 2], ["ring2", "f1", 2, 2]]
    assert families == [["f1"], ["f3"]]


def view_of(families: dict[str, list[str]]) -> LinkView:
    """Link tables that hold these prompt families and an address, which is no family."""
    accounts = sorted({account for members in families.values() for account in members})
    named = [("ip", "x", accounts), *(("prompt_family", name, members) for name, members in sorted(families.items()))]
    links = [(accounts.index(one), row) for row, (_, _, members) in enumerate(named) for one in members]
    times = {"first_ms": [START_MS] * len(links), "last_ms": [START_MS + 1] * len(links), "count": [2] * len(links)}
    return LinkView(
        as_of_ms=START_MS,
        accounts=pa.table({"account_id": accounts}),
        identifiers=pa.table(
            {
                "type": [kind for kind, _, _ in named],
                "id": [name for _, name, _ in named],
                "degree": pa.array([len(members) for _, _, members in named], pa.int32()),
            }
        ),
        links=pa.table({"account": [one for one, _ in links], "identifier": [row for _, row in links], **times}),
        peers=pa.table({}),
    )


def test_a_database_that_is_not_there_is_said_in_plain_words(tmp_path: Path) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        nowhere = Connection(f"bolt://127.0.0.1:{reserved.getsockname()[1]}", "neo4j", "none")
        ledger = SqliteLedger(tmp_path / "ledger.sqlite")
        with driver(nowhere) as client, pytest.raises(GraphUnavailable, match="catches up when"):
            GraphStore(client).project(ledger)
        ledger.close()


def test_a_wrong_password_is_said_in_plain_words(neo4j: Connection) -> None:
    with (
        driver(replace(neo4j, password="wrong")) as client,
        pytest.raises(GraphUnavailable, match="refused the user name or password"),
    ):
        GraphStore(client).watermark()
