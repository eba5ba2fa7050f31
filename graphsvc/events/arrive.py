"""Arrival: an event becomes a record of tokens and coarse facts; the raw identifiers and the prompt end here."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC
from typing import TypedDict, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from graphsvc.config import Settings
from graphsvc.events.chain import names
from graphsvc.events.check import Rejected, check_event
from graphsvc.events.facts import coarse_fact
from graphsvc.events.fingerprint import Fingerprinter, from_caller
from graphsvc.events.networks import NetworkTable
from graphsvc.events.record import READABLE_TYPES, Fingerprint, Identifier, LabelRecord, PeerLink, Record
from graphsvc.events.tokens import Tokeniser, keyed_digest, load_key, normal_email, normal_phone
from graphsvc.events.traits import TraitReader
from graphsvc.events.types import Event, Label, epoch_ms
from graphsvc.ledger.base import Draft

T = TypeVar("T")
UNNAMED_TYPES = frozenset({"conversation", "prompt_family"})
"""Types whose values no caller can know."""
DERIVED_TYPES = frozenset({"subnet", "asn", "conversation", "prompt_family"})
"""Types that graphsvc works out itself; a caller's identifier of such a type is left out."""


class Facts(TypedDict, total=False):
    """The facts of a record that depend on the event's type."""

    channel: str | None
    plan: str | None
    payment_method: str
    payment_outcome: str
    funding: str | None
    amount_minor: int | None
    currency: str | None
    model: str
    status: int
    input_tokens: int | None
    output_tokens: int | None
    tool_count: int
    action: str


_canonical = msgspec.json.Encoder(order="deterministic")


class Arrival:
    """Turns checked events into drafts for the ledger, under this deployment's key and network table."""

    def __init__(self, settings: Settings) -> None:
        tokens = Tokeniser(load_key(settings))
        self._tokens = tokens
        self._networks = NetworkTable.load(settings.asn_table)
        self._content_key = tokens.derived_key("content")
        self._fingerprints = Fingerprinter(tokens.derived_key("fingerprint"))
        self._traits = TraitReader()

    def check(self, obj: object) -> Event:
        """The event in a decoded JSON object. Raises Rejected (BadInput) with code and JSON pointer."""
        return check_event(obj)

    def draft(self, event: Event, received_ms: int) -> Draft:
        """What the ledger keeps of an event. Raises Rejected where an address or a fingerprint cannot be read."""
        fingerprint = self._fingerprint(event)
        identifiers, network_kind = self._identifiers(event)
        if fingerprint is not None:
            tokens = (self._tokens.token("conversation", link) for link in names(fingerprint.chain))
            identifiers = (*identifiers, *(Identifier("conversation", token) for token in tokens))
        record = Record(
            event_id=event.event_id,
            type=event.type,
            account_id=event.account_id,
            occurred_ms=epoch_ms(event.occurred_at),
            received_ms=received_ms,
            identifiers=identifiers,
            peers=_peers(event),
            attributes=_set(event.attributes) or {},
            fingerprint=fingerprint,
            network_kind=network_kind or None,
            **_facts(event),
        )
        return Draft(record, self._digest(event))

    def identifier(self, kind: str, raw: str, pointer: str = "") -> Identifier:
        """The identifier that an event with this raw value has. Raises Rejected where it cannot be read, or where
        values of this type never come in the raw."""
        text = raw.strip()
        if not text or kind in UNNAMED_TYPES:
            raise Rejected("invalid", "An identifier of this type is named by its id.", pointer)
        if kind == "email":
            return Identifier(kind, self._tokens.token(kind, normal_email(text)[0]))
        try:
            if kind == "ip":
                return Identifier(kind, self._tokens.token(kind, self._networks.look_up(text).text))
            if kind in READABLE_TYPES:
                return Identifier(kind, coarse_fact(kind, text))
        except ValueError:
            raise Rejected("invalid", "This is no value of its type.", pointer) from None
        return self._plain(kind, raw)

    def _digest(self, event: Event) -> bytes:
        """Content hash: the same for the same facts whatever their order, spacing or time zone."""
        same_zone = msgspec.structs.replace(event, occurred_at=event.occurred_at.astimezone(UTC))
        try:
            return keyed_digest(self._content_key, _canonical.encode(same_zone))
        except UnicodeEncodeError:
            raise Rejected("invalid", "A text holds half a surrogate pair.") from None

    def _fingerprint(self, event: Event) -> Fingerprint | None:
        request = event.request
        if request is UNSET:
            return None
        if request.messages is not UNSET:
            traits = self._traits.of_messages(request.messages, len(_set(request.tools) or ()))
            return msgspec.structs.replace(self._fingerprints.of_messages(request.messages), traits=traits)
        if request.fingerprint is UNSET:
            return None
        try:
            return from_caller(request.fingerprint)
        except ValueError:
            raise Rejected(
                "bad_fingerprint", "The sketch is not one of version 1.", "/request/fingerprint/sketch"
            ) from None

    def _identifiers(self, event: Event) -> tuple[tuple[Identifier, ...], str]:
        found: dict[Identifier, None] = {}
        network_kind = ""
        for kind, value, pointer in _raw_identifiers(event):
            if kind == "ip":
                network_kind = self._add_address(found, value, pointer) or network_kind
            elif kind == "email":
                self._add_email(found, value)
            else:
                found[self._plain(kind, value)] = None
        return tuple(found), network_kind

    def _plain(self, kind: str, raw: str) -> Identifier:
        if kind in READABLE_TYPES:
            return Identifier(kind, raw.strip().casefold())
        return Identifier(kind, self._tokens.token(kind, normal_phone(raw) if kind == "phone" else raw))

    def _add_email(self, found: dict[Identifier, None], raw: str) -> None:
        mailbox, domain = normal_email(raw)
        found[Identifier("email", self._tokens.token("email", mailbox))] = None
        if domain:
            found[Identifier("mail_domain", domain)] = None

    def _add_address(self, found: dict[Identifier, None], raw: str, pointer: str) -> str:
        try:
            address = self._networks.look_up(raw)
        except ValueError:
            raise Rejected("bad_ip", "This is no IPv4 or IPv6 address.", pointer) from None
        found[Identifier("ip", self._tokens.token("ip", address.text))] = None
        found[Identifier("subnet", address.subnet)] = None
        if address.asn:
            found[Identifier("asn", address.asn)] = None
        return address.kind


def label_record(label: Label, received_ms: int) -> LabelRecord:
    """What the ledger keeps of a label."""
    return LabelRecord(
        account_id=label.account_id,
        verdict=label.verdict,
        decided_ms=epoch_ms(label.decided_at),
        source=label.source,
        kind=_set(label.kind),
        operator_id=_set(label.operator_id),
        confidence=1.0 if label.confidence is UNSET else label.confidence,
        received_ms=received_ms,
    )


def now_ms() -> int:
    return int(time.time() * 1000)


def _raw_identifiers(event: Event) -> Iterator[tuple[str, str, str]]:
    """Type, raw value and JSON pointer of each identifier in an event, empty ones left out."""
    named = (
        ("org", event.org_id, "/org_id"),
        ("ip", event.ip, "/ip"),
        *_of_device(event),
        *_of_facts(event),
    )
    for kind, value, pointer in named:
        if not isinstance(value, UnsetType) and value.strip():
            yield kind, value, pointer
    for index, own in enumerate(_set(event.identifiers) or ()):
        if own.type not in DERIVED_TYPES:
            yield own.type, own.value, f"/identifiers/{index}/value"


def _of_device(event: Event) -> tuple[tuple[str, str | UnsetType, str], ...]:
    device = event.device
    if isinstance(device, UnsetType):
        return ()
    return (("device", device.id, "/device/id"), ("tls", device.tls, "/device/tls"))


def _of_facts(event: Event) -> Iterator[tuple[str, str | UnsetType, str]]:
    if not isinstance(event.signup, UnsetType):
        yield "email", event.signup.email, "/signup/email"
        yield "phone", event.signup.phone, "/signup/phone"
        yield "referral_code", event.signup.referral_code, "/signup/referral_code"
    if not isinstance(event.payment, UnsetType):
        yield "instrument", event.payment.fingerprint, "/payment/fingerprint"
        yield "bin", event.payment.bin, "/payment/bin"
    if not isinstance(event.request, UnsetType):
        yield "api_key", event.request.api_key_id, "/request/api_key_id"


def _peers(event: Event) -> tuple[PeerLink, ...]:
    peers = _set(event.peers) or ()
    return tuple(PeerLink(p.account_id, p.type, 1.0 if isinstance(p.weight, UnsetType) else p.weight) for p in peers)


def _facts(event: Event) -> Facts:
    facts = Facts()
    if not isinstance(event.signup, UnsetType):
        facts["channel"], facts["plan"] = _set(event.signup.channel), _set(event.signup.plan)
    if not isinstance(event.payment, UnsetType):
        payment = event.payment
        facts["payment_method"], facts["payment_outcome"] = payment.method, payment.outcome
        facts["funding"], facts["amount_minor"] = _set(payment.funding), _set(payment.amount_minor)
        facts["currency"] = _set(payment.currency)
    if not isinstance(event.request, UnsetType):
        request = event.request
        facts["model"], facts["status"] = request.model, request.status
        facts["input_tokens"], facts["output_tokens"] = _set(request.input_tokens), _set(request.output_tokens)
        facts["tool_count"] = len(_set(request.tools) or ())
    if not isinstance(event.enforcement, UnsetType):
        facts["action"] = event.enforcement.action
    return facts


def _set(value: T | UnsetType) -> T | None:
    return None if isinstance(value, UnsetType) else value
