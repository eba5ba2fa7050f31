"""Decisions by HTTP, from end to end: a real server, real detections, and looks at the time before."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from graphsvc.cases.decisions import DecisionStore
from graphsvc.clusters.results import ResultsReader
from graphsvc.config import load_settings
from graphsvc.jobs.detect import Detection, detect, write_clusters
from graphsvc.jobs.ingest import ingest_events
from graphsvc.jobs.observe import quiet
from tests.api.conftest import Served, served
from tests.known_world import DAYS, START, World, known_world

RING = "ring_cards"
UNKNOWN = "not-an-account-of-ours"


def recent_world() -> World:
    """The known world up to a minute ago: a decision counts from the moment at which it is made."""
    world = known_world()
    by = datetime.now(UTC) - timedelta(minutes=1) - (START + timedelta(days=DAYS))
    moved = [e | {"occurred_at": (datetime.fromisoformat(e["occurred_at"]) + by).isoformat()} for e in world.events]
    return World(moved, world.groups)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server over a first detection. Every test undoes what it decided of clusters."""
    folder = tmp_path_factory.mktemp("decided")
    settings, world = load_settings(data=folder / "data", neo4j_uri="off"), recent_world()
    ingest_events(settings, world.write(folder / "events.ndjson"))
    detect(settings, None, quiet)
    with served(settings, world) as running:
        yield running


def reader(api: Served) -> ResultsReader:
    return ResultsReader(api.settings.places.results)


def ring(api: Served, name: str = RING) -> tuple[str, list[str]]:
    """The cluster that most of a ring lies in, and its members."""
    of = reader(api).memberships()
    found = [of[account] for account in api.world.groups[name] if account in of]
    cluster = max(sorted(set(found)), key=found.count)
    return cluster, sorted(row.account_id for row in reader(api).members(cluster))


def decide(api: Served, cluster: str, **body: Any) -> httpx.Response:
    return api.client.post(f"/v1/clusters/{cluster}/decisions", json=body)


def listed(api: Served, cluster: str, **asked: Any) -> list[dict[str, Any]]:
    answer = api.client.get(f"/v1/clusters/{cluster}/decisions", params=asked)
    assert answer.status_code == 200
    return list(answer.json()["items"])


def clusters(found: Detection, path: Path) -> str:
    write_clusters(path, found.results)
    return path.read_text()


def test_a_split_parts_and_undoing_it_joins_again_and_the_past_stays_as_it_was(service: Served, tmp_path: Path) -> None:
    cluster, members = ring(service)
    parts = [members[: len(members) // 2], members[len(members) // 2 :]]
    before_ms = reader(service).run().as_of_ms
    then = clusters(detect(service.settings, before_ms, quiet), tmp_path / "then.csv")
    made = decide(service, cluster, action="split", parts=parts, note="Two resellers of one panel.")
    assert made.status_code == 201
    body = made.json()
    assert body["takes_effect"] == "next_detection"
    assert body["collateral"]["accounts"] == len(members)
    assert body["collateral"]["not_named"] == 0
    assert [part["size"] for part in body["decision"]["parts"]] == [len(part) for part in parts]
    assert body["decision"]["pending"]

    detect(service.settings, None, quiet)
    of = reader(service).memberships()
    homes = [{of.get(account) for account in part} for part in parts]
    assert [len(home) for home in homes] == [1, 1]
    assert homes[0] != homes[1]
    assert None not in homes[0] | homes[1]
    for (home,) in homes:
        newest = listed(service, str(home))[0]
        assert (newest["id"], newest["pending"]) == (body["decision"]["id"], False)
    assert clusters(detect(service.settings, before_ms, quiet), tmp_path / "again.csv") == then

    (home,) = homes[1]
    undone = service.client.delete(f"/v1/clusters/{home}/decisions/{body['decision']['id']}")
    assert undone.status_code == 200
    assert undone.json()["undone_by"] == "test"
    stood_ms = DecisionStore(service.settings.places.cases).mark()[1] - 1
    detect(service.settings, None, quiet)
    of = reader(service).memberships()
    assert {of[account] for account in members} == {of[members[0]]}
    assert listed(service, of[members[0]])[0] == undone.json() | {"pending": False}
    detection = detect(service.settings, stood_ms, quiet)
    assert not detection.published
    rows = detection.results.accounts.select(["account_id", "cluster_id"]).to_pylist()
    held = {row["account_id"]: row["cluster_id"] for row in rows}
    assert len({held[account] for account in members}) == 2


def test_two_clusters_become_one_by_a_merge(service: Served) -> None:
    cluster, members = ring(service, "ring_prompts")
    other, others = ring(service, "ring_devices")
    made = decide(service, cluster, action="merge", cluster_id=other).json()
    assert made["decision"]["other_cluster_id"] == other
    assert made["collateral"]["accounts"] == len(members) + len(others)
    stranger = service.world.groups["alone"][0]
    more = decide(service, cluster, action="merge", accounts=[stranger])
    assert more.status_code == 201
    detect(service.settings, None, quiet)
    of = reader(service).memberships()
    home = of[members[0]]
    assert {of.get(account) for account in [*members, *others, stranger]} == {home}
    assert [one["id"] for one in listed(service, home)] == [more.json()["decision"]["id"], made["decision"]["id"]]
    gone = ({cluster, other} - {home}).pop()
    assert made["decision"]["id"] in [one["id"] for one in listed(service, gone)]
    answer = decide(service, gone, action="note", note="late")
    assert (answer.status_code, answer.json()["see"]) == (404, home)
    for one in listed(service, home):
        assert service.client.delete(f"/v1/clusters/{home}/decisions/{one['id']}").status_code == 200
    detect(service.settings, None, quiet)
    of = reader(service).memberships()
    assert of[members[0]] != of[others[0]]
    assert of.get(stranger) is None


def test_what_contradicts_is_refused_with_the_decision_that_stands_against_it(service: Served) -> None:
    cluster, (a, b, c, *_) = ring(service)
    kept = [decide(service, cluster, action="split", parts=[[a, b], [c]]).json()["decision"]["id"]]
    refused = decide(service, cluster, action="merge", accounts=[b, c])
    assert (refused.status_code, refused.headers["Content-Type"]) == (409, "application/problem+json")
    problem = refused.json()
    assert (problem["code"], problem["decisions"]) == ("contradiction", kept)
    assert kept[0] in problem["detail"]
    assert a not in refused.text
    again = decide(service, cluster, action="split", parts=[[a], [b]])
    assert (again.status_code, again.json()["decisions"]) == (409, kept)
    assert service.client.delete(f"/v1/clusters/{cluster}/decisions/{kept[0]}").status_code == 200
    assert service.client.delete(f"/v1/clusters/{cluster}/decisions/{kept[0]}").status_code == 404
    made = decide(service, cluster, action="merge", accounts=[b, c])
    assert made.status_code == 201
    service.client.delete(f"/v1/clusters/{cluster}/decisions/{made.json()['decision']['id']}")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ([], ""),
        ({}, "/action"),
        ({"action": "confirm"}, "/action"),
        ({"action": ["split"]}, "/action"),
        ({"action": "split"}, "/parts"),
        ({"action": "split", "parts": [["$0"]]}, "/parts"),
        ({"action": "split", "parts": [["$0"], []]}, "/parts/1"),
        ({"action": "split", "parts": [["$0"], ["$1", "$0"]]}, "/parts/1/1"),
        ({"action": "split", "parts": [["$0"], [UNKNOWN]]}, "/parts/1/0"),
        ({"action": "split", "parts": [["$0"], ["$1"]], "note": ""}, "/note"),
        ({"action": "split", "parts": [["$0"], ["$1"]], "notes": "x"}, ""),
        ({"action": "merge"}, ""),
        ({"action": "merge", "cluster_id": "$cluster"}, "/cluster_id"),
        ({"action": "merge", "cluster_id": UNKNOWN}, "/cluster_id"),
        ({"action": "merge", "cluster_id": "x", "accounts": ["$0"]}, ""),
        ({"action": "merge", "accounts": ["$0", UNKNOWN]}, "/accounts/1"),
        ({"action": "note"}, "/note"),
        ({"action": "note", "note": "x" * 2001}, "/note"),
    ],
)
def test_wrong_decisions_name_their_place_and_nothing_of_what_was_sent(
    service: Served, body: Any, pointer: str
) -> None:
    cluster, members = ring(service)
    known = {"$0": members[0], "$1": members[1], "$cluster": cluster}
    answer = service.client.post(f"/v1/clusters/{cluster}/decisions", json=filled(body, known))
    assert (answer.status_code, answer.json().get("pointer", "")) == (422, pointer)
    assert UNKNOWN not in answer.text
    assert members[0] not in answer.text


def filled(body: Any, known: dict[str, str]) -> Any:
    """The body with what stands for ids replaced."""
    if isinstance(body, dict):
        return {name: filled(value, known) for name, value in body.items()}
    if isinstance(body, list):
        return [filled(value, known) for value in body]
    return known.get(body, body) if isinstance(body, str) else body


def test_what_is_not_there_and_who_may_not(service: Served) -> None:
    cluster, _ = ring(service)
    path = f"/v1/clusters/{cluster}/decisions"
    for method, missing in (("GET", "/v1/clusters/none/decisions"), ("DELETE", f"{path}/none")):
        assert service.client.request(method, missing).status_code == 404
    assert decide(service, "none", action="note", note="x").status_code == 404
    reading = service.key("read")
    assert service.client.get(path, headers=reading).status_code == 200
    assert service.client.post(path, json={"action": "note", "note": "x"}, headers=reading).status_code == 403
    assert service.client.delete(f"{path}/none", headers=reading).status_code == 403
    assert httpx.get(service.url + path).status_code == 401
    assert service.client.post(path, content="{", headers={"Content-Type": "application/json"}).status_code == 400
    assert service.client.post(path, content="{}", headers={"Content-Type": "text/plain"}).status_code == 415


def test_notes_come_in_pages_newest_first_and_a_retry_makes_no_second_one(service: Served) -> None:
    cluster, _ = ring(service)
    path = f"/v1/clusters/{cluster}/decisions"
    for number in range(3):
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        body = {"action": "note", "note": f"note {number}"}
        made = service.client.post(path, json=body, headers=headers)
        assert (made.status_code, made.json()["takes_effect"]) == (201, None)
        assert service.client.post(path, json=body, headers=headers).content == made.content
    page = service.client.get(path, params={"limit": 2}).json()
    rest = service.client.get(path, params={"cursor": page["next_cursor"]}).json()
    assert [one["note"] for one in page["items"] + rest["items"]][:3] == ["note 2", "note 1", "note 0"]
    assert rest["next_cursor"] is None
    assert {(one["decided_by"], one["pending"]) for one in page["items"]} == {("test", False)}
    for name, value in (("limit", "0"), ("limit", "101"), ("cursor", "!")):
        answer = service.client.get(path, params={name: value})
        assert (answer.status_code, answer.json()["pointer"]) == (422, f"/{name}")


def test_the_document_tells_these_calls(service: Served) -> None:
    document = service.client.get("/openapi.json").json()
    calls = document["paths"]["/v1/clusters/{cluster_id}/decisions"]
    assert set(calls) == {"get", "post"}
    schema = calls["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert [one["$ref"].rpartition("/")[2] for one in schema["anyOf"]] == [
        "SplitDecision",
        "MergeDecision",
        "NoteDecision",
    ]
    undo = document["paths"]["/v1/clusters/{cluster_id}/decisions/{decision_id}"]["delete"]
    for call in (calls["post"], undo):
        assert "Idempotency-Key" in [parameter["name"] for parameter in call["parameters"]]
        assert "409" in call["responses"]
