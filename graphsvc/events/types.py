"""Events and labels as callers send them: the types of contract version 1.

None can refer back to itself, so that the garbage collector need not follow them (`gc=False`), which halves the time
to read them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

Id = Annotated[str, Meta(min_length=1, max_length=128)]
Text64 = Annotated[str, Meta(max_length=64)]
Text128 = Annotated[str, Meta(max_length=128)]
Text256 = Annotated[str, Meta(max_length=256)]
KindName = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,31}$")]
Moment = Annotated[datetime, Meta(tz=True)]
Count = Annotated[int, Meta(ge=0)]

EventType = Literal["signup", "login", "payment", "request", "enforcement", "activity"]
Role = Literal["system", "user", "assistant", "tool"]
Verdict = Literal["abusive", "benign"]
AbusiveKind = Literal["distillation", "resale_relay", "trial_farm", "stolen_account", "other_abuse"]
BenignKind = Literal["shared_organisation", "shared_network", "household", "other_benign"]
ABUSIVE_KINDS: tuple[str, ...] = ("distillation", "resale_relay", "trial_farm", "stolen_account", "other_abuse")
BENIGN_KINDS: tuple[str, ...] = ("shared_organisation", "shared_network", "household", "other_benign")


class Device(Struct, frozen=True, gc=False):
    id: Text256 | UnsetType = UNSET
    user_agent: Annotated[str, Meta(max_length=1024)] | UnsetType = UNSET
    tls: Text128 | UnsetType = UNSET


class OwnIdentifier(Struct, frozen=True, gc=False):
    """An identifier of the caller's own kind."""

    type: KindName
    value: Annotated[str, Meta(min_length=1, max_length=512)]


class Peer(Struct, frozen=True, gc=False):
    account_id: Id
    type: KindName
    weight: float | UnsetType = UNSET


class Signup(Struct, frozen=True, gc=False):
    email: Annotated[str, Meta(max_length=320)] | UnsetType = UNSET
    phone: Annotated[str, Meta(max_length=32)] | UnsetType = UNSET
    referral_code: Text128 | UnsetType = UNSET
    channel: Text64 | UnsetType = UNSET
    plan: Text64 | UnsetType = UNSET
    country: Annotated[str, Meta(pattern="^[A-Z]{2}$")] | UnsetType = UNSET


class Payment(Struct, frozen=True, gc=False):
    method: Literal["card", "bank", "wallet", "crypto", "voucher", "invoice"]
    outcome: Literal["authorised", "declined", "refunded", "charged_back"]
    fingerprint: Text256 | UnsetType = UNSET
    bin: Annotated[str, Meta(pattern="^[0-9]{6,8}$")] | UnsetType = UNSET
    funding: Literal["credit", "debit", "prepaid", "unknown"] | UnsetType = UNSET
    amount_minor: Count | UnsetType = UNSET
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")] | UnsetType = UNSET


class Message(Struct, frozen=True, gc=False):
    role: Role
    content: str


class PromptFingerprint(Struct, frozen=True, gc=False):
    """What is left of a prompt: `sketch` is base64, `prefix_chain` keyed hashes, `length` in characters."""

    version: Literal[1]
    sketch: str
    prefix_chain: Annotated[list[Text64], Meta(max_length=2048)] | UnsetType = UNSET
    length: Count | UnsetType = UNSET


class Request(Struct, frozen=True, gc=False):
    model: Text128
    status: Annotated[int, Meta(ge=100, le=599)]
    api_key_id: Text128 | UnsetType = UNSET
    input_tokens: Count | UnsetType = UNSET
    output_tokens: Count | UnsetType = UNSET
    messages: Annotated[list[Message], Meta(max_length=2048)] | UnsetType = UNSET
    fingerprint: PromptFingerprint | UnsetType = UNSET
    tools: Annotated[list[Text256], Meta(max_length=512)] | UnsetType = UNSET


class Enforcement(Struct, frozen=True, gc=False):
    action: Literal["warned", "rate_limited", "challenged", "suspended", "banned", "reinstated"]
    reason: Text256 | UnsetType = UNSET


class Event(Struct, frozen=True, gc=False):
    """One thing an account did, or that was done to it."""

    event_id: Id
    type: EventType
    account_id: Id
    occurred_at: Moment
    org_id: Text128 | UnsetType = UNSET
    ip: str | UnsetType = UNSET
    device: Device | UnsetType = UNSET
    identifiers: Annotated[list[OwnIdentifier], Meta(max_length=64)] | UnsetType = UNSET
    peers: Annotated[list[Peer], Meta(max_length=64)] | UnsetType = UNSET
    attributes: Annotated[dict[str, float | bool | str | None], Meta(max_length=64)] | UnsetType = UNSET
    signup: Signup | UnsetType = UNSET
    payment: Payment | UnsetType = UNSET
    request: Request | UnsetType = UNSET
    enforcement: Enforcement | UnsetType = UNSET


class Label(Struct, frozen=True, gc=False):
    """What a person or an enforcement system decided of an account."""

    account_id: Id
    verdict: Verdict
    decided_at: Moment
    source: Text64
    kind: AbusiveKind | BenignKind | UnsetType = UNSET
    operator_id: Text128 | UnsetType = UNSET
    confidence: Annotated[float, Meta(ge=0, le=1)] | UnsetType = UNSET


REQUIRED_FACTS: dict[str, str] = {name: name for name in ("signup", "payment", "request", "enforcement")}
"""The facts that an event of each type must carry."""


def epoch_ms(moment: datetime) -> int:
    """Milliseconds since 1970 in UTC."""
    return int(moment.timestamp() * 1000)


def schema(kind: type[Event] | type[Label]) -> dict[str, object]:
    """JSON Schema (2020-12) of events or labels, with the facts that an event's type requires."""
    (_, components) = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    top = components.pop(kind.__name__)
    if kind is Event:
        top["allOf"] = [
            {"if": {"properties": {"type": {"const": name}}}, "then": {"required": [facts]}}
            for name, facts in REQUIRED_FACTS.items()
        ]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **top, "$defs": components}
