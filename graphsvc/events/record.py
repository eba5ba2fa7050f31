"""What the ledger keeps of an event: tokens and coarse facts, nothing that names a person.

None can refer back to itself, so that the garbage collector need not follow them (`gc=False`), which halves the time
to read them.
"""

from __future__ import annotations

from msgspec import Struct

BUILTIN_TYPES: tuple[str, ...] = (
    "email",
    "mail_domain",
    "phone",
    "device",
    "tls",
    "instrument",
    "bin",
    "ip",
    "subnet",
    "asn",
    "org",
    "referral_code",
    "api_key",
    "conversation",
)
"""Identifier types that graphsvc derives itself; any other type in a record is the caller's own kind."""

READABLE_TYPES: frozenset[str] = frozenset({"mail_domain", "bin", "subnet", "asn"})
"""Coarse facts whose ids stay readable; all other ids are keyed tokens."""


class Identifier(Struct, frozen=True, array_like=True, gc=False):
    """`id` is a 22-character token (its type is part of the keyed hash) or a readable coarse fact."""

    type: str
    id: str


class PeerLink(Struct, frozen=True, array_like=True, gc=False):
    account_id: str
    type: str
    weight: float = 1.0


class Traits(Struct, frozen=True, array_like=True, gc=False):
    """What a prompt is after, see graphsvc.events.traits: the name of an area, a bit for each technique, and how
    template-like it is, 0 to 1 in thousandths."""

    area: str
    techniques: int = 0
    templated: float = 0.0


class Fingerprint(Struct, frozen=True, array_like=True, gc=False):
    """`sketch`: see graphsvc.events.fingerprint; `chain`: keyed hashes of windows of messages, see
    graphsvc.events.chain, or of a caller's growing prefixes, oldest first; `length` of the text in characters."""

    sketch: bytes
    chain: tuple[str, ...] = ()
    length: int = 0
    traits: Traits | None = None


class Record(Struct, frozen=True, array_like=True, gc=False):
    """One event in the ledger. Times are epoch milliseconds, UTC. Facts that the event lacks are None."""

    event_id: str
    type: str
    account_id: str
    occurred_ms: int
    received_ms: int
    identifiers: tuple[Identifier, ...] = ()
    peers: tuple[PeerLink, ...] = ()
    attributes: dict[str, float | bool | str | None] = {}
    fingerprint: Fingerprint | None = None
    channel: str | None = None
    plan: str | None = None
    payment_method: str | None = None
    payment_outcome: str | None = None
    funding: str | None = None
    amount_minor: int | None = None
    currency: str | None = None
    model: str | None = None
    status: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    tool_count: int | None = None
    action: str | None = None
    network_kind: str | None = None


class LabelRecord(Struct, frozen=True, array_like=True, gc=False):
    """One decided label in the ledger."""

    account_id: str
    verdict: str
    decided_ms: int
    source: str
    kind: str | None = None
    operator_id: str | None = None
    confidence: float = 1.0
    received_ms: int = 0

    @property
    def order(self) -> tuple[int, str, str, str, float]:
        """Of one account and source the label that comes last by this is in force: by the moment of its decision, ties
        by content, so that the order of arrival says nothing."""
        return self.decided_ms, self.verdict, self.kind or "", self.operator_id or "", self.confidence
