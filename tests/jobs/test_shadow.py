"""A challenger judges in each detect what the champion judges, and nobody sees it; promotion is earned or refused."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest

from gnn.ensemble import Model
from gnn.registry import SHIPPED, load
from graphsvc.cli.detect import moment
from graphsvc.clusters.results import ResultsReader
from graphsvc.config import Settings, load_settings
from graphsvc.errors import Conflict, NotFound
from graphsvc.evaluation.promotion import promote
from graphsvc.evaluation.shadow import compare
from graphsvc.jobs import models, shadow
from graphsvc.jobs.detect import detect, write_scores
from graphsvc.jobs.ingest import ingest_events, ingest_labels
from graphsvc.jobs.worker import Worker
from tests.known_world import START, World, known_world

DAY = timedelta(days=1)


def quiet(step: str, share: float) -> None:
    """Says nothing."""


def other(model: Model, by: float) -> Model:
    """The same model with accounts' log odds moved."""
    return dataclasses.replace(model, account=dataclasses.replace(model.account, shift=model.account.shift + by))


def at(day: int) -> int:
    found = moment((START + day * DAY).isoformat())
    assert found is not None
    return found


class Deployment:
    """The known world, the shipped model in use, and challengers made of it."""

    def __init__(self, folder: Path) -> None:
        self.world: World = known_world()
        self.folder = folder
        self.settings: Settings = load_settings(data=folder / "data", neo4j_uri="off", token_key="ab" * 32)
        self.model = load(SHIPPED)
        ingest_events(self.settings, self.world.write(folder / "events.ndjson"))

    def challenged_by(self, shift: float) -> str:
        version, in_use = models.register(other(self.model, shift), self.settings.places, challenger=True)
        assert not in_use
        return version

    def label(self, names: list[str], day: int, verdict: str, kind: str) -> None:
        decided = (START + day * DAY).isoformat()
        rows = [
            {"account_id": n, "verdict": verdict, "kind": kind, "source": "review", "decided_at": decided}
            for n in names
        ]
        (self.folder / "labels.ndjson").write_text("".join(json.dumps(row) + "\n" for row in rows))
        ingest_labels(self.settings, str(self.folder / "labels.ndjson"))

    def runs(self, challenger: str) -> list[shadow.Run]:
        places = self.settings.places
        return list(shadow.runs(places, models.champion_version(places), challenger))


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    return Deployment(tmp_path_factory.mktemp("shadow"))


def scores(deployment: Deployment, day: int) -> bytes:
    path = deployment.folder / "scores.csv"
    write_scores(path, detect(deployment.settings, at(day), quiet).results)
    return path.read_bytes()


def test_a_challenger_from_first_look_to_promotion_and_back(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, places = deployment.settings, deployment.settings.places
    alone = scores(deployment, 10)
    assert not (places.root / "shadow").exists()

    harsh = deployment.challenged_by(6.0)
    with pytest.raises(NotFound, match="has judged nothing yet"):
        compare(settings)
    assert scores(deployment, 10) == alone
    (run,) = deployment.runs(harsh)
    assert run.as_of_ms == at(10)
    assert run.rows.num_rows == alone.count(b"\n") - 1
    logits = [np.log(p / (1 - p)) for p in (np.clip(run.rows[m].to_numpy(), 1e-6, 1 - 1e-6) for m in ("champion", "challenger"))]  # fmt: skip
    inside = np.abs(logits[1]) < 10
    np.testing.assert_allclose((logits[1] - logits[0])[inside], 6.0, atol=0.05)
    shown = [path for path in places.root.rglob("*") if path.is_file() and not {"shadow", "models"} & set(path.parts)]
    assert not [path for path in shown if harsh.encode() in path.read_bytes()]

    with pytest.raises(Conflict, match=r"Too little is known|would accuse more"):
        promote(settings, harsh)
    innocent = deployment.world.groups["alone"]
    deployment.label(innocent, 12, "benign", "other_benign")
    with pytest.raises(Conflict, match=r"would accuse more innocents.*\d+\.\d\d% \(.*against"):
        promote(settings, harsh)
    assert places.active_model == places.shipped_model

    milder = deployment.challenged_by(-0.5)
    monkeypatch.setattr(shadow, "DAYS_KEPT", 2)
    for day in (9, 10, 11):
        detect(settings, at(day), quiet)
    assert [run.as_of_ms for run in deployment.runs(milder)] == [at(10), at(11)]
    assert not deployment.runs(harsh)
    found = compare(settings)
    assert found.missing == ""
    assert found.worse == ()
    assert found.labelled >= 20
    assert promote(settings, milder) == models.shipped_version(places)
    assert places.active_model.name == milder
    detected = detect(settings, at(12), quiet)
    assert detected.results.run.model_version == milder
    (_, __, change) = models.read_states(places).history[-3:]
    assert change.action == "promoted"
    assert [group["worse"] for group in change.check["groups"]] == [False] * len(found.groups)
    models.rollback(places)
    assert detect(settings, at(12), quiet).results.run.model_version == models.shipped_version(places)


def test_force_is_noted_with_its_reason_and_what_spoke_against_it(deployment: Deployment) -> None:
    settings, places = deployment.settings, deployment.settings.places
    version = deployment.challenged_by(7.0)
    promote(settings, version, "the ring of March must be stopped tonight")
    change = models.read_states(places).history[-1]
    assert change.reason == "the ring of March must be stopped tonight"
    assert "has judged nothing yet" in change.check["refused"]
    assert places.active_model.name == version
    models.rollback(places)


def test_a_challenger_that_cannot_be_read_holds_nothing_up(deployment: Deployment) -> None:
    version = deployment.challenged_by(8.0)
    (deployment.settings.places.models / version / "model.safetensors").write_bytes(b"")
    detected = detect(deployment.settings, at(10), quiet)
    assert detected.accounts > 100
    assert not deployment.runs(version)


def test_the_bans_and_clusters_of_the_look_are_kept(deployment: Deployment) -> None:
    version = deployment.challenged_by(0.2)
    detect(deployment.settings, at(10), quiet)
    (run,) = deployment.runs(version)
    assert run.rows.schema.equals(shadow.SCHEMA)
    assert pc.sum(pc.greater_equal(run.rows["cluster"], 0)).as_py() > 50
    assert run.seconds > 0


def test_a_running_worker_judges_anew_by_a_model_put_in_use(deployment: Deployment) -> None:
    settings = deployment.settings.model_copy(update={"detect_every_s": 0.001})
    places, reader = settings.places, ResultsReader(settings.places.results)
    worker = Worker(settings)
    worker.step()
    assert reader.run().model_version == models.shipped_version(places)
    written = places.results.stat().st_ino
    worker.step()
    assert places.results.stat().st_ino == written
    version, _ = models.register(other(deployment.model, 0.3), places, challenger=False)
    worker.step()
    assert reader.run().model_version == version
    models.rollback(places)
