"""Every call of the API over a real socket: answers, refusals, and that nothing sent is ever repeated."""

from __future__ import annotations

import json
import uuid
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator

from graphsvc.clusters.verdict import account_verdict
from tests.api.conftest import Served
from tests.examples import LABEL, LOGIN, SIGNUP, JsonObject


def login(**changes: object) -> JsonObject:
    return LOGIN | {"event_id": uuid.uuid4().hex} | changes


def problem(answer: httpx.Response) -> dict[str, Any]:
    assert answer.headers["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["status"] == answer.status_code
    assert {"type", "title", "code", "detail", "request_id"} <= set(body)
    return body


def suspicious(api: Served) -> dict[str, Any]:
    return dict(api.client.get("/v1/clusters", params={"min_size": 5}).json()["items"][0])


def test_one_event_many_events_and_ndjson_are_taken(api: Served) -> None:
    one = api.client.post("/v1/events", json=login())
    many = api.client.post("/v1/events", json={"events": [login(), login(), login(ip="nowhere")]})
    lines = "\n".join([json.dumps(login()), "{broken", json.dumps(login())])
    text = api.client.post("/v1/events", content=lines, headers={"Content-Type": "application/x-ndjson"})
    assert [answer.status_code for answer in (one, many, text)] == [202, 202, 202]
    assert (one.json()["accepted"], many.json()["accepted"], text.json()["accepted"]) == (1, 2, 2)
    rejected = many.json()["rejected"]
    assert [(r["index"], r["code"], r["pointer"]) for r in rejected] == [(2, "bad_ip", "/ip")]
    assert [(r["index"], r["code"]) for r in text.json()["rejected"]] == [(1, "malformed_json")]
    assert text.json()["offset"] == many.json()["offset"] + 2


def test_a_duplicate_changes_nothing_and_a_conflict_is_refused(api: Served) -> None:
    event = login()
    first = api.client.post("/v1/events", json=event).json()
    again = api.client.post("/v1/events", json=event).json()
    other = api.client.post("/v1/events", json=event | {"account_id": "other"}).json()
    assert (again["accepted"], again["duplicates"], again["offset"]) == (0, 1, first["offset"])
    assert [r["code"] for r in other["rejected"]] == ["conflict"]


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        (b"{", "application/json", 400, "malformed_json"),
        (b"[1]", "application/json", 422, "invalid"),
        (b"{}", "text/plain", 415, "unsupported_media_type"),
        (b'{"events": 5}', "application/json", 422, "invalid"),
        (json.dumps({"events": [LOGIN] * 1001}).encode(), "application/json", 422, "too_many"),
        (b" " * (17 << 20), "application/json", 413, "request_entity_too_large"),
    ],
)
def test_bodies_that_cannot_be_taken_are_problems(
    api: Served, content: bytes, kind: str, status: int, code: str
) -> None:
    answer = api.client.post("/v1/events", content=content, headers={"Content-Type": kind})
    assert (answer.status_code, problem(answer)["code"]) == (status, code)


def test_risk_answers_for_a_signup_that_is_in_no_graph_yet(api: Served) -> None:
    ring = {"payment": {"method": "card", "fingerprint": "card-1", "outcome": "authorised"}}
    event = login(type="payment", account_id="newcomer-1", ip="198.51.100.3", **ring)
    bad = api.client.post("/v1/risk", json={"event": event, "record": False}).json()
    clean = login(type="signup", account_id="newcomer-2", ip="8.8.4.4", signup={"email": "someone@new.example"})
    good = api.client.post("/v1/risk", json={"event": clean, "record": False}).json()
    expected = {"assessment_id", "account_id", "probability", "risk_level", "recommended_action", "reasons", "cluster"}
    expected |= {
        "model_version",
        "policy_version",
        "held_out",
        "verdict",
        "graph_as_of",
        "degraded",
        "degraded_reasons",
        "latency_ms",
    }
    assert set(bad) == set(good) == expected
    assert bad["probability"] > 2 * good["probability"]
    assert good["recommended_action"] == "allow"
    card = next(reason for reason in bad["reasons"] if reason["identifier_type"] == "instrument")
    assert card["shared_with"] >= 4
    assert [reason["bits"] for reason in bad["reasons"]] == sorted((r["bits"] for r in bad["reasons"]), reverse=True)
    assert bad["degraded"]
    assert "graph_unavailable" in bad["degraded_reasons"]
    assert api.client.get("/v1/accounts/newcomer-1").status_code == 404


def test_a_recorded_event_counts_for_the_next(api: Served) -> None:
    paid = {"payment": {"method": "card", "fingerprint": uuid.uuid4().hex, "outcome": "authorised"}}
    seen = []
    for number in range(3):
        event = login(type="payment", account_id=f"burst-{number}", **paid)
        answer = api.client.post("/v1/risk", json={"event": event}).json()
        seen.append(max((r["shared_with"] for r in answer["reasons"]), default=0))
    assert seen == [0, 1, 2]


def test_known_accounts_are_answered_and_unknown_ones_are_not_found(api: Served) -> None:
    member = api.world.groups["ring_cards"][5]
    answer = api.client.post("/v1/risk", json={"account_id": member}).json()
    innocent = api.client.post("/v1/risk", json={"account_id": api.world.groups["alone"][0]}).json()
    assert answer["probability"] > 2 * innocent["probability"]
    assert answer["cluster"]["size"] >= 10
    missing = api.client.post("/v1/risk", json={"account_id": "nobody-there"})
    assert (missing.status_code, problem(missing)["code"]) == (404, "not_found")


def test_outcomes_become_labels(api: Served) -> None:
    account = api.world.groups["household"][0]
    made = api.client.post("/v1/risk", json={"account_id": account}).json()
    told = api.client.post(f"/v1/risk/{made['assessment_id']}/outcome", json={"outcome": "benign"})
    assert told.status_code == 200
    labels = api.client.get(f"/v1/accounts/{account}").json()["labels"]
    assert [(label["verdict"], label["source"]) for label in labels] == [("benign", "outcome")]
    wrong = api.client.post(f"/v1/risk/{made['assessment_id']}/outcome", json={"outcome": "perhaps"})
    assert (wrong.status_code, problem(wrong)["pointer"]) == (422, "/outcome")
    assert api.client.post("/v1/risk/unknown/outcome", json={"outcome": "benign"}).status_code == 404


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, ""),
        ({"event": {}, "account_id": "x"}, ""),
        ({"account_id": 5}, "/account_id"),
        ({"event": LOGIN, "record": "yes"}, "/record"),
        ({"event": LOGIN | {"ip": "nowhere"}}, "/event/ip"),
        ({"event": SIGNUP | {"signup": {"country": "Germany"}}}, "/event/signup/country"),
        ({"event": 5}, "/event"),
    ],
)
def test_malformed_risk_requests_name_their_place(api: Served, body: JsonObject, pointer: str) -> None:
    answer = api.client.post("/v1/risk", json=body)
    assert (answer.status_code, problem(answer).get("pointer", "")) == (422, pointer)


def test_clusters_are_listed_in_pages_and_filtered(api: Served) -> None:
    everything = api.client.get("/v1/clusters", params={"limit": 1000}).json()
    ids: list[str] = []
    cursor = None
    while True:
        page = api.client.get("/v1/clusters", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        ids += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert ids == [item["id"] for item in everything["items"]]
    large = api.client.get("/v1/clusters", params={"min_size": 10, "sort": "size"}).json()["items"]
    assert [item["size"] for item in large] == sorted(
        (i["size"] for i in everything["items"] if i["size"] >= 10), reverse=True
    )
    for name, value in (
        ("limit", "0"),
        ("sort", "beauty"),
        ("min_probability", "7"),
        ("cursor", "!"),
        ("identifier", "x"),
    ):
        answer = api.client.get("/v1/clusters", params={name: value})
        assert (answer.status_code, problem(answer)["pointer"]) == (422, f"/{name}")


def test_one_cluster_its_members_and_its_evidence(api: Served) -> None:
    cluster = suspicious(api)
    one = api.client.get(f"/v1/clusters/{cluster['id']}").json()
    taken = one.pop("taken")
    assert one == cluster
    assert f"{cluster['size']} accounts took" in taken["sentence"]
    first = api.client.get(f"/v1/clusters/{cluster['id']}/members", params={"limit": 5}).json()
    rest = api.client.get(f"/v1/clusters/{cluster['id']}/members", params={"cursor": first["next_cursor"]}).json()
    members = [item["account_id"] for item in first["items"] + rest["items"]]
    assert len(members) == len(set(members)) == cluster["size"]
    evidence = api.client.get(f"/v1/clusters/{cluster['id']}/evidence").json()["items"]
    assert [e["text"] for e in cluster["top_evidence"]] == [e["text"] for e in evidence[:3]]
    kind, identifier = evidence[0]["identifier_type"], evidence[0]["identifier_id"]
    found = api.client.get("/v1/clusters", params={"identifier": f"{kind}:{identifier}"}).json()["items"]
    assert cluster["id"] in [item["id"] for item in found]
    for path in ("", "/members", "/evidence", "/graph", "/history"):
        assert api.client.get(f"/v1/clusters/nothing{path}").status_code == 404


def test_what_needs_the_graph_database_says_so_and_the_rest_goes_on(api: Served) -> None:
    account = api.world.groups["ring_cards"][0]
    for path in (f"/v1/clusters/{suspicious(api)['id']}/graph", f"/v1/accounts/{account}/neighbours"):
        answer = api.client.get(path)
        assert (answer.status_code, problem(answer)["code"]) == (503, "graph_unavailable")
        assert answer.headers["Retry-After"]
    parts = api.client.get("/readyz").json()
    assert parts["ready"]
    assert parts["parts"]["graph"] != "ok"


def test_accounts_show_their_score_labels_and_reasons(api: Served) -> None:
    account = api.world.groups["ring_cards"][0]
    shown = api.client.get(f"/v1/accounts/{account}").json()
    assert 0 < shown["probability"] < 1
    assert shown["labels"][0]["verdict"] == "abusive"
    said = api.client.get(f"/v1/accounts/{account}/reasons").json()
    assert {"instrument"} <= {reason["identifier_type"] for reason in said["items"]}
    assert 0 <= said["probability_alone"] < said["probability"] <= 1
    carried = {item["identifier_type"]: item["log_odds"] for item in said["items"] if item["identifier_type"]}
    assert max(carried.values()) > 0


def test_labels_are_taken_and_checked(api: Served) -> None:
    label = LABEL | {"account_id": "labelled-1"}
    answer = api.client.post("/v1/labels", json={"labels": [label, label, label | {"verdict": "evil"}]})
    assert answer.status_code == 202
    body = answer.json()
    assert (body["accepted"], body["duplicates"], [r["pointer"] for r in body["rejected"]]) == (1, 1, ["/verdict"])
    assert api.client.post("/v1/labels", json=label).json()["duplicates"] == 1


def test_the_same_idempotency_key_gets_the_first_answer(api: Served) -> None:
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    body = {"event": login(account_id="retry-1")}
    first = api.client.post("/v1/risk", json=body, headers=headers)
    assert api.client.post("/v1/risk", json=body, headers=headers).content == first.content
    other = api.client.post("/v1/risk", json={"event": login()}, headers=headers)
    assert other.status_code == 422


def test_keys_are_needed_and_their_scopes_hold(api: Served) -> None:
    calls = {"read": ("GET", "/v1/clusters"), "write": ("POST", "/v1/events"), "risk": ("POST", "/v1/risk")}
    for scope in calls:
        headers = api.key(scope)
        for needed, (method, path) in calls.items():
            with httpx.Client(base_url=api.url, headers=headers) as client:
                status = client.request(method, path, json=None if method == "GET" else {}).status_code
            assert (status == 403) == (needed != scope)
    for header in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic x"}):
        with httpx.Client(base_url=api.url, headers=header) as client:
            answer = client.get("/v1/clusters")
        assert (answer.status_code, problem(answer)["code"]) == (401, "unauthorised")


def test_a_revoked_key_is_worthless_at_once(api: Served) -> None:
    from graphsvc.cases.keys import KeyStore

    headers = api.key("read")
    KeyStore(api.settings.places.cases).revoke(headers["Authorization"].split("_")[1])
    with httpx.Client(base_url=api.url, headers=headers) as client:
        assert client.get("/v1/clusters").status_code == 401


def test_health_metrics_and_headers(api: Served) -> None:
    with httpx.Client(base_url=api.url) as anyone:
        assert anyone.get("/healthz").json() == {"status": "ok"}
        assert "graphsvc_http_requests_total" in anyone.get("/metrics").text
        answer = anyone.get("/healthz", headers={"X-Request-Id": "mine-1"})
    assert answer.headers["X-Request-Id"] == "mine-1"
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    missing = api.client.get("/v1/nothing")
    assert (missing.status_code, problem(missing)["code"]) == (404, "not_found")
    assert api.client.delete("/v1/clusters").status_code == 405


def test_the_openapi_document_is_valid_and_tells_every_call(api: Served) -> None:
    document = api.client.get("/openapi.json").json()
    OpenAPIV31SpecValidator(document).validate()
    told = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    expected = {"POST /v1/events", "POST /v1/risk", "POST /v1/risk/{assessment_id}/outcome", "GET /v1/clusters"}
    expected |= {
        f"GET /v1/clusters/{{cluster_id}}{part}" for part in ("", "/members", "/evidence", "/graph", "/history")
    }
    expected |= {f"GET /v1/accounts/{{account_id}}{part}" for part in ("", "/neighbours", "/reasons")}
    assert expected | {"POST /v1/labels", "GET /healthz", "GET /readyz"} <= told


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["event", "account_id", "record", "events", "type", "x"]), inner, max_size=4)
    ),
    max_leaves=8,
)


def test_no_body_makes_the_service_fail(api: Served) -> None:
    @settings(max_examples=60, deadline=None)
    @given(body=JSON, path=st.sampled_from(["/v1/events", "/v1/risk", "/v1/labels"]))
    def post(body: Any, path: str) -> None:
        answer = api.client.post(path, content=json.dumps(body), headers={"Content-Type": "application/json"})
        assert answer.status_code in (202, 400, 404, 422)

    post()


def test_clusters_and_accounts_say_a_verdict_or_that_it_is_unknown(api: Served) -> None:
    for item in api.client.get("/v1/clusters").json()["items"]:
        low, high, line = item["probability_low"], item["probability_high"], item["probability"] >= 0.5
        wide = low <= 0.25 and high >= 0.75
        assert item["verdict"] == ("unknown" if wide else "abusive" if line else "innocent")
        member = api.client.get(f"/v1/clusters/{item['id']}/members").json()["items"][0]
        shown = api.client.get(f"/v1/accounts/{member['account_id']}").json()
        agrees = not wide and (member["probability"] >= 0.5) == line
        assert shown["verdict"] == member["verdict"] == (item["verdict"] if agrees else "unknown")
        asked = api.client.post("/v1/risk", json={"account_id": member["account_id"]}).json()
        assert asked["cluster"]["verdict"] == item["verdict"]
        decided = {"abusive": "abusive", "benign": "innocent"}
        labels = [decided[label["verdict"]] for label in shown["labels"]]
        assert asked["verdict"] in (labels or [account_verdict(asked["probability"], item["verdict"])])
    alone = api.client.get(f"/v1/accounts/{api.world.groups['alone'][0]}").json()
    assert alone["verdict"] == "innocent" or alone["probability"] > 0.25
