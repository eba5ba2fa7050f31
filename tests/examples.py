"""Valid events of every type, as plain JSON objects."""

from __future__ import annotations

from typing import Any

from graphsvc.events.lexicon import TECHNIQUES

JsonObject = dict[str, Any]

SIGNUP: JsonObject = {
    "event_id": "s1",
    "type": "signup",
    "account_id": "a1",
    "occurred_at": "2026-01-05T08:00:00Z",
    "org_id": "org-1",
    "ip": "203.0.113.7",
    "device": {"id": "device-1", "user_agent": "browser", "tls": "t13d1516h2"},
    "identifiers": [{"type": "wallet", "value": "w-1"}],
    "peers": [{"account_id": "a2", "type": "referred_by", "weight": 0.5}],
    "attributes": {"score": 1.5, "checked": True, "note": "x", "none": None},
    "signup": {
        "email": "Ada.Lovelace+trial@googlemail.com",
        "phone": "+4915112345678",
        "referral_code": "R1",
        "channel": "web",
        "plan": "free",
        "country": "DE",
    },
}
PAYMENT: JsonObject = {
    "event_id": "p1",
    "type": "payment",
    "account_id": "a1",
    "occurred_at": "2026-01-05T09:00:00+02:00",
    "payment": {
        "method": "card",
        "fingerprint": "pm_1",
        "bin": "411111",
        "funding": "prepaid",
        "amount_minor": 500,
        "currency": "EUR",
        "outcome": "authorised",
    },
}
REQUEST: JsonObject = {
    "event_id": "r1",
    "type": "request",
    "account_id": "a1",
    "occurred_at": "2026-01-05T10:00:00.250Z",
    "ip": "2001:db8::1",
    "request": {
        "model": "model-1",
        "status": 200,
        "api_key_id": "key-1",
        "input_tokens": 20,
        "output_tokens": 200,
        "messages": [
            {"role": "system", "content": "Answer briefly."},
            {"role": "user", "content": "Name three rivers in Europe and their length."},
            {
                "role": "assistant",
                "content": "The Volga is 3,530 km long, the Danube 2,850 km and the Rhine 1,230 km; lengths differ a little by how "
                "their sources and deltas are counted.",
            },
            {"role": "user", "content": "And now three in Asia, with their length."},
        ],
        "tools": ["search"],
    },
}
LOGIN: JsonObject = {"event_id": "l1", "type": "login", "account_id": "a1", "occurred_at": "2026-01-05T07:00:00Z"}
ACTIVITY: JsonObject = LOGIN | {"event_id": "x1", "type": "activity"}
ENFORCEMENT: JsonObject = {
    "event_id": "b1",
    "type": "enforcement",
    "account_id": "a1",
    "occurred_at": "2026-01-06T07:00:00Z",
    "enforcement": {"action": "banned", "reason": "terms"},
}
EVENTS = (SIGNUP, PAYMENT, REQUEST, LOGIN, ACTIVITY, ENFORCEMENT)
LABEL: JsonObject = {
    "account_id": "a1",
    "verdict": "abusive",
    "kind": "trial_farm",
    "operator_id": "op-1",
    "decided_at": "2026-01-07T07:00:00Z",
    "source": "review",
    "confidence": 0.9,
}


def technique_names(mask: int) -> list[str]:
    """The techniques whose bits a prompt's mask has, in their order."""
    return [name for bit, name in enumerate(TECHNIQUES) if mask >> bit & 1]
