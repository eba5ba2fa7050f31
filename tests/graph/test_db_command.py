"""`graphsvc db` on a real server of its own."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from graphsvc.cli.db import app
from graphsvc.config import Settings
from graphsvc.errors import BadUsage
from graphsvc.graph import embedded
from tests.graph.server import small_settings


def db(settings: Settings, *args: str, typed: str = "") -> Result:
    environment = {
        "GRAPHSVC_DATA": str(settings.data),
        "GRAPHSVC_NEO4J_HEAP": settings.neo4j_heap,
        "GRAPHSVC_NEO4J_PAGECACHE": settings.neo4j_pagecache,
        "COLUMNS": "100",
    }
    return CliRunner().invoke(app, args, input=typed, env=environment)


def said(settings: Settings, *args: str, typed: str = "") -> str:
    result = db(settings, *args, typed=typed)
    assert result.exit_code == 0, result.exception
    return result.stdout


def test_status_gives_plain_facts(neo4j_settings: Settings) -> None:
    facts = json.loads(said(neo4j_settings, "status", "--json"))
    assert facts["kind"] == "embedded"
    assert facts["running"] is facts["answers"] is facts["fetched"] is True
    assert facts["uri"].startswith("bolt://127.0.0.1:")
    assert "running      yes" in said(neo4j_settings, "status")


def test_status_of_a_server_that_was_never_started(tmp_path: Path) -> None:
    facts = json.loads(said(small_settings(tmp_path), "status", "--json"))
    assert facts["running"] is facts["answers"] is False
    assert "graphsvc db start" in facts["reason"]


def test_the_shell_takes_parameters_and_reads_only(neo4j_settings: Settings) -> None:
    statement = "UNWIND $ids AS id RETURN id, $name AS name"
    shown = said(neo4j_settings, "shell", statement, "--param", "ids=[1,2]", "--param", "name=x=y", "--json")
    assert [json.loads(line) for line in shown.splitlines()] == [{"id": 1, "name": "x=y"}, {"id": 2, "name": "x=y"}]
    refused = db(neo4j_settings, "shell", "CREATE (:Never)")
    assert isinstance(refused.exception, BadUsage)
    assert "read access mode" in str(refused.exception)


def test_the_shell_asks_for_statements_and_survives_a_wrong_one(neo4j_settings: Settings) -> None:
    result = db(neo4j_settings, "shell", typed="RETURN 40 + 2 AS answer;\nnonsense\nRETURN 7 AS again\n")
    assert result.exit_code == 0
    assert "42" in result.stdout
    assert "again" in result.stdout
    assert "Neo4j refused the statement" in result.stderr


def test_commands_for_the_embedded_server_refuse_another_one(
    neo4j_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAPHSVC_NEO4J_URI", "bolt://127.0.0.1:7687")
    assert isinstance(db(neo4j_settings, "stop").exception, BadUsage)


def test_a_backup_brings_the_database_back(tmp_path: Path) -> None:
    settings = small_settings(tmp_path / "data")
    file = tmp_path / "graph.dump"
    try:
        said(settings, "start")
        before = embedded.running_connection(settings)
        said(settings, "shell", "UNWIND range(1, 50) AS i CREATE (:Saved {i: i})", "--write")
        said(settings, "backup", str(file))
        assert stat.S_ISREG(file.stat().st_mode)
        said(settings, "shell", "MATCH (n) DETACH DELETE n", "--write")
        said(settings, "restore", str(file))
        assert '{"n": 50}' in said(settings, "shell", "MATCH (n:Saved) RETURN count(n) AS n", "--json")
        assert embedded.running_connection(settings) == before
        assert "stopped" in said(settings, "stop")
        assert "was not running" in said(settings, "stop")
    finally:
        embedded.stop(settings)
    assert list(tmp_path.glob(".dump-*")) == []


def test_a_backup_that_is_not_there_and_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    settings = small_settings(tmp_path / "data")
    assert isinstance(db(settings, "restore", str(tmp_path / "none")).exception, BadUsage)
    assert isinstance(db(settings, "backup", str(tmp_path / "no" / "folder.dump")).exception, BadUsage)
