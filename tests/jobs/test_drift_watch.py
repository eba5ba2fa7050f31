"""Each published detection is held against what its model learnt from, and against an earlier one."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from gnn.drift import ACCOUNT_SCORE, CLUSTER_SCORE, profile, to_json, watched
from gnn.features import FEATURES
from gnn.predict import predict
from gnn.registry import SHIPPED, load
from graphsvc.cli.detect import moment
from graphsvc.config import Settings, load_settings
from graphsvc.errors import NotFound
from graphsvc.jobs import drift, drift_metrics, models
from graphsvc.jobs.detect import Detection, detect
from graphsvc.jobs.ingest import ingest_events
from graphsvc.jobs.observe import observe, sync_tables
from graphsvc.ledger import open_ledger
from graphsvc.links.tables import LinkTables
from tests.known_world import START, known_world


def quiet(step: str, share: float) -> None:
    """Says nothing."""


def at(day: int) -> int:
    found = moment((START + timedelta(days=day)).isoformat())
    assert found is not None
    return found


def reference(settings: Settings, day: int) -> dict[str, Any]:
    """The spreads of the known world at a day, as if training had seen it."""
    found: dict[str, Any] = {}
    ledger, tables = open_ledger(settings), LinkTables(settings.places.create().links)
    sync_tables(tables, ledger, quiet)
    network = observe(tables, ledger, at(day), quiet).network
    ledger.close()
    said = predict(load(SHIPPED), network, lambda x: found.update(to_json(profile(watched(FEATURES, np.array(x))))))
    scores = {ACCOUNT_SCORE: said.account_probability, CLUSTER_SCORE: said.cluster_probability}
    return found | to_json(profile(scores))


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("drift")
    settings = load_settings(data=folder / "data", neo4j_uri="off", token_key="ab" * 32)
    ingest_events(settings, known_world().write(folder / "events.ndjson"))
    return settings


def looked(settings: Settings, day: int) -> tuple[Detection, drift.Kept, list[Any]]:
    with capture_logs() as logs:
        found = detect(settings, at(day), quiet)
    kept = drift.read(settings.places)
    assert kept is not None
    return found, kept, [one for one in logs if one["event"] == "drift_alarm"]


def gauge(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def test_a_model_without_a_reference_says_so_and_earlier_detections_are_compared(deployment: Settings) -> None:
    model = load(SHIPPED)
    forgetful = dataclasses.replace(model, notes={k: v for k, v in model.notes.items() if k != "reference"})
    models.register(forgetful, deployment.places, False)
    _, first, _ = looked(deployment, 8)
    assert (first.training, first.earlier, first.unlike) == (None, None, 0.0)
    _, again, _ = looked(deployment, 8)
    assert again.earlier is not None
    assert again.earlier.with_ms == at(8)
    assert {one.level for one in again.earlier.moved} == {"calm"}
    _, later, alarms = looked(deployment, 10)
    assert later.earlier is not None
    assert later.earlier.with_ms == at(8)
    assert bool(alarms) == bool(later.earlier.alarms)
    drift_metrics.refresh(deployment.places)
    assert gauge("graphsvc_drift_alarms", against="earlier") == len(later.earlier.alarms)
    assert gauge("graphsvc_drift_alarms", against="training") is None


def test_training_is_calm_for_its_own_world_and_alarms_for_another(deployment: Settings) -> None:
    own = reference(deployment, 12)
    model = load(SHIPPED)
    models.register(dataclasses.replace(model, notes={**model.notes, "reference": own}), deployment.places, False)
    before, calm, silent = looked(deployment, 12)
    assert calm.training is not None
    assert calm.earlier is None, "another model judged the detections before"
    assert not silent
    assert {one.level for one in calm.training.moved} == {"calm"}

    # The same world, for a model whose training never saw so many requests answered by 429, nor such scores.
    moved = json.loads(json.dumps(own))
    for name in ("own_status_429_share", ACCOUNT_SCORE):
        moved[name] |= {"edges": [-9.0, -8.0], "shares": [0.5, 0.4, 0.1], "count": 4000, "ends": [-9.0, -7.0]}
    models.register(dataclasses.replace(model, notes={**model.notes, "reference": moved}), deployment.places, False)
    after, kept, (alarm,) = looked(deployment, 12)
    assert kept.training is not None
    assert {one.name for one in kept.training.alarms} == {"own_status_429_share", ACCOUNT_SCORE}
    assert alarm["against"] == "training"
    assert "own_status_429_share" in alarm["furthest"]
    drift_metrics.refresh(deployment.places)
    psi = gauge("graphsvc_drift_psi", against="training", of=ACCOUNT_SCORE)
    assert psi is not None
    assert psi > 0.2
    assert kept.unlike < 0.01, "one strange feature makes hardly anybody unlike"
    assert before.results.clusters["probability"] == after.results.clusters["probability"]


def test_accounts_unlike_training_widen_intervals_and_change_no_probability(deployment: Settings) -> None:
    model, own = load(SHIPPED), reference(deployment, 12)
    strange = {name: one | {"ends": [-9.0, -8.0]} for name, one in own.items()}
    before = detect(deployment, at(12), quiet).results.clusters
    models.register(dataclasses.replace(model, notes={**model.notes, "reference": strange}), deployment.places, False)
    found, kept, _ = looked(deployment, 12)
    after = found.results.clusters
    assert kept.unlike == 1.0
    assert after["probability"] == before["probability"]
    assert set(after["probability_low"].to_pylist()) == {0.0}
    assert set(after["probability_high"].to_pylist()) == {1.0}


def test_a_damaged_file_is_made_anew_and_no_detection_is_said_in_words(deployment: Settings, tmp_path: Path) -> None:
    (deployment.places.root / "drift.json").write_bytes(b"{")
    assert drift.read(deployment.places) is None
    with pytest.raises(NotFound, match="No detection by this model"):
        drift.of_model(deployment.places, "gnn-other")
    drift_metrics.refresh(load_settings(data=tmp_path).places)
    assert gauge("graphsvc_drift_alarms", against="earlier") is None


def test_a_service_that_looks_each_hour_compares_with_the_day_before() -> None:
    hour, ages = 3_600_000, list[int]()
    past: tuple[drift.Past, ...] = ()
    for now in range(100):
        kept = drift.Kept(as_of_ms=0, model_version="m", training=None, earlier=None, unlike=0.0, past=past)
        assert drift.to_compare(kept, "another model", now * hour) == ()
        past = drift.to_compare(kept, "m", now * hour)
        ages += [now - past[0].as_of_ms // hour] if past else []
        past = drift.with_one(past, drift.Past(now * hour, {}))
        assert len(past) <= 3
    assert ages[:25] == list(range(1, 26))
    assert 24 <= min(ages[24:]) <= max(ages[24:]) < 48
    assert drift.to_compare(None, "m", 0) == ()
