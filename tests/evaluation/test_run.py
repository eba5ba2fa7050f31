"""Evaluations from end to end on a world written by hand: strictly as of time, by a truth file or by later labels."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from graphsvc.cli.detect import moment
from graphsvc.config import Settings, load_settings
from graphsvc.errors import BadInput
from graphsvc.evaluation.figures import Evaluation
from graphsvc.evaluation.looks import looks, moments
from graphsvc.evaluation.run import BY_LABELS, BY_TRUTH, Options, evaluate
from graphsvc.jobs.detect import detect
from graphsvc.jobs.ingest import ingest_events, ingest_labels
from graphsvc.jobs.models import load_model
from tests.known_world import DAYS, START, World, known_world

MIDDLE = START + timedelta(days=12)
REVIEWED = 12


def quiet(step: str, share: float) -> None:
    """Says nothing."""


def deployment(folder: Path) -> Settings:
    return load_settings(data=folder, neo4j_uri="off", token_key="ab" * 32)


def epoch_ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def write_truth(path: Path, world: World, columns: tuple[str, ...] = ("ring", "group")) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("account_id", "abusive", *columns))
        for name, members in world.groups.items():
            ring = name if "ring" in name else ""
            facts = {"ring": ring, "group": "" if ring else name}
            rows.writerows((account, int(bool(ring)), *(facts[column] for column in columns)) for account in members)
    return path


def write_labels(path: Path, world: World) -> str:
    """Of each group some are reviewed a day before the middle, others after the world's end; three are cleared then."""

    def line(account: str, verdict: str, day: int) -> str:
        at = (START + timedelta(days=day)).isoformat()
        return json.dumps({"account_id": account, "verdict": verdict, "decided_at": at, "source": "review"}) + "\n"

    with path.open("w", encoding="utf-8") as file:
        for name, members in world.groups.items():
            verdict = "abusive" if "ring" in name else "benign"
            file.writelines(line(account, verdict, 11) for account in members[:3])
            file.writelines(line(account, verdict, DAYS + 1) for account in members[3:REVIEWED])
            file.writelines(line(account, "benign", DAYS + 1) for account in members[:3])
    return str(path)


@dataclass(frozen=True)
class Deployed:
    world: World
    settings: Settings
    truth: Path


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    folder, world = tmp_path_factory.mktemp("known"), known_world()
    settings = deployment(folder / "data")
    ingest_events(settings, world.write(folder / "events.ndjson"))
    ingest_labels(settings, write_labels(folder / "labels.ndjson", world))
    return Deployed(world, settings, write_truth(folder / "truth.csv", world))


@pytest.fixture(scope="module")
def judged(deployed: Deployed) -> Evaluation:
    return evaluate(deployed.settings, deployed.truth, Options(looks=4), quiet)


def test_all_accounts_rings_and_groups_are_counted(deployed: Deployed, judged: Evaluation) -> None:
    world = deployed.world
    assert judged.judged_by == BY_TRUTH
    labelled = {account for members in world.groups.values() for account in members[:REVIEWED]}
    rings = {account for name, members in world.groups.items() if "ring" in name for account in members}
    assert judged.accounts.accounts == sum(map(len, world.groups.values())) - len(labelled)
    assert (judged.accounts.abusive, judged.accounts.operators) == (90 - len(labelled & rings), 3)
    assert [ring.ring for ring in judged.clusters.each_ring] == ["ring_cards", "ring_devices", "ring_prompts"]
    innocents = {name: len(members) for name, members in world.groups.items() if "ring" not in name}
    assert {group.group: group.accounts for group in judged.innocents} == innocents
    told, lone = judged.notes
    assert told.startswith(f"{len(labelled)} accounts ({len(labelled & rings)} abusive) had a label or a ban by then")
    assert lone == "Nothing says which innocents belong together: their intervals may be too narrow."


def test_every_way_of_judging_is_held_to_the_same_accounts(judged: Evaluation) -> None:
    methods = {method.name: method for method in judged.methods}
    assert list(methods) == ["shipped", "trees", "network", "rules"]
    assert {method.accounts.accounts for method in judged.methods} == {judged.accounts.accounts}
    assert methods["shipped"].accounts == judged.accounts
    assert methods["shipped"].ring_recall == judged.clusters.ring_recall
    accused = sum(group.accused for group in judged.innocents)
    innocents = sum(group.accounts for group in judged.innocents)
    assert methods["shipped"].accused_innocents.value == pytest.approx(accused / innocents)


def test_accounts_are_judged_at_each_age_that_they_reached(deployed: Deployed, judged: Evaluation) -> None:
    ages = {age.age: age.accounts for age in judged.ages}
    assert list(ages) == ["signup", "+1 h", "+24 h", "+7 d"]
    counts = [figures.accounts for figures in ages.values()]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == sum(map(len, deployed.world.groups.values()))
    assert all(figures.auroc.value > 0.8 for figures in ages.values())


def test_at_each_age_trees_and_rules_answer_for_the_same_accounts(judged: Evaluation) -> None:
    for age in judged.ages:
        assert len({(one.accounts, one.abusive) for one in (age.accounts, age.trees, age.rules)}) == 1
        assert len({one.average_precision.value for one in (age.accounts, age.trees, age.rules)}) > 1


def test_the_known_rings_are_told_from_the_innocents(judged: Evaluation) -> None:
    assert judged.accounts.auroc.value > 0.95
    assert sum(group.accused for group in judged.innocents) <= 5


def test_the_same_evaluation_twice_is_the_same(deployed: Deployed, judged: Evaluation) -> None:
    again = evaluate(deployed.settings, deployed.truth, Options(looks=4), quiet)
    assert msgspec.json.encode(again) == msgspec.json.encode(judged)


def test_later_events_and_labels_change_nothing_as_of_a_moment(deployed: Deployed, tmp_path: Path) -> None:
    past = deployment(tmp_path / "past")
    known = "".join(
        line
        for line in (deployed.truth.parent / "labels.ndjson").read_text().splitlines(keepends=True)
        if json.loads(line)["decided_at"] <= MIDDLE.isoformat()
    )
    (tmp_path / "labels.ndjson").write_text(known)
    ingest_events(past, deployed.world.before(MIDDLE).write(tmp_path / "events.ndjson"))
    ingest_labels(past, str(tmp_path / "labels.ndjson"))
    options = Options(moment(MIDDLE.isoformat()), looks=3)
    expected = evaluate(past, deployed.truth, options, quiet)
    found = evaluate(deployed.settings, deployed.truth, options, quiet)
    assert msgspec.json.encode(found) == msgspec.json.encode(expected)


def test_results_that_the_service_shows_are_left_alone(tmp_path: Path, deployed: Deployed) -> None:
    settings = deployment(tmp_path / "data")
    ingest_events(settings, str(deployed.truth.parent / "events.ndjson"))
    detect(settings, moment(MIDDLE.isoformat()), quiet)
    before = settings.places.results.read_bytes()
    evaluate(settings, deployed.truth, Options(looks=1), quiet)
    assert settings.places.results.read_bytes() == before


def test_without_a_truth_file_later_labels_judge(deployed: Deployed) -> None:
    found = evaluate(deployed.settings, None, Options(moment(MIDDLE.isoformat()), looks=2), quiet)
    groups = deployed.world.groups
    assert found.judged_by == BY_LABELS
    assert found.accounts.abusive == sum(REVIEWED - 3 for name in groups if "ring" in name)
    assert found.accounts.accounts < sum(map(len, groups.values()))
    assert "people decided on later" in found.notes[0]
    assert f"who is behind {found.accounts.abusive} abusive accounts" in found.notes[1]
    assert found.accounts.operators < found.accounts.abusive
    assert math.isnan(found.clusters.bcubed_precision.value)
    assert found.accounts.auroc.value > 0.9


def test_by_default_later_labels_judge_from_seven_tenths_of_the_events(deployed: Deployed) -> None:
    found = evaluate(deployed.settings, None, Options(looks=1), quiet)
    events = [event["occurred_at"] for event in deployed.world.events]
    assert sum(at <= found.as_of for at in events) == pytest.approx(0.7 * len(events), abs=2)
    assert "70%" in found.notes[0]


def test_too_few_later_labels_are_refused(deployed: Deployed) -> None:
    late = moment((START + timedelta(days=DAYS + 2)).isoformat())
    with pytest.raises(BadInput, match="tell of 0 abusive and 0 innocent accounts"):
        evaluate(deployed.settings, None, Options(late, looks=1), quiet)


def test_nothing_ingested_and_a_moment_too_early_are_said_plainly(settings: Settings, deployed: Deployed) -> None:
    for truth in (None, deployed.truth):
        with pytest.raises(BadInput, match="There are no events"):
            evaluate(settings, truth, Options(), quiet)
    with pytest.raises(BadInput, match="no events by that time"):
        evaluate(deployed.settings, deployed.truth, Options(moment("2020-01-01")), quiet)


def test_accounts_of_the_truth_that_were_not_seen_yet_are_told(deployed: Deployed) -> None:
    found = evaluate(
        deployed.settings, deployed.truth, Options(moment((START + timedelta(days=4)).isoformat()), looks=1), quiet
    )
    unseen = sum(map(len, deployed.world.groups.values())) - found.accounts.accounts
    assert unseen > 0
    assert f"{unseen:,} accounts of truth.csv (0 abusive) did nothing by then; none counts." in found.notes


def test_looks_are_spaced_by_events_and_see_no_more_than_their_time(deployed: Deployed) -> None:
    settings = deployed.settings
    end_ms = int((START + timedelta(days=DAYS)).timestamp() * 1000)
    due = moments(settings, 3, end_ms)
    assert due[-1] == end_ms
    events = [epoch_ms(event["occurred_at"]) for event in deployed.world.events]
    assert [sum(at <= one for at in events) for one in due] == pytest.approx(
        [len(events) * n / 3 for n in (1, 2, 3)], abs=2
    )
    seen = list(looks(settings, load_model(settings.places.active_model), due, quiet))
    assert [look.as_of_ms for look in seen] == due
    assert all(max(look.network.accounts["last_ms"].to_pylist()) <= look.as_of_ms for look in seen)
    assert all(max(look.network.labels["decided_ms"].to_pylist(), default=0) <= look.as_of_ms for look in seen)
    assert moments(settings, 3, 0) == []
