"""Detection from events to files: a known world's rings are found, its innocents are not accused, and the future is
unseen."""

from __future__ import annotations

import csv
import json
import random
from collections import Counter
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from graphsvc.cli.detect import moment
from graphsvc.config import Settings, load_settings
from graphsvc.errors import BadInput, ModelUnavailable
from graphsvc.evaluation.figures import Evaluation
from graphsvc.evaluation.run import Options, evaluate
from graphsvc.jobs.detect import Detection, detect, write_clusters, write_scores
from graphsvc.jobs.ingest import ingest_events, ingest_labels
from graphsvc.jobs.models import load_model
from graphsvc.simulate import load_world, simulate
from tests.known_world import START, World, known_world

KINDS = {"distillation", "resale_relay", "trial_farm", "stolen_account", "other_abuse"}
KINDS |= {"shared_organisation", "shared_network", "household", "other_benign"}
MIDDLE = START + timedelta(days=12)


def quiet(step: str, share: float) -> None:
    """Says nothing."""


def files(found: Detection, folder: Path) -> tuple[bytes, bytes]:
    folder.mkdir(exist_ok=True)
    write_scores(folder / "scores.csv", found.results)
    write_clusters(folder / "clusters.csv", found.results)
    return (folder / "scores.csv").read_bytes(), (folder / "clusters.csv").read_bytes()


def deployment(folder: Path) -> Settings:
    return load_settings(data=folder, neo4j_uri="off", token_key="ab" * 32)


@pytest.fixture(scope="module")
def world() -> World:
    return known_world()


@pytest.fixture(scope="module")
def found(world: World, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, str]], dict[str, float]]:
    folder = tmp_path_factory.mktemp("known")
    settings = deployment(folder / "data")
    ingest_events(settings, world.write(folder / "events.ndjson"))
    scores, clusters = files(detect(settings, None, quiet), folder)
    rows = list(csv.DictReader(clusters.decode().splitlines()))
    return rows, {row["account_id"]: float(row["score"]) for row in csv.DictReader(scores.decode().splitlines())}


def test_the_files_are_as_the_contract_says(world: World, found: tuple[list[dict[str, str]], dict[str, float]]) -> None:
    rows, scores = found
    assert set(scores) == {event["account_id"] for event in world.events}
    assert all(0 <= score <= 1 for score in scores.values())
    assert max(Counter(row["account_id"] for row in rows).values()) == 1
    assert {row["kind"] for row in rows} <= KINDS
    assert all(0 <= float(row["probability"]) <= 1 for row in rows)


@pytest.mark.parametrize("ring", ["ring_devices", "ring_cards", "ring_prompts"])
def test_rings_lie_in_one_cluster_that_ranks_above_all_innocents(
    world: World, found: tuple[list[dict[str, str]], dict[str, float]], ring: str
) -> None:
    rows, scores = found
    members = set(world.groups[ring])
    together = Counter(row["cluster_id"] for row in rows if row["account_id"] in members)
    assert together.most_common(1)[0][1] >= 0.9 * len(members)
    innocent = [scores[account] for name, group in world.groups.items() if "ring" not in name for account in group]
    assert sorted(scores[account] for account in members)[len(members) // 10] > sorted(innocent)[-len(innocent) // 50]


@pytest.mark.parametrize("group", ["campus", "carrier", "household", "alone"])
def test_innocents_are_not_accused(
    world: World, found: tuple[list[dict[str, str]], dict[str, float]], group: str
) -> None:
    rows, scores = found
    members = set(world.groups[group])
    accused = {row["account_id"] for row in rows if float(row["probability"]) >= 0.5} & members
    assert len(accused) <= 0.01 * len(members)
    assert sum(scores[account] >= 0.5 for account in members) <= 0.01 * len(members)


def test_what_happens_after_a_moment_changes_nothing_as_of_it(world: World, tmp_path: Path) -> None:
    past, whole = deployment(tmp_path / "past"), deployment(tmp_path / "whole")
    label = {"account_id": world.groups["ring_cards"][0], "verdict": "abusive", "source": "review"}
    known = json.dumps(label | {"decided_at": (MIDDLE - timedelta(days=1)).isoformat()}) + "\n"
    later = json.dumps(label | {"verdict": "benign", "decided_at": (MIDDLE + timedelta(seconds=1)).isoformat()}) + "\n"
    (tmp_path / "known.ndjson").write_text(known)
    (tmp_path / "later.ndjson").write_text(known + later)
    ingest_events(past, world.before(MIDDLE).write(tmp_path / "past.ndjson"))
    ingest_labels(past, str(tmp_path / "known.ndjson"))
    shuffled = World(random.Random(1).sample(world.events, len(world.events)))
    ingest_events(whole, shuffled.write(tmp_path / "whole.ndjson"))
    ingest_labels(whole, str(tmp_path / "later.ndjson"))
    as_of_ms = moment(MIDDLE.isoformat())
    expected = files(detect(past, as_of_ms, quiet), tmp_path / "a")
    assert files(detect(whole, as_of_ms, quiet), tmp_path / "b") == expected
    detect(whole, None, quiet)
    again = detect(whole, as_of_ms, quiet)
    assert files(again, tmp_path / "c") == expected
    assert not again.published


def test_a_label_known_by_then_counts(world: World, tmp_path: Path) -> None:
    settings = deployment(tmp_path / "data")
    ingest_events(settings, world.write(tmp_path / "events.ndjson"))
    before = detect(settings, None, quiet).results.clusters["confirmed"].to_pylist()
    label = {"account_id": world.groups["ring_cards"][0], "verdict": "abusive", "source": "review"}
    (tmp_path / "l.ndjson").write_text(json.dumps(label | {"decided_at": MIDDLE.isoformat()}) + "\n")
    ingest_labels(settings, str(tmp_path / "l.ndjson"))
    assert sum(before) == 0
    assert sum(detect(settings, None, quiet).results.clusters["confirmed"].to_pylist()) == 1


def test_nothing_ingested_and_no_model_are_said_plainly(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no events by that time"):
        detect(settings, None, quiet)
    with pytest.raises(ModelUnavailable):
        load_model(tmp_path)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    """The detection of a world that no training saw, held against its truth."""
    folder = tmp_path_factory.mktemp("simulated")
    simulate(msgspec.structs.replace(load_world("plain"), accounts=2_000, seed=9_001), folder / "world")
    settings = deployment(folder / "data")
    ingest_events(settings, str(folder / "world" / "events.ndjson"))
    return evaluate(settings, folder / "world" / "truth.csv", Options(looks=1), quiet)


def test_the_rings_of_an_unseen_world_are_found(simulated: Evaluation) -> None:
    assert simulated.accounts.average_precision.value >= 0.75
    assert simulated.clusters.ring_recall.value >= 0.6
    assert simulated.clusters.account_precision.value >= 0.75


@pytest.mark.parametrize("group", ["campus", "carrier_nat", "office", "classroom", "household"])
def test_its_innocents_are_not_accused(simulated: Evaluation, group: str) -> None:
    (figures,) = (one for one in simulated.innocents if one.group == group)
    assert figures.accused <= 0.02 * figures.accounts + 1
