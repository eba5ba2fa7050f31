"""`train --suggest`: clusters of the published detection to review, in words, none that people decided."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from graphsvc.cli import app
from graphsvc.clusters.results import ResultsReader
from graphsvc.config import Settings, load_settings
from graphsvc.errors import NotFound
from graphsvc.jobs.detect import detect
from graphsvc.jobs.ingest import ingest_events, ingest_labels
from graphsvc.jobs.suggest import suggest
from tests.known_world import START, known_world


def quiet(step: str, share: float) -> None:
    """Says nothing."""


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("suggest")
    settings = load_settings(data=folder / "data", neo4j_uri="off", token_key="ab" * 32)
    ingest_events(settings, known_world().write(folder / "events.ndjson"))
    detect(settings, None, quiet)
    return settings


def test_suggestions_are_clusters_that_the_service_shows(deployment: Settings) -> None:
    before = deployment.places.results.read_bytes()
    found = suggest(deployment, 50, quiet)
    reader = ResultsReader(deployment.places.results)
    shown = {row.id: row for row in reader.clusters(limit=1000).items}
    assert found
    assert len({one.cluster_id for one in found}) == len(found)
    for one in found:
        row = shown[one.cluster_id]
        assert one.size == row.size
        assert one.probability == pytest.approx(row.probability)
        assert 0 <= one.low <= one.high <= 1
        assert f"A verdict settles {one.size} accounts." in one.why
    campaigns = [shown[one.cluster_id].campaign_id for one in found if shown[one.cluster_id].campaign_id]
    assert len(campaigns) == len(set(campaigns))
    assert suggest(deployment, 1, quiet) == found[:1]
    assert deployment.places.results.read_bytes() == before


def test_a_cluster_that_was_labelled_since_is_left_out(deployment: Settings, tmp_path: Path) -> None:
    first, *others = suggest(deployment, 50, quiet)
    members = ResultsReader(deployment.places.results).members(first.cluster_id)
    decided = (START + timedelta(days=40)).isoformat()
    label = {"verdict": "benign", "kind": "shared_network", "source": "review", "decided_at": decided}
    rows = [label | {"account_id": one.account_id} for one in members]
    (tmp_path / "labels.ndjson").write_text("".join(json.dumps(row) + "\n" for row in rows))
    ingest_labels(deployment, str(tmp_path / "labels.ndjson"))
    left = [one.cluster_id for one in suggest(deployment, 50, quiet)]
    assert first.cluster_id not in left
    assert {one.cluster_id for one in others} <= set(left)


def test_the_command_prints_a_table_or_json(deployment: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("DATA", str(deployment.data)), ("NEO4J_URI", "off"), ("TOKEN_KEY", "ab" * 32)):
        monkeypatch.setenv(f"GRAPHSVC_{name}", value)
    runner = CliRunner()
    table = runner.invoke(app, ["train", "--suggest", "2"]).stdout.splitlines()
    assert table[0].split() == ["cluster", "accounts", "abusive", "parts", "say", "why"]
    facts = json.loads(runner.invoke(app, ["train", "--suggest", "2", "--json"]).stdout)
    assert [row.split()[0] for row in table[1:]] == [fact["cluster_id"] for fact in facts]
    assert set(facts[0]) == {"cluster_id", "size", "probability", "low", "high", "why"}
    assert runner.invoke(app, ["train", "--json"]).exit_code != 0
    drift = runner.invoke(app, ["model", "show", "--drift"]).stdout
    assert "Against training: " in drift
    assert "this model keeps no reference" not in drift
    assert set(json.loads(runner.invoke(app, ["model", "show", "--drift", "--json"]).stdout)) >= {"training", "earlier"}


def test_without_a_detection_there_is_nothing_to_suggest(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="No detection"):
        suggest(load_settings(data=tmp_path, neo4j_uri="off", token_key="ab" * 32), 5, quiet)
