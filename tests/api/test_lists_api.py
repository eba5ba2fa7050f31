"""Lists by HTTP over a real server: what is answered when who is listed, and that nothing raw is kept or repeated."""

from __future__ import annotations

import sqlite3
import threading
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from graphsvc.events.arrive import Arrival
from tests.api.conftest import Served
from tests.examples import LOGIN, JsonObject
from tests.risk.conftest import wait_for

SECRET = "Keeper.Of+The.Secret@hidden-mailbox.example"


def login(**changes: object) -> JsonObject:
    return LOGIN | {"event_id": uuid.uuid4().hex, "account_id": uuid.uuid4().hex} | changes


def signup(**facts: object) -> JsonObject:
    return login(type="signup", signup=facts)


def put(api: Served, name: str, **body: Any) -> httpx.Response:
    return api.client.post(f"/v1/lists/{name}/entries", json={"reason": "as agreed"} | body)


def listed(api: Served, name: str, **asked: Any) -> list[dict[str, Any]]:
    answer = api.client.get(f"/v1/lists/{name}/entries", params=asked)
    assert answer.status_code == 200
    return list(answer.json()["items"])


def assess(api: Served, event: JsonObject) -> dict[str, Any]:
    answer = api.client.post("/v1/risk", json={"event": event, "record": False})
    assert answer.status_code == 200
    return dict(answer.json())


def recommended(api: Served, event: JsonObject, action: str) -> dict[str, Any]:
    """The answer once it recommends this: another process than the one that took a change answers by it a little later."""
    found: list[dict[str, Any]] = []

    def as_wanted() -> bool:
        found[:] = [assess(api, event)]
        return bool(found[0]["recommended_action"] == action)

    wait_for(as_wanted)
    return found[0]


def codes(answer: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(r["code"], r["identifier_type"]) for r in answer["reasons"] if r["code"].startswith("list_")]


def test_a_blocked_account_is_denied_at_once_and_no_more_once_removed(api: Served) -> None:
    event = login()
    account = event["account_id"]
    assert assess(api, event)["recommended_action"] == "allow"
    made = put(api, "block", account_id=account)
    assert made.status_code == 201
    entry = made.json()
    assert (entry["list"], entry["account_id"], entry["identifier"]) == ("block", account, None)
    assert (entry["state"], entry["created_by"], entry["expires_at"]) == ("counts", "test", None)
    denied = recommended(api, event, "deny")
    assert (denied["recommended_action"], denied["risk_level"], denied["held_out"]) == ("deny", "low", False)
    assert codes(denied) == [("list_block", None)]
    assert denied["reasons"][-1]["text"] == "the account is on the block list"
    removed = api.client.delete(f"/v1/lists/block/entries/{entry['id']}")
    assert (removed.status_code, removed.json()["state"], removed.json()["removed_by"]) == (200, "removed", "test")
    recommended(api, event, "allow")
    assert api.client.delete(f"/v1/lists/block/entries/{entry['id']}").status_code == 404
    assert listed(api, "block", account_id=account) == []
    assert listed(api, "block", account_id=account, state="all") == [removed.json()]


def test_a_raw_identifier_meets_the_events_that_carry_it_however_it_is_written(api: Served) -> None:
    assert put(api, "watch", identifier={"type": "email", "value": SECRET}).status_code == 201
    assert put(api, "block", identifier={"type": "phone", "value": "0049 (151) 2345-678"}).status_code == 201
    assert put(api, "block", identifier={"type": "wallet", "value": "w-block"}).status_code == 201
    assert put(api, "watch", identifier={"type": "subnet", "value": "192.0.2.0/24"}).status_code == 201
    passing = recommended(api, login(ip="192.0.2.77"), "review")
    assert codes(passing) == [("list_watch", "subnet")]
    written = recommended(api, signup(email=SECRET.upper()), "review")
    assert codes(written) == [("list_watch", "email")]
    called = recommended(api, signup(email=SECRET, phone="+49151 2345 678"), "deny")
    assert codes(called) == [("list_block", "phone")]
    own = recommended(api, login(identifiers=[{"type": "wallet", "value": "w-block"}]), "deny")
    assert own["reasons"][-1]["text"] == "its wallet is on the block list"
    assert codes(assess(api, login(ip="192.0.3.77"))) == []


def test_an_identifier_of_the_graph_is_named_by_its_id(api: Served) -> None:
    member = api.world.groups["ring_cards"][0]
    cluster = api.client.get(f"/v1/accounts/{member}").json()["cluster_id"]
    evidence = api.client.get(f"/v1/clusters/{cluster}/evidence").json()["items"]
    paid = {event["payment"]["fingerprint"] for event in api.world.events if event["type"] == "payment"}
    cards = {Arrival(api.settings).identifier("instrument", one).id: one for one in paid}
    kind, name = next((e["identifier_type"], e["identifier_id"]) for e in evidence if e["identifier_id"] in cards)
    made = put(api, "watch", identifier={"type": kind, "id": name})
    assert made.json()["identifier"] == {"type": kind, "id": name}
    card = {"payment": {"method": "card", "fingerprint": cards[name], "outcome": "authorised"}}
    wait_for(lambda: ("list_watch", "instrument") in codes(assess(api, login(type="payment", **card))))
    gone = api.client.delete("/v1/lists/watch/entries", params={"identifier": f"{kind}:{name}"})
    assert (gone.status_code, gone.json()["id"]) == (200, made.json()["id"])
    again = api.client.delete("/v1/lists/watch/entries", params={"identifier": f"{kind}:{name}"})
    assert again.status_code == 404


def test_an_entry_ends_when_it_expires_and_a_new_one_takes_the_place_of_the_old(api: Served) -> None:
    event = login()
    account = event["account_id"]
    soon = (datetime.now(UTC) + timedelta(seconds=3)).isoformat()
    first = put(api, "block", account_id=account, expires_at=soon).json()
    recommended(api, event, "deny")
    second = put(api, "block", account_id=account, expires_at=soon, reason="for other reasons").json()
    every = listed(api, "block", account_id=account, state="all")
    assert [(one["id"], one["state"], one["replaced_by"]) for one in every] == [
        (second["id"], "counts", None),
        (first["id"], "replaced", second["id"]),
    ]
    while datetime.now(UTC) < datetime.fromisoformat(second["expires_at"]):
        assert listed(api, "block", account_id=account) in ([second], [])
    assert assess(api, event)["recommended_action"] == "allow"
    assert listed(api, "block", account_id=account, state="all")[0]["state"] == "expired"
    then = listed(api, "block", account_id=account, as_of=second["created_at"])
    assert [one["id"] for one in then] == [second["id"]]
    assert listed(api, "block", account_id=account, as_of="2020-01-01T00:00:00Z") == []


def test_another_process_follows_within_a_second(api: Served) -> None:
    from graphsvc.cases.lists import ListStore, Target

    event = login()
    store = ListStore(api.settings.places.cases)
    started = datetime.now(UTC)
    store.add("block", Target(account_id=event["account_id"]), "elsewhere", "k", int(started.timestamp() * 1000))
    recommended(api, event, "deny")
    assert listed(api, "block", account_id=event["account_id"])[0]["created_by"] == "k"


def test_pages_and_retries(api: Served) -> None:
    accounts = [uuid.uuid4().hex for _ in range(5)]
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    for account in accounts:
        put(api, "allow", account_id=account)
    body = {"account_id": accounts[0], "reason": "once"}
    made = api.client.post("/v1/lists/allow/entries", json=body, headers=headers)
    assert api.client.post("/v1/lists/allow/entries", json=body, headers=headers).content == made.content
    removing = {"Idempotency-Key": uuid.uuid4().hex}
    removed = api.client.delete("/v1/lists/allow/entries", params={"account_id": accounts[1]}, headers=removing)
    again = api.client.delete("/v1/lists/allow/entries", params={"account_id": accounts[1]}, headers=removing)
    assert (removed.status_code, again.content) == (200, removed.content)
    other = api.client.delete("/v1/lists/allow/entries", params={"account_id": accounts[2]}, headers=removing)
    assert other.status_code == 422
    put(api, "allow", account_id=accounts[1])
    seen: list[str] = []
    cursor = None
    while True:
        asked = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = api.client.get("/v1/lists/allow/entries", params=asked).json()
        seen += [one["account_id"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sorted(seen) == sorted(accounts)
    assert seen[:2] == [accounts[1], accounts[0]]


PAST, NEVER = "2020-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ([], ""),
        ({"reason": "x"}, ""),
        ({"reason": "x", "account_id": SECRET, "identifier": {"type": "ip", "value": SECRET}}, ""),
        ({"account_id": SECRET}, "/reason"),
        ({"reason": 5, "account_id": SECRET}, "/reason"),
        ({"reason": "", "account_id": SECRET}, "/reason"),
        ({"reason": "   ", "account_id": SECRET}, "/reason"),
        ({"reason": "x" * 501, "account_id": SECRET}, "/reason"),
        ({"reason": f"he is {SECRET}", "account_id": "a"}, "/reason"),
        ({"reason": "card fp-SECRET again", "identifier": {"type": "instrument", "value": "FP-secret"}}, "/reason"),
        ({"reason": "x", "account_id": ""}, "/account_id"),
        ({"reason": "x", "account_id": SECRET * 9}, "/account_id"),
        ({"reason": "x", "account_id": SECRET, "expires_at": PAST}, "/expires_at"),
        ({"reason": "x", "account_id": SECRET, "expires_at": NEVER}, "/expires_at"),
        ({"reason": "x", "account_id": SECRET, "expires_at": "2090-01-01T00:00:00"}, "/expires_at"),
        ({"reason": "x", "account_id": SECRET, "expires_at": SECRET}, "/expires_at"),
        ({"reason": "x", "account_id": SECRET, "until": PAST}, ""),
        ({"reason": "x", "identifier": SECRET}, "/identifier"),
        ({"reason": "x", "identifier": {"type": "email"}}, "/identifier"),
        ({"reason": "x", "identifier": {"type": "email", "value": "a", "id": "b"}}, "/identifier"),
        ({"reason": "x", "identifier": {"value": SECRET}}, "/identifier/type"),
        ({"reason": "x", "identifier": {"type": "E-Mail", "value": SECRET}}, "/identifier/type"),
        ({"reason": "x", "identifier": {"type": "email", "value": ""}}, "/identifier/value"),
        ({"reason": "x", "identifier": {"type": "email", "value": "  "}}, "/identifier/value"),
        ({"reason": "x", "identifier": {"type": "ip", "value": SECRET}}, "/identifier/value"),
        ({"reason": "x", "identifier": {"type": "subnet", "value": "192.0.2.7"}}, "/identifier/value"),
        ({"reason": "x", "identifier": {"type": "subnet", "value": "192.0.2.7/24"}}, "/identifier/value"),
        ({"reason": "x", "identifier": {"type": "mail_domain", "value": SECRET}}, "/identifier/value"),
        ({"reason": "x", "identifier": {"type": "mail_domain", "id": SECRET}}, "/identifier/id"),
        ({"reason": "x", "identifier": {"type": "bin", "value": "4111111111111111"}}, "/identifier/value"),
        ({"reason": "x", "identifier": {"type": "asn", "value": "ASX"}}, "/identifier/value"),
        ({"reason": "x", "identifier": {"type": "conversation", "value": SECRET}}, "/identifier/value"),
        ({"reason": "x", "identifier": {"type": "email", "id": SECRET}}, "/identifier/id"),
        ({"reason": "x", "identifier": {"type": "phone", "id": "+49151234567"}}, "/identifier/id"),
    ],
)  # fmt: skip
def test_what_is_malformed_is_told_by_its_place_and_not_repeated(api: Served, body: Any, pointer: str) -> None:
    answer = api.client.post("/v1/lists/block/entries", json=body)
    assert (answer.status_code, answer.json().get("pointer", "")) == (422, pointer)
    assert "ecret" not in answer.text


def test_wrong_questions_and_who_may_not(api: Served) -> None:
    path = "/v1/lists/block/entries"
    for name, value in (
        ("limit", "0"),
        ("cursor", "!"),
        ("as_of", SECRET),
        ("as_of", "2020-01-01T00:00:00"),
        ("state", SECRET),
        ("identifier", "email"),
    ):
        answer = api.client.get(path, params={name: value})
        assert (answer.status_code, answer.json()["pointer"]) == (422, f"/{name}"), name
        assert "ecret" not in answer.text
    both = api.client.get(path, params={"as_of": PAST, "state": "all"})
    assert (both.status_code, both.json()["pointer"]) == (422, "/as_of")
    assert api.client.delete(path).status_code == 422
    for method in ("GET", "POST"):
        assert api.client.request(method, "/v1/lists/grey/entries", json={}).status_code == 404
    assert api.client.delete(f"{path}/none").status_code == 404
    assert api.client.delete("/v1/lists/grey/entries/none").status_code == 404
    reading = api.key("read")
    assert api.client.get(path, headers=reading).status_code == 200
    for method, where in (("POST", path), ("DELETE", path), ("DELETE", f"{path}/none")):
        assert api.client.request(method, where, headers=reading, json={}).status_code == 403
    assert httpx.get(api.url + path).status_code == 401
    assert api.client.post(path, content="{", headers={"Content-Type": "application/json"}).status_code == 400
    assert api.client.post(path, content="{}", headers={"Content-Type": "text/plain"}).status_code == 415


def test_no_raw_identifier_is_kept_anywhere(api: Served) -> None:
    raw = [
        "very.private@mail-of-one.example",
        "+4915199988877",
        "instr-very-private",
        "203.0.113.211",
        "priv-device-77",
    ]
    for kind, value in zip(("email", "phone", "instrument", "ip", "device"), raw, strict=True):
        made = put(api, "watch", identifier={"type": kind, "value": value})
        assert made.status_code == 201
        assert value not in made.text
    assert put(api, "block", identifier={"type": "email", "value": raw[0]}, reason=f"it is {raw[0]}").status_code == 422
    assess(api, signup(email=raw[0], phone=raw[1]))
    with sqlite3.connect(api.settings.places.cases) as connection:
        connection.execute("PRAGMA wal_checkpoint")
    connection.close()
    for file in api.settings.places.root.glob("cases.sqlite*"):
        kept = file.read_bytes().lower()
        assert [value for value in raw if value.lower().encode() in kept] == []


def test_the_document_tells_these_calls(api: Served) -> None:
    document = api.client.get("/openapi.json").json()
    OpenAPIV31SpecValidator(document).validate()
    calls = document["paths"]["/v1/lists/{name}/entries"]
    assert set(calls) == {"get", "post", "delete"}
    bodies = calls["post"]["requestBody"]["content"]["application/json"]["schema"]["anyOf"]
    assert [one["$ref"].rpartition("/")[2] for one in bodies] == ["NewAccountEntry", "NewIdentifierEntry"]
    assert "delete" in document["paths"]["/v1/lists/{name}/entries/{entry_id}"]
    answer = document["components"]["schemas"]["Assessment"]["properties"]
    assert {"policy_version", "held_out"} <= set(answer)
    told = document["paths"]["/v1/risk/{assessment_id}/outcome"]["post"]["responses"]
    assert {"200", "404", "422", "503"} <= set(told)


def outcome(api: Served, assessment: str, word: str) -> httpx.Response:
    return api.client.post(f"/v1/risk/{assessment}/outcome", json={"outcome": word})


def assessed(api: Served) -> tuple[str, str]:
    """The assessment of a new account, and the account."""
    event = login()
    answer = api.client.post("/v1/risk", json={"event": event}).json()
    return answer["assessment_id"], event["account_id"]


def labels(api: Served, account: str) -> list[tuple[str, str]]:
    """Of each source the label in force."""
    wait_for(lambda: api.client.get(f"/v1/accounts/{account}").status_code == 200)
    return [(one["verdict"], one["source"]) for one in api.client.get(f"/v1/accounts/{account}").json()["labels"]]


def test_an_outcome_is_one_label_however_often_it_is_told_and_a_contradiction_shows(api: Served) -> None:
    assessment, account = assessed(api)
    first = outcome(api, assessment, "abusive").json()
    assert (first["contradicts"], first["outcome"]) == ([], "abusive")
    threads = [threading.Thread(target=outcome, args=(api, assessment, "abusive")) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcome(api, assessment, "abusive").json() == first
    from graphsvc.ledger import open_ledger

    ledger = open_ledger(api.settings)
    assert [one.verdict for one in ledger.labels_of(account)] == ["abusive"]
    other = outcome(api, assessment, "benign").json()
    assert [(one["verdict"], one["source"]) for one in other["contradicts"]] == [("abusive", "outcome")]
    assert labels(api, account) == [("benign", "outcome")]
    assert outcome(api, assessment, "challenge_passed").json()["contradicts"] == []
    assert [one.verdict for one in ledger.labels_of(account)] == ["abusive", "benign"]
    ledger.close()


def test_an_outcome_does_not_wait_for_a_locked_ledger_and_a_retry_completes_it(api: Served) -> None:
    assessment, account = assessed(api)
    blocker = sqlite3.connect(api.settings.places.ledger, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    try:
        with httpx.Client(base_url=api.url, headers=api.client.headers, timeout=10) as hurried:
            refused = hurried.post(f"/v1/risk/{assessment}/outcome", json={"outcome": "benign"})
    finally:
        blocker.execute("ROLLBACK")
        blocker.close()
    assert (refused.status_code, refused.json()["code"]) == (503, "locked")
    assert int(refused.headers["Retry-After"]) > 0
    assert labels(api, account) == []
    assert outcome(api, assessment, "benign").status_code == 200
    assert labels(api, account) == [("benign", "outcome")]
