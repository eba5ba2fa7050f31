"""`graphsvc query` as a person calls it."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from graphsvc.clusters.results import ResultsReader
from graphsvc.graph.connection import Connection
from graphsvc.graph.store import GraphStore
from tests.graph.emptied import client, store
from tests.graph.known import known_ledger, known_results
from tests.graph.server import neo4j, neo4j_settings

__all__ = ["client", "neo4j", "neo4j_settings", "store"]
pytestmark = pytest.mark.xdist_group("neo4j")


def run(*args: str, connection: Connection | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "GRAPHSVC_NEO4J_URI": "off", "COLUMNS": "200"}
    if connection is not None:
        environment |= {"GRAPHSVC_NEO4J_URI": connection.uri, "GRAPHSVC_NEO4J_PASSWORD": connection.password}
    command = [sys.executable, "-m", "graphsvc", "query", *args]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def test_a_query_answers_as_table_json_and_csv(store: GraphStore, neo4j: Connection, tmp_path: Path) -> None:
    ledger = known_ledger(tmp_path / "ledger.sqlite")
    store.project(ledger)
    ledger.close()
    store.write_results(ResultsReader(known_results(tmp_path / "results.sqlite")))
    ask = ("account-neighbours", "--param", "account_id=ring0", "--limit", "2")
    lines = run(*ask, "--json", connection=neo4j)
    assert lines.returncode == 0, lines.stderr
    found = [json.loads(line) for line in lines.stdout.splitlines()]
    assert len(found) == 2
    assert "Only the first 2 rows" in lines.stderr
    rows = list(csv.DictReader(io.StringIO(run(*ask, "--csv", connection=neo4j).stdout)))
    assert [row["account_id"] for row in rows] == [one["account_id"] for one in found]
    table = run("suspicious-clusters", connection=neo4j)
    assert "c-ring" in table.stdout
    assert "2025-06-15" in table.stdout
    nothing = run("suspicious-clusters", "--param", "min_size=1000", connection=neo4j)
    assert (nothing.returncode, nothing.stdout) == (0, "")
    assert "Nothing found" in nothing.stderr


def test_without_a_name_the_queries_are_listed() -> None:
    listed = run()
    assert listed.returncode == 0
    assert "suspicious-clusters" in listed.stdout
    assert "min_bits (float, default 8.0)" in listed.stdout


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["no-such"], 2, "There is no such query"),
        (["path"], 2, "needs from_id, to_id"),
        (["hubs", "--param", "min_degree"], 2, "NAME=VALUE"),
        (["hubs", "--param", "min_degree=x"], 2, "whole number"),
        (["hubs", "--limit", "0"], 2, "limit"),
        (["hubs", "--json", "--csv"], 2, "exclude each other"),
        (["hubs"], 1, "switched off"),
    ],
)
def test_wrong_use_is_said_plainly(args: list[str], code: int, words: str) -> None:
    done = run(*args)
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr
