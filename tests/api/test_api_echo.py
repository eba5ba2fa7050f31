"""A malformed field is refused with a pointer to it, and what was sent stands nowhere: not in the answer, not in a log."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import flask
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from graphsvc.api import create_app
from graphsvc.cases.keys import KeyStore
from graphsvc.config import load_settings
from tests.examples import EVENTS, JsonObject

MARK = "zq7xmark"
LONG = MARK * 2_000
SHAPES: tuple[Any, ...] = (
    MARK,
    LONG,
    [MARK],
    {MARK: MARK},
    [{MARK: [MARK]}],
    f"{MARK}\ud800",
    f"{MARK}\x00",
    f"{MARK}@{MARK}@",
)
ENTRIES: tuple[JsonObject, ...] = (
    {"account_id": "listed", "reason": "because", "expires_at": "2099-01-01T00:00:00Z"},
    {"identifier": {"type": "email", "value": "x@example.com"}, "reason": "because"},
    {"identifier": {"type": "asn", "id": "64500"}, "reason": "because"},
)
Place = tuple[str | int, ...]


def places(value: Any, above: Place = ()) -> Iterator[Place]:
    """The way to every field of a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inner:
        yield (*above, name)
        yield from places(one, (*above, name))


def planted(body: JsonObject, place: Place, shape: Any) -> JsonObject:
    """The body with another value at that place."""
    made: Any = copy.deepcopy(body)
    holder = made
    for name in place[:-1]:
        holder = holder[name]
    holder[place[-1]] = shape
    result: JsonObject = made
    return result


def pointer(place: Place) -> str:
    return "".join(f"/{name}" for name in place)


EVENT_PLACES = [(event, place) for event in EVENTS for place in places(event)]
ENTRY_PLACES = [(entry, place) for entry in ENTRIES for place in places(entry)]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client of the app in this process, with a key for everything."""
    settings = load_settings(data=tmp_path_factory.mktemp("echo") / "data", neo4j_uri="off")
    app: flask.Flask = create_app(settings)
    parts = app.extensions["graphsvc"]
    parts.risk.wait(60)
    key = KeyStore(parts.settings.places.cases).create("test")
    yield _Client(app, {"Authorization": f"Bearer {key}"})
    parts.close()


class _Client:
    def __init__(self, app: flask.Flask, headers: dict[str, str]) -> None:
        self._client, self._headers = app.test_client(), headers

    def post(self, path: str, body: object, **headers: str) -> TestResponse:
        content = {"Content-Type": "application/json", **headers}
        return self._client.post(path, data=json.dumps(body), headers=self._headers | content)

    def request(self, method: str, path: str, **headers: str) -> TestResponse:
        return self._client.open(path, method=method, headers=self._headers | headers)


def checked(answer: TestResponse, place: str) -> None:
    """A refusal names the place, or one beside, around or in it where the two do not go together, and repeats
    nothing. Half a surrogate pair is no JSON as a whole."""
    said = answer.get_json()
    assert answer.content_type == "application/problem+json"
    assert set(said) <= {"type", "title", "status", "code", "detail", "request_id", "pointer"}
    silent(answer)
    if said["code"] == "malformed_json":
        assert answer.status_code == 400
        return
    where = said.get("pointer", "")
    assert answer.status_code == 422
    assert where
    assert place.startswith(where) or where.startswith(place.rpartition("/")[0])


def silent(answer: TestResponse) -> None:
    assert MARK not in answer.get_data(as_text=True)
    assert MARK not in str(answer.headers)


def every(examples: int) -> Any:
    return settings(
        max_examples=examples, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
    )


def test_risk_refuses_each_field_without_an_echo(client: _Client, capfd: pytest.CaptureFixture[str]) -> None:
    refused: set[str] = set()

    @every(400)
    @given(where=st.sampled_from(EVENT_PLACES), shape=st.sampled_from(SHAPES), record=st.booleans())
    def post(where: tuple[JsonObject, Place], shape: Any, record: bool) -> None:
        event, place = where
        answer = client.post("/v1/risk", {"event": planted(event, place, shape), "record": record})
        if answer.status_code not in (200, 409):
            checked(answer, pointer(("event", *place)))
            refused.add(pointer(place))

    post()
    assert {"/type", "/occurred_at", "/ip", "/signup/phone", "/payment/bin", "/request/messages/0/role"} <= refused
    unlogged(capfd)


def test_events_refuse_each_field_without_an_echo(client: _Client, capfd: pytest.CaptureFixture[str]) -> None:
    @every(400)
    @given(where=st.sampled_from(EVENT_PLACES), shape=st.sampled_from(SHAPES), lines=st.booleans())
    def post(where: tuple[JsonObject, Place], shape: Any, lines: bool) -> None:
        event, place = where
        body = planted(event, place, shape)
        kind = "application/x-ndjson" if lines else "application/json"
        answer = client.post("/v1/events", body if lines else {"events": [body]}, **{"Content-Type": kind})
        if answer.status_code == 400:
            checked(answer, "")
            return
        assert answer.status_code == 202
        for one in answer.get_json()["rejected"]:
            assert one["code"] in ("conflict", "malformed_json") or one["pointer"]
            assert one["event_id"] in (None, event["event_id"]) or place == ("event_id",)
            assert MARK not in json.dumps(one | {"event_id": None})
            assert LONG not in json.dumps(one)

    post()
    unlogged(capfd)


def test_lists_refuse_each_field_without_an_echo(client: _Client, capfd: pytest.CaptureFixture[str]) -> None:
    @every(150)
    @given(where=st.sampled_from(ENTRY_PLACES), shape=st.sampled_from(SHAPES))
    def post(where: tuple[JsonObject, Place], shape: Any) -> None:
        entry, place = where
        answer = client.post("/v1/lists/watch/entries", planted(entry, place, shape))
        if answer.status_code != 201:
            checked(answer, pointer(place))

    post()
    unlogged(capfd)


@pytest.mark.parametrize("wrong", SHAPES)
def test_other_bodies_are_refused_without_an_echo(
    client: _Client, capfd: pytest.CaptureFixture[str], wrong: Any
) -> None:
    moment = datetime.now(UTC).isoformat()
    bodies = {
        "/v1/risk": ({"account_id": [wrong]}, {"event": wrong}, {"record": wrong, "event": EVENTS[0]}, {MARK: wrong}),
        "/v1/risk/as_1/outcome": ({"outcome": wrong}, {MARK: wrong}, wrong),
        "/v1/lists/block/entries": (wrong, {MARK: wrong}, {"account_id": "a", "reason": "b", MARK: wrong}),
        "/v1/clusters/cl-1/decisions": ({"action": wrong}, {"action": "note", "note": [wrong]}, wrong),
        f"/v1/lists/{MARK}/entries": (ENTRIES[0],),
        f"/v1/risk/{MARK}/outcome": ({"outcome": "benign"},),
    }
    for path, several in bodies.items():
        for body in several:
            answer = client.post(path, body)
            assert answer.status_code in (404, 422) or answer.get_json()["code"] == "malformed_json"
            silent(answer)
    label = {"account_id": [wrong], "verdict": wrong, "source": wrong, "decided_at": moment}
    silent(client.post("/v1/labels", {"labels": [label]}))
    unlogged(capfd)


def test_paths_queries_and_headers_are_not_repeated(client: _Client, capfd: pytest.CaptureFixture[str]) -> None:
    paths = (
        f"/v1/{MARK}",
        f"/v1/clusters/{MARK}",
        f"/v1/clusters/{MARK}/evidence?max_bonds={MARK}",
        f"/v1/accounts/never-{MARK}",
        f"/v1/clusters?cursor={MARK}&sort={MARK}",
        f"/v1/clusters?sort=size&cursor={MARK}",
        f"/v1/lists/watch/entries?as_of={MARK}",
        f"/v1/lists/watch/entries?identifier={MARK}&account_id={MARK}",
        f"/v1/clusters/cl-1/decisions?cursor={MARK}",
    )
    for path in paths:
        answer = client.request("GET", path)
        assert answer.status_code in (404, 422)
        silent(answer)
    silent(client.request("GET", "/v1/clusters", Authorization=f"Bearer {MARK}"))
    silent(client.request("GET", "/v1/clusters", **{"X-Request-Id": f"{MARK} {MARK}"}))
    silent(client.request(MARK.upper(), "/v1/clusters"))
    silent(client.post("/v1/events", {}, **{"Content-Type": f"text/{MARK}"}))
    unlogged(capfd)


def unlogged(capfd: pytest.CaptureFixture[str]) -> None:
    out, err = capfd.readouterr()
    assert MARK not in out + err
