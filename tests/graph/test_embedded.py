"""The embedded server is a real Neo4j: one for all processes, safe against kills, wrong files and a missing network."""

from __future__ import annotations

from graphsvc.graph.connection import Connection, driver


def test_it_answers_as_neo4j_5_26_community(neo4j: Connection) -> None:
    with driver(neo4j) as client:
        row = client.execute_query("CALL dbms.components() YIELD versions, edition").records[0]
    assert row["versions"] == ["5.26.30"]
    assert row["edition"] == "community"
