"""Arrival: what the ledger gets of an event, and what it must never get."""

from __future__ import annotations

import copy
import json
import stat
from pathlib import Path

import msgspec
import pytest

from graphsvc.config import Settings, load_settings
from graphsvc.errors import BadUsage
from graphsvc.events.arrive import Arrival
from graphsvc.events.check import Rejected
from graphsvc.events.fingerprint import Fingerprinter, from_caller, to_caller
from graphsvc.events.networks import NetworkTable
from graphsvc.events.record import Record
from graphsvc.events.tokens import Tokeniser, normal_email, normal_phone
from graphsvc.events.types import Message
from tests.examples import EVENTS, PAYMENT, REQUEST, SIGNUP, JsonObject


@pytest.fixture
def arrival(settings: Settings) -> Arrival:
    return Arrival(settings)


def record(arrival: Arrival, event: JsonObject) -> Record:
    return arrival.draft(arrival.check(event), 0).record


def ids(of: Record) -> dict[str, str]:
    return {identifier.type: identifier.id for identifier in of.identifiers}


def test_identifiers_of_every_kind_become_links(arrival: Arrival) -> None:
    signup, payment, request = (ids(record(arrival, event)) for event in (SIGNUP, PAYMENT, REQUEST))
    assert {"email", "mail_domain", "phone", "device", "tls", "ip", "subnet", "org", "referral_code", "wallet"} <= set(
        signup
    )
    assert set(payment) == {"instrument", "bin"}
    assert {"api_key", "conversation", "ip", "subnet"} <= set(request)
    assert (signup["mail_domain"], payment["bin"], signup["subnet"]) == ("gmail.com", "411111", "203.0.113.0/24")
    assert request["subnet"] == "2001:db8::/48"


def test_no_raw_identifier_and_no_prompt_reaches_the_record(arrival: Arrival) -> None:
    raw = [
        "Lovelace",
        "lovelace",
        "4915112345678",
        "203.0.113.7",
        "2001:db8::1",
        "device-1",
        "pm_1",
        "org-1",
        "key-1",
        "w-1",
    ]
    raw += ["rivers", "Volga", "t13d1516h2"]
    for event in EVENTS:
        text = msgspec.json.encode(record(arrival, event)).decode()
        assert [word for word in raw if word in text] == []


def test_facts_are_kept(arrival: Arrival) -> None:
    assert record(arrival, PAYMENT).occurred_ms == 1767596400000
    assert (record(arrival, PAYMENT).funding, record(arrival, PAYMENT).amount_minor) == ("prepaid", 500)
    assert (record(arrival, REQUEST).status, record(arrival, REQUEST).tool_count) == (200, 1)
    assert record(arrival, SIGNUP).peers[0].weight == 0.5
    assert record(arrival, SIGNUP).attributes == SIGNUP["attributes"]


def test_content_is_the_same_whatever_its_order_spacing_or_zone(arrival: Arrival) -> None:
    def digest(event: JsonObject) -> bytes:
        return arrival.draft(arrival.check(event), 0).digest

    turned = json.loads(json.dumps(dict(reversed(PAYMENT.items()))))
    assert digest(turned | {"occurred_at": "2026-01-05T07:00:00Z"}) == digest(PAYMENT)
    assert digest(PAYMENT | {"unknown": 1}) == digest(PAYMENT)
    changed = copy.deepcopy(REQUEST)
    changed["request"]["messages"][1]["content"] += "!"
    assert digest(changed) != digest(REQUEST)


def test_a_bad_address_and_a_bad_sketch_are_rejected_with_their_place(arrival: Arrival) -> None:
    bad_sketch = {"model": "m", "status": 200, "fingerprint": {"version": 1, "sketch": "AAAA"}}
    for change, pointer in (({"ip": "300.1.1.1"}, "/ip"), ({"request": bad_sketch}, "/request/fingerprint/sketch")):
        with pytest.raises(Rejected) as caught:
            record(arrival, REQUEST | change)
        assert caught.value.pointer == pointer


@pytest.mark.parametrize(
    ("raw", "mailbox", "domain"),
    [
        ("Ada.Lovelace+x@GoogleMail.com", "adalovelace@gmail.com", "gmail.com"),
        ("a.b+c@outlook.com", "a.b@outlook.com", "outlook.com"),
        ("a.b+c@example.org", "a.b+c@example.org", "example.org"),
        ("x@bücher.example", "x@xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("not an address", "not an address", ""),
    ],
)
def test_mail_addresses_reach_one_mailbox(raw: str, mailbox: str, domain: str) -> None:
    assert normal_email(raw) == (mailbox, domain)


def test_phones_are_e164() -> None:
    assert {normal_phone(raw) for raw in ("+49 151 1234", "0049-151-1234", "+491511234")} == {"+491511234"}


def test_tokens_depend_on_key_type_and_value() -> None:
    one, other = Tokeniser(b"1" * 32), Tokeniser(b"2" * 32)
    made = {one.token("ip", "x"), one.token("ip", "y"), one.token("org", "x"), other.token("ip", "x")}
    assert len(made) == 4
    assert one.token("ip", "x") == Tokeniser(b"1" * 32).token("ip", "x")
    assert all(len(token) == 22 for token in made)


def test_the_key_is_made_once_and_is_ours_alone(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    first = record(Arrival(settings), SIGNUP)
    assert stat.S_IMODE(settings.places.token_key.stat().st_mode) == 0o600
    assert record(Arrival(settings), SIGNUP) == first
    monkeypatch.setenv("GRAPHSVC_TOKEN_KEY", "ab" * 32)
    assert ids(record(Arrival(load_settings()), SIGNUP))["email"] != ids(first)["email"]
    monkeypatch.setenv("GRAPHSVC_TOKEN_KEY", "secret-word")
    with pytest.raises(BadUsage) as caught:
        Arrival(load_settings())
    assert "secret-word" not in str(caught.value)


def test_the_longest_prefix_names_the_network(tmp_path: Path) -> None:
    table = tmp_path / "asn.csv"
    table.write_text("network,asn,name,kind\n10.0.0.0/8,1,a,isp\n10.1.0.0/16,AS2,b,hosting\n2001:db8::/32,3,c,mobile\n")
    look_up = NetworkTable.load(table).look_up
    found = {
        raw: look_up(raw).asn
        for raw in ("10.0.9.9", "10.1.0.1", "10.2.0.0", "11.0.0.0", "9.255.255.255", "2001:db8::5")
    }
    assert list(found.values()) == ["AS1", "AS2", "AS1", "", "", "AS3"]
    assert look_up("::ffff:10.1.2.3").subnet == "10.1.2.0/24"


def test_fingerprints_see_through_slots_and_invisible_signs() -> None:
    maker = Fingerprinter(b"k" * 32)
    one = maker.sketch("Solve task 17: how many apples does Ann have after 3 days?")
    assert maker.sketch("  Solve  TASK 4: how many ap\u200bples does Ann have after 12 days ?") == one
    assert maker.sketch("Write a poem about the sea and the moon at night.") != one
    assert Fingerprinter(b"j" * 32).sketch("Solve task 17: how many apples does Ann have after 3 days?") != one
    assert maker.sketch("too short") == b""


def test_a_callers_own_fingerprint_counts_like_the_messages(arrival: Arrival, settings: Settings) -> None:
    from graphsvc.events.tokens import load_key

    messages = [Message(m["role"], m["content"]) for m in REQUEST["request"]["messages"]]
    maker = Fingerprinter(Tokeniser(load_key(settings)).derived_key("fingerprint"))
    wire = to_caller(maker.of_messages(messages))
    assert from_caller(wire) == maker.of_messages(messages)
    request = {k: v for k, v in REQUEST["request"].items() if k != "messages"}
    given = REQUEST | {"request": request | {"fingerprint": msgspec.to_builtins(wire)}}
    seen = record(arrival, REQUEST).fingerprint
    assert seen.traits is not None
    assert record(arrival, given).fingerprint == msgspec.structs.replace(seen, traits=None)
    assert ids(record(arrival, given)) == ids(record(arrival, REQUEST))
