"""What the client answers while the service answers: the same as HTTP, in Python's types."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import uuid
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from graphsvc.client import AsyncRiskClient, Misuse, Options, RiskClient
from tests.api.conftest import Served
from tests.client.conftest import PATIENT, key_of
from tests.examples import LOGIN, JsonObject


def event(**changes: object) -> JsonObject:
    return LOGIN | {"event_id": uuid.uuid4().hex, "occurred_at": datetime.now(UTC)} | changes


def pays(account: str, card: str) -> JsonObject:
    payment = {"method": "card", "fingerprint": card, "outcome": "authorised"}
    return event(type="payment", account_id=account, payment=payment)


def plain(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def test_an_answer_is_that_of_http(api: Served, client: RiskClient) -> None:
    client.assess(pays("same-1", "same-card"))
    asked = pays("same-2", "same-card")
    sent = asked | {"occurred_at": asked["occurred_at"].isoformat()}
    answer, by_http = {"reasons": ()}, {"reasons": []}
    while not (answer["reasons"] and by_http["reasons"]):  # the other process hears of it a moment later
        answer = asdict(client.assess(asked, record=False))
        by_http = api.client.post("/v1/risk", json={"event": sent, "record": False}).json()
    for own in ("assessment_id", "latency_ms"):
        assert answer.pop(own)
        assert by_http.pop(own)
    assert plain(answer) == by_http


def test_what_was_recorded_counts_and_accounts_are_assessed(client: RiskClient) -> None:
    def shared(number: int, record: bool) -> int:
        said = client.assess(pays(f"burst-{number}", "burst-card"), record=record)
        return max((reason.shared_with for reason in said.reasons), default=0)

    for number in range(3):
        assert shared(number, record=True) <= number
    while shared(3, record=False) < 3:  # a process that did not answer hears of it a moment later
        pass
    account = client.assess_account("burst-0")
    assert (account.answered, account.account_id) == (True, "burst-0")
    assert not any(reason.startswith("client_") for reason in account.degraded_reasons)


def test_an_account_that_was_never_seen_is_allowed(client: RiskClient) -> None:
    answer = client.assess_account("nobody-here")
    assert (answer.answered, answer.recommended_action, answer.degraded) == (False, "allow", True)
    assert (answer.degraded_reasons, answer.account_id) == (("client_unknown_account",), "nobody-here")


def test_outcomes_are_told_once_and_contradictions_come_back(api: Served, client: RiskClient) -> None:
    made = client.assess(event(account_id="told-1"))
    assert client.tell(made.assessment_id, "benign").told
    assert client.tell(made.assessment_id, "benign").told
    label = {"account_id": "told-1", "verdict": "abusive", "source": "review", "decided_at": "2026-01-07T07:00:00Z"}
    api.client.post("/v1/labels", json=label)
    again = client.assess_account("told-1")
    assert [one["source"] for one in client.tell(again.assessment_id, "benign").contradicts] == ["review"]
    assert client.tell("as_nothing", "benign").reason == "client_unknown_assessment"
    assert client.tell("", "benign").reason == "client_unknown_assessment"


def test_events_are_sent_in_batches_and_what_was_refused_comes_back(client: RiskClient) -> None:
    events = [event(account_id=f"many-{place}") for place in range(2_100)]
    events[3] = events[3] | {"ip": "nowhere"}
    events[2_050] = events[2_050] | {"type": "nonsense"}
    events[2_051] = events[2_051] | {"account_id": "half a pair \ud800"}
    sent = client.send([*events, events[0]])
    assert (sent.complete, sent.accepted, sent.duplicates, sent.next_index) == (True, 2_097, 1, 2_101)
    assert [(one.index, one.pointer) for one in sent.rejected] == [(3, "/ip"), (2_050, "/type"), (2_051, "")]
    assert client.send([]).complete


def test_an_event_too_large_for_the_service_is_refused_alone(client: RiskClient) -> None:
    large = event(attributes={"filler": "x" * (17 << 20)})
    sent = client.send([event(), large, event()])
    assert (sent.accepted, [(one.index, one.code) for one in sent.rejected]) == (2, [(1, "too_large")])


@pytest.mark.parametrize(
    ("changes", "status", "pointer"),
    [({"ip": "nowhere"}, 422, "/event/ip"), ({"attributes": {"x": float("nan")}}, 0, ""), ({"org_id": b"x"}, 0, "")],
)
def test_a_wrong_request_is_raised_or_allowed(
    api: Served, client: RiskClient, changes: JsonObject, status: int, pointer: str
) -> None:
    with pytest.raises(Misuse) as raised:
        client.assess(event(**changes))
    assert (raised.value.status, raised.value.pointer) == (status, pointer)
    assert "nowhere" not in str(raised.value)
    with RiskClient(api.url, key_of(api), Options(budget_s=20.0, on_misuse="allow")) as lenient:
        assert lenient.assess(event(**changes)).degraded_reasons == ("client_misuse",)
        assert lenient.assess(event()).answered


def test_clocks_that_differ_keep_nobody_out(client: RiskClient) -> None:
    answer = client.assess(event(occurred_at=datetime.now(UTC) + timedelta(hours=1)))
    assert (answer.recommended_action, answer.degraded_reasons) == ("allow", ("client_clocks_apart",))


def test_misuse_of_other_calls_is_raised(client: RiskClient) -> None:
    made = client.assess(event())
    with pytest.raises(Misuse) as raised:
        client.tell(made.assessment_id, "perhaps")  # type: ignore[arg-type]
    assert raised.value.pointer == "/outcome"
    with pytest.raises(Misuse):
        client.send([event(), event(ip={1, 2})])


def test_a_refused_key_is_allowed_and_logged_once(api: Served, caplog: pytest.LogCaptureFixture) -> None:
    for key in ("wrong", key_of(api, "read")):
        caplog.clear()
        with RiskClient(api.url, key, PATIENT) as refused:
            answers = [refused.assess(event(account_id="k")) for _ in range(8)]
            assert {one.degraded_reasons for one in answers} == {("client_key_refused",)}
            assert refused.send([event()]).reason == "client_key_refused"
        assert [record.levelname for record in caplog.records if record.name == "graphsvc.client"] == ["WARNING"]
        assert key not in caplog.text


def test_asyncio_has_the_same(api: Served) -> None:
    async def ask() -> None:
        async with AsyncRiskClient(api.url, key_of(api), PATIENT) as client:
            answer = await client.assess(event(account_id="async-1"))
            assert answer.answered
            assert (await client.tell(answer.assessment_id, "abandoned")).told
            assert (await client.assess_account("async-1")).account_id == "async-1"
            assert (await client.send([event()])).accepted == 1
            with pytest.raises(Misuse):
                await client.assess(event(ip="nowhere"))
        assert (await client.assess(event())).degraded_reasons == ("client_closed",)

    asyncio.run(ask())


def test_a_closed_client_allows(client: RiskClient) -> None:
    client.close()
    assert client.assess(event(account_id="late")).degraded_reasons == ("client_closed",)
    assert client.send([event()]).reason == client.tell("as_1", "benign").reason == "client_closed"
    client.close()


FORKED = """
import os, sys
from graphsvc.client import Options, RiskClient
client = RiskClient(os.environ["URL"], os.environ["KEY"], Options(budget_s=20.0))
event = {"type": "login", "account_id": "forked", "occurred_at": "2026-01-05T07:00:00Z"}
assert client.assess(event | {"event_id": "before"}).answered
child = os.fork()
answered = client.assess(event | {"event_id": f"of-{child == 0}"}).answered
client.close()
if child == 0:
    os._exit(0 if answered else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) if answered else 1)
"""


def test_a_forked_process_asks_by_itself(api: Served) -> None:
    environment = {**os.environ, "URL": api.url, "KEY": key_of(api)}
    assert subprocess.run([sys.executable, "-c", FORKED], env=environment, timeout=60).returncode == 0


ALONE = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("flask", "torch", "neo4j", "msgspec", "numpy", "pydantic", "gnn"):
            raise ImportError(name)
sys.meta_path.insert(0, Refuse())
import graphsvc.client
loaded = {name for name in sys.modules if name.startswith("graphsvc.")}
sys.exit(any(not name.startswith("graphsvc.client") for name in loaded))
"""


def test_it_needs_httpx_and_nothing_else_of_the_package() -> None:
    assert subprocess.run([sys.executable, "-c", ALONE], timeout=60).returncode == 0


@pytest.mark.parametrize("url", ["", "localhost:8200", "ftp://host", "http://"])
def test_an_address_that_is_none_is_told_when_the_client_is_made(url: str) -> None:
    with pytest.raises(ValueError, match="address"):
        RiskClient(url, "key")


@pytest.mark.parametrize("wrong", [{"budget_s": 0}, {"retries": -1}, {"connections": 0}, {"on_misuse": "shrug"}])
def test_options_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"are above 0|on_misuse"):
        Options(**wrong)
