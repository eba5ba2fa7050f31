"""Every shipped query on the real server, with data in it; parameters are checked before the server sees them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from neo4j import Driver
from neo4j.exceptions import Neo4jError

from graphsvc.clusters.results import ResultsReader
from graphsvc.errors import BadInput, NotFound, Unavailable
from graphsvc.graph import queries
from graphsvc.graph.store import GraphStore
from tests.graph.known import BAN_MS, HOUR_MS, known_ledger, known_results

pytestmark = pytest.mark.xdist_group("neo4j")

NEEDED: Mapping[str, Mapping[str, object]] = {
    "account-neighbours": {"account_id": "ring0"},
    "bridges": {},
    "cluster-identifiers": {"cluster_id": "c-ring"},
    "cluster-members": {"cluster_id": "c-ring"},
    "cluster-peers": {"cluster_id": "c-ring"},
    "hubs": {"min_degree": 20},
    "near-abusive": {"min_bits": 1},
    "new-members": {"cluster_id": "c-ring", "hours": 1000},
    "path": {"from_id": "ring0", "to_id": "ring3"},
    "shared-instruments": {},
    "successors": {"min_bits": 1},
    "suspicious-clusters": {},
}


@pytest.fixture
def known(store: GraphStore, tmp_path: Path) -> GraphStore:
    """A ring on one device and card with a banned member and its successor, a campus on one address, two strangers."""
    ledger = known_ledger(tmp_path / "ledger.sqlite")
    store.project(ledger)
    ledger.close()
    store.write_results(ResultsReader(known_results(tmp_path / "results.sqlite")))
    return store


def test_the_library_has_the_queries_that_are_tested_here() -> None:
    assert set(queries.library()) == set(NEEDED)
    assert all(query.description for query in queries.library().values())
    assert all(parameter.text for query in queries.library().values() for parameter in query.parameters)


def test_every_query_finds_something_and_respects_its_limit(known: GraphStore) -> None:
    for name, params in NEEDED.items():
        answer = known.query(name, params)
        assert answer.rows, name
        assert not answer.truncated, name
        first = known.query(name, params, limit=1)
        assert first.rows == answer.rows[:1], name
        assert first.truncated == (len(answer.rows) > 1), name


def test_what_the_queries_say_of_a_known_world(known: GraphStore) -> None:
    assert known.query("suspicious-clusters").records()[0]["cluster_id"] == "c-ring"
    neighbours = {row["account_id"] for row in known.neighbours("ring0").records()}
    assert {"ring1", "ring2", "ring3", "heir"} <= neighbours
    assert not any(one.startswith("campus") for one in neighbours)
    bridge = known.query("bridges").records()[0]
    assert (bridge["type"], bridge["id"], bridge["touched"]) == ("Ip", "shared-exit", 2)
    near = known.query("near-abusive", {"min_bits": 1}).records()
    assert near[0]["account_id"] in {"ring0", "ring1", "heir"}
    assert not any(row["account_id"].startswith("campus") for row in near)
    hub = known.query("hubs", {"min_degree": 20}).records()[0]
    assert (hub["type"], hub["id"], hub["degree"]) == ("Ip", "campus", 30)
    heirs = known.query("successors", {"min_bits": 1}).records()
    assert [(row["account_id"], row["successor_of"], row["banned_at"]) for row in heirs] == [
        ("heir", ["ring3"], BAN_MS)
    ]
    cards = known.query("shared-instruments").records()
    assert [(row["instrument_id"], row["accounts"]) for row in cards] == [("card", 4)]
    newest = known.query(
        "new-members", {"cluster_id": "c-ring", "hours": 1, "until_ms": BAN_MS + 2 * HOUR_MS}
    ).records()
    assert [row["account_id"] for row in newest] == ["heir"]


def test_a_path_leads_through_what_is_shared_but_not_through_hubs(known: GraphStore) -> None:
    steps = known.query("path", {"from_id": "ring0", "to_id": "other1"}).records()
    assert [step["to_id"] for step in steps][-1] == "other1"
    assert ("Ip", "shared-exit") in {(step["to_type"], step["to_id"]) for step in steps}
    assert not known.query("path", {"from_id": "campus1", "to_id": "campus2", "max_degree": 20}).rows
    assert len(known.query("path", {"from_id": "campus1", "to_id": "campus2", "max_degree": 30}).rows) == 2


def test_a_cluster_as_a_picture(known: GraphStore) -> None:
    whole = known.cluster_graph("c-ring")
    assert not whole.truncated
    assert {node.id for node in whole.nodes if node.type == "account"} == {"ring0", "ring1", "ring2", "ring3", "heir"}
    assert {(node.type, node.id) for node in whole.nodes if node.type != "account"} >= {
        ("device", "laptop"),
        ("instrument", "card"),
        ("wallet", "w"),
    }
    keys = {node.key for node in whole.nodes}
    assert all(edge.source in keys and edge.target in keys for edge in whole.edges)
    assert any(edge.type == "paid" for edge in whole.edges)
    few = known.cluster_graph("c-ring", max_nodes=4)
    assert few.truncated
    assert 2 <= len(few.nodes) <= 4
    assert not known.cluster_graph("none").nodes


def test_clusters_that_are_no_more_leave_the_graph(known: GraphStore, client: Driver, tmp_path: Path) -> None:
    later = known_results(tmp_path / "later.sqlite", clusters={"c-ring": ["ring0", "ring1", "other1"]}, created_ms=2)
    known.write_results(ResultsReader(later))
    with client.session() as session:
        rows = session.run("MATCH (c:Cluster)<-[:MEMBER_OF]-(a) RETURN c.id, a.id ORDER BY a.id").values()
        clusters = session.run("MATCH (c:Cluster) RETURN c.id").values()
        stale = session.run("MATCH (a:Account {id: 'ring2'}) RETURN a.cluster_id").values()
    assert rows == [["c-ring", "other1"], ["c-ring", "ring0"], ["c-ring", "ring1"]]
    assert clusters == [["c-ring"]]
    assert stale == [[None]]
    assert known.shown_run() == 2


def test_a_query_that_writes_is_refused_by_the_server(known: GraphStore) -> None:
    writing = queries.parse("writing", "// Writes.\nMATCH (a:Account) SET a.status = 'x' RETURN a LIMIT $limit")
    with pytest.raises(Neo4jError, match=r"[Ww]rit"):
        known.ask(writing, {})


def test_a_query_that_takes_too_long_is_stopped(known: GraphStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "TIMEOUT_S", 0.2)
    slow = queries.parse(
        "slow", "// Slow.\nUNWIND range(1, 100000) AS a UNWIND range(1, 100000) AS b RETURN max(a * b) LIMIT $limit"
    )
    with pytest.raises(Unavailable, match="took longer"):
        known.ask(slow, {})


QUERY = queries.parse(
    "example",
    "// An example,\n// in two lines.\n//\n// @param cluster: string - a cluster\n// @param hours: int = 24 - how far\n"
    "// @param least: float? - at least\nRETURN 1 LIMIT $limit",
)


def test_the_header_of_a_file_becomes_description_and_parameters() -> None:
    assert QUERY.description == "An example, in two lines."
    assert [(p.name, p.type, p.required, p.default) for p in QUERY.parameters] == [
        ("cluster", "string", True, None),
        ("hours", "int", False, 24),
        ("least", "float", False, None),
    ]


def test_texts_become_typed_values() -> None:
    bound = queries.bind(QUERY, {"cluster": "7", "hours": "48", "least": "0.5"}, 10)
    assert bound == {"cluster": "7", "hours": 48, "least": 0.5, "limit": 11}
    assert queries.bind(QUERY, {"cluster": "c"}, 10) == {"cluster": "c", "hours": 24, "least": None, "limit": 11}
    assert queries.bind(QUERY, {"cluster": "c", "least": 2, "hours": 3.0}, 1)["least"] == 2


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "needs cluster"),
        ({"cluster": "c", "hour": 3}, "no parameter 'hour'"),
        ({"cluster": "c", "hours": "soon"}, "hours has to be a whole number"),
        ({"cluster": "c", "hours": 1.5}, "hours has to be a whole number"),
        ({"cluster": "c", "hours": True}, "hours has to be a whole number"),
        ({"cluster": "c", "hours": 2**63}, "hours has to be a whole number"),
        ({"cluster": "c", "least": "nan"}, "least has to be a number"),
        ({"cluster": 7}, "cluster has to be a text"),
        ({"cluster": None}, "cluster has to be a text"),
        ({"cluster": "c", "hours": ["1"]}, "hours has to be a whole number"),
    ],
)
def test_wrong_parameters_are_named(given: dict[str, object], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        queries.bind(QUERY, given, 10)


@pytest.mark.parametrize("limit", [0, -1, 10_001])
def test_the_limit_has_bounds(limit: int) -> None:
    with pytest.raises(BadInput, match="limit"):
        queries.bind(QUERY, {"cluster": "c"}, limit)


def test_an_unknown_query_is_answered_with_the_names() -> None:
    with pytest.raises(NotFound, match="suspicious-clusters"):
        queries.find("no-such")


@pytest.mark.parametrize(
    "text",
    ["// No limit.\nRETURN 1", "// Bad.\n// @param x - no type\nRETURN 1 LIMIT $limit"],
    ids=["limit", "parameter"],
)
def test_a_file_that_is_not_written_as_it_should_be_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        queries.parse("bad", text)
